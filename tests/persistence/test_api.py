"""The HTTP API as its callers meet it, through the whole of Django's stack."""

import uuid

import pytest

from persistence import apikeys
from persistence.apikeys import create_key, keys, revoke
from persistence.models import ApiKey, Conversation, Turn
from tests.persistence.support import fields, relay_archive, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_turn_is_answered_201_with_everything_the_caller_needs(post):
    response = post()
    assert response.status_code == 201
    answer = response.json()
    assert (answer["seq"], answer["replayed"], answer["persistence_status"]) == (1, False, "persisted")
    assert (answer["handoff_status"], answer["case_id"]) == ("handoff_not_required", None)
    assert (answer["control"], answer["control_epoch"]) == ("bot", 0)
    assert Turn.objects.get().pk == uuid.UUID(answer["turn_id"])


def test_the_same_request_again_is_answered_200_with_the_same_turn(post):
    first = post(request_id="r").json()
    again = post(request_id="r")
    assert again.status_code == 200
    assert again.json() == first | {"replayed": True}


@pytest.mark.parametrize(
    ("change", "code", "current"),
    [
        ({"request_id": "used", "messages": [{"role": "user", "content": "other"}]}, "request_id_reused", {}),
        ({"expected_seq": 7}, "stale_sequence", {"last_seq": 1}),
        ({"control_epoch": 2}, "stale_control", {"control": "bot", "control_epoch": 0}),
    ],
)
def test_a_conflict_is_answered_409_with_the_values_that_hold_now(post, change, code, current):
    post(request_id="used")
    response = post(**change)
    assert response.status_code == 409
    assert response["Content-Type"] == "application/problem+json"
    assert {"code": code} | current == {name: response.json()[name] for name in {"code", *current}}
    assert "Nothing was stored" in response.json()["detail"]
    assert Turn.objects.count() == 1


def test_every_wrong_field_is_named_at_once(post):
    response = post(
        {"channel": "web", "session_id": 3, "messages": [{"role": "x", "content": None}], "typo": 1}
    )
    assert response.status_code == 422
    assert set(fields(response)) >= {
        "session_id",
        "request_id",
        "messages[0].role",
        "messages[0].content",
        "typo",
    }


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"NaN",
        b"\xff\xfe",
        b"{}trailing",
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"channel": "web", "channel": "web"}',
        b'{"confidence": Infinity}',
        b'{"tokens_in": ' + b"9" * 5000 + b"}",
        b'{"metadata": {"x": 1, "x": 2}}',
    ],
)
def test_a_body_that_is_no_clean_json_object_is_refused_with_its_reason(post, raw):
    response = post(raw=raw)
    assert response.status_code == 422, response.content
    assert response.json()["errors"][0]["field"]
    assert not Conversation.objects.exists()


def test_a_body_over_the_limit_is_refused_with_413(post):
    response = post(raw=b'{"channel": "' + b"x" * (10 * 1024 * 1024) + b'"}')
    assert response.status_code == 413
    assert response.json()["code"] == "body_too_large"


def test_keys_are_needed_known_and_not_revoked(post, key):
    assert post(token=None).status_code == post(token="hf_unknown").status_code == 401
    assert post(token="x" * 5000).status_code == post(token="é").status_code == 401
    assert revoke(keys("demo")[0].pk)
    response = post()
    assert (response.status_code, response.json()["code"]) == (403, "key_revoked")


def test_several_keys_of_a_domain_work_at_once_and_none_rests_in_the_database(post, key):
    second = create_key("demo", "second")
    assert post(token=second.key).status_code == post().status_code == 201
    assert second.key not in repr(second)
    stored = str(list(ApiKey.objects.values()))
    assert key not in stored and second.key.split("_", 2)[2] not in stored
    assert apikeys.verify(second.key).domain == "demo"


def test_a_key_sees_only_its_own_domain(get, post):
    conversation = post().json()["conversation_id"]
    other = create_key("other").key
    assert get(f"/conversations/{conversation}").status_code == 200
    for path in (
        f"/conversations/{conversation}",
        f"/conversations/{conversation}/turns",
        f"/conversations/{uuid.uuid4()}",
    ):
        assert get(path, token=other).status_code == 404


def test_a_conversation_says_how_far_it_is_archived(get, archive):
    turn = say()
    path = f"/conversations/{turn.conversation_id}"
    assert get(path).json()["archived_through_seq"] == 0
    relay_archive()
    found = get(path).json()
    assert (found["last_seq"], found["archived_through_seq"], found["control"]) == (1, 1, "bot")


def test_turns_are_read_page_by_page_in_both_directions(get):
    turns = [say(str(number)) for number in range(7)]
    path = f"/conversations/{turns[0].conversation_id}/turns"
    seen, after = [], 0
    while after is not None:
        page = get(f"{path}?after_seq={after}&limit=3").json()
        seen += [turn["seq"] for turn in page["turns"]]
        after = page["next_after_seq"]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    page = get(f"{path}?before_seq=6&limit=2").json()
    assert [turn["seq"] for turn in page["turns"]] == [4, 5]
    assert (page["previous_before_seq"], page["next_after_seq"]) == (4, 5)
    assert len(page["turns"][0]["digest"]) == len(page["turns"][0]["prev_digest"]) == 64


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "after_seq=-1", "after_seq=1&before_seq=3", "before_seq=" + "9" * 40],
)
def test_a_page_that_makes_no_sense_is_refused(get, query):
    turn = say()
    response = get(f"/conversations/{turn.conversation_id}/turns?{query}")
    assert response.status_code == 422
    assert fields(response)[0] in query


def test_health_readiness_documentation_and_metrics_answer_without_a_key(client, post):
    post()
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json()["postgres"] is True
    assert "swagger" in client.get("/api/docs").content.decode().lower()
    schema = client.get("/api/v1/openapi.json").json()
    assert set(schema["paths"]) == {
        "/api/v1/turns",
        "/api/v1/conversations/{conversation_id}",
        "/api/v1/conversations/{conversation_id}/summary",
        "/api/v1/conversations/{conversation_id}/turns",
        "/api/v1/customers/{customer_ref}/recall",
        "/api/v1/conversations/{conversation_id}/context",
        "/api/v1/conversations/{conversation_id}/handoff",
        "/api/v1/cases",
        "/api/v1/cases/{case_id}",
        "/api/v1/cases/{case_id}/transitions",
        "/api/v1/inbound/{connector}",
        "/api/v1/sessions/{channel}/{session_id}/events",
        "/api/v1/sessions/{channel}/{session_id}/state",
    }
    text = client.get("/metrics").content.decode()
    assert 'holdfast_turns_total{outcome="created"}' in text
    assert 'holdfast_outbox_pending{destination="archive"} 1.0' in text


def test_the_documentation_page_loads_nothing_from_elsewhere(client):
    page = client.get("/api/docs").content.decode()
    assert "https://" not in page.replace("https://docs.djangoproject.com", "")


def test_an_unknown_path_below_the_api_is_not_found(client):
    assert client.get("/api/v1/nothing").status_code == 404
