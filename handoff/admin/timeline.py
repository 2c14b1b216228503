"""A case as a thread: what was said, and between it the notes and what happened, in one order of time.

Read by the sequence numbers of turns, which have no gaps: a window of a long conversation costs what a short one does.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoff.admin import words
from handoff.models import CaseEvent, SupportCase
from persistence.admin.transcript import Said, said
from persistence.models import Conversation, Turn

WINDOW = 40  # turns
MOST_NEW = 100  # that one update brings
EVENTS = 300
# Said in the transcript already.
SPOKEN = frozenset({"replied", "customer_said", "assistant_said"})


@dataclass(frozen=True, slots=True)
class Happened:
    """One case event in words. ``who`` is "" where the sentence names nobody."""

    event: CaseEvent
    who: str
    what: str

    @classmethod
    def of(cls, event: CaseEvent) -> "Happened":
        """Return the event in words."""
        who = words.actor(event.actor) if words.has_actor(event.kind) else ""
        return cls(event, who, words.event(event.kind, event.data if isinstance(event.data, dict) else {}))


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the thread: a turn with its messages, a note, or a line about what happened."""

    kind: str  # turn, note, line
    at: datetime
    order: int
    turn: Turn | None = None
    said: tuple[tuple[Said, str], ...] = ()  # a message, and who said it
    happened: Happened | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """A window of the thread. ``earlier`` and ``later`` are turns that the neighbouring windows hold, or None."""

    items: list[Item]
    first: int
    last: int
    latest: bool
    earlier: int | None
    later: int | None
    last_event: int


def thread(conversation: Conversation, events: list[CaseEvent], asked: int | None) -> Thread:
    """Return the newest turns, or the window around turn ``asked``, with what happened meanwhile."""
    newest = conversation.last_seq
    first = max(1, newest - WINDOW + 1)
    if asked is not None:
        first = max(1, min(first, asked - WINDOW // 2))
    last = min(newest, first + WINDOW - 1)
    turns = list(turns_of(conversation, first, last))
    since = turns[0].created_at if first > 1 and turns else None
    until = turns[-1].created_at if last < newest and turns else None
    told = [event for event in events if within(event.created_at, since, until)]
    return Thread(
        items=in_order(turns, told),
        first=first,
        last=last,
        latest=last == newest,
        earlier=max(1, first - WINDOW // 2) if first > 1 else None,
        later=last + WINDOW // 2 if last < newest else None,
        last_event=events[-1].seq if events else 0,
    )


def news(conversation: Conversation, events: list[CaseEvent], after: int, after_event: int) -> Thread:
    """Return what was said after turn ``after`` and what happened after event ``after_event``."""
    last = min(conversation.last_seq, after + MOST_NEW)
    told = [event for event in events if event.seq > after_event]
    return Thread(
        items=in_order(turns_of(conversation, after + 1, last), told),
        first=after + 1,
        last=last,
        latest=True,
        earlier=None,
        later=None,
        last_event=max(after_event, events[-1].seq if events else 0),
    )


def events_of(case: SupportCase) -> list[CaseEvent]:
    """Return the newest events of the case, oldest first."""
    return list(CaseEvent.objects.filter(case=case).order_by("-seq")[:EVENTS])[::-1]


def turns_of(conversation: Conversation, first: int, last: int) -> Any:
    """Return turns ``first`` to ``last`` in the order said."""
    found = Turn.objects.filter(conversation=conversation, seq__gte=first, seq__lte=last).order_by("seq")
    return found.defer("metadata", "references")


def in_order(turns: Any, events: list[CaseEvent]) -> list[Item]:
    """Return turns and events as one list by time; turns never change places among themselves."""
    items: list[Item] = []
    for turn in turns:
        items.append(turn_item(turn, max(turn.created_at, items[-1].at if items else turn.created_at)))
    items += [event_item(event) for event in events if event.kind not in SPOKEN]
    return sorted(items, key=lambda item: (item.at, item.kind != "turn", item.order))


def turn_item(turn: Turn, at: datetime) -> Item:
    """Return one turn with its messages and who said them."""
    messages = []
    for message in turn.messages:
        one = said(message)
        name = message.get("name") if one.role == "agent" else ""
        messages.append((one, str(name or one.speaker)))
    return Item("turn", at, turn.seq, turn=turn, said=tuple(messages))


def event_item(event: CaseEvent) -> Item:
    """Return one event as a note or as a line."""
    kind = "note" if event.kind == "noted" else "line"
    return Item(kind, event.created_at, event.seq, happened=Happened.of(event))


def within(moment: datetime, since: datetime | None, until: datetime | None) -> bool:
    """Say whether something happened in the window's time."""
    return (since is None or moment >= since) and (until is None or moment <= until)
