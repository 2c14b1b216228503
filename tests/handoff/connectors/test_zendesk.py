"""Zendesk's own rules; what holds for every desk is in tests/contracts."""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from handoff.connectors.port import DeskTrouble, Heard, NotAuthentic, Unreadable
from handoff.connectors.zendesk import Zendesk
from outbox.outcomes import Dead, Delivered, Failed, Unavailable
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
from tests.fakes.desk.zendesk import AGENT_ID, FakeZendesk

ZENDESK = Zendesk()


@pytest.fixture
def fake() -> Iterator[FakeZendesk]:
    with FakeZendesk() as running:
        yield running


def sent(fake: FakeZendesk, method: str) -> list[dict[str, Any]]:
    return [request.json()["ticket"] for request in fake.requests if request.method == method]


def test_a_ticket_begins_with_an_internal_note_and_says_whose_case_it_is(fake: FakeZendesk) -> None:
    answer = deliver(ZENDESK, fake.desk(), event())
    assert answer.external_url == f"{fake.url}/agent/tickets/{answer.external_id}"
    (ticket,) = sent(fake, "POST")
    assert ticket["external_id"] == str(CASE)
    assert ticket["requester"] == {"name": "customer@example.com", "email": "customer@example.com"}
    assert ticket["priority"] == "high"
    assert ticket["tags"] == ["holdfast", "holdfast_user_request", "vip"]
    assert ticket["group_id"] == 17
    assert ticket["comment"]["public"] is False
    assert "charged twice" in ticket["comment"]["body"]
    assert fake.requests[0].headers["idempotency-key"] == str(event().event_id)


def test_a_customer_without_a_mail_address_is_a_requester_by_name_alone(fake: FakeZendesk) -> None:
    deliver(ZENDESK, fake.desk(), event(customer={"ref": None}))
    assert sent(fake, "POST")[0]["requester"] == {"name": "Customer"}


def test_the_same_key_makes_one_ticket(fake: FakeZendesk) -> None:
    first, second = (ZENDESK.create(fake.desk(), event()) for _ in range(2))
    assert first.external_id == second.external_id
    assert len(fake.tickets) == 1


def test_a_key_that_is_known_with_another_body_leads_to_the_ticket_that_is_there(fake: FakeZendesk) -> None:
    first = ZENDESK.create(fake.desk(), event())
    reworded = ZENDESK.create(fake.desk(), event(reason_text="put differently after an upgrade"))
    assert reworded.external_id == first.external_id
    assert len(fake.tickets) == 1


def test_a_key_that_zendesk_has_forgotten_makes_no_second_ticket(fake: FakeZendesk) -> None:
    first = opened(ZENDESK, fake)
    fake.keys.clear()
    assert deliver(ZENDESK, fake.desk(), again(event())).external_id == first
    assert len(fake.tickets) == 1


def test_a_listing_that_ignores_the_filter_finds_nobody_else_s_ticket(fake: FakeZendesk) -> None:
    others = {"tickets": [{"id": 1, "external_id": None}, {"id": 2, "external_id": str(OTHER_CASE)}]}
    fake.fail("lie", method="GET", body=json.dumps(others).encode())
    assert ZENDESK.find(fake.desk(), CASE) is None


def test_of_two_tickets_of_a_case_the_oldest_counts(fake: FakeZendesk) -> None:
    first = opened(ZENDESK, fake)
    fake.keys.clear()
    ZENDESK.create(fake.desk(), event())
    found = ZENDESK.find(fake.desk(), CASE)
    assert found is not None and found.external_id == first


def test_a_look_up_that_is_refused_does_not_bury_the_event(fake: FakeZendesk) -> None:
    fake.fail("status", status=422, method="GET")
    outcome = deliver(ZENDESK, fake.desk(), again(event())).outcome
    assert outcome == Failed("lookup_http_422", after=60)


def test_customers_speak_for_themselves_and_others_by_name(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    agent = replace(
        said(3, "we are on it", "agent"), payload=said(3, "we are on it", "agent").payload | {"author": "Ben"}
    )
    for message in (said(2, "hello?"), agent, said(4, "one moment", "assistant"), noted(5, "be kind")):
        deliver(ZENDESK, fake.desk(), again(message, external_id))
    _, customer, ben, assistant, note = fake.tickets[0].comments
    assert (customer.text, customer.author) == ("hello?", str(fake.tickets[0].fields["requester_id"]))
    assert (ben.text, ben.author) == ("Ben (agent):\nwe are on it", str(AGENT_ID))
    assert assistant.text == "Assistant:\none moment"
    assert [one.public for one in (customer, ben, assistant, note)] == [True, True, True, False]


def test_what_an_agent_saves_meanwhile_is_kept(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    fake.meddling = 1
    answer = deliver(ZENDESK, fake.desk(), again(said(2, "from the customer"), external_id))
    assert isinstance(answer.outcome, Delivered)
    assert [one.text for one in fake.tickets[0].comments[1:]] == ["meanwhile, an agent", "from the customer"]


def test_an_update_that_is_overtaken_twice_is_left_for_later(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    fake.meddling = 2
    answer = deliver(ZENDESK, fake.desk(), again(said(2, "from the customer"), external_id))
    assert answer.outcome == Failed("conflict", after=60)
    assert "from the customer" not in [one.text for one in fake.tickets[0].comments]


@pytest.mark.parametrize("status", ["closed", "cancelled"])
def test_an_end_is_solved_never_closed_and_has_an_assignee(fake: FakeZendesk, status: str) -> None:
    external_id = opened(ZENDESK, fake)
    deliver(ZENDESK, fake.desk(), again(moved(2, status), external_id))
    assert fake.tickets[0].status == "solved"
    assert fake.tickets[0].fields["assignee_id"] == AGENT_ID


def test_a_status_goes_there_and_back(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    seen = []
    for number, status in enumerate(("in_progress", "waiting_customer", "open", "closed", "open"), start=2):
        deliver(ZENDESK, fake.desk(), again(moved(number, status), external_id))
        seen.append(fake.tickets[0].status)
    assert seen == ["new", "pending", "open", "solved", "open"]


def test_a_ticket_that_is_as_it_should_be_is_left_alone(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    fake.agent_saves(fake.tickets[0], "parked", status="hold")
    answer = deliver(ZENDESK, fake.desk(), again(moved(2, "in_progress"), external_id))
    assert isinstance(answer.outcome, Delivered)
    assert sent(fake, "PUT") == []


def test_words_that_go_with_a_status_are_an_internal_comment_and_are_there_once(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    closing = replace(moved(2, "closed"), payload=moved(2, "closed").payload | {"note": "refunded in full"})
    fake.fail("lose_answer", method="PUT")
    first = deliver(ZENDESK, fake.desk(), again(closing, external_id))
    assert isinstance(first.outcome, Failed)
    assert isinstance(deliver(ZENDESK, fake.desk(), again(again(closing, external_id))).outcome, Delivered)
    (comment,) = fake.tickets[0].comments[1:]
    assert "refunded in full" in comment.text and not comment.public


def test_a_ticket_that_zendesk_closed_takes_no_more_and_says_so(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    fake.tickets[0].status = "closed"
    answer = deliver(ZENDESK, fake.desk(), again(said(2, "hello?"), external_id))
    assert answer.outcome == Dead("ticket_closed")
    assert "goes on in Holdfast" in answer.excerpt
    ended = deliver(ZENDESK, fake.desk(), again(moved(3, "closed"), external_id))
    assert isinstance(ended.outcome, Delivered)


def test_a_busy_ticket_holds_up_its_own_case_only(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    fake.updates_a_ticket_takes = 1
    outcomes = [
        deliver(ZENDESK, fake.desk(), again(said(number, "x"), external_id)).outcome for number in (2, 3)
    ]
    assert outcomes == [Delivered(), Failed("ticket_rate_limited", after=200)]


def test_a_busy_account_holds_up_everything(fake: FakeZendesk) -> None:
    external_id = opened(ZENDESK, fake)
    fake.fail("status", status=429, headers={"Retry-After": "93", "X-Rate-Limit-Remaining": "0"})
    answer = deliver(ZENDESK, fake.desk(), again(said(2, "x"), external_id))
    assert answer.outcome == Unavailable("rate_limited", after=93)


def test_an_event_of_an_unknown_type_is_dead(fake: FakeZendesk) -> None:
    answer = deliver(ZENDESK, fake.desk(), again(event("case.sneezed", 2), "100"))
    assert answer.outcome == Dead("unknown_event_type")
    assert fake.requests == []


def test_the_probe_is_not_fooled_by_a_200_for_nobody(fake: FakeZendesk) -> None:
    stranger = fake.desk(secrets={"api_token": ("wrong",), "signing": ("x",)})
    with pytest.raises(DeskTrouble) as trouble:
        ZENDESK.probe(stranger)
    assert trouble.value.answer.outcome == Unavailable("unauthorized")


def test_the_probe_tells_which_agent_id_to_configure(fake: FakeZendesk) -> None:
    assert f"must be {AGENT_ID}" in ZENDESK.probe(fake.desk(options={"email": fake.email})).excerpt
    assert "must be" not in ZENDESK.probe(fake.desk()).excerpt


def test_what_proves_who_we_are_is_in_no_excerpt(fake: FakeZendesk) -> None:
    proof = base64.b64encode(f"{fake.email}/token:{fake.secrets['api_token'][0]}".encode()).decode()
    fake.fail("status", status=500, body=f"you sent Basic {proof}".encode())
    answer = deliver(ZENDESK, fake.desk(), event())
    assert proof not in answer.excerpt and "[SECRET]" in answer.excerpt


# --- what Zendesk posts ----------------------------------------------------------------------------------


def posted(fake: FakeZendesk, kind: str, happened: dict[str, Any], **detail: Any) -> Heard:
    about = {"id": "100", "external_id": str(CASE), "actor_id": "900001"} | detail
    body = json.dumps(
        {
            "type": f"zen:event-type:{kind}",
            "id": "01J",
            "time": "2026-11-21T10:00:00Z",
            "detail": about,
            "event": happened,
        }
    ).encode()
    (heard,) = ZENDESK.receive(fake.desk(), fake.sign(body, NOW), body, NOW)
    return heard


def comment(*, public: bool, staff: bool, text: str = "hello", who: str = "900001") -> dict[str, Any]:
    author = {"id": who, "is_staff": staff, "name": "Ana"}
    return {"comment": {"id": "1", "body": text, "is_public": public, "author": author}}


@pytest.mark.parametrize(
    ("happened", "kind"),
    [
        (comment(public=True, staff=True), "reply"),
        (comment(public=False, staff=True), "note"),
        (comment(public=True, staff=False), "note"),  # the customer, straight to Zendesk
        (comment(public=True, staff=True, text=""), "note"),  # a picture alone
        (comment(public=True, staff=True, who=str(AGENT_ID)), "ignored"),
    ],
)
def test_only_a_public_comment_of_staff_is_an_answer(
    fake: FakeZendesk, happened: dict[str, Any], kind: str
) -> None:
    heard = posted(fake, "ticket.comment_added", happened)
    assert heard.kind == kind
    assert heard.text.strip() or kind == "ignored"


@pytest.mark.parametrize(
    ("current", "status"),
    [
        ("NEW", "open"),
        ("OPEN", "in_progress"),
        ("PENDING", "waiting_customer"),
        ("HOLD", "in_progress"),
        ("SOLVED", "closed"),
        ("CLOSED", "closed"),
    ],
)
def test_each_status_has_its_meaning(fake: FakeZendesk, current: str, status: str) -> None:
    heard = posted(fake, "ticket.status_changed", {"previous": "NEW", "current": current})
    assert (heard.kind, heard.status, heard.at) == ("status", status, NOW)


def test_what_does_not_concern_us_is_ignored(fake: FakeZendesk) -> None:
    changed = {"previous": "OPEN", "current": "SOLVED"}
    assert posted(fake, "ticket.status_changed", changed, actor_id=str(AGENT_ID)).kind == "ignored"
    assert posted(fake, "ticket.status_changed", {"current": "DELETED"}).kind == "ignored"
    assert posted(fake, "ticket.agent_assignment_changed", {"current": "0"}).kind == "ignored"
    assert posted(fake, "ticket.tags_changed", {}).kind == "ignored"
    assert posted(fake, "user.created", {}).kind == "ignored"


def test_without_knowing_which_agent_we_are_nothing_is_read(fake: FakeZendesk) -> None:
    headers, body = fake.says(Told("reply", CASE, "100"), NOW)
    with pytest.raises(Unreadable) as refused:
        ZENDESK.receive(fake.desk(options={"email": fake.email}), headers, body, NOW)
    assert refused.value.field == "agent_id"


def test_a_signed_time_that_is_none_is_refused(fake: FakeZendesk) -> None:
    body = b"{}"
    headers = fake.sign(body, NOW)
    for nonsense in ("soon", "2026-13-41T10:00:00Z"):
        forged = headers | {"x-zendesk-webhook-signature-timestamp": nonsense}
        with pytest.raises(NotAuthentic):
            ZENDESK.receive(fake.desk(), forged, body, NOW)
