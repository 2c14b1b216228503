"""The ZIP with everything about one customer: readable, complete, and about nobody else."""

import hashlib
import io
import json
import tracemalloc
import zipfile
from datetime import datetime

import pytest

from persistence.models import Turn
from persistence.subject import turns as module
from persistence.subject.export import write_export
from persistence.subject.find import subject_of, subject_of_conversation
from tests.persistence.subject.support import Reader, customer, lines
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


def exported(subject):
    """Return the manifest and the files by name."""
    file = io.BytesIO()
    manifest = write_export(subject, file)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_DEFLATED}
        return manifest, {name: archive.read(name) for name in archive.namelist()}


class WriteOnly:
    """A file as a socket or a pipe is one: nobody can go back in it."""

    def __init__(self):
        self.size = 0

    def write(self, data):
        self.size += len(data)
        return len(data)

    def flush(self):
        pass


def test_the_manifest_counts_rows_and_digests_every_file():
    customer("ann", said="x")
    manifest, files = exported(subject_of("demo", "ann"))
    assert json.loads(files["manifest.json"]) == manifest
    assert (manifest["domain"], manifest["customer_ref"]) == ("demo", "ann")
    assert datetime.fromisoformat(manifest["exported_at"]).utcoffset() is not None
    assert (manifest["counts"]["conversations"], manifest["counts"]["turns"]) == (2, 6)
    assert set(files) == {*manifest["files"], "README.txt", "manifest.json"}
    for name, facts in manifest["files"].items():
        assert hashlib.sha256(files[name]).hexdigest() == facts["sha256"]
        if name.endswith(".jsonl"):
            assert len(lines(files[name])) == facts["rows"]
    assert manifest["files"]["transcript.txt"]["rows"] == 12
    assert manifest["files"]["turns.jsonl"]["rows"] == 6


def test_turns_come_whole_in_order_and_without_what_proves_things_to_us_alone():
    customer("ann", said="olá ☂")
    _, files = exported(subject_of("demo", "ann"))
    turns = lines(files["turns.jsonl"])
    assert [turn["seq"] for turn in turns] == [1, 2, 3, 1, 2, 3]
    first = turns[0]
    assert first["messages"][0] == {"role": "user", "content": "olá ☂ 0"}
    assert (first["metadata"], first["references"]) == ({"note": "olá ☂"}, ["olá ☂"])
    stored = Turn.objects.get(turn_id=first["turn_id"])
    assert first["created_at"] == stored.created_at.isoformat()
    text = b"".join(files.values()).decode()
    for secret in (stored.digest, stored.prev_digest, stored.content_digest, stored.salt, stored.fingerprint):
        assert bytes(secret).hex() not in text
    assert bytes(stored.conversation.session_hash).hex() not in text
    assert not {"salt", "digest", "fingerprint", "session_hash"} & first.keys()


def test_every_column_of_a_turn_is_either_exported_or_known_to_be_ours_alone():
    ours = {"fingerprint", "salt", "content_digest", "prev_digest", "digest", "domain"}
    columns = {field.name for field in Turn._meta.get_fields()}
    assert {
        name.removesuffix("_id") if name == "conversation_id" else name for name in module.SHOWN
    } | ours == columns


def test_nobody_else_is_in_it():
    customer("ann", said="about ann")
    customer("bob", said="about bob")
    say("ann elsewhere", domain="other", customer_ref="ann")
    _, files = exported(subject_of("demo", "ann"))
    text = b"".join(files.values()).decode()
    assert "bob" not in text
    assert "elsewhere" not in text


def test_the_transcript_is_read_by_people():
    say("first line\nsecond line", "hello", customer_ref="ann")
    said = [{"role": "agent", "content": "I am Anna.", "author": "anna"}, {"role": "tool", "content": "{}"}]
    turn = say(customer_ref="ann", messages=said)
    _, files = exported(subject_of("demo", "ann"))
    when = [f"{found.created_at:%Y-%m-%d %H:%M:%S}" for found in Turn.objects.order_by("seq")]
    head, *rest = files["transcript.txt"].decode().splitlines()
    assert head.startswith("Conversation 1, on web, begun ")
    assert str(turn.conversation_id) in head
    assert [line for line in rest if line] == [
        f"[{when[0]}] Customer: first line",
        "    second line",
        f"[{when[0]}] Assistant: hello",
        f"[{when[1]}] Human agent: I am Anna.",
        f"[{when[1]}] Tool: {{}}",
    ]


def test_the_readme_says_whose_it_is_and_what_every_file_is():
    turn = say(customer_ref="ann")
    manifest, files = exported(subject_of("demo", "ann"))
    readme = files["README.txt"].decode()
    assert "Customer ann, in demo." in readme
    assert "Further rows." not in readme
    assert all(name in readme for name in manifest["files"])
    _, files = exported(subject_of_conversation("demo", turn.conversation_id))
    assert f"conversation {turn.conversation_id}, in demo" in files["README.txt"].decode()


def test_pages_leave_nothing_out_and_tell_nothing_twice(monkeypatch):
    customer("ann", said="x", turns=5)
    whole = exported(subject_of("demo", "ann"))[1]
    monkeypatch.setattr(module, "PAGE", 2)
    paged = exported(subject_of("demo", "ann"))[1]
    assert {name: paged[name] for name in whole if name.endswith(".jsonl")} == {
        name: body for name, body in whole.items() if name.endswith(".jsonl")
    }


def test_memory_stays_flat_and_the_file_need_not_go_back(monkeypatch):
    monkeypatch.setattr(module, "PAGE", 5)
    text = "a long story " * 1_000
    for number in range(60):
        say(
            f"{number} {text}",
            customer_ref="ann" if number < 20 else "bob",
            session_id="a" if number < 20 else "b",
        )

    def peak(ref):
        tracemalloc.start()
        write_export(subject_of("demo", ref), WriteOnly())
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak("ann")
    assert peak("bob") < 1.3 * peak("ann")


def test_an_export_may_be_recorded_as_a_reading_and_tells_how_often_the_transcript_was_read():
    customer("ann", said="x", sessions=1)
    manifest, _ = exported(subject_of("demo", "ann"))
    assert manifest["counts"]["readings"] == 1
    assert Reader().get_username() not in json.dumps(manifest)
