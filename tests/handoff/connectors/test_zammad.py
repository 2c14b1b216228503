"""Zammad's own rules; what holds for every desk is in tests/contracts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from handoff.connectors.port import DeskTrouble, Heard, NotAuthentic, Unreadable
from handoff.connectors.zammad import Zammad
from outbox.outcomes import Dead, Delivered, Failed
from tests.contracts.desk_cases import (
    CASE,
    NOW,
    OTHER_CASE,
    again,
    deliver,
    event,
    moved,
    noted,
    opened,
    said,
)
from tests.fakes.desk.base import Told
from tests.fakes.desk.zammad import LOGIN, FakeZammad

ZAMMAD = Zammad()


@pytest.fixture
def fake() -> Iterator[FakeZammad]:
    with FakeZammad() as running:
        yield running


def sent(fake: FakeZammad, method: str) -> list[dict[str, Any]]:
    return [request.json() for request in fake.requests if request.method == method]


def test_a_ticket_begins_with_an_internal_note_and_says_whose_case_it_is(fake: FakeZammad) -> None:
    answer = deliver(ZAMMAD, fake.desk(), event())
    assert answer.external_url == f"{fake.url}/#ticket/zoom/{answer.external_id}"
    (ticket,) = sent(fake, "POST")
    assert ticket["holdfast_case_id"] == str(CASE)
    assert ticket["customer_id"] == "guess:customer@example.com"
    assert (ticket["group"], ticket["priority"], ticket["tags"]) == (
        "Billing",
        "3 high",
        "holdfast,user_request,vip",
    )
    assert ticket["article"]["internal"] is True
    assert "charged twice" in ticket["article"]["body"]


def test_a_customer_without_a_mail_address_gets_one_to_which_no_mail_can_go(fake: FakeZammad) -> None:
    for case_id, ref in (
        (CASE, "c-17"),
        (OTHER_CASE, "c-17"),
        (CASE, "c-18"),
        (CASE, None),
        (OTHER_CASE, None),
    ):
        ZAMMAD.create(fake.desk(), event(case_id=case_id, customer={"ref": ref}))
    customers = [ticket["customer_id"] for ticket in sent(fake, "POST")]
    assert all(one.endswith("@holdfast.invalid") for one in customers)
    assert customers[0] == customers[1]
    assert len(set(customers)) == 4


def test_the_attribute_of_the_case_can_have_another_name(fake: FakeZammad) -> None:
    fake.attributes = {"holdfast_ref"}
    desk = fake.desk(options={"group": "Billing", "case_attribute": "holdfast_ref"})
    first = ZAMMAD.create(desk, event())
    found = ZAMMAD.find(desk, CASE)
    assert found is not None and found.external_id == first.external_id


def test_an_attribute_that_zammad_dropped_is_told_and_the_probe_refuses_it(fake: FakeZammad) -> None:
    fake.attributes = set()
    answer = deliver(ZAMMAD, fake.desk(), event())
    assert isinstance(answer.outcome, Delivered)
    assert "dropped the attribute holdfast_case_id" in answer.excerpt
    with pytest.raises(DeskTrouble) as trouble:
        ZAMMAD.probe(fake.desk())
    assert trouble.value.answer.outcome == Failed("lookup_http_422", after=60)


def test_a_look_up_that_is_refused_neither_buries_the_event_nor_makes_a_second_ticket(
    fake: FakeZammad,
) -> None:
    opened(ZAMMAD, fake)
    fake.fail("status", status=404, path_contains="search")
    assert deliver(ZAMMAD, fake.desk(), again(event())).outcome == Failed("lookup_http_404", after=60)
    assert len(fake.tickets) == 1


def test_a_search_that_ignores_the_condition_finds_nobody_else_s_ticket(fake: FakeZammad) -> None:
    others = [{"id": 1}, {"id": 2, "holdfast_case_id": str(OTHER_CASE)}]
    fake.fail("lie", path_contains="search", body=json.dumps(others).encode())
    assert ZAMMAD.find(fake.desk(), CASE) is None


def test_of_two_tickets_of_a_case_the_oldest_counts(fake: FakeZammad) -> None:
    first = opened(ZAMMAD, fake)
    ZAMMAD.create(fake.desk(), event())
    found = ZAMMAD.find(fake.desk(), CASE)
    assert found is not None and found.external_id == first


def test_answers_are_communication_so_that_they_stop_clocks_and_notes_are_not(fake: FakeZammad) -> None:
    external_id = opened(ZAMMAD, fake)
    for message in (said(2, "hello?"), said(3, "on it", "agent"), noted(4, "be kind")):
        deliver(ZAMMAD, fake.desk(), again(message, external_id))
    articles = list(fake.articles.values())[1:]
    assert [(one["type"], one["sender"], one["internal"]) for one in articles] == [
        ("web", "Customer", False),
        ("chat", "Agent", False),
        ("note", "Agent", True),
    ]


def test_an_article_is_looked_for_among_the_newest_before_it_is_sent_again(fake: FakeZammad) -> None:
    external_id = opened(ZAMMAD, fake)
    fake.fail("lose_answer", method="POST")
    lost = again(said(2, "only once"), external_id)
    assert isinstance(deliver(ZAMMAD, fake.desk(), lost).outcome, Failed)
    for number in range(3, 8):
        deliver(ZAMMAD, fake.desk(), again(said(number, f"text {number}"), external_id))
    assert isinstance(deliver(ZAMMAD, fake.desk(), again(lost)).outcome, Delivered)
    assert [one.text for one in fake.tickets[0].comments].count("only once") == 1


def test_waiting_for_the_customer_pauses_the_clocks_until_a_time(fake: FakeZammad) -> None:
    external_id = opened(ZAMMAD, fake)
    message = moved(2, "waiting_customer")
    deliver(ZAMMAD, fake.desk(), again(message, external_id))
    assert fake.tickets[0].status == "pending reminder"
    assert fake.tickets[0].fields["pending_time"] == (message.created_at + timedelta(days=7)).isoformat()


def test_a_status_goes_there_and_back(fake: FakeZammad) -> None:
    external_id = opened(ZAMMAD, fake)
    seen = []
    for number, status in enumerate(("in_progress", "waiting_customer", "open", "cancelled"), start=2):
        deliver(ZAMMAD, fake.desk(), again(moved(number, status), external_id))
        seen.append(fake.tickets[0].status)
    assert seen == ["new", "pending reminder", "open", "closed"]


def test_a_ticket_that_is_as_it_should_be_is_left_alone(fake: FakeZammad) -> None:
    external_id = opened(ZAMMAD, fake)
    assert isinstance(deliver(ZAMMAD, fake.desk(), again(moved(2, "open"), external_id)).outcome, Delivered)
    assert sent(fake, "PUT") == []


def test_words_that_go_with_a_status_arrive_with_it_and_once(fake: FakeZammad) -> None:
    external_id = opened(ZAMMAD, fake)
    closing = replace(moved(2, "closed"), payload=moved(2, "closed").payload | {"note": "refunded in full"})
    fake.fail("lose_answer", method="PUT")
    assert isinstance(deliver(ZAMMAD, fake.desk(), again(closing, external_id)).outcome, Failed)
    assert isinstance(deliver(ZAMMAD, fake.desk(), again(again(closing, external_id))).outcome, Delivered)
    (comment,) = fake.tickets[0].comments[1:]
    assert "refunded in full" in comment.text and not comment.public
    assert fake.tickets[0].status == "closed"


def test_priorities_of_the_installation_can_be_named(fake: FakeZammad) -> None:
    deliver(
        ZAMMAD,
        fake.desk(options={"group": "Users", "priorities": {"urgent": "1 low"}}),
        event(priority="urgent"),
    )
    assert sent(fake, "POST")[0]["priority"] == "1 low"


def test_a_merged_ticket_takes_no_status_and_says_so(fake: FakeZammad) -> None:
    external_id = opened(ZAMMAD, fake)
    fake.tickets[0].status = "merged"
    answer = deliver(ZAMMAD, fake.desk(), again(moved(2, "closed"), external_id))
    assert answer.outcome == Dead("ticket_merged")


def test_an_event_of_an_unknown_type_is_dead(fake: FakeZammad) -> None:
    answer = deliver(ZAMMAD, fake.desk(), again(event("case.sneezed", 2), "7"))
    assert answer.outcome == Dead("unknown_event_type")


def test_the_probe_tells_which_login_to_configure(fake: FakeZammad) -> None:
    assert f"must be {LOGIN}" in ZAMMAD.probe(fake.desk(options={})).excerpt
    assert "must be" not in ZAMMAD.probe(fake.desk()).excerpt


# --- what Zammad posts -----------------------------------------------------------------------------------


def posted(
    fake: FakeZammad, ticket: dict[str, Any], article: dict[str, Any] | None = None, **options: Any
) -> list[Heard]:
    about = {"id": 7, "holdfast_case_id": str(CASE), "state": "open", "updated_at": NOW.isoformat()} | ticket
    body = json.dumps({"ticket": about, "article": article or {}}).encode()
    desk = fake.desk(options=options) if options else fake.desk()
    return ZAMMAD.receive(desk, fake.sign(body, NOW), body, NOW)


ANA = {"firstname": "Ana", "lastname": "Lima", "login": "ana@example.org"}
ANSWER = {"id": 12, "sender": "Agent", "internal": False, "body": "hello", "content_type": "text/plain"}
ANSWER |= {"created_by": ANA, "preferences": {}}


def test_an_answer_and_the_new_state_are_heard_in_that_order(fake: FakeZammad) -> None:
    reply, status = posted(fake, {"state": "closed", "updated_by": ANA}, ANSWER)
    assert (reply.kind, reply.text, reply.author, reply.case_id) == ("reply", "hello", "Ana Lima", CASE)
    assert (status.kind, status.status, status.at) == ("status", "closed", NOW)
    assert reply.delivery_id != status.delivery_id


def test_html_becomes_text(fake: FakeZammad) -> None:
    html = {
        "content_type": "text/html",
        "body": "<div>Dear you,<br>all &amp; well<script>alert(1)</script></div>",
    }
    assert posted(fake, {}, ANSWER | html)[0].text == "Dear you,\nall & well"


@pytest.mark.parametrize(
    ("article", "kind"),
    [
        ({"internal": True}, "note"),
        ({"sender": "Customer"}, "note"),
        ({"sender": {"name": "Agent"}}, "reply"),
        ({"sender": "System"}, "ignored"),
        ({"body": " "}, "note"),
        ({"preferences": {"holdfast_event": "x"}}, "ignored"),
        ({"created_by": {"login": LOGIN.upper()}}, "ignored"),
        ({"created_by": LOGIN}, "ignored"),
    ],
)
def test_only_a_public_article_of_an_agent_is_an_answer(
    fake: FakeZammad, article: dict[str, Any], kind: str
) -> None:
    assert posted(fake, {"updated_by": ANA}, ANSWER | article)[0].kind == kind


def test_our_mark_alone_tells_our_own_doing(fake: FakeZammad) -> None:
    ours = ANSWER | {"preferences": {"holdfast_event": "x"}}
    assert [one.kind for one in posted(fake, {}, ours, group="Users")] == ["ignored"]


def test_a_state_that_we_set_ourselves_is_ignored(fake: FakeZammad) -> None:
    for ours in ({"login": LOGIN}, {"login": "7", "email": LOGIN}, LOGIN):
        assert [one.kind for one in posted(fake, {"state": "closed", "updated_by": ours})] == ["ignored"]


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("new", "open"),
        ("open", "in_progress"),
        ({"name": "pending reminder"}, "waiting_customer"),
        ("pending close", "waiting_customer"),
        ("closed", "closed"),
        ("merged", None),  # no news of the case
    ],
)
def test_each_state_has_its_meaning(fake: FakeZammad, state: Any, status: str | None) -> None:
    (heard,) = posted(fake, {"state": state})
    assert heard.status == status


def test_an_owner_is_heard_and_nobody_is_not(fake: FakeZammad) -> None:
    nobody = {"firstname": "-", "lastname": "", "login": "-"}
    assert [one.kind for one in posted(fake, {"owner": ANA})] == ["assigned", "status"]
    assert [one.kind for one in posted(fake, {"owner": nobody})] == ["status"]
    assert [one.kind for one in posted(fake, {"owner": "-"})] == ["status"]


def test_a_recorded_post_under_another_delivery_id_is_still_the_same(fake: FakeZammad) -> None:
    headers, body = fake.says(Told("reply", CASE, "7"), NOW)
    replayed = headers | {"x-zammad-delivery": "another"}
    first, second = (ZAMMAD.receive(fake.desk(), one, body, NOW) for one in (headers, replayed))
    assert [one.delivery_id for one in first] == [one.delivery_id for one in second]


def test_a_late_answer_is_heard_and_one_of_another_day_is_refused(fake: FakeZammad) -> None:
    headers, body = fake.says(Told("reply", CASE, "7"), NOW)
    assert ZAMMAD.receive(fake.desk(), headers, body, NOW + timedelta(hours=23))[0].kind == "reply"
    with pytest.raises(NotAuthentic) as refused:
        ZAMMAD.receive(fake.desk(), headers, body, NOW + timedelta(hours=25))
    assert refused.value.code == "signature_expired"


@pytest.mark.parametrize("ticket", [{"id": None}, {"updated_at": None}, {"updated_at": 5}, {"id": [7]}])
def test_a_post_without_what_it_is_known_by_is_refused_by_name(
    fake: FakeZammad, ticket: dict[str, Any]
) -> None:
    with pytest.raises(Unreadable) as refused:
        posted(fake, ticket)
    assert refused.value.field == f"ticket.{next(iter(ticket))}"
