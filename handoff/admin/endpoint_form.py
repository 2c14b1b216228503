"""The form of an endpoint, made for its connector: one field for each option and each secret that it has."""

import json
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextInputWidget,
)

from handoff.admin.guide import guide
from handoff.connectors.registry import connector
from handoff.connectors.signing import BadSecret, signed_headers
from handoff.models import Endpoint
from handoff.net.errors import NetError
from handoff.net.target import parse_url
from handoff.secrets import SecretsUnreadable, new_signing_secret, unseal
from persistence.admin.domains import DomainForm

OPTION, SECRET = "option_", "secret_"
SIGNING = "signing"
LISTS = frozenset({"tags"})  # written with commas, kept as lists
TABLES = frozenset({"priorities"})  # written as JSON objects of texts
MAIL_SCHEMES = ("smtp://", "smtps://")
WORDS = {  # label and help
    "slug": ("Name", "Short, such as shop-zendesk. It stays: deliveries are kept under it."),
    "domain": ("Domain", "Whose cases and conversations it hears of."),
    "url": ("Address", ""),
    "max_in_flight": ("Sends at once", "How many cases are sent to it at the same time, over all workers."),
    "active": ("Active", "Off: nothing is sent to it, and everything is kept until it is on again."),
}
STANDARD_WEBHOOKS = ("webhook", "email")  # whose signing secrets have a form of their own


class EndpointForm(DomainForm):
    """Subclasses made by ``form_for`` say which connector they are for, and who fills them in."""

    kind: str

    class Meta:
        model = Endpoint
        fields = ("slug", "purpose", "domain", "queue", "url", "active", "max_in_flight")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made: str | None = None  # the signing secret that was made here, to be shown once
        self.known, self.unreadable = known_secrets(self.instance)
        for name, value in (self.instance.options or {}).items():
            if OPTION + name in self.fields:
                self.initial[OPTION + name] = written(value)
        for name in secret_names(self.kind):
            if name in self.known and SECRET + name in self.fields:
                self.fields[SECRET + name].help_text = "There is one. Leave this empty to keep it."
        for name in WORDS.keys() & self.fields.keys():
            label, words = WORDS[name]
            self.fields[name].label = label
            self.fields[name].help_text = words or self.fields[name].help_text
        self._offer_queues()

    def _offer_queues(self) -> None:
        queues = self.fields.get("queue")
        if not isinstance(queues, forms.ModelChoiceField) or queues.queryset is None:
            return
        domains = [self.instance.domain] if self.instance.pk else self.domains
        if domains is not None:
            queues.queryset = queues.queryset.filter(domain__in=domains)
        for may in ("add", "change", "view", "delete"):  # queues have pages of their own
            setattr(queues.widget, f"can_{may}_related", False)

    def clean_purpose(self) -> str:
        purpose = str(self.cleaned_data["purpose"])
        if purpose != Endpoint.Purpose.HELPDESK and self.kind != "webhook":
            raise ValidationError(
                "Replies to customers, and summaries, are carried by a signed webhook only."
            )
        return purpose

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if self.kind == "email":
            # The rest of the address has the form of a web address.
            if not url.startswith(MAIL_SCHEMES):
                raise ValidationError("Write smtp://host:587, or smtps://host:465.")
            checked = "http" + url[url.index("://") :]
        else:
            checked = url
        try:
            parse_url(checked)
        except NetError as error:
            raise ValidationError(str(error)) from None
        return url

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        queue, domain = given.get("queue"), given.get("domain") or self.instance.domain
        if queue is not None and domain and queue.domain != domain:
            self.add_error("queue", f"This queue belongs to {queue.domain}; choose one of {domain}, or none.")
        purpose = given.get("purpose") or self.instance.purpose
        if queue is not None and purpose == Endpoint.Purpose.SUMMARIES:
            self.add_error("queue", "Summaries are of conversations, which have no queue; leave it empty.")
        self._read_options()
        self._read_secrets()
        return given

    def _read_options(self) -> None:
        self.options: dict[str, Any] = {}
        for name in option_names(self.kind):
            try:
                value = read(name, str(self.cleaned_data.get(OPTION + name) or "").strip())
            except ValueError as error:
                self.add_error(OPTION + name, str(error))
            else:
                if value:
                    self.options[name] = value

    def _read_secrets(self) -> None:
        """Work out the secrets as they will be: entered, kept, or made. A signing secret's predecessor stays beside it.

        None means that nothing is touched: what cannot be read today may be again, under its former key.
        """
        entered = {
            name: found
            for name in secret_names(self.kind)
            if (found := str(self.cleaned_data.get(SECRET + name) or "").strip())
        }
        self.secrets: dict[str, tuple[str, ...]] | None = None
        if self.unreadable and not entered:
            return
        self.secrets = {name: self._secret(name, entered.get(name, "")) for name in secret_names(self.kind)}

    def _secret(self, name: str, entered: str) -> tuple[str, ...]:
        known, words = self.known.get(name, ()), guide(self.kind)
        if entered and name == SIGNING:
            if trouble := self._bad_signing(entered):
                self.add_error(SECRET + name, trouble)
            return (entered, *known)
        if entered or known:
            return (entered,) if entered else known
        if name == SIGNING and words.makes_signing:
            self.made = new_signing_secret()
            return (self.made,)
        if name not in words.may_lack:
            self.add_error(SECRET + name, "Enter it: without it, nothing can be sent or believed.")
        return ()

    def _bad_signing(self, entered: str) -> str:
        if len(self.known.get(SIGNING, ())) > 1:
            return (
                "The one before is still kept beside the present one. End it first, then exchange it again."
            )
        if self.kind not in STANDARD_WEBHOOKS:
            return ""
        try:
            signed_headers("test", datetime.now(UTC), b"", [entered])
        except BadSecret as error:
            return f"This cannot be used: {error}."
        return ""


def form_for(kind: str, domains: list[str] | None) -> type[EndpointForm]:
    """Return the form class for this connector. Raises UnknownConnector."""
    words = guide(kind)
    fields: dict[str, Any] = {"kind": kind, "domains": domains}
    for name in option_names(kind):
        fields[OPTION + name] = forms.CharField(
            label=name.replace("_", " ").capitalize(),
            required=False,
            max_length=1_000,
            widget=UnfoldAdminTextInputWidget,
            help_text=words.options.get(name, ""),
        )
    for name in secret_names(kind):
        made = (
            " Leave it empty: one is made, and shown once." if name == SIGNING and words.makes_signing else ""
        )
        fields[SECRET + name] = forms.CharField(
            label="Signing secret" if name == SIGNING else name.replace("_", " ").capitalize(),
            required=False,
            max_length=500,
            widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}, render_value=False),
            help_text=words.secrets.get(name, "") + made,
        )
    return type("EndpointForm", (EndpointForm,), fields)


def option_names(kind: str) -> list[str]:
    """Return the connector's options, in the order in which the guide explains them."""
    return in_guides_order(connector(kind).options, guide(kind).options)


def secret_names(kind: str) -> list[str]:
    """Return the names of the connector's secrets, in the order in which the guide explains them."""
    return in_guides_order(connector(kind).secrets, guide(kind).secrets)


def in_guides_order(names: frozenset[str], explained: dict[str, str]) -> list[str]:
    """Return the explained ones first, in their order, then the others by name."""
    order = list(explained)
    return sorted(names, key=lambda name: (order.index(name) if name in order else len(order), name))


def known_secrets(endpoint: Endpoint) -> tuple[dict[str, tuple[str, ...]], bool]:
    """Return the endpoint's secrets, and whether there are some that cannot be read."""
    try:
        return unseal(endpoint.sealed_secrets), False
    except SecretsUnreadable:
        return {}, True


def read(name: str, text: str) -> Any:
    """Return an option as it is kept. Raises ValueError with words for the form."""
    if name in LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    if name not in TABLES or not text:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise ValueError('Write a JSON object of texts, such as {"urgent": "4 urgent"}.')
    return value


def written(value: Any) -> str:
    """Return an option as it is shown in the form."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
