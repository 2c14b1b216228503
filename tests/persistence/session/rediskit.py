"""Words for the tests of session state in Redis."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from persistence.session.port import SessionState
from persistence.session.redis import Copy
from tests.contracts.session_state.kit import Told

LONG = 20.0


def copy_of(
    told: Told, version: int, *, cleared: bool = False, seconds: float = 60, previous: int = 0
) -> Copy:
    now = datetime.now(UTC).replace(microsecond=0)
    domain, channel, session = told.name
    state = SessionState("paused", domain, 0.75, uuid4(), version, 3, now, {"from": "elsewhere"}, "redis")
    expires_at = now + timedelta(seconds=seconds)
    return Copy(domain, channel, session, version, previous, now, expires_at, None if cleared else state)
