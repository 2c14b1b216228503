"""Summaries and recall over HTTP, through the whole of Django's stack."""

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from persistence.apikeys import create_key, keys, revoke
from persistence.models import Conversation
from summarization.asked import Asked
from summarization.models import ConversationSummary
from tests.summarization.stored import stored, summarized, switch_on
from tests.summarization.support import conversation, say

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = ["a/b", "/a", "a/", "a//b", "x/recall", "recall", "../..", "%2F", "%00", "%", "a b", "a?b#c", "é", "😀" * 50,
           "\u202ea", "line\nend", "\x7f", "' OR 1=1 --", "{braces}", "%FF", "x" * 200]  # fmt: skip


@pytest.fixture
def key(settings: Any) -> str:
    settings.API_KEY_CACHE_SECONDS = 0
    return create_key("demo", "test").key


@pytest.fixture
def recall(client: Client, key: str) -> Any:
    def ask(ref: str = "ann", *, token: str = key, quoted: str = "", **query: Any) -> Any:
        path = f"/api/v1/customers/{quoted or quote(ref, safe='')}/recall"
        return client.get(path, query, headers={"Authorization": f"Bearer {token}"}, RAW_URI=path)

    return ask


@pytest.fixture
def summary(client: Client, key: str) -> Any:
    def ask(conversation_id: Any, method: str = "GET", token: str = key) -> Any:
        path = f"/api/v1/conversations/{conversation_id}/summary"
        return client.generic(method, path, headers={"Authorization": f"Bearer {token}"})

    return ask


def problem(response: Any) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json", response.content
    return response.status_code, response.json()["code"]


def public_id(pk: int) -> str:
    return str(Conversation.objects.get(pk=pk).public_id)


def test_what_is_recalled_has_everything_that_an_assistant_needs(recall):
    found = summarized()
    switch_on()
    response = recall()
    assert response.status_code == 200
    answer = response.json()
    [one] = answer["summaries"]
    assert (answer["customer_ref"], answer["recall"], answer["available"]) == ("ann", "on", True)
    assert answer["text"].count("\n") > 3
    assert answer["tokens"] == -(-len(answer["text"].encode()) // 3)
    assert one == {
        "conversation_id": public_id(found.conversation_id),
        "channel": "web",
        "covers": [1, 2],
        "newer": 0,
        "status": "resolved",
        "status_because": "case closed as resolved",
        "language": "en",
        "summarized_at": found.summarized_at.isoformat(),
        "last_turn_at": found.conversation.last_turn_at.isoformat(),
        "topics": ["parcel 4711", "customs in Lisbon"],
        "open_questions": [],
        "citations": [1, 2],
        "text": "<<<untrusted data\nProblem: My parcel 4711 has not arrived.\nSolution: A new parcel leaves the "
        "warehouse tomorrow morning.\nTopics: parcel 4711; customs in Lisbon\nuntrusted data>>>",
    }


@pytest.mark.parametrize("ref", HOSTILE)
def test_a_reference_may_hold_anything_that_a_turn_takes(recall, ref):
    summarized(ref)
    summarized("somebody else")
    switch_on()
    response = recall(ref)
    assert response.status_code == 200, response.content
    assert (response.json()["customer_ref"], len(response.json()["summaries"])) == (ref, 1)


@pytest.mark.parametrize("quoted", ["a%00b", "x" * 201, "%FF", "%ED%A0%80"])
def test_what_can_be_no_reference_is_refused_by_name(recall, quoted):
    response = recall(quoted=quoted)
    assert problem(response) == (422, "invalid")
    assert [error["field"] for error in response.json()["errors"]] == ["customer_ref"]


def test_a_reference_must_not_be_empty(client, key):
    response = client.get("/api/v1/customers//recall", headers={"Authorization": f"Bearer {key}"})
    assert [error["field"] for error in response.json()["errors"]] == ["customer_ref"]


@pytest.mark.parametrize("limit", ["0", "21", "-1", "x", "1.5"])
def test_a_limit_out_of_bounds_is_refused_by_name(recall, limit):
    response = recall(limit=limit)
    assert problem(response) == (422, "invalid")
    assert [error["field"] for error in response.json()["errors"]] == ["limit"]


def test_a_limit_asks_for_fewer(recall):
    for _ in range(3):
        summarized()
    switch_on()
    assert len(recall(limit=2).json()["summaries"]) == 2


def test_off_or_unknown_is_an_answer_and_no_error(recall):
    summarized()
    assert (recall().status_code, recall().json()["recall"]) == (200, "off")
    switch_on()
    assert (recall("nobody").status_code, recall("nobody").json()["summaries"]) == (200, [])


def test_keys_decide_and_are_never_waved_through(recall):
    summarized()
    switch_on()
    switch_on("other")
    assert recall(token=create_key("other", "test").key).json()["summaries"] == []
    assert problem(recall(token="wrong")) == (401, "unauthenticated")
    [row] = [row for row in keys() if row.domain == "demo"]
    revoke(row.pk)
    assert problem(recall()) == (403, "key_revoked")


def test_while_postgres_is_away_the_assistant_goes_on_without(recall):
    """A key that was good lately stays good; nothing is recalled, and nothing breaks."""
    summarized()
    switch_on()
    assert recall().json()["available"]
    there = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict["HOST"], connection.settings_dict["PORT"] = "127.0.0.1", "1"
    try:
        response = recall()
    finally:
        connection.settings_dict.update(there)
        connection.close()
    assert (response.status_code, response.json()["recall"], response.json()["available"]) == (
        200,
        "off",
        False,
    )
    assert response.json()["text"] == ""
    assert recall().json()["available"]


def test_a_summary_is_read_whole(summary):
    pk = conversation(session_id="s")
    found = stored(pk, cost_usd="0.0123", fallback_for="openai")
    say("one thing more", "yes?", session_id="s")
    answer = summary(public_id(pk)).json()
    assert {
        name: answer[name] for name in ("covers", "newer", "stale", "status", "fallback_for", "cost_usd")
    } == {
        "covers": [1, 2],
        "newer": 1,
        "stale": True,
        "status": "resolved",
        "fallback_for": "openai",
        "cost_usd": 0.0123,
    }
    assert (answer["problem"], answer["support"]) == (found.problem, found.support)
    assert answer["summarized_at"] == found.summarized_at.isoformat()
    assert "input_hash" not in answer


def test_what_is_not_there_or_another_domains_is_not_found(summary):
    pk = conversation()
    assert problem(summary(public_id(pk))) == (404, "not_found")
    stored(pk)
    other = create_key("other", "test").key
    for method in ("GET", "POST"):
        assert problem(summary(uuid4(), method)) == (404, "not_found")
        assert problem(summary(public_id(pk), method, token=other)) == (404, "not_found")
        assert problem(summary("no-uuid", method)) == (422, "invalid")
        assert problem(summary(public_id(pk), method, token="wrong")) == (401, "unauthenticated")


def test_a_summary_is_made_when_it_is_asked_for(summary):
    pk = conversation(session_id="s")
    response = summary(public_id(pk), "POST")
    assert response.status_code == 200, response.content
    made = response.json()
    assert (made["queued"], made["summary"]["covers"], made["summary"]["backend"]) == (
        False,
        [1, 2],
        "extractive",
    )
    assert summary(public_id(pk)).json() == made["summary"]
    say("And my invoice 88 is wrong as well.", "I will correct it.", session_id="s")
    assert summary(public_id(pk), "POST").json()["summary"]["covers"] == [1, 3]


def test_asked_for_again_with_nothing_new_it_is_the_one_that_there_is(summary):
    pk = conversation()
    first, second = (summary(public_id(pk), "POST").json() for _ in range(2))
    assert first == second
    assert ConversationSummary.objects.get().number == 1


def test_where_a_model_is_asked_the_answer_holds_what_there_is_until_then(summary, settings):
    settings.SUMMARY_BACKEND, settings.OPENAI_MODEL, settings.OPENAI_API_KEY = "openai", "m", "k"
    settings.OPENAI_BASE_URL = "http://127.0.0.1:1/v1"
    pk = conversation()
    response = summary(public_id(pk), "POST")
    assert response.status_code == 202, response.content
    assert response.json()["queued"]
    assert (response.json()["summary"]["backend"], response.json()["summary"]["fallback_for"]) == (
        "extractive",
        "openai",
    )


def test_while_somebody_makes_the_first_one_the_answer_is_to_wait(summary, monkeypatch):
    monkeypatch.setattr("summarization.api.summarize_now", lambda *_, **__: Asked(None, queued=True))
    response = summary(public_id(conversation()), "POST")
    assert (response.status_code, response.json()) == (202, {"queued": True, "summary": None})


def test_a_body_is_not_needed_and_not_read(client, key):
    pk = conversation()
    response = client.post(
        f"/api/v1/conversations/{public_id(pk)}/summary",
        json.dumps({"anything": 1}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert response.status_code == 200
