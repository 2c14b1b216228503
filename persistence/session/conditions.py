"""Conditions of a request on a session's state: ``If-Match`` and ``If-None-Match`` (RFC 9110, section 13).

The entity tag of a state is its version in quotes. Whoever writes says with ``If-Match`` which version they have seen
and with ``If-None-Match: *`` that they have seen none. A tag that cannot be a version of ours is refused by the name of
its header rather than taken for one that has gone by: it is a mistake in the caller's program, not a race.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from persistence.jsontext import refuse
from persistence.session.errors import StaleVersion
from persistence.session.port import MUST_NOT_EXIST, SessionState

T = TypeVar("T")
IF_MATCH, IF_NONE_MATCH, LAST_EVENT_ID = "If-Match", "If-None-Match", "Last-Event-ID"
MAX_TAGS = 20
# The largest whole number that every store, Lua's arithmetic included, tells from its neighbours.
MAX_VERSION = 2**53 - 1
# How often a write that takes any version may meet a new one in between before it gives up.
TRIES = 10
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"\s*{_TAG}\s*(?:,\s*{_TAG}\s*)*")
_VERSION = re.compile(r"[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a writer demands of the present state: nothing, that there is none, any, or one of some versions."""

    demands: Literal["nothing", "none", "any", "versions"]
    versions: frozenset[int] = frozenset()

    def accepts(self, version: int) -> bool:
        return self.demands == "any" or version in self.versions


def etag(version: int) -> str:
    """Return the entity tag of a version."""
    return f'"{version}"'


def condition(if_match: str | None, if_none_match: str | None) -> Condition:
    """Read the headers of a write. Raises InvalidTurn that names the header."""
    if if_match is not None and if_none_match is not None:
        raise refuse(IF_NONE_MATCH, "cannot be met together with If-Match; send one of them")
    if if_none_match is not None:
        if if_none_match.strip() != "*":
            raise refuse(IF_NONE_MATCH, "can only be * here: write if the session has no state yet")
        return Condition("none")
    if if_match is None:
        return Condition("nothing")
    if if_match.strip() == "*":
        return Condition("any")
    return Condition("versions", frozenset(_strong(tag) for tag in _tags(if_match, IF_MATCH)))


def is_known(if_none_match: str | None, version: int) -> bool:
    """Say whether a reader has this version already. Compared weakly, as a proxy on the way may have weakened the tag.

    Raises InvalidTurn for a header that is no list of tags.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag(version) in {tag.removeprefix("W/") for tag in _tags(if_none_match, IF_NONE_MATCH)}


def last_seen(last_event_id: str | None) -> int | None:
    """Return the version that a listener heard last. Raises InvalidTurn for anything that was never such an id."""
    if not last_event_id:
        return None
    return _version(last_event_id, LAST_EVENT_ID)


def carry_out(
    demanded: Condition, write: Callable[[int | None], T], present: Callable[[], SessionState | None]
) -> T:
    """Call ``write`` with the expected version that the condition comes to; every check is the store's own comparison.

    Where several versions will do, the store's refusal says which of them is the present one. Raises StaleVersion.
    """
    if demanded.demands == "nothing":
        return write(None)
    if demanded.demands == "none":
        return write(MUST_NOT_EXIST)
    expected = max(demanded.versions) if demanded.versions else _version_of(present())
    for _ in range(TRIES - 1):
        try:
            return write(expected)
        except StaleVersion as stale:
            if stale.state is None or stale.state.version == expected:
                raise
            if not demanded.accepts(stale.state.version):
                raise
            expected = stale.state.version
    return write(expected)


def _version_of(state: SessionState | None) -> int:
    if state is None:
        raise StaleVersion(None, None)
    return state.version


def _tags(header: str, name: str) -> list[str]:
    if not _TAGS.fullmatch(header):
        raise refuse(name, f'is not a list of entity tags; write it like {name}: "1763740000000"')
    found = re.findall(_TAG, header)
    if len(found) > MAX_TAGS:
        raise refuse(name, f"has more than {MAX_TAGS} tags")
    return found


def _strong(tag: str) -> int:
    if tag.startswith("W/"):
        raise refuse(IF_MATCH, "has a weak tag, which can never match; send the ETag as it was answered")
    return _version(tag.strip('"'), IF_MATCH)


def _version(text: str, name: str) -> int:
    if not _VERSION.fullmatch(text) or int(text) > MAX_VERSION:
        raise refuse(name, "is not a version of a session's state")
    return int(text)
