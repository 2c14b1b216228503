"""Who may see which domains, and the record of who read which transcript."""

from typing import Any

from persistence.models import DomainAccess, TranscriptReading

EVERY_DOMAIN = None


def domains_of(user: Any) -> list[str] | None:
    """Return the domains that this user may see, sorted; EVERY_DOMAIN (None) for a superuser."""
    if user.is_superuser:
        return EVERY_DOMAIN
    return list(
        DomainAccess.objects.filter(user_id=user.pk).order_by("domain").values_list("domain", flat=True)
    )


def may_see(user: Any, domain: str) -> bool:
    """Say whether this user may see this domain."""
    domains = domains_of(user)
    return domains is EVERY_DOMAIN or domain in domains


def record_reading(user: Any, conversation_pk: int, *, page: str, from_seq: int, to_seq: int) -> None:
    """Write down that the user was shown these turns; call it before they are shown."""
    TranscriptReading.objects.create(
        conversation_id=conversation_pk,
        user_id=user.pk,
        username=user.get_username(),
        page=page,
        from_seq=from_seq,
        to_seq=to_seq,
    )
