"""``manage.py replay`` as it is called."""

import json
import re
import shlex
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from persistence import apikeys
from persistence.models import Turn
from tests.persistence.replay.support import dialogue, expected, jsonl, stored

TALKS = [dialogue("a"), dialogue("b")]
stores = pytest.mark.django_db(transaction=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return jsonl(tmp_path / "talks.jsonl", TALKS)


def run(*arguments: object) -> tuple[int, str]:
    """Return exit status and output."""
    out = StringIO()
    try:
        call_command("replay", *map(str, arguments), stdout=out)
    except SystemExit as error:
        return int(error.code or 0), out.getvalue()
    return 0, out.getvalue()


@stores
def test_the_last_line_is_one_object_with_the_promised_figures(file: Path) -> None:
    status, out = run(file, "--in-process", "--json")

    told = json.loads(out.splitlines()[-1])
    assert status == 0
    assert {name: told[name] for name in ("turns", "created", "replayed", "failed")} == {
        "turns": 6,
        "created": 6,
        "replayed": 0,
        "failed": 0,
    }
    assert set(told["ack_ms"]) == {"p50", "p95", "p99"}
    assert 0 < told["ack_ms"]["p50"] <= told["ack_ms"]["p95"] <= told["ack_ms"]["p99"]
    assert told["turns_per_second"] > 0
    assert told["failures"] == []


@stores
def test_a_person_reads_how_many_turns_went_through(file: Path) -> None:
    status, out = run(file, "--in-process", "--repeat", 2)

    assert status == 0
    assert re.search(r"turns acknowledged +12\b", out)
    assert stored() == expected(*TALKS, repeat=2)


@stores
def test_a_bad_line_is_listed_and_makes_the_exit_status_one(file: Path) -> None:
    file.write_text("nonsense\n" + file.read_text())

    status, out = run(file, "--in-process", "--json")

    told = json.loads(out.splitlines()[-1])
    assert status == 1
    assert (told["created"], told["failed"]) == (6, 1)
    assert told["failures"][0]["where"] == f"{file}:1"
    assert run(file, "--in-process")[1].count(f"{file}:1") == 1


@stores
def test_many_failures_are_counted_and_only_some_are_named(file: Path) -> None:
    file.write_text("nonsense\n" * 1000)

    status, out = run(file, "--in-process", "--json")

    told = json.loads(out.splitlines()[-1])
    assert (status, told["failed"], len(told["failures"])) == (1, 1000, 20)
    assert "… and 980 more" in run(file, "--in-process")[1]


@stores
def test_a_domain_of_its_own_can_be_named(file: Path) -> None:
    run(file, "--in-process", "--domain", "insurance")

    assert set(Turn.objects.values_list("domain", flat=True)) == {"insurance"}


@stores
def test_without_an_address_it_goes_to_the_stack_that_runs_here(
    file: Path, local_dir: Path, live_server, settings
):
    settings.LOCAL_DIR = local_dir
    local_dir.mkdir()
    stack = {"api": live_server.url, "api_key": apikeys.create_key("demo").key}
    (local_dir / "stack.json").write_text(json.dumps(stack))

    assert run(file)[0] == 0
    assert stored() == expected(*TALKS)


@stores
def test_the_key_may_lie_in_a_file_so_that_no_list_of_processes_shows_it(
    file: Path, tmp_path, live_server
) -> None:
    (tmp_path / "key").write_text(apikeys.create_key("demo").key + "\n")

    assert run(file, "--url", live_server.url, "--key", f"@{tmp_path / 'key'}")[0] == 0
    assert Turn.objects.count() == 6


@stores
def test_a_wrong_key_stores_nothing_and_says_why(file: Path, live_server) -> None:
    status, out = run(file, "--url", live_server.url, "--key", "hf_wrong", "--json")

    told = json.loads(out.splitlines()[-1])
    assert (status, told["turns"], told["failed"]) == (1, 0, 6)
    assert told["failures"][0]["reason"].startswith("HTTP 401")


def test_where_no_stack_runs_it_says_what_to_do(file: Path, local_dir: Path, settings) -> None:
    settings.LOCAL_DIR = local_dir

    with pytest.raises(CommandError, match="make up") as refusal:
        run(file)

    assert refusal.value.returncode == 1


def test_an_address_where_nothing_answers_is_said_at_once(file: Path) -> None:
    with pytest.raises(CommandError, match=re.escape("Nothing answers at http://127.0.0.1:1")) as refusal:
        run(file, "--url", "http://127.0.0.1:1", "--key", "x")

    assert refusal.value.returncode == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--in-process --url http://127.0.0.1:1", "without --url"),
        ("--in-process --domain UPPER", "lower-case"),
        ("--domain demo", "--domain goes with --in-process"),
        ("--url http://127.0.0.1:1", "needs --key"),
        ("--key x", "--key goes with --url"),
        ("--url ftp://127.0.0.1 --key x", "no http:// or https:// address"),
        ("--url http://127.0.0.1:1 --key @/nowhere/key", "cannot be read"),
        ("--url http://127.0.0.1:1 --key 'x\ny'", "characters that no key has"),
        ("--in-process --workers 0", "1 or more"),
        ("--in-process --workers 65", "64 or fewer"),
        ("--in-process --rate 0", "above 0"),
        ("--in-process --rate nan", "above 0"),
        ("--in-process --repeat 0", "1 or more"),
        ("--in-process --run a:b", "letters, digits"),
    ],
)
def test_misuse_is_refused_with_status_two_and_says_what_is_wrong(
    file: Path, arguments: str, words: str
) -> None:
    with pytest.raises(CommandError, match=re.escape(words)) as refusal:
        run(file, *shlex.split(arguments))

    # What the parser itself refuses ends with 2 when it comes from the command line.
    assert refusal.value.returncode == 2 or refusal.value.args[0].startswith("Error: argument")


@pytest.mark.django_db
def test_a_file_that_is_not_there_is_misuse_and_nothing_is_sent(file: Path) -> None:
    with pytest.raises(CommandError, match="Nothing was sent") as refusal:
        run(file, file.parent / "other.jsonl", "--in-process")

    assert refusal.value.returncode == 2
    assert Turn.objects.count() == 0


def test_the_sample_is_small_and_there() -> None:
    assert (Path(settings.BASE_DIR) / "sample" / "dialogues.jsonl").stat().st_size < 400_000
