"""Documents about an erased customer's conversations go with the turns, and those of others stay."""

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from outbox import act
from outbox.claim import claim
from outbox.destinations import destination, load_handler
from outbox.enqueue import enqueue
from outbox.settle import settle
from persistence.archive.store import configured_sink
from persistence.archive.verify import verify
from persistence.subject.erase import erase
from persistence.subject.find import subject_of
from persistence.subject.objects import finish
from tests.fakes.s3 import FakeS3
from tests.persistence.subject.support import CANARY, carry, customer, everything, files_below, pass_time

pytestmark = pytest.mark.django_db(transaction=True)


def tell(conversation_id: UUID, text: str) -> None:
    with transaction.atomic():
        enqueue(
            "conversation.summarized",
            {"problem": text},
            ordering_key=str(conversation_id),
            ordering_seq=1,
            destinations=["archive"],
        )


@pytest.fixture
def told() -> dict[str, UUID]:
    """Two customers with a conversation of one turn each and a document about it that is still on its way."""
    found = {}
    for ref in (CANARY, "bob"):
        (turn,) = customer(ref, said=ref, sessions=1, turns=1)
        found[ref] = turn.conversation_id
        tell(turn.conversation_id, f"a problem of {ref}")
    return found


def test_the_first_pass_deletes_the_documents_of_theirs_and_none_of_others(
    told: dict[str, UUID], stores: Path
) -> None:
    carry()
    before = files_below(stores)
    assert sum("summaries/" in path for path in before) == 2
    record = finish(erase(subject_of("demo", CANARY), by="user:eve"))
    left = files_below(stores)
    assert [path for path in left if "summaries/" in path] == [
        path for path in before if "summaries/" in path and str(told["bob"]) in path
    ]
    assert not [path for path, body in left.items() if CANARY.encode() in body]
    assert record.objects_deleted == 2


def test_until_then_verify_names_them_and_afterwards_it_is_clean(told: dict[str, UUID]) -> None:
    carry()
    record = erase(subject_of("demo", CANARY), by="user:eve")
    assert sum("summaries/" in key for key in verify(configured_sink()).foreign) == 1
    finish(record)
    assert verify(configured_sink()).ok


def test_in_a_bucket_too(told: dict[str, UUID], s3: FakeS3) -> None:
    carry()
    assert len(s3.objects()) == 4
    finish(erase(subject_of("demo", CANARY), by="user:eve"))
    assert [str(told["bob"]) in key for key in s3.objects()] == [True, True]


def test_a_document_that_had_not_been_carried_yet_never_leaves(told: dict[str, UUID], stores: Path) -> None:
    finish(erase(subject_of("demo", CANARY), by="user:eve"))
    carry()
    assert not [path for path, body in files_below(stores).items() if CANARY.encode() in body]
    assert CANARY not in everything()


def test_a_document_that_a_late_worker_stored_goes_with_the_last_pass(
    told: dict[str, UUID], stores: Path
) -> None:
    carry()
    for ref, conversation_id in told.items():
        tell(conversation_id, f"{ref} once more")
    archive: Any = destination("archive")
    load_handler.cache_clear()
    lanes = claim(archive)
    record = finish(erase(subject_of("demo", CANARY), by="user:eve"))
    outcomes = act.act(archive, lanes, claimed_at=float("inf"))
    assert settle(archive, lanes, outcomes).fenced == 1, "the lane of who was erased is under a new token"
    load_handler(archive)._sink.close()  # type: ignore[attr-defined]
    assert [path for path, body in files_below(stores).items() if CANARY.encode() in body], "it came late"
    pass_time(record, hours=1)
    assert finish(record).finished_at is not None
    assert not [path for path, body in files_below(stores).items() if CANARY.encode() in body]
