"""What the endpoint's page does with secrets: exchange one, end the one before, and show a new one exactly once."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from handoff.admin.endpoint_form import SIGNING
from handoff.models import Endpoint
from handoff.secrets import SecretsUnreadable, new_signing_secret, seal, unseal

SHOW_ONCE = (
    "handoff_show_once"  # in the session: which endpoint's secret may be shown, never the secret itself
)


class PreviousKept(Exception):
    """The one before is still kept; a third would push it out while receivers may still use it."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing was changed: the secret before is still kept beside the present one. End it first, when the "
            "other side uses the present one."
        )


def exchange(pk: int) -> None:
    """Make a new signing secret; the present one stays valid beside it. Raises PreviousKept.

    Where the present ones cannot be read there is nothing to keep: the new one stands alone.
    """
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().get(pk=pk)
        try:
            known = unseal(endpoint.sealed_secrets)
        except SecretsUnreadable:
            known = {}
        if len(known.get(SIGNING, ())) > 1:
            raise PreviousKept
        keep(endpoint, known | {SIGNING: (new_signing_secret(), *known.get(SIGNING, ()))})


def end_previous(pk: int) -> bool:
    """Forget every signing secret but the newest; return whether there was one to forget. Raises SecretsUnreadable."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().get(pk=pk)
        known = unseal(endpoint.sealed_secrets)
        if len(known.get(SIGNING, ())) < 2:
            return False
        keep(endpoint, known | {SIGNING: known[SIGNING][:1]})
    return True


def seal_again(pk: int) -> None:
    """Encrypt the secrets under the present key. Raises SecretsUnreadable."""
    with transaction.atomic():
        endpoint = Endpoint.objects.select_for_update().get(pk=pk)
        keep(endpoint, unseal(endpoint.sealed_secrets))


def keep(endpoint: Endpoint, secrets: Any) -> None:
    """Write the secrets down, encrypted."""
    endpoint.sealed_secrets = seal(secrets)
    endpoint.save(update_fields=["sealed_secrets"])


def let_see_once(request: HttpRequest, pk: int) -> None:
    """Let this session see the endpoint's newest signing secret on one page."""
    request.session[SHOW_ONCE] = pk


def seen_now(request: HttpRequest, pk: int) -> str:
    """Return the newest signing secret the one time that it may be seen, "" ever after. Raises SecretsUnreadable."""
    if request.session.get(SHOW_ONCE) != pk:
        return ""
    del request.session[SHOW_ONCE]
    request.session.save()  # before it is shown: a page that is lost on its way is not shown again
    endpoint = Endpoint.objects.get(pk=pk)
    return unseal(endpoint.sealed_secrets).get(SIGNING, ("",))[0]
