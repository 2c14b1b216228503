"""How long the assistant's model takes: what everything else is held against."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

NEWEST = 2_000
# Turn ids are UUIDs of version 7, in the order of time: the newest are read off the end of the primary key.
LATENCY = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms), count(*) FROM (
    SELECT latency_ms FROM persistence_turn
    WHERE turn_id >= %(since)s::uuid AND turn_id < %(until)s::uuid ORDER BY turn_id DESC LIMIT %(newest)s
) AS newest WHERE latency_ms IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class ModelLatency:
    """The median in milliseconds of the turns that name a latency, and how many those are."""

    p50_ms: float | None
    turns: int


def model_latency(since: datetime, until: datetime) -> ModelLatency:
    """Look at the newest 2,000 turns of a window, however many there are."""
    with connection.cursor() as cursor:
        cursor.execute(LATENCY, latency_parameters(since, until))
        return ModelLatency(*cursor.fetchone())


def latency_parameters(since: datetime, until: datetime) -> dict[str, str | int]:
    return {"since": str(first_id(since)), "until": str(first_id(until)), "newest": NEWEST}


def first_id(moment: datetime) -> UUID:
    """Return what sorts before every UUID of version 7 that was made at this moment or later."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)
