"""Everything that beat starts. Each message expires after one tick, so a stopped worker finds no heap of them."""

from typing import Any

TICK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
MINUTE_SECONDS = 60.0
HOUR_SECONDS = 3600.0


def beat_schedule(destinations: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return Celery's ``beat_schedule``: relays for the settings' destinations, and the upkeep of every storey."""
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
        for name, seconds in (
            ("relay_sources", TICK_SECONDS),
            ("rescue", SWEEP_SECONDS),
            ("reconcile", 30.0),
            ("prune", 60.0),
        )
    }
    storage = {
        name: {
            "task": f"persistence.{name}",
            "schedule": seconds,
            "options": {"queue": "maintenance", "expires": seconds},
        }
        for name, seconds in (
            ("sweep_claims", HOUR_SECONDS),
            ("finish_erasures", MINUTE_SECONDS),
            ("sweep_states", MINUTE_SECONDS),
            ("write_behind", TICK_SECONDS),
            ("heal_states", SWEEP_SECONDS),
        )
    }
    desk = {
        f"cases_{name}": {
            "task": f"handoff.{name}",
            "schedule": seconds,
            "options": {"queue": "maintenance", "expires": seconds},
        }
        for name, seconds in (
            ("sweep", SWEEP_SECONDS),
            ("refresh_search", SWEEP_SECONDS),
            ("prune", HOUR_SECONDS),
        )
    }
    return relays | upkeep | storage | desk
