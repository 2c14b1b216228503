"""Session state over HTTP, through the whole of Django's stack, in two of the stores."""

import json
import uuid
from urllib.parse import quote

import pytest
from django.test import Client

from persistence.apikeys import create_key, keys, revoke
from persistence.session import stores
from persistence.session.memory import MemoryStore

pytestmark = pytest.mark.django_db(transaction=True)
HOSTILE = ["a/b", "/a", "a/", "a//b", "x/state", "state", "events", "x/events", "../..", "%2F", "%00", "%", "a b", "a?b#c",
           "é", "😀" * 128, "\u202ea", "line\nend", "\r\n", "\x7f", "' OR 1=1 --", "{braces}", "hf:{demo}:*", "%FF",
           "x" * 512]  # fmt: skip


@pytest.fixture(params=["memory", "postgres"], autouse=True)
def backend(request, settings, monkeypatch):
    monkeypatch.setattr(stores, "MEMORY", MemoryStore())
    settings.SESSION_STATE_BACKEND = request.param
    settings.API_KEY_CACHE_SECONDS = 0
    return request.param


@pytest.fixture
def key(backend):
    return create_key("demo", "test").key


@pytest.fixture
def ask(client: Client, key):
    def send(method, session="s", body=None, *, raw=None, token=key, channel="web", quoted=None, **headers):
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"/api/v1/sessions/{channel}/{quoted or quote(session, safe='')}/state"
        data = raw if raw is not None else json.dumps(body) if body is not None else ""
        names["Authorization"] = f"Bearer {token}"
        return client.generic(method, path, data, "application/json", headers=names, RAW_URI=path)

    return send


@pytest.fixture
def put(ask):
    def send(session="s", state="active", data=None, **more):
        return ask("PUT", session, {"state": state, "data": data or {}}, **more)

    return send


def problem(response):
    assert response["Content-Type"] == "application/problem+json", response.content
    return response.status_code, response.json()["code"]


def fields(response):
    assert response.status_code == 422, response.content
    return {error["field"] for error in response.json()["errors"]}


def test_what_was_put_is_read_with_its_version_as_etag(ask, put, backend):
    turn_id = str(uuid.uuid4())
    kept = ask("PUT", body={"state": "ordering", "data": {"step": 2}, "confidence": 0.5, "turn_id": turn_id})
    assert kept.status_code == 200
    state = kept.json()
    assert kept["ETag"] == f'"{state["version"]}"' and kept["Cache-Control"] == "no-store"
    assert {name: state[name] for name in ("state", "domain", "confidence", "turn_id", "data", "kept_in")} == {
        "state": "ordering", "domain": "demo", "confidence": 0.5, "turn_id": turn_id, "data": {"step": 2},
        "kept_in": backend,
    }  # fmt: skip
    found = ask("GET")
    assert (found.status_code, found.json(), found["ETag"]) == (200, state, kept["ETag"])


def test_a_session_without_state_is_answered_404(ask):
    assert problem(ask("GET")) == problem(ask("DELETE")) == (404, "not_found")


def test_a_state_that_the_reader_has_is_answered_304_with_its_etag(ask, put):
    first = put()["ETag"]
    known = ask("GET", If_None_Match=f'"1", W/{first}')
    assert (known.status_code, known["ETag"], known.content) == (304, first, b"")
    second = put()["ETag"]
    assert ask("GET", If_None_Match=first)["ETag"] == second


def test_a_new_state_may_demand_that_there_is_none(ask, put):
    assert put(If_None_Match="*").status_code == 201
    second = put(If_None_Match="*")
    assert problem(second) == (412, "stale_version")
    assert ask("DELETE").status_code == 204
    assert put(If_None_Match="*").status_code == 201


def test_a_stale_version_is_refused_with_the_present_one_and_nothing_has_changed(ask, put):
    first = put(data={"n": 1})["ETag"]
    second = put(data={"n": 2}, If_Match=first)
    assert second.status_code == 200
    refused = put(data={"n": 3}, If_Match=first)
    assert problem(refused) == (412, "stale_version")
    assert refused["ETag"] == second["ETag"] == f'"{refused.json()["version"]}"'
    assert "Nothing was changed" in refused.json()["detail"]
    assert ask("GET").json()["data"] == {"n": 2}


def test_if_match_star_demands_that_there_is_a_state(ask, put):
    refused = put(If_Match="*")
    assert problem(refused) == (412, "stale_version")
    assert refused.json()["version"] is None and "ETag" not in refused
    assert "Nothing was changed" in refused.json()["detail"]
    put()
    assert put(If_Match="*").status_code == 200
    assert ask("DELETE", If_Match="*").status_code == 204


def test_one_of_several_versions_is_enough(put):
    first = put()["ETag"]
    assert put(If_Match=f'"1", {first}, "9007199254740991"').status_code == 200
    assert put(If_Match=f'"1", {first}').status_code == 412


def test_a_state_is_cleared_only_at_the_version_that_was_asked_for(ask, put):
    first = put()["ETag"]
    second = put()["ETag"]
    refused = ask("DELETE", If_Match=first)
    assert problem(refused) == (412, "stale_version")
    assert refused["ETag"] == second
    cleared = ask("DELETE", If_Match=second)
    assert (cleared.status_code, cleared.content) == (204, b"")
    assert ask("GET").status_code == 404


def test_a_step_that_the_lifecycle_does_not_have_is_answered_409_with_the_present_state(put, settings):
    settings.SESSION_LIFECYCLE_DOMAINS = ["demo"]
    assert problem(put(state="completed")) == (409, "illegal_transition")
    running = put(state="running")
    assert put(state="completed").status_code == 200
    refused = put(state="running")
    assert problem(refused) == (409, "illegal_transition")
    assert refused.json()["state"] == "completed"
    assert refused["ETag"] == f'"{refused.json()["version"]}"' != running["ETag"]
    assert fields(put(state="dancing")) == {"state"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"quoted": "a%00b"}, "session_id"),
        ({"quoted": "%ED%A0%80"}, "session_id"),
        ({"quoted": "%FF"}, "session_id"),
        ({"session": "x" * 513}, "session_id"),
        ({"channel": "c" * 65}, "channel"),
        ({"channel": "%20"}, "channel"),
    ],
)
def test_an_address_that_names_no_session_is_refused_by_the_part_that_is_wrong(ask, method, change, field):
    body = {"state": "active"} if method == "PUT" else None
    assert field in fields(ask(method, body=body, **change))


def test_a_session_without_a_name_is_refused(client, key):
    response = client.get("/api/v1/sessions/web//state", headers={"Authorization": f"Bearer {key}"})
    assert fields(response) == {"session_id"}


def test_hostile_session_ids_are_kept_apart_and_never_interpreted(ask, put):
    for number, session in enumerate(HOSTILE):
        assert put(session, data={"n": number}, If_None_Match="*").status_code == 201, session
    for number, session in enumerate(HOSTILE):
        assert ask("GET", session).json()["data"] == {"n": number}, session


def test_another_domain_or_channel_is_another_session(ask, put):
    other = create_key("other").key
    put(data={"whose": "demo"})
    assert ask("GET", token=other).status_code == ask("GET", channel="phone").status_code == 404
    put(data={"whose": "other"}, token=other)
    assert ask("GET").json()["data"] == {"whose": "demo"}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "body"),
        (b"{", "body"),
        (b"[]", "body"),
        (b"\xff", "body"),
        (b"{}", "state"),
        (b'{"state": "a", "state": "b"}', "state"),
        (b'{"state": ""}', "state"),
        (b'{"state": "a b"}', "state"),
        (b'{"state": 1}', "state"),
        (b'{"state": "a", "version": 1}', "version"),
        (b'{"state": "a", "confidence": 2}', "confidence"),
        (b'{"state": "a", "confidence": NaN}', "body"),
        (b'{"state": "a", "turn_id": "x"}', "turn_id"),
        (b'{"state": "a", "data": []}', "data"),
        (b'{"state": "a", "data": {"x": "\\u0000"}}', "data.x"),
        (b'{"state": "a", "data": {"x": "\\ud800"}}', "data.x"),
        (b'{"state": "a", "data": ' + b'{"x":' * 9 + b"1" + b"}" * 9 + b"}", "data"),
        (b'{"state": "a", "data": ' + b'{"x":' * 40_000 + b"1" + b"}" * 40_000 + b"}", "body"),
        (b'{"state": "a", "data": {"x": "' + b"x" * 17_000 + b'"}}', "data"),
    ],
)
def test_a_body_that_cannot_be_kept_is_refused_by_its_field_and_nothing_is_kept(ask, raw, field):
    assert field in fields(ask("PUT", raw=raw))
    assert ask("GET").status_code == 404


def test_a_body_over_the_limit_is_refused_with_413(ask):
    assert problem(ask("PUT", raw=b'{"state": "' + b"x" * 300_000 + b'"}')) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("method", "header"), [("PUT", "If-Match"), ("DELETE", "If-Match"), ("PUT", "If-None-Match"), ("GET", "If-None-Match")]
)  # fmt: skip
def test_a_header_that_makes_no_sense_is_refused_by_its_name(ask, put, method, header):
    put()
    body = {"state": "active"} if method == "PUT" else None
    assert fields(ask(method, body=body, **{header: "5"})) == {header}


def test_a_key_is_needed_known_and_not_revoked(ask, put, key):
    assert put(token="hf_unknown").status_code == 401
    assert problem(ask("GET", token="hf_unknown")) == (401, "unauthenticated")
    assert revoke(keys("demo")[0].pk)
    assert problem(put()) == (403, "key_revoked")


def test_what_is_said_about_a_payment_card_is_not_kept(put):
    kept = put(data={"note": "card 4111 1111 1111 1111"}).json()
    assert "4111" not in json.dumps(kept["data"])
