"""The S3 sink and answers that are lost, late, cut short or wrong."""

import threading

import pytest

from persistence.archive.sinks import ObjectDiffers, Sink, SinkError
from tests.fakes.s3 import FakeS3
from tests.persistence.archive.sink_helpers import open_descriptors, refused


def test_after_a_lost_answer_the_retry_finds_its_own_object(s3: FakeS3, sink: Sink) -> None:
    s3.fail("lose_answer", times=1)
    error = refused(sink)
    assert (error.code, error.endpoint_down) == ("connection_lost", True)
    assert sink.put_if_absent("turns/1", b"body") is False
    assert s3.objects() == {"turns/1": b"body"}


def test_a_store_that_is_not_there_is_unreachable(s3: FakeS3, sink: Sink) -> None:
    s3.stop()
    error = refused(sink)
    assert (error.code, error.endpoint_down) == ("unreachable", True)
    s3.start()
    assert sink.put_if_absent("turns/1", b"body") is True


def test_a_connection_the_store_has_closed_meanwhile_is_not_used(s3: FakeS3, sink: Sink) -> None:
    sink.put_if_absent("turns/1", b"body")
    s3.stop()
    s3.start()
    assert sink.put_if_absent("turns/2", b"body") is True


@pytest.mark.parametrize("fault", ["black_hole", "drip"])
def test_a_call_ends_at_its_deadline_however_the_store_stalls(s3: FakeS3, hasty: Sink, fault: str) -> None:
    hasty.put_if_absent("turns/0", b"zero")
    s3.fail(fault, seconds=0.1)  # each byte well within the deadline, the whole answer far beyond it
    calls = (
        lambda: hasty.put_if_absent("turns/1", b"body"),
        lambda: hasty.get("turns/0"),
        lambda: list(hasty.list()),
    )
    for call in calls:
        with pytest.raises(SinkError) as caught:
            call()
        assert (caught.value.code, caught.value.endpoint_down) == ("timeout", True)
    s3.heal()
    assert hasty.get("turns/0") == b"zero"


def test_the_comparison_after_412_shares_the_deadline_of_its_put(s3: FakeS3, hasty: Sink) -> None:
    hasty.put_if_absent("turns/1", b"body")
    s3.fail("drip", methods=["GET"], seconds=0.1)
    assert refused(hasty).code == "timeout"
    s3.heal()
    assert hasty.put_if_absent("turns/1", b"body") is False


def test_calls_that_time_out_leave_no_thread_and_no_descriptor(s3: FakeS3, hasty: Sink) -> None:
    hasty.put_if_absent("turns/0", b"zero")
    threads, descriptors = threading.active_count(), open_descriptors()
    for fault in ("black_hole", "drip", "refuse", "lose_answer"):
        s3.heal()
        s3.fail(fault)
        for _ in range(2):
            refused(hasty)
    s3.heal()
    hasty.put_if_absent("turns/1", b"body")
    s3.stop()  # waits until the store has let go of its own ends
    s3.start()
    hasty.put_if_absent("turns/2", b"body")
    assert threading.active_count() == threads
    assert open_descriptors() <= descriptors


def test_half_an_answer_is_no_answer(s3: FakeS3, sink: Sink) -> None:
    sink.put_if_absent("turns/1", b"body" * 100)
    s3.fail("truncate", methods=["GET"])
    with pytest.raises(SinkError) as caught:
        sink.get("turns/1")
    assert (caught.value.code, caught.value.endpoint_down) == ("connection_lost", True)


def test_damage_that_the_stores_own_checksum_shows_is_named(s3: FakeS3, sink: Sink) -> None:
    s3.fail("corrupt", visible=True, times=1)
    sink.put_if_absent("turns/1", b"body")
    with pytest.raises(SinkError) as caught:
        sink.get("turns/1")
    assert (caught.value.code, caught.value.endpoint_down) == ("corrupted", False)


def test_a_store_that_admits_another_checksum_has_not_stored_it(s3: FakeS3, sink: Sink) -> None:
    s3.fail("corrupt", honest=True)
    error = refused(sink)
    assert (error.code, error.endpoint_down) == ("corrupted", False)


@pytest.mark.parametrize("fault", ["corrupt", "truncate"])
def test_silent_damage_is_found_by_the_next_put_of_the_same_object(
    s3: FakeS3, sink: Sink, fault: str
) -> None:
    s3.fail(fault, methods=["PUT"], times=1)
    assert sink.put_if_absent("turns/1", b"body") is True
    with pytest.raises(ObjectDiffers):
        sink.put_if_absent("turns/1", b"body")


def test_visible_damage_is_a_difference_too(s3: FakeS3, sink: Sink) -> None:
    s3.fail("corrupt", visible=True, times=1)
    sink.put_if_absent("turns/1", b"body")
    with pytest.raises(ObjectDiffers):
        sink.put_if_absent("turns/1", b"body")


def test_an_object_that_vanishes_before_it_is_compared_is_a_conflict(s3: FakeS3, sink: Sink) -> None:
    s3.fail("status", status=412, code="PreconditionFailed", methods=["PUT"], times=1)
    error = refused(sink)
    assert (error.code, error.endpoint_down) == ("conflict", False)
    assert sink.put_if_absent("turns/1", b"body") is True


def test_an_object_larger_than_any_turn_is_not_read(
    s3: FakeS3, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink.put_if_absent("turns/1", b"x" * 1000)
    monkeypatch.setattr("persistence.archive.sinks.s3_transport.MAX_OBJECT_BYTES", 999)
    with pytest.raises(SinkError) as caught:
        sink.get("turns/1")
    assert (caught.value.code, caught.value.endpoint_down) == ("too_large", False)
