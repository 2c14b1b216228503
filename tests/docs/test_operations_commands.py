"""docs/operations.md against the commands: what exists, what each takes, and every line that invites copying."""

import re
import shlex
from argparse import _SubParsersAction
from collections.abc import Iterator

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.demo.demonstrate import ENOUGH_TURNS
from outbox import operate
from persistence.ladder import thresholds
from persistence.ladder.evidence import Judgement
from persistence.ladder.reporter import KEPT_DAYS
from persistence.management.commands.ladder import DEFAULT_HOURS, NAMES
from tests.docs import documents
from tests.docs.documents import codes, fences, plain, rows, section, subsections

APPS = ("config", "handoff", "summarization", "persistence", "outbox")
OWN = {name: app for name, app in get_commands().items() if app in APPS}
TEXT = documents.operations()
SECTIONS = {
    plain(title).removeprefix("manage.py "): body
    for title, body in subsections(TEXT, "Commands").items()
    if "manage.py" in title
}
PLACEHOLDERS = {
    "CONVERSATION": "01a1fd4b-d5d0-7681-a753-1a6cb1432900",
    "DESTINATION": "archive",
    "DOMAIN": "shop",
    "FILE": "customer.zip",
    "FILE…": "chats.jsonl",
    "ID": "1",
    "KEY": "01a1fd4b-d5d0-7681-a753-1a6cb1432900",
    "N": "5",
    "NAME": "website",
    "REF": "customer-42",
    "TEXT": "maintenance",
    "TIME": "2026-11-21T02:00:00+00:00",
}


def parser_of(name: str) -> CommandParser:
    """Return a command's parser, which takes no abbreviated options: nobody should learn those from a page."""
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    parser.allow_abbrev = False
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            for found in action.choices.values():
                found.allow_abbrev = False
    return parser


def options_of(parser: CommandParser) -> set[str]:
    """Return the long options that a parser adds to Django's own."""
    django = {
        option for action in BaseCommand().create_parser("", "")._actions for option in action.option_strings
    }
    found = {
        option for action in parser._actions for option in action.option_strings if option.startswith("--")
    }
    return found - django


def verbs_of(parser: CommandParser) -> dict[str, set[str]]:
    """Return verb → options; an action that is a positional with choices has the options of its command."""
    for action in parser._actions:
        if isinstance(action, _SubParsersAction):
            return {verb: options_of(found) for verb, found in action.choices.items()}
        if action.dest == "action" and action.choices:
            return dict.fromkeys(action.choices, options_of(parser))
    return {}


def usages(command: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each usage in the command's table, and its variants with one of the options behind it."""
    for row in rows(SECTIONS[command], "Usage"):
        usage = plain(row["Usage"])
        yield (
            usage,
            [code for code in codes(row["What it does"]) if code.startswith("--") and code != "--json"],
        )


def words(line: str) -> list[str]:
    return [PLACEHOLDERS.get(word, word) for word in shlex.split(line)]


def accepted(line: str) -> str | None:
    """Return why a command line would be refused as misuse, or None. Nothing is run."""
    command, *arguments = words(line)
    try:
        parser_of(command).parse_args(arguments)
    except (CommandError, KeyError) as error:
        return f"{line}: {error}"
    return None


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert set(SECTIONS) == set(OWN)


@pytest.mark.parametrize("command", sorted(SECTIONS))
def test_the_verbs_of_a_command_are_those_that_it_knows(command: str) -> None:
    documented = {usage.split()[1] for usage, _ in usages(command)} if command != "replay" else set()
    assert documented == set(verbs_of(parser_of(command)))


@pytest.mark.parametrize("command", sorted(SECTIONS))
def test_the_options_of_a_command_are_those_that_it_takes(command: str) -> None:
    named = {option for code in codes(SECTIONS[command]) for option in re.findall(r"(?<!\S)--[a-z-]+", code)}
    parser = parser_of(command)
    taken = options_of(parser).union(*verbs_of(parser).values())
    assert named == taken


@pytest.mark.parametrize("command", sorted({"outbox", "archive", "apikey", "sessions"} & set(SECTIONS)))
def test_each_verb_is_shown_with_its_own_options(command: str) -> None:
    shown: dict[str, set[str]] = {}
    for usage, options in usages(command):
        found = re.findall(r"--[a-z-]+", " ".join([usage, *options]))
        shown.setdefault(usage.split()[1], set()).update(found)
    taken = {verb: options - {"--json"} for verb, options in verbs_of(parser_of(command)).items()}
    assert shown == taken


@pytest.mark.parametrize("command", sorted(SECTIONS))
def test_every_usage_is_accepted_with_each_of_its_options(command: str) -> None:
    lines = [" ".join([usage, option]) for usage, options in usages(command) for option in ["", *options]]
    assert [trouble for line in lines if (trouble := accepted(line))] == []


def commands_in(text: str) -> Iterator[str]:
    """Yield every command line of a page: in fences, and in backticks anywhere but in a heading."""
    blocks = [line.strip() for fence in fences(text) for line in fence.body.splitlines()]
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for line in [*blocks, *codes(body)]:
        if line.startswith("manage.py ") and "  " not in line:
            yield line.removeprefix("manage.py ")


@pytest.mark.parametrize("page", ["operations", "api", "handoff", "hot_state", "summaries"])
def test_every_command_that_invites_copying_is_accepted(page: str) -> None:
    lines = set(commands_in(getattr(documents, page)()))
    assert lines
    assert [trouble for line in lines if (trouble := accepted(line))] == []


def test_the_commands_in_the_readmes_blocks_are_accepted() -> None:
    text = (documents.ROOT / "README.md").read_text(encoding="utf-8")
    # What stands behind two spaces is their explanation.
    lines = [line.split("  ")[0] for fence in fences(text) for line in fence.body.splitlines()]
    commands = [line.removeprefix("manage.py ") for line in lines if line.startswith("manage.py ")]
    assert commands
    assert [trouble for line in commands if (trouble := accepted(line))] == []


def test_a_wrong_command_line_would_be_noticed() -> None:
    assert accepted("outbox release archive --lanes 1") is not None
    assert accepted("outbox prune --older 1") is not None
    assert accepted("outbox redrive archive --after yesterday") is not None


def test_the_defaults_of_replay_are_those_documented() -> None:
    parser = parser_of("replay")
    table = {plain(row["Option"]): plain(row["Default"]) for row in rows(SECTIONS["replay"], "Option")}
    assert set(table) == options_of(parser)
    for option, default in table.items():
        if default.isdigit():
            assert parser.get_default(option.removeprefix("--").replace("-", "_")) == float(default)


def test_the_defaults_of_the_ladder_are_those_documented() -> None:
    table = {row["Option"]: plain(row["Default"]) for row in rows(SECTIONS["ladder"], "Option")}
    assert {plain(option).split()[0] for option in table} == options_of(parser_of("ladder"))
    assert float(table["`--hours N`"]) == DEFAULT_HOURS
    assert f"at most {KEPT_DAYS * 24}." in SECTIONS["ladder"]
    assert [row["Level"] for row in rows(SECTIONS["ladder"], "Level")] == [str(level) for level in NAMES]


def test_the_thresholds_of_the_ladder_are_those_documented() -> None:
    text = re.sub(r"\s+", " ", SECTIONS["ladder"])
    assert f"takes {thresholds.STATE_SHARE:.0%}".replace("%", " %") + " of the database's time" in text
    assert f"take {thresholds.HISTORY_SHARE:.0%}".replace("%", " %") + " of the database's time" in text
    assert f"takes {thresholds.WRITE_OF_MODEL:.0%}".replace("%", " %") + " of the model's median" in text
    assert (
        f"{thresholds.ENOUGH_DATABASE_SECONDS:g} s of the database at work, {thresholds.ENOUGH_READS:,} reads of "
        f"history, {thresholds.ENOUGH_WRITES} writes, {thresholds.ENOUGH_MODEL_TURNS} turns" in text
    )
    assert f"of which {thresholds.ENOUGH_OF_WINDOW:.0%}".replace("%", " %") + " was" in text
    assert (thresholds.LEAVE_AT, thresholds.LITTLE_STATE_PER_SECOND) == (0.5, 1)


def test_the_judgements_of_the_ladder_are_all_named() -> None:
    assert {judgement.value for judgement in Judgement} <= set(codes(SECTIONS["ladder"]))


def test_the_figures_in_the_commands_text_are_those_of_the_code() -> None:
    assert f"at least so many ({ENOUGH_TURNS})" in SECTIONS["demo"]
    assert f"takes {operate.LIMIT:,} at most" in SECTIONS["outbox"]


def test_the_commands_that_take_json_are_those_that_say_so() -> None:
    without = {name for name in OWN if "--json" not in options_of(parser_of(name))}
    assert without == {"up"}
    assert "All commands but `up` take `--json`" in section(TEXT, "Commands")
