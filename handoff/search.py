"""Search over the transcripts of cases: which words stand in them, kept beside the cases and a little behind.

A turn never waits for this. ``refresh`` catches up every few seconds with what was said and written since, and only
for conversations that have a case; everything else of a million turns is never looked at. Words are compared without
case and accents, in any language; a script without spaces is cut into pairs of characters.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from handoff.models import CaseEvent, SupportCase
from persistence.models import Turn

# Of one case and of one addition to it. Postgres keeps at most 1 MiB in one tsvector, and refuses more with an error.
MOST_KEPT, MOST_ADDED = 400_000, 400_000  # bytes
LONGEST_WORD = 40  # characters; what is longer is found by its beginning
MOST_ASKED = 10
TURNS_AT_ONCE = 200
SPEAKS = frozenset({"user", "assistant", "agent"})
WORD = re.compile(r"[^\W_]+")
# Scripts that write no spaces: Hiragana, Katakana, ideographs, Thai, Lao, Khmer, Myanmar.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
KEPT_AFTER_CLOSE = "1 hour"

BEHIND = """
SELECT cases.id, cases.conversation_id, coalesce(found.through_seq, 0), coalesce(found.through_event, 0),
       conversation.last_seq, cases.event_seq, cases.reason_text
FROM handoff_case AS cases
JOIN persistence_conversation AS conversation ON conversation.id = cases.conversation_id
LEFT JOIN handoff_case_text AS found ON found.case_id = cases.id
WHERE (cases.status IN ('pending_consent', 'open', 'in_progress', 'waiting_customer')
       OR cases.closed_at > now() - %s::interval)
  AND (found.case_id IS NULL OR found.through_seq < conversation.last_seq OR found.through_event < cases.event_seq)
ORDER BY cases.id LIMIT %s
"""
# A case may be erased meanwhile; nothing is kept of it then.
KEEP = """
INSERT INTO handoff_case_text AS known (case_id, through_seq, through_event, words)
SELECT id, %(seq)s, %(event)s, array_to_tsvector(%(words)s) FROM handoff_case WHERE id = %(case)s FOR KEY SHARE
ON CONFLICT (case_id) DO UPDATE SET
    through_seq = greatest(known.through_seq, excluded.through_seq),
    through_event = greatest(known.through_event, excluded.through_event),
    words = CASE WHEN octet_length(known.words::text) < %(most)s
                 THEN known.words || excluded.words ELSE known.words END
"""


def words_of(text: str) -> Iterator[str]:
    """Yield the words of a text as they are stored and asked for: lower case, no accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    for found in WORD.findall(plain):
        if UNSPACED.search(found):
            yield from pairs(found)
        else:
            yield found[:LONGEST_WORD]


def pairs(text: str) -> Iterator[str]:
    """Yield each two neighbours of a text without spaces, or the one character that it is."""
    if len(text) == 1:
        yield text
    for first, second in pairwise(text):
        yield first + second


def having(cases: QuerySet[SupportCase], text: str) -> QuerySet[SupportCase]:
    """Return those of the cases in whose text every word stands; each may be the beginning of a word."""
    asked = list(dict.fromkeys(words_of(text)))[:MOST_ASKED]
    if not asked:
        return cases.none()
    # Words are letters and digits only: nothing in them can end the quotes.
    query = " & ".join(f"'{word}':*" for word in asked)
    found = RawSQL("SELECT case_id FROM handoff_case_text WHERE words @@ %s::tsquery", [query])
    return cases.filter(pk__in=found)


def refresh(most: int = 200) -> int:
    """Catch up with up to ``most`` cases; return how many were behind. Safe beside itself: nothing is taken away."""
    with connection.cursor() as cursor:
        cursor.execute(BEHIND, [KEPT_AFTER_CLOSE, most])
        behind = cursor.fetchall()
    for case, conversation, seq, event, last_seq, last_event, reason in behind:
        keep(case, conversation, seq, event, min(last_seq, seq + TURNS_AT_ONCE), last_event, reason)
    return len(behind)


def keep(
    case: int, conversation: int, seq: int, event: int, last_seq: int, last_event: int, reason: str
) -> None:
    """Add what was said in turns ``seq``+1 to ``last_seq`` and written in events ``event``+1 to ``last_event``."""
    turns = Turn.objects.filter(conversation_id=conversation, seq__gt=seq, seq__lte=last_seq)
    events = CaseEvent.objects.filter(case_id=case, seq__gt=event, seq__lte=last_event)
    texts = [reason, *said(turns.values_list("messages", flat=True)), *events.values_list("text", flat=True)]
    words = at_most(dict.fromkeys(word for text in texts for word in words_of(text)), MOST_ADDED)
    given: dict[str, Any] = {
        "case": case,
        "seq": last_seq,
        "event": last_event,
        "words": words,
        "most": MOST_KEPT,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(KEEP, given)


def at_most(words: Iterable[str], most: int) -> list[str]:
    """Return the first of the words that take up to ``most`` bytes together."""
    kept: list[str] = []
    for word in words:
        most -= len(word.encode()) + 3
        if most < 0:
            break
        kept.append(word)
    return kept


def said(transcripts: Iterable[Any]) -> Iterator[str]:
    """Yield what people and the assistant said."""
    for messages in transcripts:
        for message in messages:
            if message.get("role") in SPEAKS:
                yield str(message.get("content", ""))
