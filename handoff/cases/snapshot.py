"""What an agent reads first: the trouble in the customer's words, what was tried, and which turns say so."""

from typing import Any

from persistence.control import LockedConversation
from summarization.draft import SourceTurn
from summarization.now import Extract, extract_now, newest

TURNS = 20  # among which the last words of both are looked for
LONGEST = 600  # characters of a quoted text
Quote = tuple[int, str]


def snapshot(conversation: LockedConversation) -> dict[str, Any]:
    """Return ``trigger`` {seq, text} and ``summary`` {problem, tried, open_questions, topics, status, language, covers,
    citations, stale}.

    Extracted word by word, without a model: nothing is put that was not said, and nobody waits. What an earlier summary
    knows of the older turns is in it.
    """
    turns = newest(conversation.pk, after=0, turns=TURNS)
    found = extract_now(conversation.pk)
    asked, answered = said(turns, "user"), said(turns, "assistant")
    trigger = asked[-1] if asked else None
    summary = told(found, answered) if found else quoted(turns, asked, answered)
    return {
        "trigger": {"seq": trigger[0], "text": cut(trigger[1])} if trigger else None,
        # Whatever the words say: at this moment a human is called.
        "summary": {**summary, "status": "escalated", "stale": False} if summary else None,
    }


def told(found: Extract, answered: list[Quote]) -> dict[str, Any]:
    """Return the summary as agents and desks know it."""
    draft = found.draft
    tried = draft.solution.text if draft.solution else answered[-1][1] if answered else ""
    cited = {seq for statement in draft.statements() for seq in statement.citations}
    if answered and not draft.solution:
        cited.add(answered[-1][0])
    return {
        "problem": cut(draft.problem.text) if draft.problem else "",
        "tried": cut(tried),
        "open_questions": [cut(question.text) for question in draft.open_questions],
        "topics": [cut(topic.text) for topic in draft.topics],
        "language": draft.language,
        "covers": list(found.covers),
        "citations": sorted(cited),
    }


def quoted(turns: list[SourceTurn], asked: list[Quote], answered: list[Quote]) -> dict[str, Any] | None:
    """Return what can be quoted where nothing could be extracted: the customer's longest word and the last answer."""
    if not asked and not answered:
        return None
    problem = max(asked, key=lambda found: len(found[1]), default=None)
    last = answered[-1] if answered else None
    return {
        "problem": cut(problem[1]) if problem else "",
        "tried": cut(last[1]) if last else "",
        "open_questions": [],
        "topics": [],
        "language": "und",
        "covers": [turns[0].seq, turns[-1].seq],
        "citations": sorted({seq for seq, _ in (found for found in (problem, last) if found)}),
    }


def said(turns: list[SourceTurn], role: str) -> list[Quote]:
    """Return what one role said, in order, with the numbers of the turns."""
    return [(turn.seq, message.text) for turn in turns for message in turn.said if message.role == role]


def cut(text: str) -> str:
    """Return the text, shortened with an ellipsis where it is long."""
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"
