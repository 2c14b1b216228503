"""docs/operations.md against what can be observed: metrics, error codes, check ids, statements to copy."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from outbox.tally import Tally
from persistence.apikeys import create_key
from persistence.archive.sinks import port
from persistence.session.parked import park
from tests.docs import documents
from tests.docs.documents import ROOT, codes, fences, plain, prose, rows
from tests.docs.test_api_reference import answered_codes, raised_codes

TEXT = documents.operations()
APPS = ("config", "handoff", "summarization", "persistence", "outbox")
SINKS = ROOT / "persistence" / "archive" / "sinks"
CHECK_ID = re.compile(r"\b([a-z]+)\.([EW]\d{3})\b")
Exposed = dict[str, tuple[str, set[str]]]


@pytest.fixture
def exposed(client: Client, settings: Any, private_redis: Any, transactional_db: None) -> Exposed:
    """Return name → (type, labels) of everything of ours that a scrape shows, after a turn and a failed attempt.

    The turn is at the highest level, with a write that was parked; then its state is asked for without a Redis.
    """
    headers = {"Authorization": f"Bearer {create_key('demo').key}"}
    settings.SESSION_STATE_BACKEND, settings.HISTORY_CACHE = "redis-first", "redis"
    settings.HOT_REDIS_URL = ""
    client.get("/api/v1/sessions/web/s/state", headers=headers)
    settings.HOT_REDIS_URL = private_redis().url
    stored = client.post("/api/v1/turns", json.dumps(TURN), "application/json", headers=headers).json()
    client.get(f"/api/v1/conversations/{stored['conversation_id']}/turns", headers=headers)
    park("demo", "1-1", {}, attempts=5, error=ValueError("no state"))
    tally = Tally("archive")
    tally.add("error:timeout")
    tally.delivered(0.1)
    tally.flush()
    found: Exposed = {}
    for family in text_string_to_metric_families(client.get("/metrics").content.decode()):
        if not family.name.startswith("holdfast_") or family.name.endswith("_created"):
            continue
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        found[family.name + ("_total" if family.type == "counter" else "")] = (family.type, labels)
    return found


TURN = {
    "channel": "web",
    "session_id": "s",
    "request_id": "r",
    "messages": [{"role": "user", "content": "hello"}],
}


def test_every_metric_is_documented_with_type_and_labels_and_none_that_is_not_exposed(
    exposed: Exposed,
) -> None:
    documented = {
        plain(row["Metric"]): (row["Type"], set(codes(row["Labels"]))) for row in rows(TEXT, "Metric")
    }
    assert documented == exposed


def test_the_pages_name_no_metric_that_is_not_exposed(exposed: Exposed) -> None:
    more = (documents.api, documents.handoff, documents.console, documents.hot_state, documents.summaries)
    pages = (TEXT, *(page() for page in more))
    named = {word for page in pages for word in re.findall(r"\bholdfast_[a-z_]+", prose(page))}
    named -= {"holdfast_case_id"}  # an attribute of a ticket in Zammad
    named -= {name for name in named if name.endswith("_")}  # the beginning of several
    assert named <= set(exposed)


def test_the_outcomes_of_turns_are_the_codes_of_errors_and_those_named() -> None:
    [row] = [row for row in rows(TEXT, "Metric") if plain(row["Metric"]) == "holdfast_turns_total"]
    source = (ROOT / "handoff" / "api.py").read_text(encoding="utf-8")
    observed = set(re.findall(r'observe\("(\w+)" if .* else "(\w+)"\)', source)[0])
    assert set(codes(row["What it is"])) == observed | {"error"}
    assert "error" not in raised_codes() | dict.fromkeys(answered_codes())


def sink_codes() -> dict[str, set[bool]]:
    """Return code → whether it says that the whole store is out, from every place in the sinks that gives one."""
    found: dict[str, set[bool]] = {}
    for path in SINKS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for code, everything in [*_from_a_call(node), *_from_a_row(node)]:
                found.setdefault(code, set()).add(everything)
    return found


def _from_a_call(node: ast.AST) -> list[tuple[str, bool]]:
    """``Meaning("code", True, …)`` and ``SinkError(…, code="code", endpoint_down=True)``."""
    if not isinstance(node, ast.Call):
        return []
    given = {word.arg: word.value.value for word in node.keywords if isinstance(word.value, ast.Constant)}
    if isinstance(given.get("code"), str):
        return [(str(given["code"]), bool(given.get("endpoint_down", False)))]
    return _from_a_row(ast.Tuple(node.args)) if getattr(node.func, "id", "") == "Meaning" else []


def _from_a_row(node: ast.AST) -> list[tuple[str, bool]]:
    """``("code", True, "what to do")``."""
    if isinstance(node, ast.Tuple) and len(node.elts) == 3:
        values = [part.value for part in node.elts if isinstance(part, ast.Constant)]
        if len(values) >= 2 and isinstance(values[0], str) and isinstance(values[1], bool):
            return [(values[0], values[1])]
    return []


def test_every_error_code_is_documented_and_none_that_nobody_gives() -> None:
    documented = {plain(row["Error code"]) for row in rows(TEXT, "Error code")}
    stated = set(re.findall(r"``(\w+)``", (port.__doc__ or "").partition("Codes, which are stable")[2]))
    assert set(sink_codes()) <= stated
    assert documented == stated | {"turn_missing", "event_unknown", "handler_error:…"}
    for code in ("turn_missing", "event_unknown"):
        assert f'Parked("{code}")' in source("persistence/archive/handler.py")
    assert 'Failed(f"handler_error:' in source("outbox/act.py")


def test_an_error_code_that_stops_the_whole_store_is_marked_so() -> None:
    documented = {plain(row["Error code"]): row["Concerns"] for row in rows(TEXT, "Error code")}
    always = {code: everything == {True} for code, everything in sink_codes().items() if len(everything) == 1}
    assert {code: documented[code] for code in always} == {
        code: "all" if whole else "one" for code, whole in always.items()
    }


def check_ids() -> set[str]:
    """Return the ids in every checks.py: written out, or as the number behind the app's name."""
    found: set[str] = set()
    for path in (path for app in APPS for path in (ROOT / app).rglob("checks.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if CHECK_ID.fullmatch(node.value):
                    found.add(node.value)
                elif re.fullmatch(r"[EW]\d{3}", node.value):
                    found.add(f"{path.relative_to(ROOT).parts[0]}.{node.value}")
    return found


def test_every_check_id_is_documented_and_none_that_does_not_exist() -> None:
    assert len(check_ids()) > 5
    assert {plain(row["Check id"]) for row in rows(TEXT, "Check id")} == check_ids()
    assert {match[0] for match in CHECK_ID.finditer(TEXT)} == check_ids()
    assert not CHECK_ID.findall(documents.handoff() + documents.console() + documents.hot_state())


@pytest.mark.parametrize(
    "statement", [fence.body for fence in fences(TEXT, "sql")], ids=lambda text: text.split()[3]
)
def test_every_statement_that_invites_copying_runs_and_only_reads(statement: str, db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
        cursor.execute(statement)
        cursor.fetchall()


def source(path: str) -> str:
    return Path(ROOT / path).read_text(encoding="utf-8")
