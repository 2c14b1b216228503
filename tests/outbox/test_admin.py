"""The outbox's admin pages: what an operator sees, what they may do, and what it costs."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client

from outbox import operate
from outbox.models import Delivery, DestinationState, Lane
from tests.admin_support import NAUGHTY, run_action
from tests.outbox.admin_pages import DELIVERIES, DESTINATIONS, EVENTS, EVERY_LIST, LANES, every_page, kill
from tests.outbox.support import asleep, lane, statuses, tell

pytestmark = pytest.mark.django_db


def test_every_page_shows_hostile_text_escaped_and_isolated(admin_client: Client):
    for seq, text in enumerate(NAUGHTY, 1):
        tell(key=text, seq=seq, said=text, **{text: [text]})
    kill(ordering_key__in=NAUGHTY[:3])
    Delivery.objects.update(last_error_code=NAUGHTY[0])
    Lane.objects.exclude(parked_reason="").update(parked_reason=NAUGHTY[1])
    operate.park_destination("scripted", reason=NAUGHTY[0])
    for address in every_page():
        body = admin_client.get(address).content.decode()
        assert "<script>alert(1)" not in body, address
        for override in re.finditer("\u202e", body):
            before = body[: override.start()]
            # An inline block isolates its text like <bdi> does: that is Unfold's trail of titles.
            inside = max(
                before.rfind("<bdi"), before.rfind("<title"), before.rfind('class="align-middle inline-block')
            )
            assert inside > max(before.rfind("</bdi>"), before.rfind("</title>")), address


def test_a_lane_that_sleeps_is_called_asleep_and_not_the_year_9999(admin_client: Client):
    tell()
    Delivery.objects.update(status="delivered", settled_at=Delivery.objects.get().next_at)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE outbox_lane SET due_at = 'infinity'")
    for address in (f"{LANES}?show=asleep", f"{LANES}{lane().pk}/change/"):
        body = admin_client.get(address).content.decode()
        assert "asleep" in body
        assert "9999" not in body


def test_the_list_of_deliveries_begins_with_what_needs_an_operator(admin_client: Client):
    tell(key="stuck")
    kill()
    tell(key="on-its-way")
    body = admin_client.get(DELIVERIES).content.decode()
    assert "stuck" in body
    assert "on-its-way" not in body
    assert "on-its-way" in admin_client.get(f"{DELIVERIES}?show=pending").content.decode()


def test_an_empty_list_says_that_nothing_needs_an_operator(admin_client: Client):
    for address in (DELIVERIES, LANES):
        assert "that is the good state" in admin_client.get(address).content.decode()


@pytest.mark.parametrize("address", [*EVERY_LIST, EVENTS])
def test_pages_walk_forward_over_every_row_once_and_back_again(admin_client: Client, address, monkeypatch):
    for number in range(7):
        tell(key=f"key-{number}")
    if "stuck" in address or "parked" in address:
        kill()
    with connection.cursor() as cursor:
        if "leased" in address:
            cursor.execute("UPDATE outbox_lane SET leased_until = now()")
        if "asleep" in address:
            cursor.execute("UPDATE outbox_lane SET due_at = 'infinity'")
    monkeypatch.setattr("outbox.adminkit.readonly.ReadOnlyAdmin.list_per_page", 3)

    base = address.partition("?")[0]

    def walk(link: str, here: str) -> list[list[object]]:
        pages = []
        while here:
            found = admin_client.get(here).context["cl"]
            pages.append([row.pk for row in found.result_list])
            query = getattr(found, link)
            here = base + query if query else ""
        return pages

    forward = walk("next_page", address)
    assert [len(page) for page in forward] == [3, 3, 1]
    assert len({pk for page in forward for pk in page}) == 7
    second = admin_client.get(address).context["cl"].next_page
    third = admin_client.get(address.partition("?")[0] + second).context["cl"].next_page
    assert walk("previous_page", address.partition("?")[0] + third) == forward[::-1]


@pytest.mark.parametrize(
    "place",
    [
        "",
        "1",
        "[]",
        "[null]",
        '["x"]',
        "[" * 5000,
        '["1\\u0000"]',
        "[1e999]",
        '["' + "9" * 400 + '"]',
        '["a","b","c"]',
    ],
)
@pytest.mark.parametrize("side", ["after", "before"])
def test_a_place_that_makes_no_sense_is_the_first_page(admin_client: Client, place, side):
    tell()
    for address in (*EVERY_LIST, EVENTS + "?"):
        response = admin_client.get(
            f"{address}",
            {**dict([address.partition("?")[2].split("=")] if "=" in address else []), side: place},
        )
        assert response.status_code == 200


def test_search_finds_exactly_one_conversation_and_nothing_like_it(admin_client: Client):
    event_id = tell(key="order-1")
    tell(key="order-10")
    for address in (LANES, DELIVERIES):
        found = admin_client.get(address, {"q": " order-1 "}).context["cl"].result_list
        assert len(found) == 1
        assert admin_client.get(address, {"q": "order-"}).context["cl"].result_list == []
    for address in (EVENTS, DELIVERIES):
        assert len(admin_client.get(address, {"q": str(event_id)}).context["cl"].result_list) == 1


@pytest.mark.parametrize("text", [*NAUGHTY, "\x00", "%", "_", "0" * 5000])
def test_search_takes_any_text(admin_client: Client, text):
    for address in (LANES, DELIVERIES, EVENTS):
        assert admin_client.get(address, {"q": text}).status_code == 200


def test_redrive_tries_again_what_was_ticked_and_says_so(admin_client: Client):
    for number in range(3):
        tell(key=f"key-{number}")
    kill()
    ids = list(Delivery.objects.values_list("pk", flat=True))
    said = run_action(admin_client, DELIVERIES, "redrive", ids[:2])
    assert said == "2 deliveries redriven; their conversations go on in order."
    assert sorted(statuses()) == ["dead", "pending", "pending", "redriven", "redriven"]
    assert LogEntry.objects.count() == 2
    assert "Nothing was redriven" in run_action(admin_client, DELIVERIES, "redrive", ids[:2])


def test_a_lane_is_parked_and_released_through_its_list(admin_client: Client):
    tell()
    parked = run_action(admin_client, f"{LANES}?show=due", "park", [lane().pk])
    assert parked == "1 lane parked; nothing is sent until you release them, all is kept."
    assert lane().parked_reason == "parked by admin"
    assert asleep()
    assert "parked already" in run_action(admin_client, LANES, "park", [lane().pk])
    assert run_action(admin_client, LANES, "release", [lane().pk]).startswith("1 lane released")
    assert lane().parked_reason == ""
    assert not asleep()


def test_acting_on_all_pages_at_once_is_not_possible(admin_client: Client):
    for number in range(3):
        tell(key=f"key-{number}")
    kill()
    document = {
        "action": "redrive",
        "select_across": "1",
        "index": "0",
        "_selected_action": [Delivery.objects.first().pk],
    }
    admin_client.post(DELIVERIES, document)
    assert statuses().count("redriven") == 1


@pytest.mark.parametrize("ids", [["x"], ["-1"], ["9" * 40], ["1; DROP TABLE outbox_lane"], ["²"]])
def test_ids_that_are_none_change_nothing(admin_client: Client, ids):
    tell()
    kill()
    assert "Nothing was" in run_action(admin_client, DELIVERIES, "redrive", ids)
    assert "Nothing was" in run_action(admin_client, LANES, "release", ids)
    assert statuses() == ["dead"]


def test_the_buttons_on_a_row_s_own_page_do_what_the_list_s_actions_do(admin_client: Client):
    tell()
    kill()
    for address, action in (
        (f"{DELIVERIES}{Delivery.objects.get().pk}/change/", "redrive"),
        (f"{LANES}{lane().pk}/change/", "park"),
    ):
        body = admin_client.get(address).content.decode()
        form = body[body.index('<form class="hf-switches"') :]
        assert action in form[: form.index("</form>")]
        target = re.search(r'action="([^"]+)"', form).group(1)
        chosen = re.search(r'name="_selected_action" value="(\d+)"', form).group(1)
        assert run_action(admin_client, target, action, [chosen]).startswith("1 ")


def test_a_destination_is_parked_released_and_redriven_on_its_page(admin_client: Client):
    tell()
    kill()

    def press(**document):
        response = admin_client.post(DESTINATIONS, {"destination": "scripted"} | document, follow=True)
        return " ".join(str(message) for message in response.context["messages"])

    assert press(do="park", reason=" a planned \n outage ").startswith("scripted is parked")
    assert DestinationState.objects.get().parked_reason == "a planned outage (admin)"
    assert "a planned outage" in admin_client.get(DESTINATIONS).content.decode()
    assert press(do="release").startswith("scripted is released")
    assert DestinationState.objects.get().parked_reason == ""
    assert "neither parked nor resting" in press(do="release")
    assert press(do="redrive") == "1 delivery redriven; their conversations go on in order."
    assert "Nothing is dead" in press(do="redrive")
    assert "no such destination" in press(do="park", destination="another")
    assert "nothing was changed" in press(do="explode")


def test_the_destinations_page_shows_the_figures_and_leads_to_the_rows(admin_client: Client):
    for number in range(3):
        tell(key=f"key-{number}")
    kill(ordering_key="key-0")
    body = admin_client.get(DESTINATIONS).content.decode()
    links = re.findall(r'href="(/admin/outbox/[^"]+destination=scripted)">(\d+)<', body)
    assert ("/admin/outbox/lane/?show=due&amp;destination=scripted", "2") in links
    assert ("/admin/outbox/delivery/?show=stuck&amp;destination=scripted", "1") in links
    for address, count in links:
        if "pending" not in address and count != "0":
            found = admin_client.get(address.replace("&amp;", "&")).context["cl"].result_list
            assert len(found) == int(count)
