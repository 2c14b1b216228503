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
    outbox = {"relay_sources": TICK_SECONDS, "rescue": SWEEP_SECONDS, "reconcile": 30.0, "prune": 60.0}
    storage = {
        "sweep_claims": HOUR_SECONDS,
        "finish_erasures": MINUTE_SECONDS,
        "sweep_states": MINUTE_SECONDS,
        "write_behind": TICK_SECONDS,
        "heal_states": SWEEP_SECONDS,
    }
    desk = {"sweep": SWEEP_SECONDS, "refresh_search": SWEEP_SECONDS, "prune": HOUR_SECONDS}
    summaries = {"tend": MINUTE_SECONDS, "send_asked": SWEEP_SECONDS}
    return (
        relays
        | upkeep("outbox", outbox)
        | upkeep("persistence", storage)
        | upkeep("handoff", desk, prefix="cases_")
        | upkeep("summarization", summaries, prefix="summaries_")
        # Celery would add this one by itself, unseen; results of chunks are kept for CELERY_RESULT_EXPIRES.
        | upkeep("celery", {"backend_cleanup": HOUR_SECONDS}, prefix="celery.")
    )


def upkeep(app: str, tasks: dict[str, float], *, prefix: str = "") -> dict[str, dict[str, Any]]:
    """Return entries for an app's tasks, given by name with the seconds between two of them."""
    return {
        f"{prefix}{name}": {
            "task": f"{app}.{name}",
            "schedule": seconds,
            "options": {"queue": "maintenance", "expires": seconds},
        }
        for name, seconds in tasks.items()
    }
