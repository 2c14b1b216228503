"""``extract_now``: what a human reads who is called this moment, made without a model and in bounded time."""

import logging
import time
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from summarization.draft import Draft, SourceTurn
from summarization.models import ConversationSummary
from summarization.selectors import draft_of
from summarization.source import said_in
from summarization.summarizers.port import Part
from summarization.summarizers.registry import fallback

log = logging.getLogger(__name__)
TURNS = 40
# A conversation's row is locked meanwhile. Of a wall of text its beginning tells enough, for now.
MOST_STORED_BYTES, MOST_CHARACTERS, LONGEST_MESSAGE = 512 * 1024, 64 * 1024, 4_000
# Sizes are known without reading the text itself, which may be 256 KiB for each turn. Read through
# persistence_turn_seq_once, backwards.
NEWEST = """
SELECT seq, redaction_version, messages
FROM (
    SELECT seq, redaction_version, messages, sum(pg_column_size(messages)) OVER (ORDER BY seq DESC) AS size
    FROM (
        SELECT seq, redaction_version, messages FROM persistence_turn
        WHERE conversation_id = %(conversation)s AND seq > %(after)s ORDER BY seq DESC LIMIT %(turns)s
    ) AS newest
) AS measured
WHERE size <= %(most_bytes)s ORDER BY seq DESC
"""


@dataclass(frozen=True, slots=True)
class Extract:
    """A draft, and the turns that it covers."""

    draft: Draft
    covers: tuple[int, int]


def extract_now(conversation_pk: int, *, turns: int = TURNS) -> Extract | None:
    """Return what can be said of a conversation at once, from its newest turns; None when there is nothing to say.

    1. take the stored summary for what it covers · 2. read what was said since, at most ``turns`` turns of it · 3. let
    the fallback summariser carry the one on with the other. Never asks a model. May be called inside a transaction:
    raises DatabaseError, and for trouble of its own returns the stored summary, or None.
    """
    stored = ConversationSummary.objects.filter(conversation_id=conversation_pk).first()
    found = newest(conversation_pk, after=stored.to_seq if stored else 0, turns=turns)
    before = Extract(draft_of(stored), (stored.from_seq, stored.to_seq)) if stored else None
    said = [turn for turn in found if turn.said]
    if not said:
        return before
    # Where turns lie between the two that nobody looks at, what is older is not carried on as if it led to these.
    carried = before if before and found[0].seq <= before.covers[1] + 1 else None
    draft = extracted(said, carried.draft if carried else None)
    if draft is None:
        return before
    return Extract(draft, ((carried.covers[0] if carried else found[0].seq), found[-1].seq))


def extracted(turns: list[SourceTurn], previous: Draft | None) -> Draft | None:
    """Ask the fallback; None where it fails, for a case must be opened whatever it makes of a text."""
    try:
        summarizer = fallback()
        deadline = time.monotonic() + summarizer.seconds
        return summarizer.summarize(Part(turns, previous, settings.SUMMARY_MOST_WORDS, deadline)).draft
    except Exception as error:  # whatever a text does to it
        log.error("no summary for a human who was called just now: %s", type(error).__name__)
        return None


def newest(conversation_pk: int, *, after: int, turns: int) -> list[SourceTurn]:
    """Return the last turns that follow ``after``, ascending; redacted by today's rules, within bounds of size."""
    wanted = {
        "conversation": conversation_pk,
        "after": after,
        "turns": turns,
        "most_bytes": MOST_STORED_BYTES,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEWEST, wanted)
        rows = cursor.fetchall()
    found: list[SourceTurn] = []
    room = MOST_CHARACTERS
    for seq, redaction_version, messages in rows:
        turn = SourceTurn(seq, said_in(messages, redaction_version, longest=LONGEST_MESSAGE))
        room -= sum(len(said.text) for said in turn.said)
        if found and room < 0:
            break
        found.append(turn)
    return found[::-1]
