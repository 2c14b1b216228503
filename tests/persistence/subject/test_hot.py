"""What Redis has of a customer who was erased goes too, and keeps the erasure open while it does not answer."""

import io
import zipfile

import pytest
from django.db import transaction
from redis import Redis

from handoff.gate import record_turn
from persistence.history import find_conversation, history
from persistence.models import ErasureRecord, SessionState
from persistence.session.behind import apply
from persistence.session.requests import state_request
from persistence.session.service import get_state, put_state
from persistence.subject.erase import erase
from persistence.subject.export import write_export
from persistence.subject.find import subject_of
from persistence.subject.objects import failed_stores, finish
from persistence.subject.preview import preview
from tests.persistence.subject.support import CANARY, pass_time

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["redis", "redis-first"])
def redis(settings, private_redis, stores, request):
    """A Redis of its own that has states and recent turns."""
    server = private_redis()
    settings.HOT_REDIS_URL, settings.HISTORY_CACHE = server.url, "redis"
    settings.HOT_REDIS_REST_SECONDS = 0.1
    settings.SESSION_STATE_BACKEND = request.param
    return server


def speak(ref, said):
    """Let a customer speak, and the app note something; returns the conversation's id."""
    messages = [{"role": "user", "content": said}]
    for number in range(3):
        turn = record_turn(
            domain="demo",
            channel="web",
            session_id=ref,
            request_id=f"{ref} {number}",
            messages=messages,
            customer_ref=ref,
        ).turn
    put_state("demo", "web", ref, state_request({"state": "asked", "data": {"note": said}}))
    history(find_conversation("demo", turn.conversation_id))
    return turn.conversation_id


def exported(subject):
    """Return the text of each file of the subject's export, by name."""
    file = io.BytesIO()
    write_export(subject, file)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def held(url):
    """Return every key of Redis with what is under it, as text."""
    with Redis.from_url(url, decode_responses=True, encoding_errors="replace") as client:
        read = {
            "hash": client.hgetall,
            "list": lambda key: client.lrange(key, 0, -1),
            "set": client.smembers,
            "stream": client.xrange,
            "string": client.get,
        }
        return {key: str(read[client.type(key)](key)) for key in client.scan_iter()}


def mentions(url, *what):
    return [key for key, value in held(url).items() for one in what if str(one) in key or str(one) in value]


def test_states_writes_under_way_and_recent_turns_are_gone_after_the_first_pass(redis):
    theirs, others = speak(CANARY, CANARY), speak("bob", "bob said")
    assert len(mentions(redis.url, CANARY, theirs)) >= 2
    record = finish(erase(subject_of("demo", CANARY), by="user:eve"))
    assert failed_stores(record) == {}
    assert mentions(redis.url, CANARY) == []
    assert get_state("demo", "web", CANARY) is None
    assert mentions(redis.url, "bob said", others)
    assert get_state("demo", "web", "bob").data == {"note": "bob said"}


def test_a_write_that_was_under_way_does_not_come_back_after_the_last_pass(redis, settings):
    if settings.SESSION_STATE_BACKEND != "redis-first":
        pytest.skip("only Redis first writes behind")
    speak(CANARY, CANARY)
    with Redis.from_url(redis.url) as client:
        taken = apply.Stream(client, "demo").take()
        record = finish(erase(subject_of("demo", CANARY), by="user:eve"))
        assert SessionState.objects.count() == 0
        apply._write_together("demo", taken.fresh)  # a worker that took them before the erasure
    assert SessionState.objects.count() == 1
    pass_time(record, hours=1)
    record = finish(record)
    assert SessionState.objects.count() == 0
    assert record.finished_at is not None
    assert record.late == {}


def test_the_erasure_stays_open_until_redis_has_confirmed(redis):
    speak(CANARY, CANARY)
    redis.stop()
    record = finish(erase(subject_of("demo", CANARY), by="user:eve"))
    assert set(failed_stores(record)) == {"hot"}
    assert "Redis did not confirm" in record.last_error
    redis.start()
    assert mentions(redis.url, CANARY), "its log brought it back"
    pass_time(record, hours=1)
    record = finish(record)
    assert record.last_error == ""
    assert mentions(redis.url, CANARY) == []


def test_a_redis_that_nothing_was_put_into_is_not_waited_for(redis, settings):
    settings.SESSION_STATE_BACKEND, settings.HISTORY_CACHE = "postgres", "off"
    speak(CANARY, CANARY)
    redis.stop()
    record = finish(erase(subject_of("demo", CANARY), by="user:eve"))
    assert failed_stores(record) == {}
    assert record.reached["session_states"] == 1
    assert SessionState.objects.count() == 0


def test_the_record_forgets_the_sessions_when_it_is_finished(redis):
    speak(CANARY, CANARY)
    record = finish(erase(subject_of("demo", CANARY), by="user:eve"))
    assert len(record.late["sessions"]) == 1
    pass_time(record, hours=1)
    finish(record)
    assert ErasureRecord.objects.get().late == {}


def test_an_erasure_that_is_rolled_back_leaves_the_state(redis):
    speak(CANARY, CANARY)
    with pytest.raises(RuntimeError), transaction.atomic():
        erase(subject_of("demo", CANARY), by="user:eve")
    assert get_state("demo", "web", CANARY).data == {"note": CANARY}


def test_preview_counts_the_states_and_the_export_holds_them(redis):
    speak(CANARY, "my own words")
    subject = subject_of("demo", CANARY)
    assert preview(subject).counts["session_states"] == 1
    assert "my own words" in exported(subject)["session_states.jsonl"]


def test_an_export_says_what_it_could_not_ask_for(redis):
    speak(CANARY, "my own words")
    redis.stop()
    subject = subject_of("demo", CANARY)
    assert preview(subject).counts["session_states"] == 0
    assert '"unavailable"' in exported(subject)["session_states.jsonl"]
