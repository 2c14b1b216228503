"""``record_turn``: the one way in for a turn."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, OperationalError, ProgrammingError, connection
from psycopg2.errors import InvalidSqlStatementName

from persistence.database import translated
from persistence.errors import RequestIdReused, StaleControl, StaleSequence
from persistence.prepare import Session, sessions, statement_of
from persistence.privacy.hashing import secrets_from_settings
from persistence.requests import TurnRequest, turn_request
from persistence.transcript import HistoryTurn

PARAMETERS = {
    "content": "jsonb",
    "session_hash": "bytea",
    "fingerprint": "bytea",
    "expected_seq": "bigint",
    "expected_epoch": "int",
    "conversation_id": "uuid",
    "salt": "bytea",
    "content_digest": "bytea",
    "event_id": "uuid",
    "headers": "jsonb",
    "destinations": "text[]",
    "only_under": "text",
}
COLUMNS = "outcome, turn_id, conversation_id, seq, control, control_epoch, created_at, prev_digest, digest"
ANSWER = f"SELECT {COLUMNS} FROM persistence_record_turn_3"
VALUES = ", ".join(f"%({name})s" for name in PARAMETERS)
RECORD = f"{ANSWER}({VALUES})"
# Parsing the call anew each time costs a good part of the turn, so each server connection learns it once.
PREPARE = (
    f"PREPARE holdfast_record_turn_3 ({', '.join(PARAMETERS.values())}) AS "
    f"{ANSWER}({', '.join(f'${number}' for number in range(1, len(PARAMETERS) + 1))})"
)
EXECUTE = f"EXECUTE holdfast_record_turn_3({VALUES})"
FIND_SESSION = """
SELECT hash_version FROM persistence_conversation
WHERE (session_hash, hash_version) IN %s AND control <> 'closed' ORDER BY hash_version DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """The turn as it is stored; ``replayed`` when an earlier request with this ``request_id`` stored it.

    ``stored`` is what ``history`` would read of it; None for a replayed one, whose row may say something else. Its
    ``control`` is the row's, whatever has become of the conversation by the time the caller is answered.
    """

    turn_id: UUID
    conversation_id: UUID
    seq: int
    replayed: bool
    control: str
    control_epoch: int
    created_at: datetime
    stored: HistoryTurn | None = field(default=None, repr=False, compare=False)


def record_turn(
    *,
    domain: str,
    channel: str,
    session_id: str,
    request_id: str,
    messages: Sequence[dict[str, Any]],
    expected_seq: int | None = None,
    control_epoch: int | None = None,
    customer_ref: str | None = None,
    **facts: Any,
) -> RecordedTurn:
    """Store one turn with its outbox rows, durably, and return it. A repeated request returns the first turn.

    ``messages`` is a list of ``{"role": user|assistant|agent|system|tool, "content": str, …}`` in the order said.
    ``facts`` may be confidence (0 to 1), escalated, reason_codes, references, error_code, model, latency_ms,
    tokens_in, tokens_out, metadata. The call opens its own durable transaction and refuses to run inside another.

    Raises InvalidTurn (it cannot be stored), RequestIdReused, StaleSequence, StaleControl (it was not stored) and
    PersistenceUnavailable (not acknowledged: repeat the call with the same ``request_id``).
    """
    given = {
        "channel": channel,
        "session_id": session_id,
        "request_id": request_id,
        "messages": list(messages),
        "expected_seq": expected_seq,
        "control_epoch": control_epoch,
        "customer_ref": customer_ref,
    }
    return record(domain, turn_request(given | facts))


class OtherControl(Exception):
    """The conversation is not under the control that the caller asked for. Nothing was stored."""


def record(domain: str, turn: TurnRequest, *, only_under: str | None = None) -> RecordedTurn:
    """Do what ``record_turn`` does, for a request that has been checked.

    With ``only_under`` (``bot``, …) the turn is stored only while the conversation is under that control, and
    OtherControl is raised otherwise.

    One statement in autocommit mode *is* a durable transaction, without the two round trips of BEGIN and COMMIT
    (docs/decisions/0002).
    """
    if connection.in_atomic_block:
        raise RuntimeError(
            "record_turn() opens its own durable transaction; inside another one, use write_turn()."
        )
    with translated():
        try:
            return write_turn(domain, turn, only_under=only_under)
        except IntegrityError as error:
            if not lost_request_race(error):
                raise
            return write_turn(domain, turn, only_under=only_under)  # the winner is visible now


def lost_request_race(error: IntegrityError) -> bool:
    """Say whether two sessions raced for one request id; the loser asks again, and its transaction with it."""
    return "persistence_turn_request_once" in str(error)


def write_turn(
    domain: str, turn: TurnRequest, *, session: Session | None = None, only_under: str | None = None
) -> RecordedTurn:
    """Write a checked turn in one statement: atomic in itself, and part of the caller's transaction where one is open.

    1. hash, redact and digest · 2. one statement · 3. what it answered, as a turn or as the conflict that it met.
    ``session`` is given where the conversation is known already and its session id, which rests nowhere, is not.
    """
    hash_secrets = secrets_from_settings()
    with connection.cursor() as cursor:
        found = session or find_session(cursor, sessions(domain, turn, hash_secrets))
        statement = statement_of(turn, found, hash_secrets, only_under)
        call(cursor, statement.parameters)
        outcome, turn_id, conversation_id, seq, control, control_epoch, created_at, *chain = cursor.fetchone()
    match outcome:
        case "other_control":
            raise OtherControl(control)
        case "request_id_reused":
            raise RequestIdReused(turn.request_id)
        case "stale_sequence":
            raise StaleSequence(expected_seq=turn.expected_seq, last_seq=seq)
        case "stale_control":
            raise StaleControl(control=control, control_epoch=control_epoch)
        case "replayed":
            return RecordedTurn(turn_id, conversation_id, seq, True, control, control_epoch, created_at)
    stored = statement.turn(turn_id, seq, created_at, control, control_epoch, *map(bytes, chain))
    return RecordedTurn(turn_id, conversation_id, seq, False, control, control_epoch, created_at, stored)


def call(cursor: Any, parameters: dict[str, Any]) -> None:
    """Call ``persistence_record_turn_3``, by the prepared statement where this server connection knows it.

    Behind a transaction pooler any statement may meet any server connection. One that does not know the statement is
    taught it for the next time and called directly now. Inside a caller's transaction the call is always direct: the
    error of an unknown statement would end that transaction.
    """
    if connection.in_atomic_block:
        cursor.execute(RECORD, parameters)
        return
    try:
        cursor.execute(EXECUTE, parameters)
    except OperationalError as error:
        if not isinstance(error.__cause__, InvalidSqlStatementName):
            raise
        with contextlib.suppress(
            ProgrammingError
        ):  # known there after all: the pooler gave us another connection
            cursor.execute(PREPARE)
        cursor.execute(RECORD, parameters)


def find_session(cursor: Any, candidates: list[Session]) -> Session:
    """While a hash secret is being rotated, return the session of a conversation that began under an earlier one."""
    if len(candidates) == 1:
        return candidates[0]
    cursor.execute(
        FIND_SESSION, [tuple((session.session_hash, session.hash_version) for session in candidates)]
    )
    found = cursor.fetchone()
    return next(
        (session for session in candidates if found and session.hash_version == found[0]), candidates[0]
    )
