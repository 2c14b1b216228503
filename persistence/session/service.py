"""Session state, for whoever stands above the stores: by session id, checked, redacted, in the store of the settings.

Raw session ids end here: beneath, a session is known by its keyed hash. While a hash secret is being rotated, a state
is found under an earlier one and goes on there; a new one begins where the session's conversation is.
"""

import logging
import threading
import time
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from persistence.database import translated
from persistence.errors import PersistenceUnavailable
from persistence.ladder.measure import timed
from persistence.prepare import Session
from persistence.privacy.hashing import hash_session, secrets_from_settings
from persistence.privacy.redaction import REDACTION_VERSION, redact_text, redact_value
from persistence.requests import TurnRequest
from persistence.session.errors import SessionStateUnavailable
from persistence.session.lifecycle import initial_state, way_to
from persistence.session.port import NewState, SessionState, SessionStateStore, Subscription, TurnFacts
from persistence.session.requests import StateRequest, check_bounds, check_session
from persistence.session.stores import store_for
from persistence.turns import RecordedTurn, find_session

QUIET_SECONDS = 60.0  # between two warnings that a turn's session state could not be noted
log = logging.getLogger(__name__)


def get_state(domain: str, channel: str, session_id: str) -> SessionState | None:
    """Return the session's state; None when there is none. Raises InvalidTurn and SessionStateUnavailable."""
    check_session(domain, channel, session_id)
    store = store_for(domain)
    with timed("state_read"):
        return store.get(domain, channel, session_name(store, domain, channel, session_id))


def put_state(
    domain: str,
    channel: str,
    session_id: str,
    request: StateRequest,
    *,
    expected_version: int | None = None,
    ttl: int | None = None,
) -> SessionState:
    """Keep a new state and return it; ``ttl`` in seconds, by default ``SESSION_STATE_TTL_SECONDS``.

    With ``expected_version`` only if that is the present one (``port.MUST_NOT_EXIST``: if there is none). Raises
    InvalidTurn, StaleVersion, IllegalTransition (nothing has changed then) and SessionStateUnavailable.
    """
    check_session(domain, channel, session_id)
    check_bounds(expected_version=expected_version, ttl=ttl)
    new = new_state(domain, request)
    store = store_for(domain)
    name = session_name(store, domain, channel, session_id)
    with timed("state_write"):
        return store.put(domain, channel, name, new, expected_version=expected_version, ttl=lifetime(ttl))


def clear_state(
    domain: str, channel: str, session_id: str, *, expected_version: int | None = None
) -> int | None:
    """Forget the session's state; return the version of the clearing, None when there was no state.

    Raises InvalidTurn, StaleVersion (nothing has changed then) and SessionStateUnavailable.
    """
    check_session(domain, channel, session_id)
    check_bounds(expected_version=expected_version, ttl=None)
    store = store_for(domain)
    name = session_name(store, domain, channel, session_id)
    with timed("state_write"):
        return store.clear(domain, channel, name, expected_version=expected_version, ttl=lifetime(None))


def watch(
    domain: str, channel: str, session_id: str, *, after_version: int | None = None
) -> AbstractContextManager[Subscription]:
    """Listen to a session; see ``SessionStateStore.subscribe``. Raises InvalidTurn and SessionStateUnavailable."""
    check_session(domain, channel, session_id)
    check_bounds(expected_version=after_version, ttl=None)
    store = store_for(domain)
    name = session_name(store, domain, channel, session_id)
    return store.subscribe(domain, channel, name, after_version=after_version)


def after_turn(domain: str, turn: TurnRequest, recorded: RecordedTurn) -> SessionState | None:
    """Note a committed turn in its session's state and return that; None when it is not known now. Never raises.

    A replayed turn only reads: it was noted when it was new. Inside a caller's transaction nothing is done, for there
    the turn may still be taken back.
    """
    if connection.in_atomic_block:
        return None
    try:
        store = store_for(domain)
        name = session_name(store, domain, turn.channel, turn.session_id)
        if recorded.replayed:
            with timed("state_read"):
                return store.get(domain, turn.channel, name)
        facts = TurnFacts(recorded.turn_id, turn.confidence, REDACTION_VERSION, initial_state(domain))
        with timed("state_write"):
            return store.touch(domain, turn.channel, name, facts, ttl=lifetime(None))
    except SessionStateUnavailable as error:
        _complaints.say("session state does not follow the turns now: %s", error.reason)
    except Exception:  # a defect, and the turn is durable: its answer must not suffer
        _complaints.say("a turn could not be noted in its session's state", exc_info=True)
    return None


def state_of_conversation(domain: str, channel: str, session_hash: bytes) -> SessionState | None:
    """Return the state of a conversation's session, which is known by its hash. Raises SessionStateUnavailable."""
    with timed("state_read"):
        return store_for(domain).get(domain, channel, session_hash.hex())


def new_state(domain: str, request: StateRequest) -> NewState:
    """Return what a store keeps of a request: redacted, with the ways that the domain's lifecycle allows.

    Raises InvalidTurn for a state that the lifecycle does not have.
    """
    allowed_from, may_begin = way_to(domain, request.state)
    return NewState(
        state=redact_text(request.state),
        data=redact_value(request.data),
        redaction_version=REDACTION_VERSION,
        confidence=None if request.confidence is None else float(request.confidence) + 0.0,
        turn_id=request.turn_id,
        allowed_from=allowed_from,
        may_begin=may_begin,
    )


def lifetime(ttl: int | None) -> int:
    """Return the time to live in seconds."""
    return settings.SESSION_STATE_TTL_SECONDS if ttl is None else ttl


def session_name(store: SessionStateStore, domain: str, channel: str, session_id: str) -> str:
    """Return the hash that the session is known by. Raises SessionStateUnavailable while several must be tried."""
    known = secrets_from_settings()
    sessions = [
        Session(
            domain,
            channel,
            hash_session(known, domain=domain, channel=channel, session_id=session_id, version=version),
            version,
        )
        for version in known.versions
    ]
    if len(sessions) == 1:
        return sessions[0].session_hash.hex()
    for session in sessions:
        if store.get(domain, channel, session.session_hash.hex()) is not None:
            return session.session_hash.hex()
    return conversation_session(sessions).session_hash.hex()


def conversation_session(sessions: list[Session]) -> Session:
    """Return the session as its conversation knows it, or the newest where Postgres cannot say.

    What looks a state up by conversation (the context, an export, an erasure) looks under that hash.
    """
    try:
        with translated(), connection.cursor() as cursor:
            return find_session(cursor, sessions)
    except PersistenceUnavailable:
        return sessions[0]


def as_json(state: SessionState) -> dict[str, Any]:
    """Return the state as the API tells it."""
    return {
        "state": state.state,
        "domain": state.domain,
        "confidence": state.confidence,
        "turn_id": _text(state.turn_id),
        "version": state.version,
        "redaction_version": state.redaction_version,
        "updated_at": state.updated_at.isoformat(),
        "data": state.data,
        "kept_in": state.kept_in,
    }


class Complaints:
    """Says at most one thing in a while, and how many were left unsaid."""

    def __init__(self, quiet_seconds: float) -> None:
        self._quiet_seconds = quiet_seconds
        self._lock = threading.Lock()
        self._quiet_until = float("-inf")
        self._unsaid = 0

    def say(self, message: str, *values: Any, exc_info: bool = False) -> None:
        with self._lock:
            if time.monotonic() < self._quiet_until:
                self._unsaid += 1
                return
            unsaid, self._unsaid = self._unsaid, 0
            self._quiet_until = time.monotonic() + self._quiet_seconds
        log.warning(f"{message} (%d more since this was last said)", *values, unsaid, exc_info=exc_info)


_complaints = Complaints(QUIET_SECONDS)


def _text(turn_id: UUID | None) -> str | None:
    return None if turn_id is None else str(turn_id)
