"""Everything about one customer, as the pages need it; ``persistence.subject`` does the work."""

import tempfile
from dataclasses import dataclass
from typing import IO, Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.urls import reverse
from django.utils.safestring import SafeString

from persistence.access import EVERY_DOMAIN, domains_of, record_reading
from persistence.admin.erasure_words import figures
from persistence.admin.lookups import domains_known, uuid_or_none
from persistence.admin.places import linked
from persistence.database import translated
from persistence.errors import NotFound
from persistence.models import Conversation, ErasureRecord
from persistence.subject.export import write_export
from persistence.subject.find import erasures_of, subject_of, subject_of_conversation
from persistence.subject.port import Elsewhere, Subject
from persistence.subject.preview import Preview, preview

LOOK = ("persistence.view_erasurerecord", "persistence.export_subject", "persistence.erase_subject")
EXPORT, ERASE = LOOK[1:]
SHOWN = 50  # conversations, tickets or reasons on one page
PAGE = "export"  # what an export is called in the record of who read what


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose data is asked for: a domain's customer by reference, or whoever speaks in one conversation."""

    domain: str
    customer: str | None
    conversation: UUID | None

    @property
    def typed(self) -> str:
        """Return what has to be typed to erase it."""
        return self.customer if self.customer is not None else str(self.conversation)

    @property
    def parameters(self) -> dict[str, str]:
        """Return what asks for it once more."""
        name = "conversation" if self.customer is None else "customer"
        return {"domain": self.domain, name: self.typed}

    @property
    def address(self) -> str:
        """Return the address of the page about it."""
        return f"{reverse('admin:persistence_erasurerecord_customer')}?{urlencode(self.parameters)}"

    def subject(self) -> Subject | None:
        """Return the subject, or None where there is nothing of it."""
        try:
            if self.customer is not None:
                return subject_of(self.domain, self.customer)
            return subject_of_conversation(self.domain, self.conversation or UUID(int=0))
        except NotFound:
            return None

    def erasures(self) -> list[ErasureRecord]:
        """Return the newest records of what was erased of it before."""
        found = erasures_of(self.domain, customer_ref=self.customer, conversation_id=self.conversation)
        return list(found.defer("conversations", "claims", "late")[:SHOWN])


class FindForm(forms.Form):
    """A domain of the user's own, and either a customer's reference or a conversation's id."""

    domain = forms.ChoiceField(
        widget=forms.Select(attrs={"class": "hf-input"}),
        error_messages={"invalid_choice": "There is no such domain, or none that you may see."},
    )
    customer = forms.CharField(
        label="Customer's reference",
        required=False,
        strip=False,
        max_length=200,
        widget=forms.TextInput(attrs={"class": "hf-input", "autocomplete": "off"}),
    )
    conversation = forms.CharField(
        label="or a conversation's id",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"class": "hf-input", "autocomplete": "off"}),
    )

    def __init__(self, user: Any, data: QueryDict | None = None) -> None:
        super().__init__(data)
        domains = domains_of(user)
        names = domains_known() if domains is EVERY_DOMAIN else domains
        self.fields["domain"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]

    def clean_conversation(self) -> UUID | None:
        text = self.cleaned_data["conversation"]
        if not text:
            return None
        if (found := uuid_or_none(text)) is None:
            raise ValidationError("This is not the id of a conversation: it looks like 0190f3c2-….")
        return found

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if not self.errors and bool(given.get("customer")) == bool(given.get("conversation")):
            raise ValidationError("Enter a customer's reference or a conversation's id: one of the two.")
        return given

    @property
    def wanted(self) -> Wanted | None:
        """Return who is asked for, or None where the form is empty or wrong."""
        if not self.is_bound or not self.is_valid():
            return None
        given = self.cleaned_data
        return Wanted(given["domain"], given["customer"] or None, given["conversation"])


@dataclass(frozen=True, slots=True)
class Found:
    """What the page about a customer shows. ``others`` is where the rest of their data is, if this is a part of it."""

    preview: Preview
    counts: list[tuple[str, int]]
    conversations: list[Conversation]
    elsewhere: list[Elsewhere]
    hindrances: list[SafeString]
    more_hindrances: bool
    others: Wanted | None

    @classmethod
    def of(cls, user: Any, wanted: Wanted, subject: Subject, hindrances: list[str] | None = None) -> "Found":
        """Return it for a user who may see the domain; with these hindrances in place of the present ones."""
        seen = preview(subject)
        reasons = seen.hindrances if hindrances is None else hindrances
        newest = list(Conversation.objects.filter(pk__in=subject.pks[-SHOWN:]).order_by("-id"))
        known_as = newest[0].customer_ref if newest and wanted.customer is None else None
        return cls(
            preview=seen,
            counts=figures(seen.counts),
            conversations=newest,
            elsewhere=seen.elsewhere[:SHOWN],
            hindrances=[linked(user, sentence) for sentence in reasons[:SHOWN]],
            more_hindrances=len(reasons) > SHOWN,
            others=Wanted(wanted.domain, known_as, None) if known_as else None,
        )


def export_file(user: Any, subject: Subject) -> IO[bytes]:
    """Return the export as a temporary file that is gone when it is closed; the readings are written down before.

    Raises NotFound when it was erased meanwhile, PersistenceUnavailable, and OSError where the file cannot be written.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the response closes it
    try:
        with translated():
            write_export(subject, file)
            # Afterwards, so that it names no turn less than the file has; before anybody gets the file.
            read = list(Conversation.objects.filter(pk__in=subject.pks).values_list("pk", "last_seq"))
            if len(read) < len(subject.pks):
                raise NotFound("customer")
            for pk, last in read:
                if last:
                    record_reading(user, pk, page=PAGE, from_seq=1, to_seq=last)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
