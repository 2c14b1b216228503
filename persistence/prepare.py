"""From a checked request to the parameters of one statement: hashed, redacted, digested."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid_utils

from outbox.destinations import destinations_for
from persistence.content import content_digest
from persistence.jsontext import dumps, refuse, storable
from persistence.privacy.hashing import HashSecrets, fingerprint, hash_session
from persistence.privacy.redaction import REDACTION_VERSION, redact_text, redact_value
from persistence.requests import MAX_BODY_BYTES, TurnRequest, message_values
from persistence.transcript import HistoryTurn

EVENT_TYPE = "turn.recorded"
# A body that the API takes, and what redaction and hashes may add to it.
MAX_CONTENT_CHARACTERS = MAX_BODY_BYTES + 4096


@dataclass(frozen=True, slots=True)
class Session:
    """What stands for a caller's session id at rest."""

    domain: str
    channel: str
    session_hash: bytes
    hash_version: int


@dataclass(frozen=True, slots=True)
class Statement:
    """The parameters of ``persistence_record_turn_3``, and the content among them as JSON values."""

    content: dict[str, Any]
    parameters: dict[str, Any]

    def turn(
        self,
        turn_id: UUID,
        seq: int,
        created_at: datetime,
        control: str,
        control_epoch: int,
        prev_digest: bytes,
        digest: bytes,
    ) -> HistoryTurn:
        """Return the turn as ``history`` would read it, from the content and from what Postgres decided about it."""
        content = self.content
        return HistoryTurn(
            turn_id,
            seq,
            content["request_id"],
            created_at,
            content["customer_ref"],
            content["confidence"],
            content["escalated"],
            content["error_code"],
            content["model"],
            content["latency_ms"],
            content["tokens_in"],
            content["tokens_out"],
            content["redaction_version"],
            control,
            control_epoch,
            prev_digest,
            digest,
            content["messages"],
            content["reason_codes"],
            content["references"],
            content["metadata"],
        )


def sessions(domain: str, turn: TurnRequest, hash_secrets: HashSecrets) -> list[Session]:
    """Return the session under every secret in force, the current one first."""
    return [
        Session(
            domain,
            turn.channel,
            hash_session(
                hash_secrets, domain=domain, channel=turn.channel, session_id=turn.session_id, version=version
            ),
            version,
        )
        for version in hash_secrets.versions
    ]


def statement_of(
    turn: TurnRequest, session: Session, hash_secrets: HashSecrets, only_under: str | None
) -> Statement:
    """Return the turn hashed, redacted and digested; ids and salt are drawn here."""
    print_ = fingerprint(
        hash_secrets,
        domain=session.domain,
        channel=session.channel,
        session_id=turn.session_id,
        said=[message.content for message in turn.messages if message.role in ("user", "agent")],
        version=session.hash_version,
    )
    content = content_of(turn, session, print_)
    text = dumps(content)
    if len(text) > MAX_CONTENT_CHARACTERS:
        raise refuse("body", f"is larger than {MAX_BODY_BYTES // 1024} KiB")
    salt = secrets.token_bytes(16)
    parameters = {
        "content": text,
        "session_hash": session.session_hash,
        "fingerprint": print_,
        "expected_seq": turn.expected_seq,
        "expected_epoch": turn.control_epoch,
        "conversation_id": str(uuid_utils.uuid7()),
        "salt": salt,
        "content_digest": content_digest(salt, text),
        "event_id": str(uuid_utils.uuid7()),
        "headers": "{}",
        "destinations": destinations_for(EVENT_TYPE),
        "only_under": only_under,
    }
    return Statement(content, parameters)


def content_of(turn: TurnRequest, session: Session, print_: bytes) -> dict[str, Any]:
    """Return the content as JSON values: the form that is digested, stored and archived."""
    return {
        "turn_id": str(uuid_utils.uuid7()),
        "domain": session.domain,
        "channel": session.channel,
        "session_hash": session.session_hash.hex(),
        "hash_version": session.hash_version,
        "request_id": turn.request_id,
        "fingerprint": print_.hex(),
        "customer_ref": turn.customer_ref,
        "messages": redacted_messages(turn),
        "confidence": None if turn.confidence is None else float(turn.confidence) + 0.0,
        "escalated": turn.escalated,
        "reason_codes": turn.reason_codes,
        "references": free_form(turn.references, "references"),
        "error_code": turn.error_code,
        "model": turn.model,
        "latency_ms": turn.latency_ms,
        "tokens_in": turn.tokens_in,
        "tokens_out": turn.tokens_out,
        "metadata": free_form(turn.metadata, "metadata"),
        "redaction_version": REDACTION_VERSION,
    }


def free_form(value: Any, field: str) -> Any:
    """Return metadata or references redacted and in the form that survives storage."""
    return redact_value(storable(value, field)) if value else value


def redacted_messages(turn: TurnRequest) -> list[dict[str, Any]]:
    """Return the messages with every text redacted; roles, keys and ids stay."""
    found = []
    for index, message in enumerate(turn.messages):
        values = message_values(message, f"messages[{index}]")
        if len(values) > 2:
            values = redact_value(values)
        values["content"] = redact_text(message.content)
        found.append(values)
    return found
