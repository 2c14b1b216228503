"""What can go wrong with a turn, as the caller sees it.

HoldfastError
├── InvalidTurn              what was sent cannot be stored; nothing was (422)
├── Conflict                 what was sent does not fit what is there; nothing was stored (409)
│   ├── RequestIdReused      the request id belongs to another request
│   ├── StaleSequence        the conversation has moved on since the caller last looked
│   ├── StaleControl         somebody else has taken control of the conversation since
│   └── ErasureRefused       somebody still owes this customer something; nothing was erased
├── PersistenceUnavailable   Postgres did not take it (503); retry with the same request id
├── BodyTooLarge             the request is larger than anything that is stored (413)
├── Unauthenticated          no key, or one that opens nothing (401)
├── KeyRevoked               a key that was revoked (403)
└── NotFound                 nothing there, or nothing that this key may see (404)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field; ``field`` is a path such as ``messages[0].content``."""

    field: str
    message: str


class HoldfastError(Exception):
    """The root. ``code`` is for machines, ``title`` and the message are for people."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"
    status: ClassVar[int] = 500

    def current(self) -> dict[str, Any]:
        """Return the values that hold now, for a caller who wants to carry on from them."""
        return {}


class InvalidTurn(HoldfastError):
    code = "invalid"
    title = "The request cannot be stored as it is"
    status = 422

    def __init__(self, errors: list[FieldError]) -> None:
        self.errors = errors
        named = "; ".join(f"{error.field}: {error.message}" for error in errors[:3])
        super().__init__(f"Nothing was stored. {named}")


class Conflict(HoldfastError):
    status = 409


class RequestIdReused(Conflict):
    code = "request_id_reused"
    title = "This request_id belongs to another request"

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"Nothing was stored. The request_id {request_id!r} was used for other content, or in another session. "
            "Use a new request_id for new content; repeat a request unchanged to retry it."
        )


class StaleSequence(Conflict):
    code = "stale_sequence"
    title = "The conversation has moved on"

    def __init__(self, *, expected_seq: int | None, last_seq: int) -> None:
        self.last_seq = last_seq
        super().__init__(
            f"Nothing was stored. You expected turn {expected_seq} to be the last one; it is {last_seq}. "
            "Read the turns you have not seen, then send again with the present number."
        )

    def current(self) -> dict[str, Any]:
        return {"last_seq": self.last_seq}


class StaleControl(Conflict):
    code = "stale_control"
    title = "Control of the conversation has moved"

    def __init__(self, *, control: str, control_epoch: int) -> None:
        self.control, self.control_epoch = control, control_epoch
        super().__init__(
            f"Nothing was stored. Control is now {control!r} at epoch {control_epoch}. "
            "Do not send this answer to the customer. To keep what the customer said, send the turn again without the "
            "assistant's message and under this epoch; then ask for the context."
        )

    def current(self) -> dict[str, Any]:
        return {"control": self.control, "control_epoch": self.control_epoch}


class ErasureRefused(Conflict):
    code = "erasure_refused"
    title = "This customer's data cannot be erased now"

    def __init__(self, hindrances: Sequence[str]) -> None:
        self.hindrances = list(hindrances)
        super().__init__(f"Nothing was erased. {' '.join(self.hindrances)}")


class PersistenceUnavailable(HoldfastError):
    code = "persistence_unavailable"
    title = "The turn could not be stored now"
    status = 503

    def __init__(self) -> None:
        super().__init__(
            "Postgres did not confirm the turn, so it is not acknowledged. Send the same request again with the same "
            "request_id: if it was stored after all, you get that turn back."
        )


class BodyTooLarge(HoldfastError):
    code = "body_too_large"
    title = "The request is too large"
    status = 413

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"Nothing was stored. The body is larger than {limit // 1024} KiB. Send large parts elsewhere and put a "
            "reference to them into the turn."
        )


class Unauthenticated(HoldfastError):
    code = "unauthenticated"
    title = "A valid API key is needed"
    status = 401

    def __init__(self) -> None:
        super().__init__(
            "Nothing was done. Send 'Authorization: Bearer <key>' with a key made by manage.py apikey create."
        )


class KeyRevoked(HoldfastError):
    code = "key_revoked"
    title = "This API key was revoked"
    status = 403

    def __init__(self) -> None:
        super().__init__("Nothing was done. Ask your operator for a new key: manage.py apikey create.")


class NotFound(HoldfastError):
    code = "not_found"
    title = "There is nothing here"
    status = 404

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no {what} that this key may see.")
