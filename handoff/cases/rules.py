"""What may be done to a case in which state, as data."""

from handoff.cases.change import Change
from handoff.models import SupportCase

LIVE_OPEN = ("open", "in_progress", "waiting_customer")
ACTIONS: dict[str, tuple[str, ...]] = {
    "claim": LIVE_OPEN,
    "assign": LIVE_OPEN,
    "release": ("in_progress", "waiting_customer"),
    "reply": LIVE_OPEN,
    "note": ("pending_consent", *LIVE_OPEN, "closed", "cancelled"),
    "wait": ("in_progress",),
    "return_to_bot": LIVE_OPEN,
    "close": LIVE_OPEN,
    "user_ended": LIVE_OPEN,
    "cancel": ("pending_consent", "open", "in_progress"),
    "reopen": ("closed",),
    "give_consent": ("pending_consent",),
    "set_priority": ("pending_consent", *LIVE_OPEN),
    "transfer": LIVE_OPEN,
    "merge": LIVE_OPEN,
}


def allowed(case: SupportCase) -> list[str]:
    """Return the actions that the case's state allows, in the order in which they are shown."""
    return [action for action, states in ACTIONS.items() if case.status in states]


def check(change: Change, action: str) -> None:
    """Raise TransitionRefused where the case's state does not allow the action."""
    state = change.case.get_status_display()
    change.refuse_unless(
        change.case.status in ACTIONS[action],
        f"A case that is {state} cannot be told to {action.replace('_', ' ')}.",
    )
