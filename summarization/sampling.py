"""Drawing summaries for people to judge: at random, so that the share of good ones says something about all."""

from datetime import timedelta
from typing import Any

from django.db import connection

from summarization.rating import Maker

DAYS = 30
# Among so many of the newest: a bound on what one draw reads, whatever the size of the domain.
AMONG = 10_000
DRAW = """
SELECT recent.id
FROM (
    SELECT id, input_hash, backend, model, prompt_version FROM summarization_summary
    WHERE domain = %(domain)s AND summarized_at > now() - %(since)s
    ORDER BY summarized_at DESC, id DESC LIMIT %(among)s
) AS recent
WHERE (recent.backend, recent.model, recent.prompt_version) = (%(backend)s, %(model)s, %(prompt_version)s)
AND recent.id <> %(but)s AND NOT EXISTS (
    SELECT FROM summarization_rating AS r WHERE r.summary_id = recent.id AND r.input_hash = recent.input_hash
)
ORDER BY random() LIMIT 1
"""


def draw(domain: str, maker: Maker, *, but: int = 0) -> int | None:
    """Return the primary key of a current summary by this maker that nobody has judged, or None where there is none.

    Each of the newest ``AMONG`` of the last ``DAYS`` days is as likely as the others. ``but``: one that is not wanted.
    """
    place: dict[str, Any] = {"domain": domain, "since": timedelta(days=DAYS), "among": AMONG, "but": but}
    with connection.cursor() as cursor:
        cursor.execute(DRAW, place | maker._asdict())
        row = cursor.fetchone()
    return row[0] if row else None
