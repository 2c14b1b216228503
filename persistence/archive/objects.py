"""The archived object: one immutable JSON document per turn, a pure function of the stored row.

Encoding the same turn again gives the same bytes, so a retried put compares equal, and ``archive verify`` compares
whole objects. Decoding trusts nothing: it recomputes every digest from what it reads.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from persistence.content import content_digest, next_digest
from persistence.jsontext import dumps

SCHEMA = "holdfast.turn/1"
PREFIX = "turns/v1/"


@dataclass(frozen=True, slots=True)
class ArchivedTurn:
    """A turn with everything that a restore needs. ``content`` is what ``prepare.content_of`` made (JSON values)."""

    conversation_id: UUID
    seq: int
    created_at: datetime
    control: str
    control_epoch: int
    salt: bytes
    content_digest: bytes
    prev_digest: bytes
    digest: bytes
    content: dict[str, Any]

    @property
    def key(self) -> str:
        return key_of(self.conversation_id, self.seq)

    def fault(self) -> str | None:
        """Return what does not fit between the content and its digests, or None when all of it does."""
        if content_digest(self.salt, dumps(self.content)) != self.content_digest:
            return "the content does not have the digest that it carries"
        if next_digest(self.prev_digest, self.content_digest) != self.digest:
            return "the digest does not follow from the previous one"
        return None


class AlteredObject(Exception):
    """An object is not what Holdfast wrote; the message says in which way."""


def key_of(conversation_id: UUID, seq: int) -> str:
    """Return where a turn lies. Keys sort by conversation, then by turn, like Postgres sorts the ids.

    The first eight digits of a UUID version 7 change every 66 seconds: a directory holds the conversations that began
    together, neither one for each of them nor all in one.
    """
    text = str(conversation_id)
    return f"{PREFIX}{text[:8]}/{text}.{seq:010d}.json"


def encode(turn: ArchivedTurn) -> bytes:
    """Return the object's bytes: canonical JSON with a digest over everything else in it."""
    document = {
        "schema": SCHEMA,
        "conversation_id": str(turn.conversation_id),
        "seq": turn.seq,
        "created_at": turn.created_at.isoformat(timespec="microseconds"),
        "control": turn.control,
        "control_epoch": turn.control_epoch,
        "salt": turn.salt.hex(),
        "content_digest": turn.content_digest.hex(),
        "prev_digest": turn.prev_digest.hex(),
        "digest": turn.digest.hex(),
        "content": turn.content,
    }
    return dumps(document | {"envelope_digest": _envelope_digest(document)}).encode("utf-8")


def decode(key: str, body: bytes) -> ArchivedTurn:
    """Return the turn in an object. Raises AlteredObject when anything in it, or its key, does not fit."""
    try:
        document = json.loads(body)
        if document.get("schema") != SCHEMA:
            raise AlteredObject(f"schema {document.get('schema')!r} is not {SCHEMA!r}")
        claimed = document.pop("envelope_digest")
        turn = ArchivedTurn(
            conversation_id=UUID(document["conversation_id"]),
            seq=int(document["seq"]),
            created_at=datetime.fromisoformat(document["created_at"]),
            control=document["control"],
            control_epoch=int(document["control_epoch"]),
            salt=bytes.fromhex(document["salt"]),
            content_digest=bytes.fromhex(document["content_digest"]),
            prev_digest=bytes.fromhex(document["prev_digest"]),
            digest=bytes.fromhex(document["digest"]),
            content=document["content"],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise AlteredObject(f"it cannot be read as a turn: {error!r}") from error
    if claimed != _envelope_digest(document):
        raise AlteredObject("the envelope does not have the digest that it carries")
    if turn.key != key:
        raise AlteredObject(f"it belongs under {turn.key!r}")
    if fault := turn.fault():
        raise AlteredObject(fault)
    return turn


def _envelope_digest(document: dict[str, Any]) -> str:
    """Digest what surrounds the content; the content is in it by its own digest, so it is not read twice."""
    envelope = {name: value for name, value in document.items() if name != "content"}
    return hashlib.sha256(dumps(envelope).encode("utf-8")).hexdigest()
