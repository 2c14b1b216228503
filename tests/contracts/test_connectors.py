"""The one contract of every help desk, held against each adapter and a real server that misbehaves.

To hold a new desk against it, add its fake to ``desk_cases``.
"""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from handoff.connectors import judge
from handoff.connectors.port import Connector
from handoff.connectors.registry import CONNECTORS, UnknownConnector, connector
from outbox.outcomes import Dead, Delivered, Failed, Gone, Unavailable
from tests.contracts.desk_cases import (
    CASE,
    DESKS,
    Fake,
    again,
    deliver,
    event,
    hostile_texts,
    lose_an_answer,
    moved,
    noted,
    opened,
    said,
)
from tests.fakes.desk.base import FakeDesk

NONSENSE = [
    b"",
    b"<html>all is well</html>",
    b"\x00\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'"id"',
    b'{"id": null}',
    b'{"id": {"id": 1}, "external_id": []}',
    b'{"ticket": {"id": ""}}',
    b'{"ticket": []}',
    b'{"id": "a\\u0000b"}',
    b'{"id": 1e400}',
    b"[" * 100_000,
    b'{"id": ' + b"9" * 5000 + b"}",
]


pytestmark = pytest.mark.usefixtures("loopback_is_allowed")


# --- the register ----------------------------------------------------------------------------------------


def test_every_registered_connector_is_held_against_this_contract() -> None:
    assert set(CONNECTORS) == set(DESKS)


def test_an_unknown_connector_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(UnknownConnector, match="webhook"):
        connector("carrier-pigeon")


def test_a_connector_declares_the_options_and_secrets_that_it_uses(adapter: Connector, fake: Fake) -> None:
    desk = fake.desk()
    assert set(desk.options) <= adapter.options
    assert set(desk.secrets) == adapter.secrets
    assert fake.inbound_secret in adapter.secrets


# --- sending ---------------------------------------------------------------------------------------------


def test_a_create_opens_one_ticket_that_tells_of_the_case(adapter: Connector, fake: Fake) -> None:
    external_id = opened(adapter, fake)
    (ticket,) = fake.tickets
    assert (ticket.id, ticket.case_id) == (external_id, str(CASE))


def test_two_cases_are_two_tickets(adapter: Connector, fake: Fake) -> None:
    first = opened(adapter, fake)
    other = replace(event(number=2), case_id=type(CASE)(int=7))
    other = replace(other, payload={**other.payload, "case_id": str(other.case_id)})
    second = adapter.create(fake.desk(), other).external_id
    assert first != second
    assert [ticket.id for ticket in fake.tickets] == [first, second]


def test_a_case_has_one_ticket_though_the_answer_to_its_create_was_lost(
    adapter: Connector, fake: Fake
) -> None:
    lose_an_answer(fake, "POST")
    first = deliver(adapter, fake.desk(), event())
    assert isinstance(first.outcome, Failed), first
    assert first.outcome.after is not None and first.outcome.after >= 60
    second = deliver(adapter, fake.desk(), again(event()))
    assert isinstance(second.outcome, Delivered), second
    assert [ticket.id for ticket in fake.tickets] == [second.external_id]


def test_a_case_has_one_ticket_though_the_worker_died_after_its_create(
    adapter: Connector, fake: Fake
) -> None:
    first = opened(adapter, fake)
    second = deliver(adapter, fake.desk(), again(event()))
    assert isinstance(second.outcome, Delivered), second
    assert second.external_id == first
    assert len(fake.tickets) == 1


def test_a_case_that_the_desk_never_heard_of_is_not_found(adapter: Connector, fake: Fake) -> None:
    assert adapter.find(fake.desk(), CASE) is None


def test_later_events_arrive_in_order_and_a_note_stays_internal(adapter: Connector, fake: Fake) -> None:
    external_id = opened(adapter, fake)
    before = len(fake.tickets[0].comments)
    events = [
        said(2, "still waiting"),
        noted(3, "the customer is upset"),
        said(4, "we are looking", speaker="agent"),
        moved(5, "in_progress"),
        said(6, "thank you"),
    ]
    for one in events:
        answer = deliver(adapter, fake.desk(), again(one, external_id))
        assert isinstance(answer.outcome, Delivered), answer
    comments = fake.tickets[0].comments[before:]
    told = [(one.payload["text"], one.event_type != "case.note") for one in events if "text" in one.payload]
    seen = [
        (text, comment.public)
        for comment in comments
        for text in (one for one, _ in told)
        if text in comment.text
    ]
    assert seen == told


def test_an_update_whose_answer_was_lost_is_there_once(adapter: Connector, fake: Fake) -> None:
    external_id = opened(adapter, fake)
    for number, message in enumerate((said(2, "only once"), noted(3, "noted once"))):
        lose_an_answer(fake, "")
        first = deliver(adapter, fake.desk(), again(message, external_id))
        assert not isinstance(first.outcome, Dead), (number, first)
        second = deliver(adapter, fake.desk(), again(again(message, external_id)))
        assert isinstance(second.outcome, Delivered), second
    texts = [comment.text for comment in fake.tickets[0].comments]
    assert [sum("only once" in text for text in texts), sum("noted once" in text for text in texts)] == [1, 1]


def test_a_probe_succeeds_and_leaves_no_trace(adapter: Connector, fake: Fake) -> None:
    assert isinstance(adapter.probe(fake.desk()).outcome, Delivered)
    assert fake.tickets == []


@pytest.mark.parametrize("text", hostile_texts(), ids=range(len(hostile_texts())))
def test_whatever_a_customer_writes_can_be_carried(adapter: Connector, fake: Fake, text: str) -> None:
    text = text.replace("\x00", "").encode("utf-8", "replace").decode()[:20_000]  # as Postgres gives it back
    trigger = {"seq": 1, "text": text}
    inline = {"inline": [{"seq": 1, "role": "user", "text": text}], "count": 1}
    summary = {"problem": text, "tried": text, "open_questions": [text], "covers": [1, 1], "stale": True}
    first = deliver(
        adapter, fake.desk(), event(trigger=trigger, transcript=inline, summary=summary, reason_text=text)
    )
    assert isinstance(first.outcome, Delivered), first
    for message in (said(2, text), noted(3, text)):
        assert isinstance(deliver(adapter, fake.desk(), again(message, first.external_id)).outcome, Delivered)


# --- when the desk is in trouble -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (401, {}, Unavailable("unauthorized")),
        (403, {}, Unavailable("unauthorized")),
        (410, {}, Gone("gone")),
        (429, {"Retry-After": "120"}, Unavailable("rate_limited", after=120)),
        (429, {"Retry-After": "-5"}, Unavailable("rate_limited", after=60)),
        (429, {"Retry-After": "soon"}, Unavailable("rate_limited", after=60)),
        (429, {"Retry-After": "9" * 400}, Unavailable("rate_limited", after=3600)),
        (500, {}, Failed("http_500")),
        (503, {"Retry-After": "90"}, Failed("http_503", after=90)),
        (301, {"Location": "/elsewhere"}, Unavailable("redirected")),
        (400, {}, Dead("http_400")),
    ],
)
def test_what_the_desk_answers_decides_what_becomes_of_a_create(
    http: tuple[Connector, FakeDesk], status: int, headers: dict[str, str], outcome: Any
) -> None:
    adapter, fake = http
    fake.fail("status", status=status, headers=headers, method="POST", times=None)
    assert deliver(adapter, fake.desk(), event()).outcome == outcome
    assert fake.tickets == []


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Unavailable), (410, Gone), (429, Unavailable), (500, Failed)]
)
def test_what_the_desk_answers_decides_what_becomes_of_an_update(
    http: tuple[Connector, FakeDesk], status: int, kind: type
) -> None:
    adapter, fake = http
    external_id = opened(adapter, fake)
    fake.fail("status", status=status, times=None)
    assert isinstance(deliver(adapter, fake.desk(), again(said(2, "x"), external_id)).outcome, kind)


def test_a_redirect_is_not_followed(http: tuple[Connector, FakeDesk]) -> None:
    adapter, fake = http
    with type(fake)() as canary:
        fake.fail("status", status=307, headers={"Location": canary.url}, times=None)
        assert deliver(adapter, fake.desk(), event()).outcome == Unavailable("redirected")
        assert canary.requests == []


def test_nobody_at_the_address_says_nothing_about_the_event(name: str, adapter: Connector) -> None:
    with DESKS[name]() as fake:
        desk = fake.desk()
    outcome = deliver(adapter, desk, event()).outcome
    assert outcome == Unavailable("refused")


def test_an_address_that_nobody_allowed_is_not_dialled(adapter: Connector, fake: Fake, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = []
    assert deliver(adapter, fake.desk(), event()).outcome == Unavailable("blocked_address")
    assert fake.tickets == []


@pytest.mark.parametrize("kind", ["black_hole", "drip", "slow"])
def test_a_desk_that_takes_too_long_has_an_unknown_outcome(
    http: tuple[Connector, FakeDesk], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter, fake = http
    monkeypatch.setattr(judge, "SEND_DEADLINE", 0.5)
    fake.fail(kind, seconds=0.05 if kind == "drip" else 30, times=None)
    assert deliver(adapter, fake.desk(), event()).outcome == Failed("timeout", after=60)


@pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))
@pytest.mark.parametrize("kind", ["lie", "lie_after"])
def test_nonsense_for_an_answer_is_an_unknown_outcome_or_a_delivery_never_an_accident(
    http: tuple[Connector, FakeDesk], kind: str, body: bytes
) -> None:
    adapter, fake = http
    external_id = opened(adapter, fake)
    fake.fail(kind, body=body, times=None)
    for message in (event(number=9), again(event(number=9)), again(said(2, "x"), external_id)):
        answer = deliver(adapter, fake.desk(), message)
        assert isinstance(answer.outcome, Delivered | Failed), answer
        if isinstance(answer.outcome, Delivered):
            assert answer.external_id.strip() and len(answer.external_id) <= 200


def test_a_gigabyte_for_an_answer_is_not_read(http: tuple[Connector, FakeDesk]) -> None:
    adapter, fake = http
    fake.fail("flood")
    answer = deliver(adapter, fake.desk(), event())
    assert isinstance(answer.outcome, Delivered | Failed), answer
    assert len(answer.excerpt) <= 500
    fake.heal()
    assert isinstance(deliver(adapter, fake.desk(), again(event())).outcome, Delivered)
    assert len(fake.tickets) == 1


def test_a_proxy_that_repeats_a_create_makes_no_second_ticket_where_the_desk_takes_a_key(
    http: tuple[Connector, FakeDesk],
) -> None:
    adapter, fake = http
    if adapter.correlates:
        pytest.skip("this desk takes no idempotency key")
    fake.fail("twice")
    opened(adapter, fake)
    assert len(fake.tickets) == 1


def test_secrets_are_never_seen_in_answers_or_logs(
    http: tuple[Connector, FakeDesk], caplog: pytest.LogCaptureFixture
) -> None:
    adapter, fake = http
    secrets = [secret for values in fake.secrets.values() for secret in values]
    shouted = json.dumps({"you sent": secrets, "bare": [secret.removeprefix("whsec_") for secret in secrets]})
    with caplog.at_level(logging.DEBUG):
        fake.fail("status", status=500, body=shouted.encode())
        shouting = [deliver(adapter, fake.desk(), event())]
        fake.heal()
        fake.fail("echo", times=None)
        shouting.append(deliver(adapter, fake.desk(), event()))
    assert any("[SECRET]" in answer.excerpt for answer in shouting), shouting
    seen = repr((shouting, fake.desk())) + caplog.text
    proofs = [
        value for name, value in fake.requests[-1].headers.items() if "signature" in name or "auth" in name
    ]
    for secret in [*secrets, *(proof.rpartition(" ")[2] for proof in proofs)]:
        assert secret.removeprefix("whsec_") not in seen
