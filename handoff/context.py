"""``context``: what the assistant needs for its next answer, within a budget of tokens.

Text from elsewhere (a summary, an agent's note, an earlier conversation) is data and may hold instructions that
somebody smuggled in. It comes between delimiters that it cannot contain, and says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from handoff.models import CaseEvent, Handoff, SupportCase
from persistence.history import FoundConversation, HistoryTurn, history
from persistence.jsontext import dumps
from persistence.session.errors import SessionStateUnavailable
from persistence.session.service import as_json, state_of_conversation
from summarization.models import ConversationSummary
from summarization.recall import Recalled, fitted, recall
from summarization.selectors import lines, text_of
from summarization.untrusted import BYTES_PER_TOKEN, delimited

PAGE = 50
LONGEST_GROUP = 50  # turns that belong together because a tool was called in one and answered in another
MOST_SAID = 3  # replies of a human stretch that are told again
RECALL_SHARE = 4  # earlier conversations get at most a fourth of the budget, and never what this one needs


@dataclass(frozen=True, slots=True)
class Fitting:
    """The newest turns that fit, and what they cost."""

    turns: list[HistoryTurn]
    tokens: int


def context(conversation: FoundConversation, token_budget: int) -> dict[str, Any]:
    """Return control state, marker, summary, the last turns that fit, earlier conversations, and the session's state.

    1. the marker of the last human stretch, where control is the assistant's again · 2. the newest turns that fit,
    a tool's call never parted from its result · 3. a summary that fits, where turns had to be left out · 4. what is
    recalled of the customer's earlier conversations, in what is left, where the domain has that switched on.
    ``tokens`` is an estimate: one for three bytes of UTF-8. The state is the app's own, and not counted.
    """
    marker = human_stretch(conversation) if conversation.control == "bot" else None
    spent = tokens_of(marker) if marker else 0
    summary = latest_summary(conversation)
    fitting = turns_that_fit(conversation, token_budget - spent)
    if summary and tokens_of(summary) <= token_budget - spent and left_out(conversation, fitting):
        fitting = turns_that_fit(conversation, token_budget - spent - tokens_of(summary))
        spent += tokens_of(summary)
    else:
        summary = None
    spent += fitting.tokens
    earlier = recalled(conversation, min(token_budget // RECALL_SHARE, token_budget - spent))
    first = fitting.turns[0].seq if fitting.turns else conversation.last_seq + 1
    return {
        "conversation_id": conversation.conversation_id,
        "control": conversation.control,
        "control_epoch": conversation.control_epoch,
        "last_seq": conversation.last_seq,
        "marker": marker,
        "summary": summary,
        "recall": earlier,
        "turns": [as_context(turn) for turn in fitting.turns],
        "omitted": {"count": first - 1, "through_seq": first - 1},
        "tokens": spent + (tokens_of(earlier) if earlier else 0),
        "token_budget": token_budget,
        "session_state": session_state(conversation),
    }


def left_out(conversation: FoundConversation, fitting: Fitting) -> bool:
    """Say whether the conversation has turns before those that fit."""
    return len(fitting.turns) < conversation.last_seq


def turns_that_fit(conversation: FoundConversation, budget: int) -> Fitting:
    """Take whole groups of turns, the newest first, until the next one would not fit."""
    taken: list[HistoryTurn] = []
    spent = 0
    for group in groups(conversation):
        cost = sum(tokens_of(as_context(turn)) for turn in group)
        if spent + cost > budget:
            break
        taken, spent = group + taken, spent + cost
    return Fitting(taken, spent)


def groups(conversation: FoundConversation) -> Iterator[list[HistoryTurn]]:
    """Yield turns that belong together, the newest group first, each in the order said."""
    group: list[HistoryTurn] = []
    wanted: set[str] = set()
    for turn in backwards(conversation):
        group.insert(0, turn)
        wanted = (wanted | results_in(turn)) - calls_in(turn)
        if not wanted or len(group) >= LONGEST_GROUP:
            yield group
            group, wanted = [], set()
    if group:
        yield group


def backwards(conversation: FoundConversation) -> Iterator[HistoryTurn]:
    """Yield turns from the last one back, read a page at a time."""
    before = conversation.last_seq + 1
    while before > 1:
        page = history(conversation, before_seq=before, limit=PAGE)
        if not page:
            return
        yield from reversed(page)
        before = page[0].seq


def calls_in(turn: HistoryTurn) -> set[str]:
    """Return the ids of the tools' calls in a turn."""
    calls: set[str] = set()
    for message in turn.messages:
        listed = message.get("tool_calls")
        for call in listed if isinstance(listed, list) else []:
            if isinstance(call, dict) and isinstance(call.get("id"), str):
                calls.add(call["id"])
    return calls


def results_in(turn: HistoryTurn) -> set[str]:
    """Return the ids of the calls whose results are in a turn."""
    return {
        message["tool_call_id"]
        for message in turn.messages
        if message["role"] == "tool" and isinstance(message.get("tool_call_id"), str)
    }


def human_stretch(conversation: FoundConversation) -> dict[str, Any] | None:
    """Return what the last human did, once control is the assistant's again."""
    attempt = (
        Handoff.objects.filter(conversation_id=conversation.pk, ended_at__isnull=False)
        .order_by("-id")
        .first()
    )
    if attempt is None or attempt.accepted_at is None or attempt.to_seq is None:
        return None
    replies = CaseEvent.objects.filter(
        case_id=attempt.case_id, kind="replied", created_at__range=(attempt.accepted_at, attempt.ended_at)
    ).order_by("-seq")
    said = [event.text for event in replies[:MOST_SAID]][::-1]
    outcome = attempt.state.replace("_", " ")
    return {
        "from_seq": attempt.from_seq,
        "to_seq": attempt.to_seq,
        "outcome": attempt.state,
        "text": f"A human handled turns {attempt.from_seq}–{attempt.to_seq}, outcome: {outcome}. "
        "You are in control again.",
        "summary": delimited("\n".join([attempt.outcome, *said]).strip()),
    }


def session_state(conversation: FoundConversation) -> dict[str, Any] | None:
    """Return the state of the conversation's session; None when there is none, or it cannot be known now."""
    try:
        found = state_of_conversation(conversation.domain, conversation.channel, conversation.session_hash)
    except SessionStateUnavailable:
        return None
    return as_json(found) if found else None


def latest_summary(conversation: FoundConversation) -> dict[str, Any] | None:
    """Return the summary that knows most of the conversation, as data between delimiters; None where there is none."""
    stored = ConversationSummary.objects.filter(conversation_id=conversation.pk).first()
    snapshot = (
        SupportCase.objects.filter(conversation_id=conversation.pk)
        .order_by("-id")
        .values_list("context_snapshot", flat=True)
        .first()
    )
    found = (snapshot or {}).get("summary")
    if stored and (not found or stored.to_seq >= found["covers"][1]):
        covers = [stored.from_seq, stored.to_seq]
        return told(conversation, text_of(stored), covers, stored.status)
    return told(conversation, text_of_snapshot(found), found["covers"], "escalated") if found else None


def told(conversation: FoundConversation, text: str, covers: list[int], status: str) -> dict[str, Any]:
    """Return a summary as the assistant gets it, with how many turns it does not know."""
    newer = max(conversation.last_seq - covers[1], 0)
    return {
        "text": delimited(text),
        "status": status,
        "covers": covers,
        "stale": newer > 0,
        "newer": newer,
    }


def text_of_snapshot(found: dict[str, Any]) -> str:
    """Return what the case's own summary says, a line for each kind of statement."""
    return lines(
        ("Problem", found["problem"]),
        ("Tried", found["tried"]),
        ("Topics", "; ".join(found.get("topics", ()))),  # cases of earlier releases have none
        ("Open questions", "; ".join(found["open_questions"])),
    )


def recalled(conversation: FoundConversation, most_tokens: int) -> dict[str, Any] | None:
    """Return the customer's earlier conversations as data between delimiters; None where there is nothing to say.

    Nothing, too, where recall is switched off, there is no room, or it cannot be known now.
    """
    if conversation.customer_ref is None or most_tokens <= 0:
        return None
    room = most_tokens * BYTES_PER_TOKEN
    found = recall(conversation.domain, conversation.customer_ref, most_bytes=room, but_of=conversation.pk)
    while found.text:
        answer = as_recall(found)
        over = tokens_of(answer) - most_tokens
        if over <= 0:
            return answer
        room -= over * BYTES_PER_TOKEN  # what JSON adds around the text
        found = fitted(list(found.summaries), room)
    return None


def as_recall(found: Recalled) -> dict[str, Any]:
    """Return what is recalled as a part of the context."""
    ids = [str(summary.conversation.public_id) for summary in found.summaries]
    return {"text": found.text, "conversation_ids": ids}


def as_context(turn: HistoryTurn) -> dict[str, Any]:
    """Return what the assistant needs of a turn."""
    return {
        "seq": turn.seq,
        "control": turn.control,
        "created_at": turn.created_at.isoformat(),
        "messages": turn.messages,
    }


def tokens_of(value: Any) -> int:
    """Return the estimated cost of a JSON value."""
    return -(-len(dumps(value).encode()) // BYTES_PER_TOKEN)
