"""Short words for recording conversations, planning them, and for summarisers that say what a test tells them to."""

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

from outbox.models import OutboxEvent
from persistence.models import Conversation
from persistence.turns import RecordedTurn, record_turn
from summarization.claims import Claim, take_one
from summarization.compose import Composed
from summarization.draft import Draft, Said, Source, SourceTurn, Statement
from summarization.models import SummaryItem, SummaryRun
from summarization.source import read_source
from summarization.summarizers.port import Answer, Part

_numbers = itertools.count(1)
PARCEL = (
    ("My parcel 4711 has not arrived, it was due on 3 November.", "I am sorry. It is stuck at customs in Lisbon."),
    ("Can you send another one?", "Yes, a new parcel leaves the warehouse tomorrow morning."),
)  # fmt: skip


def say(text: str | None, reply: str | None = None, *, session_id: str, **more: Any) -> RecordedTurn:
    """Record one turn in domain "demo"; ``text`` is the customer's, ``reply`` the assistant's."""
    said = [{"role": "user", "content": text}, {"role": "assistant", "content": reply}]
    given = {
        "domain": "demo",
        "channel": "web",
        "request_id": f"summarise-{next(_numbers)}",
        "messages": [message for message in said if message["content"] is not None],
    } | more
    return record_turn(session_id=session_id, **given)


def conversation(*exchanges: tuple[str | None, str | None], session_id: str = "", **more: Any) -> int:
    """Record a conversation, PARCEL where nothing is given, and return its primary key."""
    session = session_id or f"session-{next(_numbers)}"
    for text, reply in exchanges or PARCEL:
        recorded = say(text, reply, session_id=session, **more)
    return Conversation.objects.get(public_id=recorded.conversation_id).pk


def run(**given: Any) -> SummaryRun:
    """Begin a run of ``manage.py summarize``."""
    return SummaryRun.objects.create(
        **{
            "run_id": uuid4(),
            "kind": "command",
            "state": "running",
            "backend": "extractive",
            "as_of": datetime.now(UTC),
        }
        | given
    )


def plan(pk: int, of: SummaryRun | None = None, **given: Any) -> SummaryItem:
    """Plan a conversation as far as it has come, in chunk 0."""
    found = Conversation.objects.get(pk=pk)
    values = {"domain": found.domain, "run": of, "to_seq": found.last_seq} | given
    return SummaryItem.objects.create(conversation=found, **values)


def item(pk: int) -> SummaryItem:
    return SummaryItem.objects.get(pk=pk)


def claimed(pk: int, lease_seconds: float = 60) -> Claim:
    found = take_one(pk, lease_seconds)
    assert found is not None
    return found


def read(pk: int) -> Source:
    found = read_source(pk)
    assert found is not None
    return found


def told(event_type: str = "conversation.summarized") -> list[dict[str, Any]]:
    """Return the payloads of this type, in the order in which they were written."""
    return list(
        OutboxEvent.objects.filter(event_type=event_type)
        .order_by("event_id")
        .values_list("payload", flat=True)
    )


def turns(*exchanges: Sequence[str]) -> tuple[SourceTurn, ...]:
    """Return turns 1, 2, … in which the customer and the assistant speak alternately; nothing is stored."""
    return tuple(
        SourceTurn(seq, tuple(Said(role, text) for role, text in zip(itertools.cycle(("user", "assistant")), said)))
        for seq, said in enumerate(exchanges, 1)
    )  # fmt: skip


def source(*exchanges: Sequence[str], **given: Any) -> Source:
    """Return a conversation that was never stored."""
    said = turns(*(exchanges or PARCEL))
    values: dict[str, Any] = {
        "conversation_pk": 1,
        "conversation_id": uuid4(),
        "domain": "demo",
        "channel": "web",
        "customer_ref": None,
        "control": "bot",
        "last_turn_at": datetime.now(UTC),
        "to_seq": len(said),
        "redaction_version": 1,
        "turns": said,
    }
    return Source(**values | given)


def draft(problem: str = "Parcel 4711 has not arrived.", *cited: int, **more: Any) -> Draft:
    """Return a draft whose problem cites these turns, the first where none is given."""
    values: dict[str, Any] = {"solution": None, "language": "en"} | more
    return Draft(problem=Statement(problem, cited or (1,)), **values)


DRAFT = Draft(
    problem=Statement("Parcel 4711 has not arrived.", (1,)),
    solution=Statement("A new parcel leaves tomorrow.", (2,)),
    topics=(Statement("customs in Lisbon", (1,)), Statement("another one", (1, 2))),
    open_questions=(Statement("Can you send another one?", (2,)),),
    language="en",
)


def composed(of: Draft | None = DRAFT, **given: Any) -> Composed:
    """Return what ``compose`` might have made of PARCEL."""
    values: dict[str, Any] = {
        "draft": of,
        "status": "resolved",
        "status_because": "case closed as resolved",
        "backend": "openai",
        "model": "m-1",
        "prompt_version": "p1",
        "input_hash": b"h" * 32,
        "fallback_for": "",
        "failure": "",
        "detail": "",
        "tokens_in": 900,
        "tokens_out": 80,
        "cost_usd": Decimal("0.001234"),
        "duration_ms": 1_500,
    }
    return Composed(**values | given)


Reply = Answer | Draft | Exception


class Scripted:
    """A summariser that gives the answers that it was told to, in turn; the last one for ever."""

    name, model, prompt_version = "openai", "scripted-1", "p1"
    most_tokens_out, seconds, batch = 300, 30.0, 1

    def __init__(
        self,
        replies: Iterable[Reply] | Callable[[Part], Reply],
        *,
        part_tokens: int = 6_000,
        before: Callable[[Part], object] = lambda part: None,
    ) -> None:
        self.part_tokens, self.before, self.asked = part_tokens, before, list[Part]()
        self._script = replies if callable(replies) else _in_turn(list(replies))

    def summarize(self, part: Part) -> Answer:
        assert part.deadline <= time.monotonic() + self.seconds
        self.asked.append(part)
        self.before(part)
        match self._script(part):
            case Exception() as error:
                raise error
            case Draft() as found:
                return Answer(found, tokens_in=100, tokens_out=10)
            case answer:
                return answer

    def close(self) -> None:
        """There is nothing to give back."""


def _in_turn(replies: list[Reply]) -> Callable[[Part], Reply]:
    return lambda part: replies.pop(0) if len(replies) > 1 else replies[0]
