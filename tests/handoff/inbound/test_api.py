"""``POST /inbound/{connector}``: who is believed, and what everybody else is answered."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from handoff.models import CaseEvent, Endpoint, InboundReceipt
from persistence.models import Turn
from tests.contracts.desk_cases import hostile_texts
from tests.fakes.desk.webhook import OLD_SECRET
from tests.handoff.inbound.support import desk_endpoint, fresh, post, ticket

pytestmark = pytest.mark.django_db(transaction=True)


def nothing_was_stored() -> bool:
    untouched = not InboundReceipt.objects.exists() and Turn.objects.count() == 1
    return untouched and not CaseEvent.objects.filter(actor__startswith="desk:").exists()


@pytest.fixture
def found():
    return ticket(desk_endpoint())[0]


def test_a_reply_becomes_an_agents_turn_and_is_acknowledged(found):
    answer = post("hook", {"case_id": str(found.case_id), "text": "Hello", "author": "Ana"})
    assert (answer.status_code, answer.json()) == (200, {"duplicate": False, "outcomes": ["applied"]})
    turn = Turn.objects.order_by("-seq").first()
    assert turn is not None
    assert turn.messages == [{"role": "agent", "content": "Hello", "name": "Ana"}]


def test_the_same_post_again_changes_nothing(found):
    data = {"case_id": str(found.case_id), "text": "Hello"}
    for _ in range(3):
        answer = post("hook", data, delivery_id="one")
    assert (answer.status_code, answer.json()) == (200, {"duplicate": True, "outcomes": ["duplicate"]})
    assert Turn.objects.count() == 2


def test_ten_posts_of_one_thing_at_once_change_one_thing(found):
    data = {"case_id": str(found.case_id), "text": "Hello"}

    def send(_: int) -> dict:
        try:
            return post("hook", data, delivery_id="one").json()
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(send, range(10)))
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 9
    assert Turn.objects.count() == 2


def test_a_desk_is_found_by_its_kind_while_there_is_one(found):
    assert post("webhook", {"case_id": str(found.case_id), "text": "Hello"}).status_code == 200
    desk_endpoint("second")
    answer = post("webhook", {"case_id": str(found.case_id), "text": "Hello"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("name", ["nobody", "zendesk", "x" * 64, "%00", "%F0%9F%92%A9", "..%2F..", "app"])
def test_a_name_that_is_no_help_desks_is_not_found(found, name):
    desk_endpoint("app", purpose="replies")
    assert post(name, {"case_id": str(found.case_id), "text": "Hello"}).status_code == 404
    assert nothing_was_stored()


def test_what_is_not_signed_is_not_believed(found):
    answer = post("hook", {"case_id": str(found.case_id), "text": "Hello"}, headers={})
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_missing")
    assert answer["Content-Type"] == "application/problem+json"
    assert nothing_was_stored()


def test_what_another_secret_signed_is_not_believed(found):
    answer = post("hook", {"case_id": str(found.case_id), "text": "Hello"}, secret=OLD_SECRET)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_wrong")
    assert nothing_was_stored()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_what_was_signed_long_ago_or_far_ahead_is_not_believed(found, minutes):
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    answer = post("hook", {"case_id": str(found.case_id), "text": "Hello"}, at=at)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_expired")
    assert nothing_was_stored()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"not json", "body"),
        (b"\xff\xfe", "body"),
        (b"[]", "body"),
        (b"[" * 5000, "body"),
        (b'{"type":"case.reply","type":"case.note"}', "type"),
        (b'{"a": NaN}', "body"),
        (b'{"type":"case.explode","timestamp":"2026-11-21T10:00:00Z","data":{}}', "type"),
        (b'{"type":"case.reply","data":[]}', "data"),
        (b'{"type":"case.reply","timestamp":"2026-11-21T10:00:00Z","data":{"text":"x"}}', "data.case_id"),
        (
            b'{"type":"case.reply","timestamp":"2026-11-21T10:00:00Z","data":{"case_id":"7","text":"x"}}',
            "data.case_id",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_by_the_name_of_its_field(found, body, field):
    answer = post("hook", body)
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert nothing_was_stored()


def test_a_text_of_nothing_is_refused(found):
    for text in ("", " \n\t "):
        assert post("hook", {"case_id": str(found.case_id), "text": text}).status_code == 422
    assert nothing_was_stored()


def test_a_body_over_the_limit_is_refused_before_it_is_read(found):
    answer = post("hook", b"x" * (256 * 1024 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert nothing_was_stored()


def test_a_case_of_another_domain_or_of_nobody_is_not_found(found):
    desk_endpoint("theirs", domain="other")
    assert post("theirs", {"case_id": str(found.case_id), "text": "Hello"}).status_code == 404
    nobody = "00000000-0000-0000-0000-000000000000"
    assert post("hook", {"case_id": nobody, "text": "Hello"}).status_code == 404
    assert post("hook", {"external_id": "T-unknown", "text": "Hello"}).status_code == 404


def test_what_was_not_found_is_applied_when_it_is_told_again_later(found):
    """The desk was faster than the worker who keeps its answer to the create."""
    endpoint = Endpoint.objects.get(slug="hook")
    data = {"external_id": "T-early", "text": "Hello"}
    assert post("hook", data, delivery_id="early").status_code == 404
    endpoint.links.update(external_id="T-early")
    answer = post("hook", data, delivery_id="early")
    assert (answer.status_code, answer.json()["outcomes"]) == (200, ["applied"])


def test_a_switched_off_endpoint_asks_for_patience(found):
    Endpoint.objects.update(active=False)
    answer = post("hook", {"case_id": str(found.case_id), "text": "Hello"})
    assert (answer.status_code, answer.json()["code"]) == (503, "endpoint_off")
    assert nothing_was_stored()


def test_unreadable_secrets_ask_for_patience_and_name_no_secret(found, settings):
    settings.SECRET_KEY = "exchanged" * 8
    answer = post("hook", {"case_id": str(found.case_id), "text": "Hello"})
    assert (answer.status_code, answer.json()["code"]) == (503, "endpoint_off")


def test_while_postgres_is_out_the_desk_is_asked_to_come_again(found):
    class Out:
        def __call__(self, execute, sql, params, many, context):
            if "handoff_inbound_receipt" in sql:
                raise OperationalError("gone")
            return execute(sql, params, many, context)

    data = {"case_id": str(found.case_id), "text": "Hello"}
    with connection.execute_wrapper(Out()):
        answer = post("hook", data, delivery_id="one")
    assert (answer.status_code, answer.json()["code"]) == (503, "persistence_unavailable")
    assert "not applied twice" in answer.json()["detail"]
    assert answer["Retry-After"]
    assert nothing_was_stored()
    assert post("hook", data, delivery_id="one").json()["outcomes"] == ["applied"]


def test_our_own_events_coming_back_change_nothing(found):
    body = {"type": "case.message", "timestamp": "2026-11-21T10:00:00Z", "data": {}, "source": "holdfast"}
    answer = post("hook", json.dumps(body).encode())
    assert answer.json() == {"duplicate": False, "outcomes": ["ignored"]}
    assert Turn.objects.count() == 1


def test_every_hostile_text_is_kept_or_refused_and_none_breaks_anything(found):
    answered = []
    for text in hostile_texts():
        body = {"case_id": str(found.case_id), "text": text[:60_000], "author": text[:300]}
        answer = post("hook", body, kind="case.note")
        assert answer.status_code in (200, 422), (text[:50], answer.content)
        answered.append(answer.status_code)
    assert 200 in answered
    kept = CaseEvent.objects.filter(kind="noted").count()
    assert kept >= answered.count(200)
    assert InboundReceipt.objects.count() == answered.count(200)
    assert fresh(found).status == "open"
