"""The outbox's admin pages: what an operator sees, what they may do, and what it costs."""

import json
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client

from outbox import operate
from outbox.models import Delivery, DestinationState, Lane, OutboxEvent
from tests.admin_support import NAUGHTY, most_rows_read, run_action, signed_in, statements
from tests.outbox.support import asleep, lane, statuses, tell

pytestmark = pytest.mark.django_db

LISTS = {
    "delivery": ("stuck", "pending", "all"),
    "lane": ("parked", "leased", "due", "asleep", "all"),
}
DELIVERIES, LANES = "/admin/outbox/delivery/", "/admin/outbox/lane/"
EVENTS, DESTINATIONS = "/admin/outbox/outboxevent/", "/admin/outbox/destinationstate/"
EVERY_LIST = [f"/admin/outbox/{model}/?show={show}" for model, shows in LISTS.items() for show in shows]
MODELS = ("delivery", "lane", "outboxevent", "destinationstate")


def kill(**which):
    """Let the pending deliveries of these lanes be dead, and their lanes parked, as a relay that gave up does."""
    lanes = list(Lane.objects.filter(**which).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_delivery SET status = 'dead', settled_at = now(), attempts = 3, last_error_code = 'http_500'"
            " WHERE lane_id = ANY (%s) AND status = 'pending'",
            [lanes],
        )
        cursor.execute(
            "UPDATE outbox_lane SET due_at = 'infinity', parked_reason = 'dead: http_500' WHERE id = ANY (%s)",
            [lanes],
        )


def every_page():
    """The address of every page there is for the rows that exist now."""
    for model, found in (("delivery", Delivery), ("lane", Lane), ("outboxevent", OutboxEvent)):
        yield from (f"/admin/outbox/{model}/{row.pk}/change/" for row in found.objects.all())
    yield from EVERY_LIST
    yield from (EVENTS, DESTINATIONS, "/admin/", "/admin/outbox/")


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


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_changed_or_deleted_even_by_a_superuser(admin_client: Client, model):
    tell()
    DestinationState.objects.create(destination="scripted")
    found = {
        "delivery": Delivery,
        "lane": Lane,
        "outboxevent": OutboxEvent,
        "destinationstate": DestinationState,
    }
    pk = found[model].objects.get().pk
    base = f"/admin/outbox/{model}/"
    for address in (f"{base}add/", f"{base}{pk}/change/", f"{base}{pk}/delete/"):
        assert admin_client.post(address, {"post": "yes", "destination": "x", "token": 5}).status_code == 403
    assert admin_client.get(f"{base}add/").status_code == 403
    said = run_action(admin_client, base, "delete_selected", [pk]) if model != "destinationstate" else ""
    assert "deleted" not in said
    assert found[model].objects.filter(pk=pk).exists()


def test_a_visitor_and_a_user_who_is_not_staff_are_sent_to_the_login():
    for client in (Client(), signed_in("outbox.view_lane", "outbox.change_lane", staff=False)):
        for address in (DELIVERIES, LANES, EVENTS, DESTINATIONS):
            response = client.get(address)
            assert response.status_code == 302
            assert "/admin/login/" in response["Location"]


def test_staff_without_permission_for_a_model_see_nothing_of_it():
    client = signed_in("outbox.view_lane")
    assert client.get(LANES).status_code == 200
    for address in (DELIVERIES, EVENTS, DESTINATIONS):
        assert client.get(address).status_code == 403


def test_who_may_only_view_cannot_act():
    tell()
    kill()
    client = signed_in("outbox.view_lane", "outbox.view_delivery", "outbox.view_destinationstate")
    run_action(client, LANES, "release", [lane().pk])
    run_action(client, DELIVERIES, "redrive", [Delivery.objects.get().pk])
    assert client.post(DESTINATIONS, {"destination": "scripted", "do": "park"}).status_code == 403
    assert lane().parked_reason
    assert statuses() == ["dead"]
    assert not DestinationState.objects.exists()
    for address in (
        f"{LANES}{lane().pk}/change/",
        f"{DELIVERIES}{Delivery.objects.get().pk}/change/",
        DESTINATIONS,
    ):
        assert "hf-switches" not in client.get(address).content.decode()


def test_who_may_change_a_model_may_run_its_actions():
    tell()
    client = signed_in("outbox.view_lane", "outbox.change_lane")
    assert run_action(client, f"{LANES}?show=all", "park", [lane().pk]).startswith("1 lane parked")
    assert client.post(f"{LANES}{lane().pk}/change/", {"token": 5}).status_code == 403


def test_a_filter_that_no_index_backs_is_refused(admin_client: Client):
    for query in ("token__gt=1", "ordering_key__contains=a", "deliveries__status=dead"):
        assert admin_client.get(f"{LANES}?{query}").status_code == 400


@pytest.mark.parametrize("address", [*EVERY_LIST, EVENTS, DESTINATIONS])
def test_a_page_runs_as_many_statements_for_thirty_rows_as_for_one(admin_client: Client, address):
    tell(key="first")
    if "stuck" in address or "parked" in address:
        kill()
    before = len(statements(admin_client, address))
    for number in range(29):
        tell(key=f"key-{number}")
    if "stuck" in address or "parked" in address:
        kill()
    assert len(statements(admin_client, address)) == before


@pytest.mark.parametrize("model", ["delivery", "lane", "outboxevent"])
def test_a_row_s_own_page_runs_as_many_statements_however_much_hangs_on_it(admin_client: Client, model):
    tell()
    pk = {"delivery": Delivery, "lane": Lane, "outboxevent": OutboxEvent}[model].objects.get().pk
    before = len(statements(admin_client, f"/admin/outbox/{model}/{pk}/change/"))
    for seq in range(2, 32):
        tell(seq=seq)
    assert len(statements(admin_client, f"/admin/outbox/{model}/{pk}/change/")) == before


@pytest.fixture
def large_tables():
    """20,000 conversations with two deliveries each, nearly all delivered; 40 stuck, 200 pending, 5 leased."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_event SELECT gen_random_uuid(), 'told', 1, 'key-' || n, s, NULL, '{}', '{}'"
            " FROM generate_series(1, 20000) AS n, generate_series(1, 2) AS s"
        )
        cursor.execute(
            "INSERT INTO outbox_lane (destination, ordering_key, due_at, token, rescues, parked_reason)"
            " SELECT CASE WHEN n % 2 = 0 THEN 'scripted' ELSE 'other' END, 'key-' || n, 'infinity', 1, 0, ''"
            " FROM generate_series(1, 20000) AS n"
        )
        for table in ("outbox_event", "outbox_lane"):  # or they are joined as if they were empty
            cursor.execute(f"ANALYZE {table}")
        cursor.execute(
            "INSERT INTO outbox_delivery (lane_id, event_id, seq, status, attempts, next_at, last_error_code, settled_at)"
            " SELECT lane.id, event_id, ordering_seq, 'delivered', 1, now(), '', now() FROM outbox_event"
            " JOIN outbox_lane AS lane USING (ordering_key)"
        )
        some = "(SELECT id FROM outbox_lane ORDER BY id OFFSET 9000 LIMIT {})"
        cursor.execute(f"UPDATE outbox_delivery SET status = 'dead' WHERE lane_id IN {some.format(20)}")
        cursor.execute(f"UPDATE outbox_lane SET parked_reason = 'dead' WHERE id IN {some.format(20)}")
        waiting = "(SELECT id FROM outbox_lane ORDER BY id OFFSET 15000 LIMIT {})"
        cursor.execute(
            f"UPDATE outbox_delivery SET status = 'pending', settled_at = NULL WHERE lane_id IN {waiting.format(100)}"
        )
        cursor.execute(f"UPDATE outbox_lane SET due_at = now() WHERE id IN {waiting.format(100)}")
        cursor.execute(f"UPDATE outbox_lane SET leased_until = now() WHERE id IN {waiting.format(5)}")
        for table in ("outbox_event", "outbox_lane", "outbox_delivery"):
            cursor.execute(f"ANALYZE {table}")


@pytest.mark.slow
def test_no_page_of_a_large_table_reads_more_than_its_own_rows(admin_client: Client, large_tables):
    dead = Delivery.objects.filter(status="dead").order_by("pk").first()
    pages = [*EVERY_LIST, EVENTS, f"{DELIVERIES}{dead.pk}/change/", f"{LANES}{dead.lane_id}/change/"]
    pages += [f"{address}&destination=scripted" for address in EVERY_LIST]
    pages += [f"{EVENTS}{dead.event_id}/change/", f"{EVENTS}?q={dead.event_id}"]
    pages += [f"{address}?q={term}" for address in (LANES, DELIVERIES) for term in ("key-777", dead.event_id)]
    middle = OutboxEvent.objects.order_by("pk")[20000].pk
    pages += [
        f"{EVENTS}?after={json.dumps([str(middle)])}",
        f"{EVENTS}?before={json.dumps([str(middle)])}",
        f"{DELIVERIES}?show=all&after={json.dumps([str(dead.pk)])}",
        f"{LANES}?show=all&destination=scripted&after={json.dumps(['scripted', 'key-5000'])}",
    ]
    read = {address: most_rows_read(admin_client, address) for address in pages}
    assert {address: rows for address, rows in read.items() if rows > 1_000} == {}


def test_the_total_is_an_estimate_and_says_so(admin_client: Client):
    tell()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE outbox_lane")
    assert "about 1 in all" in admin_client.get(f"{LANES}?show=all").content.decode()
    assert not any("COUNT(" in sql for sql in statements(admin_client, f"{LANES}?show=all"))
