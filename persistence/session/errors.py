"""What can go wrong with session state, as the caller sees it."""

from typing import Any

from persistence.errors import Conflict, HoldfastError
from persistence.session.port import SessionState


class StaleVersion(Conflict):
    """The state is not the one that the caller knew."""

    code = "stale_version"
    title = "The session's state has changed"
    status = 412

    def __init__(self, expected_version: int | None, current: SessionState | None) -> None:
        self.expected_version, self.state = expected_version, current
        wanted = {None: "a state", 0: "no state"}.get(expected_version, f"version {expected_version}")
        found = f"it is at version {current.version}" if current else "there is none"
        super().__init__(
            f"Nothing was changed. You expected {wanted} of this session; {found}. "
            "Read the state, apply your change to it, and send it again with its version."
        )

    def current(self) -> dict[str, Any]:
        return {"version": self.state.version if self.state else None}


class IllegalTransition(Conflict):
    """The domain's lifecycle has no way from the present state to that one."""

    code = "illegal_transition"
    title = "The session's lifecycle has no such step"

    def __init__(self, wanted: str, current: SessionState | None) -> None:
        self.wanted, self.state = wanted, current
        where = f"from {current.state!r} to {wanted!r}" if current else f"that begins at {wanted!r}"
        super().__init__(f"Nothing was changed. The lifecycle of this domain has no step {where}.")

    def current(self) -> dict[str, Any]:
        return {
            "version": self.state.version if self.state else None,
            "state": self.state.state if self.state else None,
        }


class SessionStateUnavailable(HoldfastError):
    """Neither the store nor what stands in for it can answer now."""

    code = "session_state_unavailable"
    title = "The session's state cannot be reached now"
    status = 503

    def __init__(self, reason: str = "") -> None:
        self.reason = reason
        super().__init__(
            "Where session state is kept does not answer, so nothing is said about it and nothing was changed. Turns "
            "are not concerned: go on recording them, and ask again in a few seconds."
        )
