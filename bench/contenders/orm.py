"""The same rows the way one writes them with Django's ORM and without a second thought: a query for each step."""

import hashlib
import itertools
import os
from collections.abc import Callable
from typing import Any

import uuid_utils
from django.db import transaction
from django.db.models.functions import Now

from bench.contenders.shape import CHANNEL, DOMAIN, TURNS_PER_CONVERSATION, fresh, timings
from bench.harness.words import exchanges
from outbox.models import Delivery, Lane, OutboxEvent
from persistence.models import Conversation, Turn


class Orm:
    """Writes chats of ten turns each."""

    def __init__(self) -> None:
        self._messages = itertools.cycle(exchanges())
        self._sessions = fresh("session", TURNS_PER_CONVERSATION)
        self._requests = fresh("request")

    def __call__(self, turns: int) -> list[float]:
        """Return how many milliseconds each of the turns took."""
        return timings(self._next, turns)

    def _next(self) -> Callable[[], object]:
        session_hash = hashlib.sha256(next(self._sessions).encode()).digest()
        request_id, messages, content_digest = next(self._requests), next(self._messages), os.urandom(32)
        return lambda: write(session_hash, request_id, messages, content_digest)


@transaction.atomic
def write(
    session_hash: bytes, request_id: str, messages: list[dict[str, str]], content_digest: bytes
) -> Turn:
    """Write the conversation, the turn, the event, the lane and the delivery in one transaction."""
    conversation, _ = Conversation.objects.select_for_update().get_or_create(
        session_hash=session_hash,
        hash_version=1,
        defaults={"public_id": uuid7(), "domain": DOMAIN, "channel": CHANNEL, "chain_head": bytes(32)},
    )
    prev_digest = bytes(conversation.chain_head)
    conversation.last_seq += 1
    conversation.chain_head = hashlib.sha256(prev_digest + content_digest).digest()
    conversation.last_turn_at = Now()
    conversation.save(update_fields=["last_seq", "chain_head", "last_turn_at"])
    turn = Turn.objects.create(
        turn_id=uuid7(),
        conversation=conversation,
        seq=conversation.last_seq,
        domain=DOMAIN,
        request_id=request_id,
        fingerprint=os.urandom(32),
        messages=messages,
        redaction_version=1,
        control=conversation.control,
        control_epoch=conversation.control_epoch,
        salt=os.urandom(16),
        content_digest=content_digest,
        prev_digest=prev_digest,
        digest=conversation.chain_head,
    )
    enqueue(str(conversation.public_id), turn)
    return turn


def enqueue(key: str, turn: Turn) -> None:
    payload = {"conversation_id": key, "turn_id": str(turn.turn_id), "seq": turn.seq}
    event = OutboxEvent.objects.create(
        event_id=uuid7(),
        event_type="turn.recorded",
        ordering_key=key,
        ordering_seq=turn.seq,
        payload=payload,
        headers={"request_id": turn.request_id},
    )
    lane, _ = Lane.objects.select_for_update().get_or_create(
        destination="archive", ordering_key=key, defaults={"due_at": Now()}
    )
    Delivery.objects.create(lane=lane, event=event, seq=turn.seq, next_at=Now())


def uuid7() -> Any:
    return str(uuid_utils.uuid7())
