"""What can go wrong with a handoff or a case, as the caller sees it.

HoldfastError (persistence.errors)
├── HandoffUnavailable       a human was asked for and cannot be promised (503)
├── CaseNotFound             no such case, or none that the caller may see (404)
└── Conflict                 nothing was changed (409)
    ├── AlreadyClaimed       somebody else owns the case
    ├── StaleVersion         the case has changed since the caller last looked
    └── TransitionRefused    the case's state does not allow it
"""

from typing import Any

from persistence.errors import Conflict, HoldfastError, NotFound


class HandoffUnavailable(HoldfastError):
    code = "handoff_unavailable"
    title = "No human can be promised now"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "Neither the turn nor a case is acknowledged, and nobody was called. Do not tell the customer that a "
            "human will come. Send the same request again with the same request_id: if it was stored after all, you "
            "get that case back."
        )

    def current(self) -> dict[str, Any]:
        return {"handoff_status": self.code, "persistence_status": "persistence_unavailable"}


class CaseNotFound(NotFound):
    def __init__(self) -> None:
        super().__init__("case")


class AlreadyClaimed(Conflict):
    code = "already_claimed"
    title = "Somebody else has this case"

    def __init__(self, *, owner: str, version: int) -> None:
        self.owner, self.version = owner, version
        super().__init__(
            f"Nothing was changed: the case belongs to {owner}. Ask them, or a lead, to hand it to you."
        )

    def current(self) -> dict[str, Any]:
        return {"assignee": self.owner, "version": self.version}


class StaleVersion(Conflict):
    code = "stale_version"
    title = "The case has changed since you looked"

    def __init__(self, *, version: int, status: str, assignee: str) -> None:
        self.version, self.case_status, self.assignee = version, status, assignee
        owner = f"belongs to {assignee}" if assignee else "belongs to nobody"
        super().__init__(
            f"Nothing was changed. The case is at version {version}, is {status.replace('_', ' ')} and {owner}. "
            "Look at it again, then repeat what still makes sense."
        )

    def current(self) -> dict[str, Any]:
        return {"version": self.version, "case_status": self.case_status, "assignee": self.assignee}


class TransitionRefused(Conflict):
    code = "transition_refused"
    title = "The case's state does not allow this"

    def __init__(self, why: str, *, version: int, status: str) -> None:
        self.version, self.case_status = version, status
        super().__init__(f"Nothing was changed. {why}")

    def current(self) -> dict[str, Any]:
        return {"version": self.version, "case_status": self.case_status}
