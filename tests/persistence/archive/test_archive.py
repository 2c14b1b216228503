"""The archive proves itself: against loss, change, strangers and a database that lies."""

import json
import shutil

import pytest
from django.db import connection

from outbox.models import Delivery
from outbox.selectors import status
from persistence.archive.objects import AlteredObject, decode, encode
from persistence.archive.repair import repair
from persistence.archive.restore import NotEmpty, restore
from persistence.archive.rows import turns_in_key_order
from persistence.archive.store import configured_sink
from persistence.archive.verify import verify
from persistence.history import history
from persistence.models import Conversation, Turn
from tests.persistence.support import conversation_of, relay_archive, say

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def archive(settings, tmp_path):
    settings.ARCHIVE_URL = f"file://{tmp_path / 'archive'}"
    return tmp_path / "archive"


@pytest.fixture
def archived(archive):
    """Two conversations of five turns each, all of them off-box; returns the directory."""
    for number in range(5):
        for session in ("a", "b"):
            say(f"message {number}", session_id=session, metadata={"n": number * 1.5}, customer_ref="c-1")
    assert relay_archive() == 10
    return archive


def objects(directory):
    return sorted(path for path in directory.rglob("*.json"))


def overwrite(path, data: bytes):
    path.chmod(0o600)
    path.write_bytes(data)


def check(**options):
    return verify(configured_sink(), **options)


def empty_the_database():
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE persistence_turn, persistence_conversation, outbox_event, outbox_lane, outbox_delivery CASCADE"
        )


def test_one_object_per_turn_and_nothing_is_missing(archived):
    found = check()
    assert found.ok
    assert (found.turns, found.objects, found.compared, found.pending) == (10, 10, 10, 0)
    assert len(objects(archived)) == 10


def test_turns_on_their_way_are_pending_and_not_missing(archived):
    say(session_id="a")
    found = check()
    assert found.ok
    assert (found.pending, found.turns) == (1, 11)
    assert found.lag_seconds > 0


def test_a_deleted_object_is_named_missing_and_repaired(archived):
    lost = objects(archived)[3]
    lost.unlink()
    found = check()
    assert found.missing == [str(lost.relative_to(archived))]
    assert not found.ok
    mended = repair(configured_sink(), found)
    assert (mended.ok, mended.put_back) == (True, found.missing)
    assert check().ok


def test_an_altered_object_is_named_and_never_overwritten(archived):
    victim = objects(archived)[2]
    overwrite(victim, victim.read_bytes().replace(b"message", b"massage"))
    found = check()
    assert found.altered == [str(victim.relative_to(archived))]
    mended = repair(configured_sink(), found)
    assert not mended.ok
    assert b"massage" in victim.read_bytes()


def test_two_swapped_objects_are_both_named(archived):
    first, second = objects(archived)[:2]
    one, two = first.read_bytes(), second.read_bytes()
    overwrite(first, two)
    overwrite(second, one)
    assert len(check().altered) == 2


def test_a_stranger_in_the_bucket_is_named_foreign(archived):
    stranger = archived / "turns/v1/00000000/stranger.json"
    stranger.parent.mkdir()
    stranger.write_text("{}")
    late = objects(archived)[-1]
    shutil.copy(late, late.with_name(late.name.replace("0000000005", "0000000099")))
    assert len(check().foreign) == 2


def test_a_sample_still_names_everything_missing_and_foreign(archived):
    objects(archived)[0].unlink()
    found = check(sample=3)
    assert (len(found.missing), found.compared) == (1, 3)


def test_a_row_changed_behind_holdfasts_back_breaks_the_chain_and_is_not_repaired_from(archived):
    turn = Turn.objects.get(seq=3, conversation__last_seq=5, conversation=Conversation.objects.first())
    Turn.objects.filter(pk=turn.pk).update(messages=[{"role": "user", "content": "forged"}])
    found = check()
    assert [entry.seq for entry in found.chain_breaks] == [3]
    assert len(found.altered) == 1
    for path in objects(archived):
        if json.loads(path.read_bytes())["content"]["turn_id"] == str(turn.pk):
            path.unlink()
    found = check()
    assert repair(configured_sink(), found).put_back == []


def test_a_row_deleted_behind_holdfasts_back_breaks_the_chain(archived):
    Turn.objects.filter(seq=5, conversation=Conversation.objects.first()).delete()
    Turn.objects.filter(seq=2, conversation=Conversation.objects.last()).delete()
    found = check()
    assert {entry.reason for entry in found.chain_breaks} == {
        "turn 2 is missing before it",
        "turns 5 to 5 are missing",
    }
    assert len(found.foreign) == 2


def test_an_empty_database_is_rebuilt_from_the_bucket_and_carries_on(archived):
    before = list(Turn.objects.order_by("turn_id").values())
    heads = {row["public_id"]: bytes(row["chain_head"]) for row in Conversation.objects.values()}
    empty_the_database()
    result = restore(configured_sink())
    assert (result.ok, result.conversations, result.turns) == (True, 2, 10)
    after = list(Turn.objects.order_by("turn_id").values())

    def comparable(rows):
        return [
            {name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()}
            | {"conversation_id": None}
            for row in rows
        ]

    assert comparable(after) == comparable(before)
    assert {row["public_id"]: bytes(row["chain_head"]) for row in Conversation.objects.values()} == heads
    next_turn = say(session_id="a", expected_seq=5)
    assert next_turn.seq == 6
    relay_archive()
    assert check().ok
    assert conversation_of(next_turn).customer_ref == "c-1"


def test_a_retry_after_a_restore_still_finds_its_turn(archive):
    first = say(request_id="r")
    relay_archive()
    empty_the_database()
    restore(configured_sink())
    again = say(request_id="r")
    assert (again.turn_id, again.replayed) == (first.turn_id, True)


def test_a_session_with_a_closed_and_a_live_conversation_is_restored_with_the_later_one_live(archive):
    old = say()
    Conversation.objects.update(control="closed")
    live = say()
    relay_archive()
    empty_the_database()
    assert restore(configured_sink()).conversations == 2
    assert say().conversation_id == live.conversation_id != old.conversation_id


def test_restore_refuses_a_database_that_is_not_empty(archived):
    with pytest.raises(NotEmpty, match="Nothing was changed"):
        restore(configured_sink())
    assert Turn.objects.count() == 10


def test_restore_leaves_out_and_names_what_it_cannot_trust(archived):
    altered, lost = objects(archived)[1], objects(archived)[7]
    overwrite(altered, altered.read_bytes()[:-40])
    lost.unlink()
    empty_the_database()
    result = restore(configured_sink())
    assert not result.ok
    assert (result.turns, len(result.altered), len(result.chain_breaks)) == (8, 1, 2)
    assert str(altered.relative_to(archived)) in result.altered[0]


def test_an_object_is_a_pure_function_of_its_row_and_decodes_to_it(archived):
    for turn, _, _ in turns_in_key_order(batch=3):
        body = encode(turn)
        assert decode(turn.key, body) == turn
        assert encode(decode(turn.key, body)) == body == (archived / turn.key).read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document | {"seq": 2},
        lambda document: document | {"created_at": "2020-01-01T00:00:00.000000+00:00"},
        lambda document: document | {"control": "human"},
        lambda document: document | {"prev_digest": "00" * 32},
        lambda document: document | {"content": document["content"] | {"model": "forged"}},
        lambda document: document | {"schema": "other/9"},
        lambda document: {name: value for name, value in document.items() if name != "salt"},
        lambda document: [document],
    ],
)
def test_a_change_of_any_part_of_an_object_is_noticed_without_the_database(archived, change):
    path = objects(archived)[0]
    body = json.dumps(change(json.loads(path.read_bytes()))).encode()
    with pytest.raises(AlteredObject):
        decode(str(path.relative_to(archived)), body)


def test_every_byte_of_an_object_counts(archived):
    path = objects(archived)[0]
    key, body = str(path.relative_to(archived)), path.read_bytes()
    for place in range(0, len(body), 7):
        damaged = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises(AlteredObject):
            decode(key, damaged)


def test_other_content_under_a_turns_key_alarms_and_blocks_that_conversation_only(archive):
    blocked, free = say(session_id="a"), say(session_id="b")
    turn = next(
        turn for turn, _, _ in turns_in_key_order() if turn.conversation_id == blocked.conversation_id
    )
    configured_sink().put_if_absent(turn.key, b"somebody was here first")
    relay_archive()
    assert (
        Delivery.objects.get(event__ordering_key=str(blocked.conversation_id)).last_error_code
        == "digest_mismatch"
    )
    assert conversation_of(free).archived_through_seq == 1
    assert (archive / turn.key).read_bytes() == b"somebody was here first"
    assert status()["archive"]["retrying"] == 1


def test_an_archive_that_is_out_costs_no_attempts_and_loses_nothing(archive, settings):
    archive.parent.joinpath("archive").write_text("a file where the directory should be")
    say()
    assert relay_archive() == 0
    found = Delivery.objects.get()
    assert (found.status, found.attempts) == ("pending", 0)
    assert status()["archive"]["state"].startswith("resting")
    archive.unlink()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_destination_state SET open_until = now() - interval '1 second'")
        cursor.execute("UPDATE outbox_lane SET due_at = now() - interval '1 second'")
    assert relay_archive() == 1
    assert check().ok


def test_reading_history_is_unharmed_by_what_happens_off_box(archived):
    shutil.rmtree(archived)
    assert len(history(conversation_of(say(session_id="a")))) == 6
