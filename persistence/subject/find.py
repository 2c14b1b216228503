"""Who is meant: a customer by their reference, or somebody of whom only a conversation is known."""

from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.module_loading import import_string

from persistence.errors import NotFound
from persistence.models import Conversation, ErasureRecord
from persistence.privacy.hashing import hash_subject, secrets_from_settings
from persistence.subject.port import Part, Subject


def parts() -> tuple[Part, ...]:
    """Return what ``SUBJECT_PARTS`` names, the highest storey first."""
    return tuple(import_string(path)() for path in settings.SUBJECT_PARTS)


def subject_of(domain: str, customer_ref: str) -> Subject:
    """Return a domain's customer with all their conversations. Raises NotFound where there are none."""
    found = Conversation.objects.filter(domain=domain, customer_ref=customer_ref)
    return _subject(domain, customer_ref, found, "customer")


def subject_of_conversation(domain: str, conversation_id: UUID) -> Subject:
    """Return the customer of one conversation and nothing else of theirs. Raises NotFound, in other domains too."""
    found = Conversation.objects.filter(domain=domain, public_id=conversation_id)
    return _subject(domain, None, found, "conversation")


def _subject(domain: str, customer_ref: str | None, found: QuerySet[Conversation], what: str) -> Subject:
    conversations = tuple(found.order_by("id").values_list("pk", "public_id"))
    if not conversations:
        raise NotFound(what)
    return Subject(domain, customer_ref, conversations)


def present(subject: Subject) -> Subject:
    """Return the subject with the conversations of this moment, of which there may be none."""
    mine = Q(customer_ref=subject.customer_ref) if subject.customer_ref is not None else Q(pk__in=subject.pks)
    found = Conversation.objects.filter(mine, domain=subject.domain).order_by("id")
    return Subject(subject.domain, subject.customer_ref, tuple(found.values_list("pk", "public_id")))


def domains_knowing(*, customer_ref: str | None = None, conversation_id: UUID | None = None) -> list[str]:
    """Return the domains that have conversations of this reference, or this conversation; sorted."""
    if conversation_id is not None:
        found = Conversation.objects.filter(public_id=conversation_id)
    else:
        found = Conversation.objects.filter(customer_ref=customer_ref)
    return sorted(set(found.values_list("domain", flat=True)))


def erasures_of(
    domain: str, *, customer_ref: str | None = None, conversation_id: UUID | None = None
) -> QuerySet[ErasureRecord]:
    """Return the records of what was erased of this customer, or of this conversation, newest first.

    A conversation is found also in the erasure of its customer. Secrets that ``HASH_SECRET`` no longer holds find
    nothing: keep the old ones, as for everything that is hashed.
    """
    if conversation_id is not None:
        wanted = Q(conversations__contains=[{"id": str(conversation_id)}])
    else:
        wanted = Q(subject_hash__in=[digest for _, digest in hashes(domain, (customer_ref or "",))])
    return ErasureRecord.objects.filter(wanted, domain=domain).order_by("-id")


def hashes(domain: str, named: tuple[str, ...]) -> list[tuple[int, bytes]]:
    """Return (version, hash) of the subject under every secret in force, the current one first."""
    secrets = secrets_from_settings()
    return [
        (version, hash_subject(secrets, domain=domain, named=named, version=version))
        for version in secrets.versions
    ]


def names_of(subject: Subject) -> tuple[str, ...]:
    """Return what the subject is called where it is hashed."""
    if subject.customer_ref is not None:
        return (subject.customer_ref,)
    return ("conversation", *(str(public_id) for public_id in subject.public_ids))
