"""The examples in docs/api.md, run as they stand."""

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from django.test import Client

from persistence.apikeys import create_key
from persistence.models import Turn
from summarization.models import DomainPolicy
from tests.docs import documents
from tests.docs.documents import fences, section

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = documents.api()
POST = "`POST /api/v1/turns`"
CONVERSATION = "`GET /api/v1/conversations/{conversation_id}`"
TURNS = "`GET /api/v1/conversations/{conversation_id}/turns`"
HANDOFF = "`POST /api/v1/conversations/{conversation_id}/handoff`"
CONTEXT = "`GET /api/v1/conversations/{conversation_id}/context`"
STATE = "`PUT /api/v1/sessions/{channel}/{session_id}/state`"
SUMMARY = "`POST /api/v1/conversations/{conversation_id}/summary`"
RECALL = "`GET /api/v1/customers/{customer_ref}/recall`"
TRANSITION = "`POST /api/v1/cases/{case_id}/transitions`"
# What differs from one run to the next; everything else on the page must come back as it stands there.
DRAWN = {
    "turn_id",
    "conversation_id",
    "case_id",
    "chain_head",
    "digest",
    "prev_digest",
    "created_at",
    "last_turn_at",
    "updated_at",
    "version",
    "summarized_at",
}


@pytest.fixture
def key(settings: Any) -> str:
    settings.API_KEY_CACHE_SECONDS = 0
    return create_key("demo", "docs").key


def example(title: str, language: str) -> Any:
    [fence] = fences(section(TEXT, title), language)
    return json.loads(fence.body)


def steady(value: Any) -> Any:
    """Return a JSON value with the drawn parts replaced by their lengths: an id has the length of an id."""
    if isinstance(value, dict):
        return {name: length(part) if name in DRAWN else steady(part) for name, part in value.items()}
    return [steady(part) for part in value] if isinstance(value, list) else value


def length(part: str | int | None) -> int:
    return len(str(part or ""))


def call(client: Client, key: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Bearer {key}"}
    if body is None:
        return client.get(path, headers=headers)
    return client.post(path, json.dumps(body), content_type="application/json", headers=headers)


def test_the_documented_request_gets_the_documented_answers(client: Client, key: str) -> None:
    posted = call(client, key, "/api/v1/turns", example(POST, "json request"))
    assert posted.status_code == 201, posted.content
    assert steady(posted.json()) == steady(example(POST, "json answer"))

    path = f"/api/v1/conversations/{posted.json()['conversation_id']}"
    assert steady(call(client, key, path).json()) == steady(example(CONVERSATION, "json answer"))
    assert steady(call(client, key, f"{path}/turns").json()) == steady(example(TURNS, "json answer"))

    asked = call(client, key, f"{path}/handoff", example(HANDOFF, "json request"))
    assert asked.status_code == 201, asked.content
    assert steady(asked.json()) == steady(example(HANDOFF, "json answer"))
    assert steady(call(client, key, f"{path}/context").json()) == steady(example(CONTEXT, "json answer"))

    case = f"/api/v1/cases/{asked.json()['case_id']}"
    step = example(TRANSITION, "json request") | {"version": call(client, key, case).json()["version"]}
    assert call(client, key, f"{case}/transitions", step).json()["assignee"] == "anna"


def test_the_documented_summary_is_made_read_and_recalled_as_documented(client: Client, key: str) -> None:
    posted = call(client, key, "/api/v1/turns", example(POST, "json request"))
    path = f"/api/v1/conversations/{posted.json()['conversation_id']}/summary"
    assert call(client, key, path).status_code == 404
    asked = call(client, key, path, {})
    assert asked.status_code == 200, asked.content
    assert unhurried(asked.json()) == unhurried(example(SUMMARY, "json answer"))
    assert call(client, key, path).json() == asked.json()["summary"]

    recall = "/api/v1/customers/customer-1001/recall"
    assert call(client, key, recall).json()["recall"] == "off"
    DomainPolicy.objects.create(domain="demo", recall=True)
    found = call(client, key, recall).json()
    assert undated(steady(found)) == undated(steady(example(RECALL, "json answer")))


def unhurried(answer: Any) -> Any:
    """Return the answer without how long it took."""
    return steady(answer | {"summary": answer["summary"] | {"duration_ms": 0}})


def undated(value: Any) -> Any:
    """Return a JSON value with the days in it replaced by one."""
    return json.loads(re.sub(r"\b\d{4}-\d\d-\d\d\b", "2026-11-21", json.dumps(value)))


def test_the_documented_state_is_kept_and_read_as_documented(client: Client, key: str) -> None:
    path = "/api/v1/sessions/web/documented/state"
    headers = {"Authorization": f"Bearer {key}", "If-None-Match": "*"}
    body = json.dumps(example(STATE, "json request"))
    kept = client.put(path, body, content_type="application/json", headers=headers)
    assert kept.status_code == 201, kept.content
    assert steady(kept.json()) == steady(example(STATE, "json answer"))
    assert call(client, key, path).json() == kept.json()
    assert call(client, key, path)["ETag"] == f'"{kept.json()["version"]}"'


def test_no_case_id_is_given_where_the_page_says_none(client: Client, key: str) -> None:
    posted = call(client, key, "/api/v1/turns", example(POST, "json request"))
    assert posted.json()["case_id"] is example(POST, "json answer")["case_id"] is None


def test_the_documented_refusal_is_the_one_that_comes(client: Client, key: str) -> None:
    [documented] = fences(section(TEXT, "Errors"), "json")
    wrong = {"messages": [{"role": "user", "content": "abc\x00"}]}
    refused = call(client, key, "/api/v1/turns", example(POST, "json request") | wrong)
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused.status_code, refused.json()) == (422, json.loads(documented.body))


def test_every_block_of_json_is_json() -> None:
    for fence in fences(TEXT):
        if fence.language.startswith("json"):
            json.loads(fence.body)


def test_the_python_examples_run_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, Any] = {}
    blocks = fences(TEXT, "python in-process")
    assert blocks
    for block in blocks:
        exec(compile(block.body, "docs/api.md", "exec"), namespace)
    assert "outside a transaction" in capsys.readouterr().out
    assert Turn.objects.count() == 4


def test_the_python_examples_of_the_readme_run(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = fences((documents.ROOT / "README.md").read_text(encoding="utf-8"), "python")
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block.body, "README.md", "exec"), {})
    assert "handoff_queued" in capsys.readouterr().out


def test_every_python_block_of_the_page_is_run_by_a_test() -> None:
    blocks = [fence for fence in fences(TEXT) if fence.language.startswith("python")]
    assert {block.language for block in blocks} == {"python in-process", "python client"}


def test_the_curl_examples_run(live_server: Any, key: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    store, read = [fence.body for fence in fences(TEXT, "bash")]
    stored = shell(store, live_server.url, key)
    assert stored["seq"] == 1
    page = shell(read, live_server.url, key, CONVERSATION_ID=stored["conversation_id"])
    assert [turn["turn_id"] for turn in page["turns"]] == [stored["turn_id"]]


def test_the_curl_examples_of_the_readme_run_one_after_the_other(live_server: Any, key: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    text = (documents.ROOT / "README.md").read_text(encoding="utf-8")
    scripts = [fence.body for fence in fences(text) if fence.body.startswith("curl ")]
    told = [shell(script, live_server.url, key, API=live_server.url, KEY=key) for script in scripts]
    assert [one.get("status") for one in told] == [None] * 4  # no problem document
    assert told[1]["handoff_status"] == "handoff_queued"


def shell(script: str, url: str, key: str, **more: str) -> Any:
    environ = {"PATH": os.environ["PATH"], "HOLDFAST_URL": url, "HOLDFAST_KEY": key, "NO_PROXY": "*"} | more
    done = subprocess.run(["bash", "-euc", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_client_stores_a_turn(live_server: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run_client(monkeypatch, live_server.url, key)
    assert Turn.objects.get().request_id == "order-question-2"


def test_the_client_repeats_the_same_request_until_it_is_acknowledged(
    live_server: Any, key: str, monkeypatch: pytest.MonkeyPatch, unsteady: "Unsteady"
) -> None:
    unsteady.behind = live_server.url
    run_client(monkeypatch, unsteady.url, key)
    # Refused, taken but the answer lost, and at last acknowledged: one turn.
    assert len(unsteady.bodies) == 3
    assert len(set(unsteady.bodies)) == 1
    assert Turn.objects.count() == 1


def test_the_client_does_not_repeat_what_can_never_be_stored(
    live_server: Any, monkeypatch: pytest.MonkeyPatch, unsteady: "Unsteady"
) -> None:
    unsteady.behind, unsteady.troubles = live_server.url, []
    with pytest.raises(httpx.HTTPStatusError):
        run_client(monkeypatch, unsteady.url, "no-key")
    assert len(unsteady.bodies) == 1


def run_client(monkeypatch: pytest.MonkeyPatch, url: str, key: str) -> None:
    monkeypatch.setenv("HOLDFAST_URL", url)
    monkeypatch.setenv("HOLDFAST_KEY", key)
    monkeypatch.setenv("NO_PROXY", "*")
    [block] = fences(TEXT, "python client")
    exec(compile(block.body, "docs/api.md", "exec"), {})


class Unsteady:
    """Stands in front of a server; answers 503, then loses an answer, then passes everything on."""

    def __init__(self) -> None:
        self.behind = ""
        self.bodies: list[bytes] = []
        self.troubles = ["refuse", "lose"]
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        self.bodies.append(body)
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble == "refuse":
            handler.send_response(503)
            handler.send_header("Retry-After", "0")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        wanted = ("Authorization", "Content-Type")
        headers = {name: handler.headers[name] for name in wanted}
        answer = httpx.post(self.behind + handler.path, content=body, headers=headers, trust_env=False)
        if trouble == "lose":
            handler.close_connection = True
            return
        handler.send_response(answer.status_code)
        handler.send_header("Content-Length", str(len(answer.content)))
        handler.end_headers()
        handler.wfile.write(answer.content)


@pytest.fixture
def unsteady() -> Iterator[Unsteady]:
    made = Unsteady()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()
