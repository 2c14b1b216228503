"""Handoffs and cases over HTTP, as the assistant's app and other consoles meet them."""

import json
import uuid

import pytest
from django.test import Client

from handoff.models import CaseEvent, SupportCase
from persistence.apikeys import create_key
from persistence.models import Turn

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def keys(settings):
    settings.API_KEY_CACHE_SECONDS = 0
    return {domain: create_key(domain, "test").key for domain in ("demo", "other")}


@pytest.fixture
def call(client: Client, keys):
    def send(method, path, body=None, *, domain="demo"):
        data = {"data": json.dumps(body), "content_type": "application/json"} if body is not None else {}
        headers = {"Authorization": f"Bearer {keys[domain]}"}
        response = getattr(client, method)(f"/api/v1{path}", headers=headers, **data)
        return response.status_code, response.json()

    return send


def turn_body(**more):
    return {
        "channel": "web",
        "session_id": "s",
        "request_id": str(uuid.uuid4()),
        "messages": [{"role": "user", "content": "a person please"}],
    } | more


@pytest.fixture
def case(call):
    return call("post", "/turns", turn_body(handoff={"reason_code": "user_request", "reason": "asked"}))[1]


def test_a_turn_with_a_handoff_is_answered_with_the_case(call):
    body = turn_body(handoff={"reason_code": "low_confidence", "priority": "high", "queue": "billing"})
    status, first = call("post", "/turns", body)
    assert status == 201
    assert first["handoff_status"] == "handoff_queued"
    assert (first["control"], first["control_epoch"]) == ("queued", 1)
    status, again = call("post", "/turns", body)
    assert (status, again["case_id"], again["handoff_status"]) == (200, first["case_id"], "handoff_queued")


def test_a_handoff_that_cannot_be_kept_names_the_field(call):
    status, problem = call("post", "/turns", turn_body(handoff={"reason_code": "because"}))
    assert status == 422
    assert [error["field"] for error in problem["errors"]] == ["handoff.reason_code"]
    assert not Turn.objects.exists()


def test_a_conversation_is_handed_off_without_a_turn_and_a_retry_finds_the_same_case(call):
    turn = call("post", "/turns", turn_body())[1]
    path = f"/conversations/{turn['conversation_id']}/handoff"
    status, first = call("post", path, {"reason_code": "vip", "request_id": "r"})
    assert (status, first["handoff_status"], first["control"]) == (201, "handoff_queued", "queued")
    status, again = call("post", path, {"reason_code": "vip", "request_id": "r"})
    assert (status, again["case_id"]) == (200, first["case_id"])
    assert call("post", path, {})[1]["case_id"] == first["case_id"]
    assert call("post", path, {}, domain="other")[0] == 404


def test_cases_are_listed_by_attention_and_paged(call):
    for number, priority in enumerate(["low", "urgent", "normal"]):
        call("post", "/turns", turn_body(session_id=f"s{number}", handoff={"priority": priority}))
    status, page = call("get", "/cases?limit=2")
    assert (status, [one["priority"] for one in page["cases"]]) == (200, ["urgent", "normal"])
    rest = call("get", f"/cases?limit=2&after={page['next_after']}")[1]
    assert ([one["priority"] for one in rest["cases"]], rest["next_after"]) == (["low"], None)
    assert call("get", "/cases", domain="other")[1]["cases"] == []


@pytest.mark.parametrize(
    "query",
    [
        "status=lost",
        "after=x",
        "after=[1,2]",
        "after=none-x",
        "after=99999999T999999.999999Z-1",
        "limit=0",
        "queue=%00",
        "assignee=%00",
    ],
)
def test_a_question_that_makes_no_sense_is_refused(call, query):
    assert call("get", f"/cases?{query}")[0] == 422


def test_a_case_is_worked_through_over_http(call, case):
    path = f"/cases/{case['case_id']}/transitions"
    status, claimed = call("post", path, {"action": "claim", "version": 1, "agent": "anna"})
    assert (status, claimed["assignee"], claimed["version"]) == (200, "anna", 2)
    status, refused = call("post", path, {"action": "claim", "agent": "ben"})
    assert (status, refused["code"], refused["assignee"]) == (409, "already_claimed", "anna")
    status, stale = call("post", path, {"action": "close", "version": 1, "agent": "anna"})
    assert (status, stale["code"], stale["version"]) == (409, "stale_version", 2)
    assert call("post", path, {"action": "reply", "text": "Hello!", "agent": "anna"})[0] == 200
    assert (
        call("post", path, {"action": "return_to_bot", "note": "done", "agent": "anna"})[1]["control"]
        == "bot"
    )
    status, closed = call("post", path, {"action": "close", "agent": "anna"})
    assert (closed["status"], closed["actions"]) == ("closed", ["note", "reopen"])
    status, refused = call("post", path, {"action": "claim"})
    assert (status, refused["code"]) == (409, "transition_refused")
    history = call("get", f"/cases/{case['case_id']}")[1]["events"]
    assert [event["kind"] for event in history] == [
        "opened",
        "queued",
        "claimed",
        "replied",
        "returned",
        "closed",
    ]


def test_a_long_history_is_told_from_its_end(call, case):
    found = SupportCase.objects.get()
    CaseEvent.objects.bulk_create(
        CaseEvent(case=found, seq=seq, kind="noted", actor="agent:anna", created_at=found.opened_at)
        for seq in range(3, 601)
    )
    history = call("get", f"/cases/{case['case_id']}")[1]["events"]
    assert [event["seq"] for event in history] == list(range(101, 601))


@pytest.mark.parametrize(
    ("step", "field"),
    [
        ({"action": "dance"}, "action"),
        ({"action": "reply"}, "text"),
        ({"action": "claim", "text": "x"}, "text"),
        ({"action": "merge", "into": "x"}, "into"),
        ({"action": "assign", "assignee": "a\x00"}, "assignee"),
        ({"action": "note", "text": "a\x00"}, "text"),
        ({"action": "claim", "agent": "\ud800"}, "agent"),
        ({"action": "set_priority", "priority": "highest"}, "priority"),
        ({"action": "transfer", "queue": "nowhere"}, "queue"),
    ],
)
def test_a_step_that_makes_no_sense_names_its_field_and_changes_nothing(call, case, step, field):
    status, problem = call("post", f"/cases/{case['case_id']}/transitions", step)
    assert status == 422
    assert field in [error["field"] for error in problem["errors"]]
    assert SupportCase.objects.get().version == 1


def test_another_domains_case_is_not_there(call, case):
    assert call("get", f"/cases/{case['case_id']}", domain="other")[0] == 404
    path = f"/cases/{case['case_id']}/transitions"
    assert call("post", path, {"action": "claim"}, domain="other")[0] == 404


def test_the_context_is_read_over_http_and_only_in_the_keys_domain(call, case):
    path = f"/conversations/{case['conversation_id']}/context"
    status, found = call("get", f"{path}?token_budget=500")
    assert (status, found["control"], found["control_epoch"], len(found["turns"])) == (200, "queued", 1, 1)
    assert call("get", path, domain="other")[0] == 404
    for wrong in ("0", "x", "1e9", "200001"):
        assert call("get", f"{path}?token_budget={wrong}")[0] == 422
