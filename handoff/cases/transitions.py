"""``POST /cases/{id}/transitions``: one step, told by name."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.cases.merge import merge
from handoff.models import SupportCase
from handoff.requests import Transition
from persistence.jsontext import refuse, storable_text

STEPS: dict[str, Callable[..., SupportCase]] = {
    "claim": actions.claim,
    "assign": actions.assign,
    "release": actions.release,
    "reply": actions.reply,
    "note": actions.note,
    "wait": actions.wait,
    "return_to_bot": actions.return_to_bot,
    "close": actions.close,
    "user_ended": actions.user_ended,
    "cancel": actions.cancel,
    "reopen": actions.reopen,
    "give_consent": actions.give_consent,
    "set_priority": actions.set_priority,
    "transfer": actions.transfer,
    "merge": merge,
}
# The fields that each action takes beside agent and version; those with "!" it cannot do without.
TAKES: dict[str, tuple[str, ...]] = {
    "assign": ("assignee!",),
    "reply": ("text!", "request_id", "wait"),
    "note": ("text!",),
    "return_to_bot": ("note",),
    "close": ("note", "end_conversation"),
    "cancel": ("note",),
    "set_priority": ("priority!",),
    "transfer": ("queue!",),
    "merge": ("into!",),
}
OPTIONAL = frozenset({"action", "version", "agent"})


def apply(case_id: UUID, step: Transition, *, domain: str, key_name: str) -> SupportCase:
    """Do one step in a key's domain. Raises InvalidTurn that names a field missing or out of place, and more."""
    takes = TAKES.get(step.action, ())
    given: dict[str, Any] = {}
    for name in step.model_fields_set - OPTIONAL:
        if name not in takes and f"{name}!" not in takes:
            raise refuse(name, f"means nothing for the action {step.action}")
    for name in takes:
        value = getattr(step, name.rstrip("!"))
        if value is None and name.endswith("!"):
            raise refuse(name.rstrip("!"), f"is needed for the action {step.action}")
        if value is not None:
            given[name.rstrip("!")] = (
                storable_text(value, name.rstrip("!")) if isinstance(value, str) else value
            )
    if "into" in given:
        given["into"] = uuid_of(given["into"])
    actor = Actor(storable_text(step.agent or key_name, "agent"), "api")
    return STEPS[step.action](case_id, actor=actor, version=step.version, domain=domain, **given)


def uuid_of(text: str) -> UUID:
    """Return the case id that the text is."""
    try:
        return UUID(text)
    except ValueError:
        raise refuse("into", "is not the id of a case") from None
