"""docs/hot-state.md against the code: levels, lifecycle, keys, outcomes, figures; examples run."""

import ast
import re
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, get_args

import pytest
from redis import Redis

from handoff.gate import GatedTurn, record_turn
from persistence.apikeys import create_key
from persistence.history import find_conversation, history
from persistence.hot import errors
from persistence.hot.breaker import SHARE
from persistence.hot.client import PROBE_KEY_LIVES
from persistence.recent import cache
from persistence.recent.room import FULL
from persistence.session import checks, lifecycle, memory, postgres, service, streams
from persistence.session.behind import apply, stream
from persistence.session.port import Change, SessionState
from persistence.session.redis import state_key
from persistence.session.requests import MAX_DATA_BYTES, MAX_DATA_DEPTH, state_request
from persistence.session.status import status
from persistence.subject.hot import forget_hot
from persistence.tasks import write_behind
from tests.docs import documents
from tests.docs.documents import ROOT, codes, fences, plain, rows, section
from tests.docs.environment import variables
from tests.docs.test_api_examples import shell

TEXT = documents.hot_state()
FLAT = re.sub(r"\s+", " ", TEXT)


def table(column: str) -> dict[str, dict[str, str]]:
    """Return name → row for every name in the first column of the tables so titled."""
    return {name: row for row in rows(TEXT, column) for name in codes(row[column])}


def test_the_levels_name_every_store_and_the_cache(settings: Any) -> None:
    named = {setting.split("=")[1] for row in rows(TEXT, "Level") for setting in codes(row["Setting"])}
    [choices] = _choices("SESSION_STATE_BACKEND")
    assert named == set(choices)
    assert settings.SESSION_STATE_BACKEND == "postgres"
    [default] = [row for row in rows(TEXT, "Level") if "the default" in row["Setting"]]
    assert plain(default["Setting"]).startswith("SESSION_STATE_BACKEND=postgres")


def _choices(name: str) -> list[tuple[str, ...]]:
    """Return the choices that settings give for a variable."""
    tree = ast.parse((ROOT / "config" / "settings.py").read_text(encoding="utf-8"))
    return [
        ast.literal_eval(word.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args and getattr(node.args[0], "value", "") == name
        for word in node.keywords
        if word.arg == "choices"
    ]


def test_the_parts_of_a_state_are_parts_that_it_has() -> None:
    assert set(table("Part")) <= set(SessionState.__dataclass_fields__)


def test_the_lifecycle_is_the_one_that_is_enforced() -> None:
    steps = {name: set(codes(row["To"])) for name, row in table("From").items()}
    expected = {wanted: set[str]() for wanted in lifecycle.TRANSITIONS}
    for wanted, befores in lifecycle.ALLOWED_FROM.items():
        for before in befores:
            expected[before].add(wanted)
    assert steps == expected
    [begins] = [row for row in rows(TEXT, "From") if row["From"] == "(none)"]
    assert set(codes(begins["To"])) == lifecycle.BEGINNINGS


def test_a_session_without_a_state_begins_as_described(settings: Any) -> None:
    settings.SESSION_LIFECYCLE_DOMAINS = ["with"]
    first = f"gets one: `{lifecycle.initial_state('without')}`, or `{lifecycle.initial_state('with')}` where"
    assert first in FLAT


@pytest.mark.parametrize("page", [TEXT, documents.api()], ids=["hot-state", "api"])
def test_the_events_of_a_stream_are_those_that_are_told(page: str) -> None:
    told = {name for row in rows(page, "Stream event") for name in codes(row["Stream event"])}
    assert told == set(get_args(_hint(Change, "kind")))


def _hint(kind: type, name: str) -> Any:
    return kind.__dataclass_fields__[name].type  # type: ignore[attr-defined]


def test_what_can_be_wrong_with_redis_is_all_named() -> None:
    said = set(re.findall(r"``(\w+)``", errors.HotUnavailable.__doc__ or "")) - {"reason", "HOT_REDIS_URL"}
    # Without a Redis nobody counts.
    assert set(table("Outcome")) == said - {"off"} | {"ok"}
    assert {reason for _, reason in errors.REASONS} <= set(table("Outcome"))


def test_the_keys_in_redis_are_those_that_are_used() -> None:
    assert set(table("Key")) == {
        state_key("<domain>", "<channel>", "<session>"),
        cache.key_of("<domain>", "<conversation>"),  # type: ignore[arg-type]
        stream.key_of("<domain>"),
        f"{stream.key_of('<domain>')}:failed",
        stream.DOMAINS,
        "hfp:…",
    }
    assert f"consumer group `{stream.GROUP}`" in FLAT
    assert PROBE_KEY_LIVES == 10


def test_the_figures_named_are_those_that_are_set() -> None:
    assert f"at most {MAX_DATA_BYTES // 1024} KiB and {MAX_DATA_DEPTH} levels" in FLAT
    for name in (
        "SESSION_STATE_TTL_SECONDS",
        "HOT_REDIS_BUDGET_MS",
        "HOT_REDIS_REST_SECONDS",
        "EVENT_STREAMS",
        "HISTORY_CACHE_DAYS",
    ):
        assert f"`{name}` ({variables()[name].default})" in FLAT
    *first, last = map(str, apply.DELAYS)
    assert f"after {', '.join(first)} and {last} seconds and then **parked**" in FLAT
    assert f"Beyond {memory.MAX_SESSIONS:,} sessions" in FLAT
    assert (SHARE, FULL, postgres.POLL_SECONDS, streams.Rhythm().lifetime) == (0.2, 0.75, 0.25, 600)
    assert f"retry: {streams.RETRY_MS}" in TEXT


def test_a_user_with_the_documented_rights_is_enough(
    settings: Any, private_redis: Any, transactional_db: None
) -> None:
    server = private_redis()
    admin = Redis.from_url(server.url)
    [line] = [fence.body for fence in fences(section(TEXT, "What lies in Redis"), "text")]
    admin.execute_command(*line.split())
    settings.HOT_REDIS_URL = re.sub("//.*@", "//holdfast:password@", server.url)
    settings.SESSION_STATE_BACKEND, settings.HISTORY_CACHE = "redis-first", "redis"

    new = state_request({"state": "ordering"})
    assert service.put_state("demo", "web", "s", new).kept_in == "redis"
    with service.watch("demo", "web", "s") as changes:
        turns = [turn(number) for number in (1, 2)]
        found = find_conversation("demo", turns[0].turn.conversation_id)
        assert found is not None and len(history(found)) == 2
        service.clear_state("demo", "web", "s")
        assert [change.kind for _ in range(4) if (change := changes.next(5))][-1] == "cleared"
    write_behind()
    assert checks.server_settings(settings.HOT_REDIS_URL)["fsync"]
    assert status()["domains"]["demo"]["pending"] == 0
    forget_hot("demo", [], [found.conversation_id])
    assert admin.acl_log() == []


def turn(number: int) -> GatedTurn:
    said = [{"role": "user", "content": "hello"}]
    return record_turn(domain="demo", channel="web", session_id="s", request_id=f"r{number}", messages=said)


def test_the_python_examples_run_one_after_the_other(transactional_db: None) -> None:
    namespace: dict[str, Any] = {}
    blocks = [fence for fence in fences(TEXT) if fence.language.startswith("python")]
    assert {block.language for block in blocks} == {"python in-process"}
    for block in blocks:
        exec(compile(block.body, "docs/hot-state.md", "exec"), namespace)


def test_the_curl_examples_run(live_server: Any, transactional_db: None, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    key = create_key("demo").key
    begin, change, listen = [fence.body for fence in fences(TEXT, "bash")]
    begun = shell(begin, live_server.url, key)
    assert (begun["state"], begun["data"]) == ("ordering", {"step": 1})
    changed = shell(change, live_server.url, key, VERSION=str(begun["version"]))
    assert (changed["data"], changed["version"] > begun["version"]) == ({"step": 2}, True)
    assert first_lines(listen, live_server.url, key)[:4] == shown_stream(changed)


def shown_stream(state: dict[str, Any]) -> list[str]:
    """Return the page's stream as it begins, with the version of this run."""
    [shown] = [fence.body for fence in fences(section(TEXT, "Live events"), "text")]
    lines = re.sub(r"id: \d+", f"id: {state['version']}", shown).splitlines()
    return [line for line in lines if not line.startswith("data:")]


def first_lines(script: str, url: str, key: str) -> list[str]:
    """Run a script that would go on, and return what it says until there is data."""
    environ = {"PATH": "/usr/bin:/bin", "HOLDFAST_URL": url, "HOLDFAST_KEY": key, "NO_PROXY": "*"}
    with subprocess.Popen(
        ["bash", "-euc", f"exec {script.strip()}"], env=environ, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        giving_up = threading.Timer(30, running.kill)
        giving_up.start()
        lines = []
        for line in running.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("data:"):
                break
        giving_up.cancel()
        running.kill()
    return lines
