"""Files of conversations: what is read, and how what cannot be read is named."""

import csv
import json
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from persistence.replay.dialogues import Dialogue, Unreadable, exchanges
from persistence.replay.reader import Extent, measure, read

SAMPLE = Path(settings.BASE_DIR) / "sample" / "dialogues.jsonl"
SHARED = Path(settings.BASE_DIR).parent / "shared" / "data"
GOOD = '{"id": "good", "turns": [{"role": "user", "text": "hello"}]}'
texts = st.text(st.characters(codec="utf-8"), max_size=40)


def found_in(path: Path) -> list[Dialogue | Unreadable]:
    return list(read([path]))


@pytest.mark.parametrize(
    "path", [SAMPLE, *sorted(SHARED.glob("dialogues.*.jsonl"))], ids=lambda path: path.name
)
def test_real_conversations_are_read_whole(path: Path) -> None:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

    found = found_in(path)

    assert [dialogue.id for dialogue in found if isinstance(dialogue, Dialogue)] == [
        line["id"] for line in lines
    ]
    for dialogue, line in zip(found, lines, strict=True):
        assert isinstance(dialogue, Dialogue)
        assert [message["content"] for message in dialogue.messages] == [
            turn["text"] for turn in line["turns"]
        ]
        assert [message["role"] for message in dialogue.messages] == [turn["role"] for turn in line["turns"]]
    assert measure([path]) == Extent(
        len(lines), sum(len(exchanges(one)) for one in found if isinstance(one, Dialogue)), 0
    )


def test_the_sample_has_a_source_that_is_named_and_a_licence_beside_it() -> None:
    attribution = (SAMPLE.parent / "ATTRIBUTION.md").read_text(encoding="utf-8")
    sources = {json.loads(line)["source"] for line in SAMPLE.read_text(encoding="utf-8").splitlines()}

    assert all(f"`{source}`" in attribution for source in sources)
    licences = [path.name for path in (SAMPLE.parent / "licences").iterdir()]
    assert {source for source in sources if any(name.startswith(source) for name in licences)} == sources


def test_the_speaker_and_the_channel_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(
        '{"id": "1", "channel": "clinic", "turns": [{"role": "agent", "text": "Hm.", "speaker": "Doctor"}]}'
    )

    [dialogue] = found_in(file)

    assert isinstance(dialogue, Dialogue)
    assert (dialogue.channel, dialogue.messages) == (
        "clinic",
        [{"role": "agent", "content": "Hm.", "name": "Doctor"}],
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "body is not JSON"),
        (b'["a", "list"]', "the line is not a JSON object"),
        (b'{"turns": [{"role": "user", "text": "x"}]}', "id must be text, and not empty"),
        (b'{"id": 7, "turns": [{"role": "user", "text": "x"}]}', "id must be text, and not empty"),
        (b'{"id": "", "turns": [{"role": "user", "text": "x"}]}', "id must be text, and not empty"),
        (b'{"id": "a", "channel": 1, "turns": [{"role": "user", "text": "x"}]}', "channel must be text"),
        (b'{"id": "a"}', "turns must be a list"),
        (b'{"id": "a", "turns": []}', "turns must be a list with at least one entry"),
        (b'{"id": "a", "turns": ["x"]}', "turns[0] is not an object"),
        (b'{"id": "a", "turns": [{"role": "bot", "text": "x"}]}', "turns[0].role is 'bot', not one of user"),
        (b'{"id": "a", "turns": [{"role": ["user"], "text": "x"}]}', "turns[0].role is ['user'], not one of"),
        (b'{"id": "a", "turns": [{"role": "user", "text": null}]}', "turns[0].text is not text"),
        (b'{"id": "a", "turns": [{"role": "user", "text": "x", "speaker": 1}]}', "turns[0].speaker must be"),
        (b'{"id": "a", "id": "b", "turns": []}', "id is given twice"),
        (b'{"id": "a", "turns": NaN}', "body holds NaN"),
        (b'{"id": "\xff"}', "body is not UTF-8"),
        (b"[" * 100_000, "body is nested deeper"),
        (b'{"id": ' + b"9" * 5000 + b"}", "body holds a number that is too long"),
    ],
    ids=range(18),
)
def test_a_bad_line_is_named_by_its_number_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    file = tmp_path / "mixed.jsonl"
    file.write_bytes(b"\n".join([GOOD.encode(), b"", line, GOOD.encode()]))

    first, bad, last = found_in(file)

    assert isinstance(first, Dialogue)
    assert isinstance(last, Dialogue)
    assert isinstance(bad, Unreadable)
    assert bad.where == f"{file}:3"
    assert bad.reason.startswith(reason)


@pytest.mark.parametrize("name", ["marked.jsonl", "marked.csv"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    text = GOOD if name.endswith("jsonl") else "conversation_id,role,text\ngood,user,hello\n"
    file.write_text(text, encoding="utf-8-sig")

    [dialogue] = found_in(file)

    assert isinstance(dialogue, Dialogue)
    assert dialogue.id == "good"


def write_csv(path: Path, *rows: str, header: str = "conversation_id,role,text") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8", newline="")
    return path


def test_interleaved_rows_make_whole_conversations(tmp_path: Path) -> None:
    file = write_csv(tmp_path / "a.csv", "x,user,one", "y,user,uno", "x,agent,two", '"y",agent,"dos,\nmas"')

    x, y = found_in(file)

    assert isinstance(x, Dialogue)
    assert isinstance(y, Dialogue)
    assert [message["content"] for message in x.messages] == ["one", "two"]
    assert [message["content"] for message in y.messages] == ["uno", "dos,\nmas"]
    assert (x.where, y.where) == (f"{file}:2", f"{file}:3")


def test_other_columns_are_ignored_and_optional_ones_are_read(tmp_path: Path) -> None:
    header = "when,text,role,conversation_id,speaker,channel"
    file = write_csv(tmp_path / "a.csv", "now,hi,user,1,Ann,phone", header=header)

    assert found_in(file) == [
        Dialogue("1", "phone", [{"role": "user", "content": "hi", "name": "Ann"}], f"{file}:2")
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("bad,bot,x", "role is 'bot', not one of user"),
        ("bad,user", None),  # a text that is not there is an empty one
        ("bad,user,x,y,z", "the row has more fields than the header"),
        ("bad,user,\udcff", "the row is not UTF-8"),
    ],
)
def test_a_conversation_with_a_wrong_row_is_refused_as_a_whole(
    tmp_path: Path, row: str, reason: str | None
) -> None:
    file = tmp_path / "a.csv"
    rows = ["conversation_id,role,text", "bad,user,first", row, "good,user,hello", "bad,agent,last"]
    file.write_text("\n".join(rows), encoding="utf-8", errors="surrogateescape")

    bad, good = found_in(file)

    assert isinstance(good, Dialogue)
    assert good.id == "good"
    if reason is None:
        assert isinstance(bad, Dialogue)
        return
    assert isinstance(bad, Unreadable)
    assert bad.where == f"{file}:3"
    assert bad.reason.startswith(reason)
    assert "'bad' was refused as a whole" in bad.reason


def test_a_conversation_does_not_change_its_channel(tmp_path: Path) -> None:
    file = write_csv(
        tmp_path / "a.csv", "1,user,hi,web", "1,user,hi,mail", header="conversation_id,role,text,channel"
    )

    [bad] = found_in(file)

    assert isinstance(bad, Unreadable)
    assert bad.where == f"{file}:3"


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("", 1, "the header has no column conversation_id, role, text"),
        ("conversation_id,text\n1,x\n", 1, "the header has no column role"),
        ("conversation_id,role,text\n,user,x\n", 2, "conversation_id is empty"),
    ],
)
def test_a_csv_that_cannot_be_read_says_what_it_lacks(
    tmp_path: Path, content: str, line: int, reason: str
) -> None:
    file = tmp_path / "a.csv"
    file.write_text(content)

    assert found_in(file) == [Unreadable(f"{file}:{line}", reason)]


def test_a_field_of_unending_length_ends_the_file_and_is_named(tmp_path: Path) -> None:
    file = write_csv(
        tmp_path / "a.csv", "good,user,hello", f"bad,user,{'x' * (17 * 1024 * 1024)}", "more,user,x"
    )

    bad, good = found_in(file)

    assert isinstance(bad, Unreadable)
    assert bad.where == f"{file}:3"
    assert "nothing after this line was read" in bad.reason
    assert isinstance(good, Dialogue)


@given(
    st.lists(st.tuples(st.sampled_from(["user", "agent"]), texts), min_size=1, max_size=8), texts.filter(bool)
)
def test_csv_and_jsonl_of_one_conversation_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, messages: list[tuple[str, str]], identifier: str
) -> None:
    home = tmp_path_factory.mktemp("same")
    turns = [{"role": role, "text": text} for role, text in messages]
    (home / "a.jsonl").write_text(json.dumps({"id": identifier, "turns": turns}), encoding="utf-8")
    with (home / "a.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([("conversation_id", "role", "text"), *((identifier, *said) for said in messages)])

    [from_json], [from_csv] = found_in(home / "a.jsonl"), found_in(home / "a.csv")

    assert isinstance(from_json, Dialogue)
    assert isinstance(from_csv, Dialogue)
    assert (from_json.id, from_json.messages) == (from_csv.id, from_csv.messages)
