"""A destination behind the claim check, and short words for events that are too large."""

import json
from typing import Any
from urllib.request import urlopen
from uuid import UUID

from django.db import connection

from outbox.destinations import destination, load_handler
from outbox.relay import Relayed, relay
from persistence.claim_check.sweep import Swept, sweep
from persistence.models import ClaimCheck
from tests.outbox.support import SCRIPTED, ScriptedHandler

LAYER = "persistence.claim_check.layer.ClaimCheck"
OPTIONS = {"over": 1_000, "part": "transcript.turns", "keep": ["case_id"]}
DAY = 86_400
LARGE = {
    "case_id": "c1",
    "transcript": {"count": 40, "turns": [{"seq": seq, "text": "olá " * 20} for seq in range(40)]},
}
SMALL = {"case_id": "c1", "transcript": {"count": 1, "turns": []}}


def behind_claim_check(**options: Any) -> dict[str, Any]:
    """Return the registry with the scripted destination behind the layer."""
    changes = {"schedule": [5, 30, 300], "layers": [LAYER], "options": {"claim_check": OPTIONS | options}}
    return {"scripted": SCRIPTED["scripted"] | changes}


def run() -> Relayed:
    """Rescue and relay until nothing is due."""
    load_handler.cache_clear()
    return relay(destination("scripted"), budget=60, poll=0, until_empty=True)


def bodies() -> list[str]:
    """Return every payload that the receiver was given, as it would go over the wire."""
    return [json.dumps(delivery.payload, sort_keys=True) for delivery in ScriptedHandler.received]


def check_of(number: int = -1) -> dict[str, Any]:
    """Return the claim check of a payload that arrived."""
    payload = ScriptedHandler.received[number].payload
    found: dict[str, Any] = (
        payload["transcript"]["claim_check"] if "transcript" in payload else payload["claim_check"]
    )
    return found


def http_get(url: str) -> bytes:
    with urlopen(url, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def pass_time(**days: float) -> None:
    """Let days pass for the claims' ``expires``, ``settled``, ``created`` or ``deleted``, or for a sweeper's lease."""
    with connection.cursor() as cursor:
        for name, number in days.items():
            column = {"sweeping": "sweeping_until"}.get(name, f"{name}_at")
            cursor.execute(
                f"UPDATE persistence_claim_check SET {column} = {column} - %s * interval '1 day'", [number]
            )


def pass_everything(days: float) -> None:
    """Let the same time pass for claims and for deliveries that were settled."""
    pass_time(expires=days, settled=days, created=days)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_delivery SET settled_at = settled_at - %s * interval '1 day'", [days])


def sweep_now(store: Any, *, grace_days: float = 1, abandoned_days: float = 14) -> Swept:
    return sweep(store, grace_seconds=grace_days * DAY, abandoned_seconds=abandoned_days * DAY)


def claim_row(event_id: UUID) -> ClaimCheck:
    return ClaimCheck.objects.get(event_id=event_id)
