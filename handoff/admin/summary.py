"""The summary beside a case's transcript: the stored one, or what was taken down when the case was opened."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handoff.admin import actions
from handoff.admin.actions import Outcome
from handoff.models import SupportCase
from outbox.adminkit.show import badge
from persistence.errors import HoldfastError
from persistence.models import Conversation
from summarization import words
from summarization.asked import Asked, summarize_now
from summarization.models import ConversationSummary
from summarization.policy import policy_of
from summarization.selectors import coverage, newer
from summarization.words import Statement, numbers, several

ACT = "summarise"


@dataclass(frozen=True, slots=True)
class Panel:
    """A summary as its panel is drawn. ``seqs``: the turns that it stands on where statements name none."""

    statements: list[Statement]
    seqs: tuple[int, ...] = ()
    status: str = ""
    because: str = ""
    coverage: str = ""
    stale: bool = False
    made_by: str = ""
    fallback_for: str = ""
    at: datetime | None = None


def panel(case: SupportCase) -> Panel | None:
    """Return the summary that has read further, of two that have read as far the stored one; None for none."""
    snapshot = case.context_snapshot if isinstance(case.context_snapshot, dict) else {}
    taken = snapshot.get("summary")
    written = taken if isinstance(taken, dict) else {}
    stored = summary_of(case.conversation)
    if stored is not None and stored.to_seq >= max(numbers(written.get("covers")), default=0):
        return of_stored(stored)
    return of_snapshot(written, case.conversation.last_seq) if written else None


def summary_of(conversation: Conversation) -> ConversationSummary | None:
    """Return the conversation's summary, which was joined to it, or None."""
    return getattr(conversation, "summary", None)


def of_stored(summary: ConversationSummary) -> Panel:
    """Return what is stored, statement by statement."""
    stale = newer(summary)
    return Panel(
        statements=words.statements(summary),
        status=badge(summary.status, words.STATUSES.get(summary.status, "calm")),
        because=summary.status_because,
        coverage=coverage(summary.from_seq, summary.to_seq, stale),
        stale=stale > 0,
        made_by=words.made_by(summary),
        fallback_for=summary.fallback_for,
        at=summary.summarized_at,
    )


def of_snapshot(written: Mapping[str, Any], last_seq: int) -> Panel:
    """Return what was taken down at the handoff."""
    problem, tried = str(written.get("problem") or ""), str(written.get("tried") or "")
    said = [Statement("Problem", problem, ()), Statement("What was tried", tried, ())]
    covers = numbers(written.get("covers"))
    first, last = (covers[0], covers[-1]) if covers else (0, 0)
    return Panel(
        statements=[
            *(one for one in said if one.text),
            *several("Topics", written.get("topics"), ()),
            *several("Open questions", written.get("open_questions"), ()),
        ],
        seqs=numbers(written.get("citations")),
        coverage=coverage(first, last, max(last_seq - last, 0)) if covers else "",
        stale=bool(covers) and last < last_seq,
        made_by="from the words, at the handoff",
    )


def may_summarise(case: SupportCase, found: Panel | None, user: Any) -> bool:
    """Say whether a new summary would say more than this one, and whether the user may ask for it."""
    worth = found is None or found.stale or not found.at or bool(found.fallback_for)
    return worth and case.conversation.last_seq > 0 and bool(user.has_perm("handoff.change_supportcase"))


def summarise(case: SupportCase, user: Any, form: Mapping[str, str]) -> Outcome:
    """Have the conversation summarised now. Whatever comes of it, no text that was typed is lost."""
    drafts = {draft: form[draft] for draft in actions.DRAFTS if form.get(draft, "").strip()}
    try:
        asked = summarize_now(case.conversation_id, by=f"agent:{user.get_username()}")
    except HoldfastError as error:
        return Outcome(False, actions.failed(error), error.status, drafts, form.get("request_id", ""))
    return Outcome(True, came_of_it(case, asked), 200, drafts, form.get("request_id", ""))


def came_of_it(case: SupportCase, asked: Asked) -> str:
    """Return what a press of the button has led to, in words."""
    if asked.queued:
        return "It is being summarised: the new summary appears here by itself."
    if asked.summary is not None and not newer(asked.summary):
        return "The summary covers everything that was said."
    if not policy_of(case.domain).summaries:
        return (
            "Nothing was done: this domain's conversations are not summarised. An operator can change that."
        )
    if asked.summary is not None:
        return f"The summary {coverage(asked.summary.from_seq, asked.summary.to_seq, newer(asked.summary))}."
    return "There is nothing to summarise: nobody said anything yet, or it is no longer kept."
