"""When Redis is out, Postgres stands in for it: what is written is kept there until Redis can be told."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db.models.functions import Now

from persistence.database import translated
from persistence.errors import PersistenceUnavailable
from persistence.models import SessionState as Row
from persistence.session.errors import SessionStateUnavailable
from persistence.session.metrics import FALLBACKS
from persistence.session.port import NewState, SessionState, SessionStateStore, Subscription, TurnFacts
from persistence.session.postgres import PostgresStore


class FailOpen:
    """``SessionStateStore`` in Redis, and in Postgres while Redis is out. ``heal`` tells Redis afterwards.

    What Postgres does not know is unknown then, not absent: reading it raises SessionStateUnavailable. With
    ``written_behind`` the rows also hold what Redis acknowledged before the outage, as far as it was applied; without,
    a row that was not written in an outage is a leftover of another level, and is not believed.

    Two processes that disagree about whether Redis is out may each accept a change to the same version; the later
    one wins when it is healed.
    """

    def __init__(
        self, primary: SessionStateStore, standby: PostgresStore, *, written_behind: bool = False
    ) -> None:
        self._primary, self._standby, self._written_behind = primary, standby, written_behind

    def get(self, domain: str, channel: str, session: str) -> SessionState | None:
        try:
            return self._primary.get(domain, channel, session)
        except SessionStateUnavailable as error:
            FALLBACKS.labels("get").inc()
            is_cleared = self._is_known_as_cleared(session)
            if is_cleared is None:
                raise SessionStateUnavailable(error.reason) from error
            return None if is_cleared else self._standby.get(domain, channel, session)

    def put(
        self,
        domain: str,
        channel: str,
        session: str,
        new: NewState,
        *,
        expected_version: int | None = None,
        ttl: int,
    ) -> SessionState:
        where = (domain, channel, session)
        try:
            return self._primary.put(*where, new, expected_version=expected_version, ttl=ttl)
        except SessionStateUnavailable:
            FALLBACKS.labels("put").inc()
            return self._standby.put(*where, new, expected_version=expected_version, ttl=ttl)

    def touch(
        self, domain: str, channel: str, session: str, facts: TurnFacts, *, ttl: int
    ) -> SessionState | None:
        """Note a turn, during an outage only in what was written during it: any other copy may be an older one."""
        try:
            return self._primary.touch(domain, channel, session, facts, ttl=ttl)
        except SessionStateUnavailable:
            FALLBACKS.labels("touch").inc()
            return self._standby.touch(domain, channel, session, facts, ttl=ttl)

    def clear(
        self, domain: str, channel: str, session: str, *, expected_version: int | None = None, ttl: int
    ) -> int | None:
        where = (domain, channel, session)
        try:
            return self._primary.clear(*where, expected_version=expected_version, ttl=ttl)
        except SessionStateUnavailable:
            FALLBACKS.labels("clear").inc()
            return self._standby.clear(*where, expected_version=expected_version, ttl=ttl)

    def subscribe(
        self, domain: str, channel: str, session: str, *, after_version: int | None = None
    ) -> AbstractContextManager[Subscription]:
        """Listen through Redis. While it is out, what Postgres is told is heard about once a second."""
        return self._primary.subscribe(domain, channel, session, after_version=after_version)

    def _is_known_as_cleared(self, session: str) -> bool | None:
        """Say whether Postgres knows the session as cleared or as live; None: it does not know it.

        Raises SessionStateUnavailable when it does not answer either.
        """
        rows = Row.objects.filter(session_hash=bytes.fromhex(session), expires_at__gt=Now())
        if not self._written_behind:
            rows = rows.filter(unhealed=True)
        with _reached():
            return rows.values_list("cleared", flat=True).first()


@contextmanager
def _reached() -> Iterator[None]:
    try:
        with translated():
            yield
    except PersistenceUnavailable as error:
        raise SessionStateUnavailable("neither Redis nor Postgres answered") from error
