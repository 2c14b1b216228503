"""What a desk calls our case, written down once: one ticket for a case, one case for a ticket."""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from handoff.models import Endpoint, ExternalLink, SupportCase


class LinkConflict(Exception):
    """The desk has two tickets for one case, or one ticket for two: a person has to look."""


def link_of(endpoint: Endpoint, case: SupportCase) -> ExternalLink | None:
    """Return what the desk calls the case, or None where it has not said so yet."""
    return ExternalLink.objects.filter(endpoint=endpoint, case=case).first()


def keep_link(endpoint: Endpoint, case: SupportCase, external_id: str, url: str = "") -> ExternalLink:
    """Store the desk's id of the case and return the link that holds. Raises LinkConflict.

    A desk that speaks before its answer to the create was kept is linked by the case's own id, which the real id
    replaces. In the caller's transaction where one is open, otherwise in its own.
    """
    given = ExternalLink(endpoint=endpoint, case=case, external_id=external_id[:200], external_url=url[:500])
    try:
        with transaction.atomic():
            given.save(force_insert=True)
        return given
    except IntegrityError:
        return _known(given)


def _known(given: ExternalLink) -> ExternalLink:
    """Return the link that was there before, if it says the same."""
    provisional = str(given.case.case_id)
    with transaction.atomic():
        taken = Q(case_id=given.case_id) | Q(external_id=given.external_id)
        found = list(ExternalLink.objects.select_for_update().filter(taken, endpoint=given.endpoint))
        if len(found) != 1 or found[0].case_id != given.case_id:
            raise LinkConflict
        link = found[0]
        if given.external_id in (link.external_id, provisional):
            return link
        if link.external_id != provisional:
            raise LinkConflict
        link.external_id, link.external_url = given.external_id, given.external_url
        link.save(update_fields=["external_id", "external_url"])
        return link


def case_named(case_id: str) -> SupportCase | None:
    """Return the case of that public id, or None for one that is gone, or for what is no id."""
    try:
        return SupportCase.objects.filter(case_id=UUID(case_id)).first()
    except ValueError:
        return None
