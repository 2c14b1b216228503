"""The signed webhook: Standard Webhooks both ways, rotation, retries, and the answers that receivers give."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from standardwebhooks import Webhook as Reference

from handoff.connectors.port import DeskTrouble, NotAuthentic, Unreadable
from handoff.connectors.signing import BadSecret, signed_headers, verified_id
from handoff.connectors.webhook import Webhook
from outbox.outcomes import Delivered, Unavailable
from tests.contracts.desk_cases import CASE, NOW, event, said
from tests.fakes.desk.base import Told
from tests.fakes.desk.webhook import OLD_SECRET, SECRET, FakeWebhookDesk


@pytest.fixture
def fake() -> Iterator[FakeWebhookDesk]:
    with FakeWebhookDesk() as running:
        yield running


# --- signing ---------------------------------------------------------------------------------------------


def test_the_reference_vector_of_the_specification_is_signed_and_verified() -> None:
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert verified_id(headers, body, [secret], at) == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_bytes_that_are_no_text_can_be_signed() -> None:
    headers = signed_headers("m", NOW, b"\xff\xfe", [SECRET])
    assert verified_id(headers, b"\xff\xfe", [SECRET], NOW) == "m"
    with pytest.raises(NotAuthentic):
        verified_id(headers, "\ufffd\ufffd".encode(), [SECRET], NOW)


def test_a_zone_does_not_change_the_time_that_is_signed() -> None:
    elsewhere = NOW.astimezone(datetime.strptime("-0300", "%z").tzinfo)
    assert signed_headers("m", elsewhere, b"", [SECRET]) == signed_headers("m", NOW, b"", [SECRET])


@pytest.mark.parametrize("secret", ["", "whsec_", "not base64!", "whsec_é", "abc", "\x00"])
def test_a_secret_that_is_none_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(BadSecret) as refused:
        signed_headers("m", NOW, b"", [SECRET, secret])
    assert not secret or secret not in str(refused.value)


def test_an_entry_of_another_version_is_passed_over() -> None:
    headers = signed_headers("m", NOW, b"x", [SECRET])
    several = f"v1a,whatever v2,{headers['webhook-signature'][3:]} {headers['webhook-signature']}"
    assert verified_id(headers | {"webhook-signature": several}, b"x", [SECRET], NOW) == "m"
    with pytest.raises(NotAuthentic, match="signature_wrong"):
        other_version = "v2," + headers["webhook-signature"][3:]
        verified_id(headers | {"webhook-signature": other_version}, b"x", [SECRET], NOW)


@pytest.mark.parametrize("message_id", ["x" * 201, "with blank", "é"])
def test_an_authentic_id_that_cannot_be_kept_is_refused_by_name(message_id: str) -> None:
    headers = signed_headers(message_id, NOW, b"x", [SECRET])
    with pytest.raises(Unreadable, match="webhook-id"):
        verified_id(headers, b"x", [SECRET], NOW)


# --- sending ---------------------------------------------------------------------------------------------


def test_every_try_has_the_same_id_and_the_same_bytes(fake: FakeWebhookDesk) -> None:
    for tries in range(3):
        Webhook().create(fake.desk(), replace(event(), tries=tries))
    assert {request.headers["webhook-id"] for request in fake.requests} == {str(event().event_id)}
    assert len({request.body for request in fake.requests}) == 1
    body = fake.requests[0].json()
    assert (body["type"], body["timestamp"]) == ("handoff.requested", "2026-11-21T10:00:01Z")
    assert body["data"] == event().payload


def test_the_signed_time_is_that_of_the_try(fake: FakeWebhookDesk) -> None:
    """A receiver refuses what is older than five minutes; the event may be days old."""
    Webhook().create(fake.desk(), event())
    signed_at = int(fake.requests[0].headers["webhook-timestamp"])
    assert abs(signed_at - datetime.now(UTC).timestamp()) < 300


@pytest.mark.parametrize("knows", [SECRET, OLD_SECRET])
def test_while_secrets_are_exchanged_a_receiver_may_know_either(fake: FakeWebhookDesk, knows: str) -> None:
    fake.verifies_with = knows
    desk = fake.desk(secrets={"signing": (SECRET, OLD_SECRET)})
    assert isinstance(Webhook().create(desk, event()).outcome, Delivered)
    signature = fake.requests[0].headers["webhook-signature"]
    assert [entry.partition(",")[0] for entry in signature.split(" ")] == ["v1", "v1"]


def test_a_receiver_that_gives_no_id_knows_the_case_by_its_own(fake: FakeWebhookDesk) -> None:
    fake.gives_ids = False
    assert Webhook().create(fake.desk(), event()).external_id == str(CASE)


@pytest.mark.parametrize(
    ("answered", "external_id", "external_url"),
    [
        ({"external_id": "T-9", "id": "other"}, "T-9", ""),
        ({"id": 42}, "42", ""),
        ({"id": "x" * 201}, str(CASE), ""),
        ({"id": "a\nb"}, str(CASE), ""),
        ({"id": True}, str(CASE), ""),
        ({"id": "1", "url": "javascript:alert(1)"}, "1", ""),
        ({"id": "1", "url": "https://desk.example/1"}, "1", "https://desk.example/1"),
    ],
)
def test_the_id_that_a_receiver_gives_is_taken_where_it_is_one(
    fake: FakeWebhookDesk, answered: dict[str, Any], external_id: str, external_url: str
) -> None:
    fake.fail("lie", body=json.dumps(answered).encode())
    answer = Webhook().create(fake.desk(), event())
    assert (answer.external_id, answer.external_url) == (external_id, external_url)


def test_replies_to_the_customer_travel_the_same_way(fake: FakeWebhookDesk) -> None:
    message = replace(event("reply.created", 4), case_id=None)
    fake.fail("status", status=204, body=b"")
    assert isinstance(Webhook().update(fake.desk(), message).outcome, Delivered)
    sent = Reference(SECRET).verify(fake.requests[0].body, dict(fake.requests[0].headers))
    assert sent["type"] == "reply.created"


@pytest.mark.parametrize("secrets", [(), ("",), ("not base64!",)])
def test_an_endpoint_without_a_usable_secret_sends_nothing(
    fake: FakeWebhookDesk, secrets: tuple[str, ...]
) -> None:
    with pytest.raises(DeskTrouble) as trouble:
        Webhook().update(fake.desk(secrets={"signing": secrets}), said(2, "x"))
    assert trouble.value.answer.outcome == Unavailable("bad_secret")
    assert fake.requests == []


# --- hearing ---------------------------------------------------------------------------------------------


def test_what_is_heard_keeps_the_time_it_happened_however_late_it_comes(fake: FakeWebhookDesk) -> None:
    _, body = fake.says(Told("status", CASE), NOW)
    later = NOW + timedelta(hours=5)
    (heard,) = Webhook().receive(fake.desk(), fake.sign(body, later), body, later)
    assert (heard.at, heard.status, heard.case_id) == (NOW, "in_progress", CASE)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "case.deleted"}, "type"),
        ({"type": None}, "type"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": 1614265330}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+23:00"}, "timestamp"),
        ({"data": "text"}, "data"),
        ({"data": {"text": "x"}}, "data.case_id"),
        ({"data": {"text": "x", "case_id": "7"}}, "data.case_id"),
        ({"data": {"text": "x", "case_id": 7}}, "data.case_id"),
        ({"data": {"text": "", "case_id": str(CASE)}}, "data.text"),
        ({"data": {"text": ["x"], "case_id": str(CASE)}}, "data.text"),
        ({"type": "case.status", "data": {"case_id": str(CASE), "status": "gone"}}, "data.status"),
        ({"type": "case.status", "data": {"case_id": str(CASE)}}, "data.status"),
        ({"data": {"text": "x", "author": 7, "case_id": str(CASE)}}, "data.author"),
    ],
)
def test_a_field_that_is_wrong_is_named(fake: FakeWebhookDesk, changes: dict[str, Any], field: str) -> None:
    posted = {"type": "case.reply", "timestamp": NOW.isoformat(), "data": {"case_id": str(CASE), "text": "x"}}
    body = json.dumps(posted | changes).encode()
    with pytest.raises(Unreadable) as refused:
        Webhook().receive(fake.desk(), fake.sign(body, NOW), body, NOW)
    assert refused.value.field == field


def test_what_cannot_be_stored_or_seen_in_a_name_is_replaced(fake: FakeWebhookDesk) -> None:
    told = Told("reply", CASE, text="nul \x00 and half \ud83d", author="  Ana\n\x00\u202eBanana " + "x" * 300)
    (heard,) = Webhook().receive(fake.desk(), *fake.says(told, NOW), NOW)
    assert heard.text == "nul \ufffd and half \ufffd"
    assert heard.author.isprintable() and len(heard.author) == 200


def test_the_same_key_twice_is_refused(fake: FakeWebhookDesk) -> None:
    body = b'{"type": "case.reply", "type": "case.note", "timestamp": "2026-11-21T10:00:00Z", "data": {}}'
    with pytest.raises(Unreadable):
        Webhook().receive(fake.desk(), fake.sign(body, NOW), body, NOW)


def test_our_own_event_mirrored_back_word_by_word_is_ignored(fake: FakeWebhookDesk) -> None:
    Webhook().create(fake.desk(), event())
    sent = fake.requests[-1]
    now = datetime.now(UTC)
    (heard,) = Webhook().receive(fake.desk(), sent.headers, sent.body, now)
    assert heard.kind == "ignored"


def test_a_case_may_be_named_by_the_receivers_own_id(fake: FakeWebhookDesk) -> None:
    (heard,) = Webhook().receive(fake.desk(), *fake.says(Told("note", None, "T-1"), NOW), NOW)
    assert (heard.external_id, heard.case_id) == ("T-1", None)


def test_the_id_of_a_case_is_read_in_any_spelling_of_a_uuid(fake: FakeWebhookDesk) -> None:
    posted = {
        "type": "case.reply",
        "timestamp": NOW.isoformat(),
        "data": {"case_id": CASE.hex.upper(), "text": "x"},
    }
    body = json.dumps(posted).encode()
    (heard,) = Webhook().receive(fake.desk(), fake.sign(body, NOW), body, NOW)
    assert heard.case_id == CASE == UUID(str(CASE))
