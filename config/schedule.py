"""Everything that beat starts. Each message expires after one tick, so a stopped worker finds no heap of them."""

from typing import Any

TICK_SECONDS = 1.0
SWEEP_SECONDS = 5.0


def beat_schedule(destinations: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return Celery's ``beat_schedule``: one relay per destination, and the outbox's upkeep."""
    relays = {
        f"relay-{name}": {
            "task": "outbox.relay",
            "schedule": TICK_SECONDS,
            "kwargs": {"destination": name},
            "options": {"queue": destination["queue"], "expires": TICK_SECONDS},
        }
        for name, destination in destinations.items()
    }
    upkeep = {
        name: {
            "task": f"outbox.{name}",
            "schedule": seconds,
            "options": {"queue": "maintenance", "expires": seconds},
        }
        for name, seconds in (("rescue", SWEEP_SECONDS), ("reconcile", 30.0), ("prune", 60.0))
    }
    return relays | upkeep
