"""The queue: its order, its words, its filters and its cost."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from handoff.models import SupportCase
from tests.admin_support import NAUGHTY, statements
from tests.handoff.admin.support import QUEUE, case, press, signed_in

pytestmark = pytest.mark.django_db(transaction=True)


def shown(client: Client, **choices: str) -> list[int]:
    response = client.get(QUEUE, choices)
    assert response.status_code == 200, response.headers
    return [row.case.pk for row in response.context["cl"].rows]


def test_what_is_due_first_stands_first_and_says_why():
    late, soon = case(session="a", priority="urgent"), case(session="b", priority="low")
    paused, middle = case(session="c"), case(session="d", priority="high")
    SupportCase.objects.filter(pk=late.pk).update(
        attention_at=timezone.now() - timedelta(hours=4, minutes=12),
        opened_at=timezone.now() - timedelta(hours=6, minutes=12, seconds=1),
    )
    SupportCase.objects.filter(pk=paused.pk).update(
        attention_at=None, paused_at=timezone.now() - timedelta(days=2)
    )
    client = signed_in()
    assert shown(client) == [late.pk, middle.pk, soon.pk, paused.pk]
    body = client.get(QUEUE).content.decode()
    assert "urgent, open 6 h 12, overdue by 4 h 12" in body
    assert "waiting for the customer for 2 d" in body
    assert re.findall(r'<span class="hf-badge hf-(\w+)">(overdue|in time|clock stands)</span>', body) == [
        ("bad", "overdue"),
        ("good", "in time"),
        ("good", "in time"),
        ("calm", "clock stands"),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pages_forth_and_back_show_every_case_once_also_those_without_a_due_time(monkeypatch, size):
    monkeypatch.setattr("handoff.admin.queue.CaseQueue.list_per_page", size)
    cases = [case(session=f"s{number}") for number in range(7)]
    SupportCase.objects.filter(pk__in=[found.pk for found in cases[:3]]).update(attention_at=None)
    SupportCase.objects.filter(pk__in=[found.pk for found in cases[3:5]]).update(attention_at=timezone.now())
    order = [cases[number].pk for number in (3, 4, 5, 6, 0, 1, 2)]
    client = signed_in()
    forth, place = [], "?"
    while place:
        listed = client.get(QUEUE + place).context["cl"]
        forth.append([row.pk for row in listed.result_list])
        place, back = listed.next_page, listed.previous_page
    assert [pk for page in forth for pk in page] == order
    pages = [forth[-1]]
    while back:
        listed = client.get(QUEUE + back).context["cl"]
        pages.insert(0, [row.pk for row in listed.result_list])
        back = listed.previous_page
    assert [pk for page in pages for pk in page] == order


def test_a_place_that_makes_no_sense_is_the_first_page():
    found, client = case(), signed_in()
    for place in (
        "x",
        "-/",
        "/1",
        "-/x",
        "2026-01-01/1",
        "-/" + "9" * 30,
        "\x00",
        "9999-12-31T00:00:00+00:00/1",
    ):
        assert shown(client, after=place) == shown(client, before=place) == [found.pk], place


def test_filters_narrow_the_queue_and_by_default_show_what_is_live():
    client = signed_in("anna")
    mine, urgent = case(session="a"), case(session="b", priority="urgent", queue="billing", reason_code="vip")
    closed, asked = case(session="c"), case(session="d", consent_required=True)
    phone = case(session="e", channel="whatsapp")
    press(client, mine, "claim")
    press(client, closed, "close")
    SupportCase.objects.filter(pk=urgent.pk).update(attention_at=timezone.now() - timedelta(minutes=1))
    live = {mine.pk, urgent.pk, asked.pk, phone.pk}
    for choices, found in (
        ({}, live),
        ({"state": "open"}, {urgent.pk, phone.pk}),
        ({"state": "in_progress"}, {mine.pk}),
        ({"state": "pending_consent"}, {asked.pk}),
        ({"state": "closed"}, {closed.pk}),
        ({"state": "ended"}, {closed.pk}),
        ({"owner": "me"}, {mine.pk}),
        ({"owner": "nobody"}, live - {mine.pk}),
        ({"priority": "urgent"}, {urgent.pk}),
        ({"queue": str(urgent.queue_id)}, {urgent.pk}),
        ({"reason": "vip"}, {urgent.pk}),
        ({"channel": "whatsapp"}, {phone.pk}),
        ({"sla": "red"}, {urgent.pk}),
        ({"sla": "green"}, {mine.pk, phone.pk}),
        ({"sla": "yellow"}, set()),
        ({"sla": "paused"}, {asked.pk}),
        ({"state": "nonsense", "owner": "", "queue": "x", "channel": ""}, live),
    ):
        assert set(shown(client, **choices)) == found, choices


def test_the_colour_on_a_row_is_the_colour_it_is_found_by():
    found = case()
    client = signed_in()
    now = timezone.now()
    near, far = now + timedelta(hours=1), now + timedelta(hours=2)
    for attention, warn, colour in (
        (now - timedelta(hours=1), None, "red"),
        (far, near, "green"),
        (far, now - timedelta(hours=1), "yellow"),
        (far, None, "yellow"),
        (far, far, "yellow"),
        (None, None, "paused"),
    ):
        SupportCase.objects.update(attention_at=attention, warn_at=warn)
        for name in ("red", "yellow", "green", "paused"):
            assert shown(client, sla=name) == ([found.pk] if name == colour else []), (attention, warn, name)
        assert client.get(QUEUE).context["cl"].rows[0].colour == colour


def test_an_agent_sees_the_cases_of_their_own_domains_only():
    mine, _other = case(session="a"), case(session="b", domain="secret", channel="secret-channel")
    client = signed_in()
    assert shown(client) == [mine.pk]
    for term in (_other.case_id, _other.conversation.public_id):
        assert shown(client, q=str(term)) == []
    assert "secret" not in client.get(QUEUE).content.decode()
    assert shown(signed_in("nobody", domains=())) == []
    assert set(shown(signed_in("both", domains=("demo", "secret")))) == {mine.pk, _other.pk}


def test_without_the_permission_there_is_no_queue():
    found = case()
    client = signed_in("x", "persistence.view_conversation")
    for address in (QUEUE, f"{QUEUE}live/", f"{QUEUE}{found.pk}/change/", f"{QUEUE}{found.pk}/live/"):
        assert client.get(address).status_code == 403, address
        assert Client().get(address).status_code == 302


def test_a_case_is_found_by_what_a_person_has_in_hand():
    wanted = case(session="a", customer_ref="customer-a")
    case(session="b", customer_ref="customer-ab")
    client = signed_in()
    for term in (wanted.case_id, wanted.conversation.public_id, " customer-a "):
        assert shown(client, q=str(term)) == [wanted.pk], term
    assert "No case has these words" in client.get(QUEUE, {"q": "customer-abc"}).content.decode()


def test_search_and_filters_take_any_text():
    case()
    client = signed_in()
    for text in (*NAUGHTY, "\x00", "%", "'", "a & b | !c", ":*", "0" * 5000, "\u0301", "日"):
        for name in (
            "q",
            "state",
            "owner",
            "queue",
            "priority",
            "reason",
            "channel",
            "sla",
            "after",
            "before",
        ):
            assert client.get(QUEUE, {name: text}).status_code == 200, (name, text)


def test_hostile_text_is_escaped_and_isolated_in_every_row():
    for number, text in enumerate(NAUGHTY):
        case(text, session=f"s{number}", customer_ref=text[:200])
    body = signed_in().get(QUEUE).content.decode()
    assert "<script>alert(1)" not in body
    for override in re.finditer("\u202e", body):
        before = body[: override.start()]
        assert before.rfind("<bdi") > before.rfind("</bdi>")


def test_an_empty_queue_says_what_that_means():
    client = signed_in()
    assert "Nobody waits." in client.get(QUEUE).content.decode()
    assert "No case is like that now." in client.get(QUEUE, {"priority": "low"}).content.decode()


def test_the_queue_runs_as_many_statements_for_thirty_cases_as_for_one():
    case(session="first")
    client = signed_in()
    pages = [QUEUE, f"{QUEUE}live/", f"{QUEUE}?state=closed", f"{QUEUE}?q=refund"]
    before = {page: len(statements(client, page)) for page in pages}
    for number in range(29):
        case(session=f"s{number}", queue=f"queue-{number}")
    assert {page: len(statements(client, page)) for page in pages} == before
    assert before[QUEUE] <= 12


def test_nothing_can_be_added_changed_or_deleted_by_hand(admin_client: Client):
    found = case()
    for page in (f"{QUEUE}add/", f"{QUEUE}{found.pk}/change/", f"{QUEUE}{found.pk}/delete/"):
        assert admin_client.post(page, {"post": "yes", "status": "closed"}).status_code == 403, page
    found.refresh_from_db()
    assert found.status == "open"


def test_the_rows_come_alone_and_not_again_while_they_read_the_same():
    client = signed_in()
    case(session="a")
    first = client.get(f"{QUEUE}live/")
    assert first.content.decode().count("data-row") == 1
    assert "<html" not in first.content.decode()
    again: dict[str, Any] = {"HTTP_IF_NONE_MATCH": first["ETag"]}
    assert client.get(f"{QUEUE}live/", **again).status_code == 304
    case(session="b")
    changed = client.get(f"{QUEUE}live/", **again)
    assert changed.status_code == 200
    assert changed.content.decode().count("data-row") == 2
    assert client.post(f"{QUEUE}live/").status_code == 403


def test_the_live_rows_keep_to_the_filters():
    case(session="a"), case(session="b", priority="urgent")
    body = signed_in().get(f"{QUEUE}live/", {"priority": "urgent"}).content.decode()
    assert body.count("data-row") == 1


def test_a_closed_case_stands_among_the_ended_the_newest_first():
    client = signed_in()
    first, second = case(session="a"), case(session="b")
    for found in (first, second):
        press(client, found, "close", close_note="done")
    assert shown(client, state="ended") == [second.pk, first.pk]
    assert "closed as resolved" in client.get(QUEUE, {"state": "ended"}).content.decode()
    assert shown(client) == []
