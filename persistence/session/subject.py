"""Session state's share of a customer. What lies in Redis goes after the commit, by ``persistence.subject.hot``."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

from persistence.models import Conversation, ParkedStateWrite, SessionState
from persistence.session.errors import SessionStateUnavailable
from persistence.session.service import as_json, state_of_conversation
from persistence.subject.port import Elsewhere, Erased, Subject

PAGE = 500  # conversations at once


class StatesOfSubject:
    """The part of ``SUBJECT_PARTS`` for session state; see ``port``."""

    def ordering_keys(self, subject: Subject) -> list[str]:
        """Return nothing: session state never goes through the outbox."""
        return []

    def count(self, subject: Subject) -> dict[str, int]:
        """Return how many sessions have a state now. While Redis is out, only what Postgres has is counted."""
        return {"session_states": sum("state" in found for found in states_of(subject))}

    def elsewhere(self, subject: Subject) -> list[Elsewhere]:
        """Return nothing: Redis is ours, and erased."""
        return []

    def hindrances(self, subject: Subject) -> list[str]:
        """Return nothing: hot state may go at any time."""
        return []

    def files(self, subject: Subject) -> Iterator[tuple[str, Iterable[dict[str, Any]]]]:
        """Yield the states that there are now."""
        yield "session_states.jsonl", states_of(subject)

    def erase(self, subject: Subject) -> Erased:
        """Delete the rows, and what was parked on its way into them."""
        states = 0
        for sessions in sessions_of(subject):
            states += forget_rows([session_hash for _, _, session_hash in sessions])
        return Erased({"session_states": states})


def forget_rows(hashes: Sequence[bytes]) -> int:
    """Delete these sessions' states and what was parked on its way there; return how many states there were."""
    ParkedStateWrite.objects.filter(fields__session__in=[found.hex() for found in hashes]).delete()
    return SessionState.objects.filter(session_hash__in=list(hashes))._raw_delete("default")


def states_of(subject: Subject) -> Iterator[dict[str, Any]]:
    """Yield each session's state as an export tells it, or that it could not be asked for."""
    for sessions in sessions_of(subject):
        for conversation_id, channel, session_hash in sessions:
            about = {"conversation_id": str(conversation_id), "channel": channel}
            try:
                found = state_of_conversation(subject.domain, channel, session_hash)
            except SessionStateUnavailable as error:
                yield about | {"unavailable": str(error)}
                continue
            if found is not None:
                yield about | as_json(found)


def sessions_of(subject: Subject) -> Iterator[list[tuple[UUID, str, bytes]]]:
    """Yield the subject's sessions as (conversation's id, channel, session's hash), in pages."""
    for start in range(0, len(subject.pks), PAGE):
        rows = Conversation.objects.filter(pk__in=subject.pks[start : start + PAGE]).order_by("pk")
        yield [
            (public_id, channel, bytes(session_hash))
            for public_id, channel, session_hash in rows.values_list("public_id", "channel", "session_hash")
        ]
