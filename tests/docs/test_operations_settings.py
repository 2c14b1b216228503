"""docs/operations.md against what is read from the environment, and against what is fixed."""

import re
from dataclasses import MISSING, fields
from typing import Any

import pytest
from django.conf import settings

from config.services import lifecycle
from config.stack.processes import QUEUES
from handoff.endpoints import entry
from handoff.models import Endpoint
from outbox.destinations import Destination
from tests.docs import documents
from tests.docs.documents import ROOT, codes, plain, rows, section
from tests.docs.environment import CONFIGURATIONS, names_in, read_elsewhere, variables

TEXT = documents.operations()
PAGES = (documents.api, documents.handoff, documents.console, documents.hot_state, documents.summaries)
TABLE = {plain(row["Setting"]): row for row in rows(TEXT, "Setting")}
OTHERS = {name for row in rows(TEXT, "Variable") for name in codes(row["Variable"])}
COMPOSE = {plain(row["Compose variable"]): plain(row["Default"]) for row in rows(TEXT, "Compose variable")}
FIXED = {plain(row["Django setting"]): plain(row["Value"]) for row in rows(TEXT, "Django setting")}


def read_by_the_configurations() -> set[str]:
    return set().union(*(names_in(ROOT / path) for path in CONFIGURATIONS))


def test_every_setting_is_documented_and_every_documented_setting_is_read() -> None:
    assert set(TABLE) == read_by_the_configurations()


def test_what_the_syntax_shows_is_what_is_read_at_a_start() -> None:
    assert set(variables()) == read_by_the_configurations()


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_setting_has_the_documented_default_and_values(name: str) -> None:
    found = variables()[name]
    assert (plain(TABLE[name]["Default"]), TABLE[name]["Values"]) == (found.default, found.values)


def test_a_setting_is_documented_once() -> None:
    assert len(TABLE) == len(rows(TEXT, "Setting"))


def test_variables_that_are_read_elsewhere_are_documented() -> None:
    embedded = {kind.VARIABLE for kind in lifecycle.KINDS.values()}
    assert read_elsewhere() | embedded == OTHERS | ((read_elsewhere() | embedded) & set(TABLE))


def test_the_variables_of_compose_are_documented_with_their_defaults() -> None:
    text = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    found: dict[str, str] = {}
    for name, mark, default in re.findall(r"(?<!\$)\$\{([A-Z0-9_]+)(?:(:?[-?])([^}]*))?\}", text):
        found.setdefault(name, "required" if "?" in mark else default)
    assert {name: default for name, default in found.items() if name not in TABLE} == COMPOSE


def test_the_numbers_in_the_example_for_deployment_are_the_defaults() -> None:
    text = (ROOT / "deploy" / "holdfast.env.example").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^#?([A-Z][A-Z0-9_]+)=(.*)$", text, re.MULTILINE))
    numbers = {
        name: found.default for name, found in variables().items() if found.kind in ("number", "integer")
    }
    assert {name: shown[name] for name in numbers} == numbers


def test_the_page_names_no_variable_that_nobody_reads() -> None:
    pages = (TEXT, *(page() for page in PAGES))
    words = {word.split("=")[0] for text in pages for word in codes(text)}
    named = {word for word in words if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", word)}
    files = {f"{name}_FILE" for name, found in variables().items() if found.kind == "secret"}
    assert named <= set(TABLE) | OTHERS | set(COMPOSE) | set(FIXED) | files


@pytest.mark.parametrize("name", sorted(FIXED))
def test_what_is_called_fixed_has_that_value(name: str) -> None:
    assert str(getattr(settings, name)) == FIXED[name]


def test_the_limits_of_a_connection_are_those_that_are_set() -> None:
    options = settings.DATABASES["default"]["OPTIONS"]
    idle = re.search(r"idle_in_transaction_session_timeout=(\d+)", options["options"])
    assert idle is not None
    expected = f"given {options['connect_timeout']} s to open and end a transaction that idles for {int(idle[1]) // 1000} s"
    assert expected in re.sub(r"\s+", " ", TEXT)


def test_the_keys_of_a_destination_are_documented_with_their_defaults() -> None:
    def shown(field: Any) -> str:
        if field.default_factory is not MISSING:
            return str(field.default_factory())
        if field.default is MISSING:
            return "required"
        if isinstance(field.default, tuple):
            return ", ".join(str(value) for value in field.default) or "()"
        return str(field.default)

    expected = {field.name: shown(field) for field in fields(Destination) if field.name != "name"}
    documented = {
        plain(row["Key"]): plain(row["Default"]) for row in rows(section(TEXT, "Destinations"), "Key")
    }
    assert documented == expected


def test_the_archives_own_schedule_and_event_are_as_described() -> None:
    archive = settings.OUTBOX_DESTINATIONS["archive"]
    *first, last = [str(delay) for delay in archive["schedule"]]
    text = re.sub(r"\s+", " ", section(TEXT, "Destinations"))
    assert f"`archive` receives {' and '.join(f'`{event}`' for event in archive['events'])}, retries" in text
    assert f"retries after {', '.join(first)} and then every {last} seconds for ever" in text
    assert archive["on_exhausted"] == "repeat"


def test_the_beat_schedule_is_documented_and_nothing_that_is_not_in_it() -> None:
    documented = {
        plain(row["Beat entry"]): (plain(row["Task"]), row["Every"], plain(row["Queue"]))
        for row in rows(TEXT, "Beat entry")
    }
    assert documented == {
        name: (entry["task"], f"{entry['schedule']:g} s", entry["options"]["queue"])
        for name, entry in settings.CELERY_BEAT_SCHEDULE.items()
    }


def test_every_queue_is_documented_with_the_worker_that_listens_to_it() -> None:
    documented = {plain(row["Role"]): set(codes(row["Queues"])) for row in rows(TEXT, "Role")}
    expected = {f"worker-{name}": set(queues.split(",")) for name, queues in QUEUES.items()}
    assert {role: queues for role, queues in documented.items() if queues} == expected


def test_every_queue_that_something_is_sent_to_has_a_worker() -> None:
    listened = set().union(*(queues.split(",") for queues in QUEUES.values()))
    used = {scheduled["options"]["queue"] for scheduled in settings.CELERY_BEAT_SCHEDULE.values()}
    used |= {found["queue"] for found in settings.OUTBOX_DESTINATIONS.values()}
    assert used | {entry(Endpoint())["queue"]} <= listened


def test_an_endpoints_own_rules_are_as_described() -> None:
    found = entry(Endpoint())
    *first, last = [str(delay) for delay in found["breaker"]]
    text = re.sub(r"\s+", " ", section(TEXT, "Destinations"))
    assert f"rests for {', '.join(first)} and then every {last} seconds when it is out" in text
    assert found["on_exhausted"] == "park"
    assert found["lanes_per_claim"] == 1
