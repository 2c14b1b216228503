"""What an agent does on a case's page: one form, one button each, through the services that the API uses too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.utils.html import format_html
from django.utils.safestring import SafeString

from handoff.cases.actor import Actor
from handoff.cases.rules import allowed
from handoff.cases.transitions import STEPS
from handoff.errors import AlreadyClaimed, StaleVersion
from handoff.models import SupportCase
from outbox import operate
from outbox.models import Delivery
from persistence.errors import HoldfastError, InvalidTurn, PersistenceUnavailable, RequestIdReused
from persistence.jsontext import refuse

Form = Mapping[str, str]
LEAD = frozenset({"assign", "merge", "cancel"})
DRAFTS = ("reply", "note", "return_note", "close_note", "cancel_note", "into")
REDRIVABLE = ("dead", "parked")


@dataclass(frozen=True, slots=True)
class Act:
    """One thing to do. ``said``: what is reported when it is done; ``given``: what it takes from the form."""

    said: str
    given: Callable[[Form], dict[str, Any]] = lambda form: {}
    uses: str = ""  # the draft that is used up
    step: str = ""  # the service's name for it, where it is another
    decides: bool = True  # refused where the case has changed since the agent looked


def case_id(text: str) -> UUID:
    """Return the id of a case that was typed or chosen. Raises InvalidTurn."""
    try:
        return UUID(text.strip())
    except ValueError:
        raise refuse("into", "is not the id of a case; copy it from the other case's page") from None


def reply(form: Form) -> dict[str, Any]:
    """Return a reply with the id under which it is sent once, however often the button is pressed."""
    return {"text": form.get("reply", ""), "request_id": form.get("request_id", "")[:150]}


ACTS: dict[str, Act] = {
    # Two agents who claim at once both saw the same case: the name of the owner says more than "it has changed".
    "claim": Act("The case is yours. You speak with the customer now.", decides=False),
    "release": Act("The case is back in its queue, for anybody."),
    # Nor may a reply that is sent again, because its answer was lost, be refused for what it did the first time.
    "reply": Act("Your reply is on its way to the customer.", reply, uses="reply", decides=False),
    "reply_and_wait": Act(
        "Your reply is on its way. The case waits for the customer; its clock stands still.",
        lambda form: reply(form) | {"wait": True},
        uses="reply",
        step="reply",
        decides=False,
    ),
    "note": Act(
        "Your note is kept. Only colleagues see it.",
        lambda form: {"text": form.get("note", "")},
        uses="note",
        decides=False,
    ),
    "wait": Act("The case waits for the customer; its clock stands still."),
    "return_to_bot": Act(
        "The assistant speaks with the customer again. The case stays yours until it is closed.",
        lambda form: {"note": form.get("return_note", "")},
        uses="return_note",
    ),
    "close": Act(
        "The case is closed.",
        lambda form: {"note": form.get("close_note", ""), "end_conversation": bool(form.get("end"))},
        uses="close_note",
    ),
    "user_ended": Act("The case is closed: the customer has left."),
    "cancel": Act(
        "The case is cancelled.", lambda form: {"note": form.get("cancel_note", "")}, uses="cancel_note"
    ),
    "reopen": Act("The case is open again and waits in its queue."),
    "give_consent": Act("The consent is noted; the team has been called."),
    "set_priority": Act(
        "The priority is changed; the due times moved with it.",
        lambda form: {"priority": form.get("priority", "")},
    ),
    "transfer": Act("The case is in the other queue now.", lambda form: {"queue": form.get("queue", "")}),
    "assign": Act("The case has its new owner.", lambda form: {"assignee": form.get("assignee", "")}),
    "merge": Act(
        "Merged: this case is closed and points to the other one.",
        lambda form: {"into": case_id(form.get("into", ""))},
        uses="into",
    ),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a click. ``drafts`` is every text that was typed and is not used up."""

    ok: bool
    said: str  # a SafeString where it holds markup; anything else is escaped where it is shown
    status: int = 200
    drafts: dict[str, str] = field(default_factory=dict)
    request_id: str = ""
    used: str = ""  # the draft that was used up


def possible(case: SupportCase, user: Any) -> frozenset[str]:
    """Return the acts that the case's state and the user's permissions allow."""
    if not user.has_perm("handoff.change_supportcase"):
        return frozenset()
    lead = user.has_perm("handoff.lead_supportcase")
    steps = {step for step in allowed(case) if lead or step not in LEAD}
    if case.assignee == user.get_username():
        steps.discard("claim")
    elif case.assignee:
        steps -= {"claim", "wait"} | (set() if lead else {"release"})
    return frozenset(name for name, act in ACTS.items() if (act.step or name) in steps)


def perform(case: SupportCase, user: Any, form: Form) -> Outcome:
    """Do what the pressed button says. Whatever comes of it, no text that was typed is lost."""
    name = form.get("act", "")
    drafts = {draft: form[draft] for draft in DRAFTS if form.get(draft, "").strip()}
    act = ACTS.get(name)
    if act is None:
        return Outcome(False, "Nothing was done: there is no such button.", 400, drafts, fresh())
    try:
        # Form bodies write every line's end as CR LF; nobody typed that.
        plain = {key: value.replace("\r\n", "\n") for key, value in form.items()}
        actor = Actor(user.get_username())
        version = number(form.get("version", "")) if act.decides else None
        STEPS[act.step or name](
            case.case_id, actor=actor, version=version, domain=case.domain, **act.given(plain)
        )
    except HoldfastError as error:
        # The same id is used again, so that what was stored after all, its answer being lost, is stored once.
        used_up = isinstance(error, RequestIdReused)
        request_id = fresh() if used_up else form.get("request_id", "")
        return Outcome(False, failed(error), error.status, drafts, request_id)
    drafts.pop(act.uses, None)
    return Outcome(True, act.said, 200, drafts, fresh(), act.uses)


def failed(error: HoldfastError) -> SafeString:
    """Return what happened, what was kept and what to do, with the name of whoever was faster."""
    kept = "What you typed is still here."
    match error:
        case AlreadyClaimed():
            return format_html(
                "Nothing was done: <bdi>{}</bdi> has this case. {} Ask them, or a lead, to hand it over.",
                error.owner,
                kept,
            )
        case StaleVersion():
            owner = (
                format_html("belongs to <bdi>{}</bdi>", error.assignee) if error.assignee else "has no owner"
            )
            state = SupportCase.Status(error.case_status).label.lower()
            return format_html(
                "Nothing was done: the case has changed since you looked. It now is {} and {}. {} Look again, then "
                "repeat what still makes sense.",
                state,
                owner,
                kept,
            )
        case RequestIdReused():
            return format_html(
                "An earlier version of this reply was sent. {} Read the transcript before you send it again.",
                kept,
            )
        case InvalidTurn():
            said = "; ".join(f"{one.field} {one.message}" for one in error.errors[:3])
            return format_html("Nothing was done: <bdi>{}</bdi>. {}", said, kept)
        case PersistenceUnavailable():
            return format_html(
                "The database did not confirm it, so it may not have happened. {} Press the button again: a reply is "
                "sent only once.",
                kept,
            )
    return format_html("<bdi>{}</bdi> {}", str(error), kept)


def redrive(delivery_id: int, keys: set[str]) -> Outcome:
    """Try a dead or parked delivery of this case again."""
    found = Delivery.objects.filter(pk=delivery_id, lane__ordering_key__in=keys, status__in=REDRIVABLE)
    destination = found.values_list("lane__destination", flat=True).first()
    if destination is None or not operate.redrive(destination, operate.Which(ids=[delivery_id])):
        return Outcome(False, "Nothing was redriven: this delivery is not dead or parked any more.", 409)
    return Outcome(True, "Redriven: it is sent again, at its old place in the order.")


def fresh() -> str:
    """Return a new id for the next reply."""
    return str(uuid4())


def number(text: str) -> int | None:
    """Return the version that the page was drawn from."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
