"""Where outbox events go: one entry per destination, named for good.

``outbox.destinations.Destination`` explains each key and ``manage.py check`` refuses an entry that cannot work. A
handler is named by dotted path, so the outbox never imports upward.
"""

from typing import Any


def destinations() -> dict[str, dict[str, Any]]:
    """Return the registry for ``settings.OUTBOX_DESTINATIONS``."""
    return {
        "archive": {
            "handler": "persistence.archive.handler.ArchiveHandler",
            "events": ["turn.recorded", "conversation.summarized"],
            "queue": "archive",
            # Seconds before each further attempt; the last one repeats for ever, because an archive never gives up.
            "schedule": [1, 2, 5, 15, 60, 300],
            "on_exhausted": "repeat",
            "lanes_per_claim": 200,
            "deliveries_per_lane": 50,
        },
    }
