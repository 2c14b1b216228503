"""What the contenders for session state have in common: sessions as the stores name them, and a state of 1 KB."""

import json
from typing import Any
from uuid import uuid4

from bench.harness.words import exchanges

STATE_BYTES = 1024
TTL = 2_700


def sessions(count: int) -> list[str]:
    """Return the hashes of sessions that nobody has used before, as hexadecimal digits."""
    return [uuid4().hex + uuid4().hex for _ in range(count)]


def state_data() -> dict[str, Any]:
    """Return an app's data whose JSON text has about a kilobyte."""
    data: dict[str, Any] = {"step": "payment", "slots": {"amount": 129.9, "currency": "EUR"}, "said": ""}
    said = exchanges()[0][1]["content"].replace('"', "'")
    return data | {"said": said[: STATE_BYTES - len(json.dumps(data))]}
