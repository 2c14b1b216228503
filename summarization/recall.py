"""``recall``: what a customer's earlier conversations were about, for the assistant of the next one.

It is a convenience, so it fails open: whatever goes wrong, the answer is an empty one that says so, soon. Off for every
domain until an operator has sampled the quality and switched it on.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction

from persistence.errors import FieldError, InvalidTurn
from persistence.http.deadline import within
from persistence.jsontext import storable_text
from summarization.models import ConversationSummary, DomainPolicy
from summarization.selectors import by_todays_rules, coverage, latest_of_customer, newer, text_of
from summarization.untrusted import delimited, harmless, tokens_of_text

log = logging.getLogger(__name__)
MAX_CUSTOMER_REF = 200  # characters, as in a turn
MAX_SUMMARIES = 20
# An assistant's customer is waiting: one statement may take this long, and all of them that long.
STATEMENT_MS, SECONDS = 300, 1.0
BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is recalled of a customer. ``on``: the domain's switch; ``available``: it could be looked up."""

    on: bool = False
    available: bool = True
    summaries: tuple[ConversationSummary, ...] = ()
    text: str = ""  # one block, delimited; "" without summaries

    def as_json(self, customer_ref: str) -> dict[str, Any]:
        """Return it as the API answers it."""
        return {
            "customer_ref": customer_ref,
            "recall": "on" if self.on else "off",
            "available": self.available,
            "summaries": [entry(summary) for summary in self.summaries],
            "text": self.text,
            "tokens": tokens_of_text(self.text),
        }


OFF, UNAVAILABLE = Recalled(), Recalled(available=False)


def recall(
    domain: str,
    customer_ref: str,
    *,
    limit: int | None = None,
    most_bytes: int | None = None,
    but_of: int | None = None,
) -> Recalled:
    """Return the latest summaries of a customer in this domain; raises nothing but what ``check_ref`` does.

    At most ``limit`` and RECALL_SUMMARIES, in a block of at most ``most_bytes`` and RECALL_BYTES: what does not fit is
    left out whole, the oldest first, and only a newest one that is too long for all the room is cut. ``but_of`` is the
    conversation (primary key) that is going on. Inside a transaction the caller's own time-outs hold.
    """
    check_ref(customer_ref)
    most = min(limit or settings.RECALL_SUMMARIES, settings.RECALL_SUMMARIES)
    room = settings.RECALL_BYTES if most_bytes is None else min(most_bytes, settings.RECALL_BYTES)
    try:
        with impatient():
            if not is_on(domain):
                return OFF
            found = latest_of_customer(domain, customer_ref, limit=most, but_of=but_of)
        return fitted(found, room)
    except Exception as error:  # fail-open: the assistant goes on without, whatever it is
        log.warning("nothing could be recalled in domain %s: %s", domain, type(error).__name__)
        return UNAVAILABLE


def check_ref(customer_ref: str) -> None:
    """Refuse what cannot be a customer's reference. Raises InvalidTurn that names ``customer_ref``."""
    if not 1 <= len(customer_ref) <= MAX_CUSTOMER_REF:
        wrong = f"must be a text of 1 to {MAX_CUSTOMER_REF} characters"
        raise InvalidTurn([FieldError("customer_ref", wrong)])
    storable_text(customer_ref, "customer_ref")


def is_on(domain: str) -> bool:
    """Say whether summaries may be handed to this domain's assistant. Never cached: off is off at once."""
    return DomainPolicy.objects.filter(domain=domain, recall=True).exists()


@contextmanager
def impatient() -> Iterator[None]:
    """Give what the block asks of Postgres little time: by the server's clock, and should that stand still, by ours."""
    if connection.in_atomic_block:
        with transaction.atomic():
            yield
        return
    try:
        with within(SECONDS), transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{STATEMENT_MS}ms"])
            yield
    except (OperationalError, InterfaceError):
        connection.close()
        raise


def fitted(found: list[ConversationSummary], room: int) -> Recalled:
    """Return as many of the summaries as the room in bytes takes, as one block."""
    parts: list[str] = []
    for summary in found:
        part = told(summary)
        if size([*parts, part]) > room:
            part = "" if parts else cut(part, room - size([""]))
            if not part:
                break
        parts.append(part)
    if not parts:
        return Recalled(on=True)
    return Recalled(True, True, tuple(found[: len(parts)]), delimited(BETWEEN.join(parts)))


def told(summary: ConversationSummary) -> str:
    """Return one summary as the assistant reads it: when and how it ended first, then what it says."""
    conversation = summary.conversation
    when = f"{conversation.last_turn_at.astimezone(UTC):%Y-%m-%d}"
    covers = coverage(summary.from_seq, summary.to_seq, newer(summary))
    head = f"Earlier conversation on {conversation.channel}, {when}: {summary.status}; {covers}"
    return f"{head}\n{text_of(summary)}"


def size(parts: list[str]) -> int:
    """Return how many bytes these parts have as one block."""
    return len(delimited(BETWEEN.join(parts)).encode())


def cut(text: str, room: int) -> str:
    """Return the text shortened to ``room`` bytes at a space, with an ellipsis; "" where not even its head fits."""
    kept = harmless(text).encode()[: max(room - len("…".encode()), 0)].decode(errors="ignore")
    head, _, rest = kept.partition("\n")
    return f"{head}\n{rest.rsplit(maxsplit=1)[0]}…" if rest.strip() else ""


def entry(summary: ConversationSummary) -> dict[str, Any]:
    """Return one summary as the API answers it."""
    conversation = summary.conversation
    return {
        "conversation_id": str(conversation.public_id),
        "channel": conversation.channel,
        "covers": [summary.from_seq, summary.to_seq],
        "newer": newer(summary),
        "status": summary.status,
        "status_because": summary.status_because,
        "language": summary.language,
        "summarized_at": summary.summarized_at.isoformat(),
        "last_turn_at": conversation.last_turn_at.isoformat(),
        "topics": by_todays_rules(summary, summary.topics),
        "open_questions": by_todays_rules(summary, summary.open_questions),
        "citations": summary.citations,
        "text": delimited(text_of(summary)),
    }
