"""Hostile input over HTTP: it comes back as it was, or is refused by name."""

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from persistence.archive.store import configured_sink
from persistence.archive.verify import verify
from persistence.models import Conversation, Turn
from persistence.privacy.redaction import redact_text
from tests.persistence.support import fields, relay_archive

pytestmark = pytest.mark.django_db(transaction=True)
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SAMPLE = Path(__file__).with_name("hostile.jsonl")


def lines(*names):
    """Yield the shared sets where they are there; for all that are not, the repository's own sample, once."""
    for path in dict.fromkeys(SHARED / name if (SHARED / name).exists() else SAMPLE for name in names):
        yield from map(json.loads, path.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize(
    "hostile", ["x", "../../etc/passwd", "%00", "'; DROP TABLE turn;--", "1" * 4000, "\u202e"]
)
def test_a_hostile_conversation_id_is_refused(get, hostile):
    assert get(f"/conversations/{quote(hostile, safe='')}").status_code in (404, 422)


def test_hostile_ids_are_kept_apart_and_never_interpreted(post, get):
    ids = ["' OR 1=1 --", "../../x", "{{7*7}}", "\u202eabc", "ﷺ", "a" * 200, "%s %d {}", "-- \\ \" '", "😀"]
    for hostile in ids:
        assert post(session_id=hostile, request_id=hostile).status_code == 201
        assert post(session_id=hostile, request_id=hostile).status_code == 200
    assert Conversation.objects.count() == len(ids)
    assert set(Turn.objects.values_list("request_id", flat=True)) == set(ids)


def bad_input(line):
    """The text or bytes of one line of bad_inputs.jsonl."""
    if line["form"] == "bytes_b64":
        return base64.b64decode(line["b64"])
    if line["form"] == "text":
        return line["text"]
    made = line["gen"]
    if "repeat" in made:
        return made["repeat"] * made["count"]
    if "random_words" in made:
        return " ".join(f"{number:0{made['word_len']}d}" for number in range(made["random_words"]))
    if "nested_arrays" in made:
        return "[" * made["nested_arrays"] + "]" * made["nested_arrays"]
    return made["text"] * made["turns"]


def bodies():
    """Yield every line of both sets as (id, the body to post, the text that must come back or None)."""
    head = '{"channel":"web","session_id":"%s","request_id":"%s","messages":[{"role":"user","content":'
    for line in lines("bad_inputs.jsonl", "naughty_strings.jsonl"):
        given = bad_input(line) if "form" in line else line["text"]
        start = head % (line["id"], line["id"])
        if isinstance(given, bytes):
            yield line["id"], start.encode() + b'"' + given + b'"}]}', None
        elif line.get("category") == "metadata-json" or "nested" in str(line.get("gen")):
            yield line["id"], f'{start}"x"}}],"metadata":{{"given":{given}}}}}'.encode(), None
        else:
            yield line["id"], f"{start}{json.dumps(given)}}}]}}".encode(), given


def test_hostile_input_comes_back_faithful_or_is_refused_by_name_and_nothing_is_half_stored(
    post, get, archive
):
    stored = {}
    for name, body, text in bodies():
        response = post(raw=body)
        assert response.status_code in (201, 413, 422), (name, response.content[:300])
        if response.status_code == 201:
            stored[name] = response.json()["conversation_id"], text
        elif response.status_code == 422:
            assert fields(response), name
    assert stored
    assert Turn.objects.count() == Conversation.objects.count() == len(stored)
    assert relay_archive() == len(stored)
    for name, (conversation, text) in stored.items():
        (turn,) = get(f"/conversations/{conversation}/turns").json()["turns"]
        assert text is None or turn["messages"][0]["content"] == redact_text(text), name
        (path,) = archive.glob(f"turns/v1/*/{conversation}.*.json")
        assert json.loads(path.read_bytes())["content"]["messages"] == turn["messages"], name
    assert verify(configured_sink()).ok
