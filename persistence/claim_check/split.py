"""What of a payload has to travel apart: pure rules, the same at every try of an event."""

import copy
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any
from uuid import UUID

from persistence.jsontext import dumps

CONTENT_TYPE = "application/json"
_PART = re.compile(r"[A-Za-z0-9_]{1,50}(\.[A-Za-z0-9_]{1,50}){0,3}")
_HEX_OF_DIGEST = 16
_HEX_PER_FOLDER = 6  # of a UUID version 7: a directory holds the claims of less than five hours


@dataclass(frozen=True, slots=True)
class Options:
    """The ``claim_check`` of a destination's options.

    ``over`` is the size in bytes, as compact UTF-8 JSON, up to which a payload travels whole. ``part`` names by a
    dotted path what is taken out first. Where that is missing or not enough, all of the payload is taken but for the
    members that ``keep`` names, so that a receiver can tell what it is about.
    """

    over: int = 49_152
    part: str | None = None
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.part is not None and not _PART.fullmatch(self.part):
            raise ValueError(f"claim_check: part {self.part!r} is not a dotted path such as transcript.turns")
        if self.over < 0:
            raise ValueError("claim_check: over must be 0 or more bytes")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Options":
        """Read them from a destination's options. Raises ValueError for what makes no sense."""
        given = dict(options.get("claim_check", {}))
        if unknown := set(given) - {spec.name for spec in fields(cls)}:
            raise ValueError(f"claim_check: unknown keys {sorted(unknown)}")
        return cls(**given | {"keep": tuple(given.get("keep", ()))})


@dataclass(frozen=True, slots=True)
class Split:
    """A payload in two: ``body`` goes to the store under ``key``, and ``rest`` stays in the event."""

    key: str
    body: bytes
    sha256: str
    rest: dict[str, Any]
    part: str | None

    def with_check(self, check: Mapping[str, Any]) -> dict[str, Any]:
        """Return the payload to send: the claim check stands beside where the part was, or on top."""
        payload = copy.deepcopy(self.rest)
        parent = _parent(payload, self.part) if self.part else payload
        assert parent is not None
        parent["claim_check"] = dict(check)
        return payload


def split(event_id: UUID, payload: dict[str, Any], options: Options) -> Split | None:
    """Return the payload in two, or None when it may travel whole."""
    if _size(payload) <= options.over:
        return None
    if options.part and (parent := _parent(payload, options.part)) is not None:
        name = options.part.rpartition(".")[2]
        if name in parent:
            rest = copy.deepcopy(payload)
            taken = (_parent(rest, options.part) or {}).pop(name)
            if _size(rest) <= options.over:
                return _apart(event_id, taken, rest, options.part)
    return _apart(event_id, payload, {name: payload[name] for name in options.keep if name in payload}, None)


def _apart(event_id: UUID, taken: Any, rest: dict[str, Any], part: str | None) -> Split:
    body = dumps(taken).encode()
    digest = hashlib.sha256(body).hexdigest()
    return Split(key_of(event_id, part, digest), body, digest, rest, part)


def key_of(event_id: UUID, part: str | None, sha256: str) -> str:
    """Return where an event's claim lies: a function of event, part and content, so a retry finds it again.

    The content counts because an outer layer may complete a payload, and not the same way for every destination or
    after a change of settings: other content is another object, not a conflict that only a person could end.
    """
    text = str(event_id)
    return f"v1/{text[:_HEX_PER_FOLDER]}/{text}.{part or 'whole'}.{sha256[:_HEX_OF_DIGEST]}.json"


def _parent(payload: Any, part: str) -> dict[str, Any] | None:
    """Return the object that holds the part's last name, or None where the path leads nowhere."""
    found = payload
    for name in part.split(".")[:-1]:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _size(payload: Mapping[str, Any]) -> int:
    return len(dumps(payload).encode())
