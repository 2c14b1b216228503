"""The lifecycle of a session, as data, for the domains that use it (``SESSION_LIFECYCLE_DOMAINS``).

    pending ──▶ running ◀──▶ paused
       │           │ └──────────┼──▶ completed (from running alone)
       └───────────┴────────────┴──▶ cancelled, expired

Other domains name their states as they like, and go from any to any.
"""

from django.conf import settings

from persistence.jsontext import refuse

TRANSITIONS: dict[str, frozenset[str]] = {
    "pending": frozenset({"running", "cancelled", "expired"}),
    "running": frozenset({"paused", "completed", "cancelled", "expired"}),
    "paused": frozenset({"running", "cancelled", "expired"}),
    "completed": frozenset(),
    "cancelled": frozenset(),
    "expired": frozenset(),
}
BEGINNINGS = frozenset({"pending", "running"})
# A live state may follow itself: the step changes its data. An ended one takes nothing more.
ALLOWED_FROM: dict[str, frozenset[str]] = {
    wanted: frozenset(
        before for before, after in TRANSITIONS.items() if wanted in after or (wanted == before and after)
    )
    for wanted in TRANSITIONS
}


def has_lifecycle(domain: str) -> bool:
    return domain in settings.SESSION_LIFECYCLE_DOMAINS


def way_to(domain: str, state: str) -> tuple[frozenset[str] | None, bool]:
    """Return from which states a session may come to this one (None: from any), and whether it may begin there.

    Raises InvalidTurn for a state that the domain's lifecycle does not have.
    """
    if not has_lifecycle(domain):
        return None, True
    if state not in TRANSITIONS:
        raise refuse("state", f"is none of this domain's states: {', '.join(TRANSITIONS)}")
    return ALLOWED_FROM[state], state in BEGINNINGS


def initial_state(domain: str) -> str:
    """Return where a turn begins the state of a session that had none."""
    return "running" if has_lifecycle(domain) else "active"
