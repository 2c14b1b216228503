"""Chatwoot's own rules; what holds for every desk is in tests/contracts."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from handoff.connectors.chatwoot import Chatwoot
from handoff.connectors.port import DeskTrouble, Heard, Unreadable
from outbox.outcomes import Dead, Delivered, Failed
from tests.contracts.desk_cases import CASE, NOW, again, deliver, event, moved, noted, opened, said
from tests.fakes.desk.base import Told
from tests.fakes.desk.chatwoot import ACCOUNT, API_USER, INBOX, TEAM, FakeChatwoot

CHATWOOT = Chatwoot()


@pytest.fixture
def fake() -> Iterator[FakeChatwoot]:
    with FakeChatwoot() as running:
        yield running


def paths(fake: FakeChatwoot, method: str = "POST") -> list[str]:
    return [request.path.rpartition("/")[2] for request in fake.requests if request.method == method]


def test_a_conversation_is_opened_assigned_and_told_of_in_one_request(fake: FakeChatwoot) -> None:
    answer = deliver(CHATWOOT, fake.desk(), event())
    assert answer.external_url == f"{fake.url}/app/accounts/{ACCOUNT}/conversations/{answer.external_id}"
    opening = next(
        one.json() for one in fake.requests if one.method == "POST" and one.path.endswith("conversations")
    )
    assert (opening["status"], opening["team_id"], opening["source_id"]) == ("open", TEAM, str(CASE))
    assert opening["message"]["private"] is True
    assert "charged twice" in opening["message"]["content"]
    assert fake.tickets[0].fields["priority"] == "high"


def test_a_priority_that_cannot_be_set_costs_no_case(fake: FakeChatwoot) -> None:
    fake.fail("status", status=500, path_contains="toggle_priority")
    assert isinstance(deliver(CHATWOOT, fake.desk(), event()).outcome, Delivered)


def test_an_inbox_with_a_bot_gets_its_conversation_opened(fake: FakeChatwoot) -> None:
    fake.has_bot = True
    opened(CHATWOOT, fake)
    assert fake.tickets[0].status == "open"


def test_a_conversation_that_stayed_with_the_bot_is_opened_by_the_next_try(fake: FakeChatwoot) -> None:
    fake.has_bot = True
    fake.fail("status", status=503, path_contains="toggle_status")
    assert isinstance(deliver(CHATWOOT, fake.desk(), event()).outcome, Failed)
    assert fake.tickets[0].status == "pending"
    assert isinstance(deliver(CHATWOOT, fake.desk(), again(event())).outcome, Delivered)
    assert [one.status for one in fake.tickets] == ["open"]


@pytest.mark.parametrize("lost", ["contacts", "conversations"])
def test_a_create_that_was_cut_off_goes_on_where_it_stopped(fake: FakeChatwoot, lost: str) -> None:
    fake.fail("lose_answer", method="POST", path_contains=lost)
    assert isinstance(deliver(CHATWOOT, fake.desk(), event()).outcome, Failed)
    assert isinstance(deliver(CHATWOOT, fake.desk(), again(event())).outcome, Delivered)
    assert (len(fake.contacts), len(fake.tickets)) == (1, 1)


def test_a_contact_that_only_mentions_the_case_is_not_its_contact(fake: FakeChatwoot) -> None:
    fake.contacts.append({"id": 1, "identifier": f"x-{CASE}", "name": "somebody else"})
    fake.contacts.append({"id": 2, "identifier": "y", "name": f"about {CASE}"})
    opened(CHATWOOT, fake)
    assert fake.tickets[0].fields["contact_id"] not in (1, 2)


def test_another_conversation_of_the_contact_is_not_the_case(fake: FakeChatwoot) -> None:
    first = opened(CHATWOOT, fake)
    fake.tickets[0].fields["custom_attributes"] = {}
    assert CHATWOOT.find(fake.desk(), CASE) is None
    assert deliver(CHATWOOT, fake.desk(), again(event())).external_id != first


def test_customers_are_incoming_others_outgoing_and_notes_private(fake: FakeChatwoot) -> None:
    external_id = opened(CHATWOOT, fake)
    for message in (said(2, "hello?"), said(3, "on it", "agent"), noted(4, "be kind")):
        deliver(CHATWOOT, fake.desk(), again(message, external_id))
    seen = [(one["message_type"], one["private"]) for one in fake.messages[external_id][1:]]
    assert seen == [("incoming", False), ("outgoing", False), ("outgoing", True)]


def test_a_message_is_looked_for_over_several_pages_before_it_is_sent_again(fake: FakeChatwoot) -> None:
    external_id = opened(CHATWOOT, fake)
    lost = again(said(2, "only once"), external_id)
    fake.fail("lose_answer", method="POST")
    assert isinstance(deliver(CHATWOOT, fake.desk(), lost).outcome, Failed)
    for number in range(45):
        fake.agent_writes(fake.tickets[0], f"text {number}")
    assert isinstance(deliver(CHATWOOT, fake.desk(), again(lost)).outcome, Delivered)
    assert [one.text for one in fake.tickets[0].comments].count("only once") == 1


def test_a_status_goes_there_and_back_and_never_to_the_bot(fake: FakeChatwoot) -> None:
    external_id = opened(CHATWOOT, fake)
    seen = []
    for number, status in enumerate(
        ("in_progress", "waiting_customer", "open", "closed", "open", "cancelled"), start=2
    ):
        deliver(CHATWOOT, fake.desk(), again(moved(number, status), external_id))
        seen.append(fake.tickets[0].status)
    assert seen == ["open", "snoozed", "open", "resolved", "open", "resolved"]


def test_a_conversation_that_is_as_it_should_be_is_left_alone(fake: FakeChatwoot) -> None:
    external_id = opened(CHATWOOT, fake)
    before = len(paths(fake))
    answer = deliver(CHATWOOT, fake.desk(), again(moved(2, "in_progress"), external_id))
    assert isinstance(answer.outcome, Delivered)
    assert len(paths(fake)) == before


@pytest.mark.parametrize("assignee", [None, 4])
def test_opening_takes_the_conversation_from_nobody(fake: FakeChatwoot, assignee: int | None) -> None:
    external_id = opened(CHATWOOT, fake)
    fake.opens_as_agent = True
    fake.tickets[0].status = "resolved"
    fake.tickets[0].fields["assignee_id"] = assignee
    deliver(CHATWOOT, fake.desk(), again(moved(2, "open"), external_id))
    assert fake.tickets[0].status == "open"
    assert fake.tickets[0].fields["assignee_id"] == assignee != API_USER


def test_words_that_go_with_a_status_are_private_and_are_there_once(fake: FakeChatwoot) -> None:
    external_id = opened(CHATWOOT, fake)
    closing = replace(moved(2, "closed"), payload=moved(2, "closed").payload | {"note": "refunded in full"})
    fake.fail("status", status=500, path_contains="toggle_status")
    assert isinstance(deliver(CHATWOOT, fake.desk(), again(closing, external_id)).outcome, Failed)
    assert isinstance(deliver(CHATWOOT, fake.desk(), again(again(closing, external_id))).outcome, Delivered)
    (comment,) = fake.tickets[0].comments[1:]
    assert "refunded in full" in comment.text and not comment.public
    assert fake.tickets[0].status == "resolved"


def test_an_event_of_an_unknown_type_is_dead(fake: FakeChatwoot) -> None:
    assert deliver(CHATWOOT, fake.desk(), again(event("case.sneezed", 2), "1")).outcome == Dead(
        "unknown_event_type"
    )


def test_the_probe_refuses_an_inbox_that_takes_no_messages_of_customers(fake: FakeChatwoot) -> None:
    fake.channel = "Channel::WebWidget"
    with pytest.raises(DeskTrouble) as trouble:
        CHATWOOT.probe(fake.desk())
    assert trouble.value.answer.outcome == Dead("wrong_inbox")


# --- what Chatwoot posts ---------------------------------------------------------------------------------


def posted(fake: FakeChatwoot, event: str, facts: dict[str, Any]) -> Heard:
    body = json.dumps({"event": event} | facts).encode()
    (heard,) = CHATWOOT.receive(fake.desk(), fake.sign(body, NOW), body, NOW)
    return heard


HERE = {"id": 7, "inbox_id": INBOX, "custom_attributes": {"holdfast_case_id": str(CASE)}}
MESSAGE = {"id": 4, "content": "hello", "message_type": "outgoing", "private": False, "inbox": {"id": INBOX}}
MESSAGE |= {"conversation": HERE, "sender": {"name": "Ana"}, "created_at": "2026-11-21T10:00:00.000Z"}


@pytest.mark.parametrize(
    ("facts", "kind"),
    [
        ({}, "reply"),
        ({"message_type": 1}, "reply"),
        ({"private": True}, "note"),
        ({"message_type": "incoming"}, "note"),  # by another way into the inbox
        ({"content": None}, "note"),
        ({"message_type": "activity"}, "ignored"),
        ({"message_type": "template"}, "ignored"),
        ({"message_type": 2}, "ignored"),
        ({"inbox": {"id": 99}}, "ignored"),
        ({"content_attributes": {"holdfast_event": "x"}}, "ignored"),
        ({"source_id": "holdfast:x"}, "ignored"),
    ],
)
def test_only_a_public_outgoing_message_is_an_answer(
    fake: FakeChatwoot, facts: dict[str, Any], kind: str
) -> None:
    heard = posted(fake, "message_created", MESSAGE | facts)
    assert (heard.kind, heard.external_id, heard.case_id) == (kind, "7", CASE)
    assert heard.text.strip() or kind == "ignored"


def test_attachments_are_heard_as_links(fake: FakeChatwoot) -> None:
    files = [{"data_url": "https://files.example/a.png"}, {"data_url": None}]
    assert (
        posted(fake, "message_created", MESSAGE | {"attachments": files}).text
        == "hello\nhttps://files.example/a.png"
    )
    heard = posted(fake, "message_created", MESSAGE | {"attachments": files, "content": None})
    assert (heard.kind, heard.text) == ("reply", "https://files.example/a.png")


@pytest.mark.parametrize(
    ("facts", "kind", "status"),
    [
        ({"status": "open"}, "status", "open"),
        ({"status": "open", "meta": {"assignee": {"name": "Ana"}}}, "status", "in_progress"),
        ({"status": "snoozed"}, "status", "waiting_customer"),
        ({"status": "resolved"}, "status", "closed"),
        ({"status": "pending"}, "ignored", None),
        ({"status": "resolved", "inbox_id": 99}, "ignored", None),
    ],
)
def test_each_status_has_its_meaning(
    fake: FakeChatwoot, facts: dict[str, Any], kind: str, status: str | None
) -> None:
    heard = posted(fake, "conversation_status_changed", HERE | facts)
    assert (heard.kind, heard.status) == (kind, status)


@pytest.mark.parametrize("moment", [NOW.timestamp(), int(NOW.timestamp()), "2026-11-21T10:00:00Z", None])
def test_times_come_as_numbers_or_as_text(fake: FakeChatwoot, moment: Any) -> None:
    assert (
        posted(fake, "conversation_status_changed", HERE | {"status": "open", "updated_at": moment}).at == NOW
    )


def test_an_assignment_is_heard_and_other_changes_are_not(fake: FakeChatwoot) -> None:
    to_ana = HERE | {"meta": {"assignee": {"name": "Ana"}}}
    assigned = to_ana | {"changed_attributes": [{"assignee_id": {"current_value": 1}}]}
    assert posted(fake, "conversation_updated", assigned).author == "Ana"
    assert (
        posted(fake, "conversation_updated", to_ana | {"changed_attributes": [{"labels": {}}]}).kind
        == "ignored"
    )
    unassigned = HERE | {"changed_attributes": [{"assignee_id": {"current_value": None}}]}
    assert posted(fake, "conversation_updated", unassigned).kind == "ignored"


@pytest.mark.parametrize(
    "name", ["message_updated", "conversation_created", "contact_created", "webwidget_triggered"]
)
def test_other_events_are_ignored(fake: FakeChatwoot, name: str) -> None:
    assert posted(fake, name, {"id": 5}).kind == "ignored"


def test_a_recorded_post_under_another_delivery_id_is_still_the_same(fake: FakeChatwoot) -> None:
    headers, body = fake.says(Told("reply", CASE, "7"), NOW)
    replayed = headers | {"x-chatwoot-delivery": "another"}
    first, second = (CHATWOOT.receive(fake.desk(), one, body, NOW)[0] for one in (headers, replayed))
    assert first.delivery_id == second.delivery_id


@pytest.mark.parametrize(
    ("facts", "field"),
    [({"id": None}, "id"), ({"conversation": 7}, "conversation"), ({"conversation": {}}, "conversation.id")],
)
def test_a_message_without_what_it_is_known_by_is_refused_by_name(
    fake: FakeChatwoot, facts: dict[str, Any], field: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        posted(fake, "message_created", MESSAGE | facts)
    assert refused.value.field == field
