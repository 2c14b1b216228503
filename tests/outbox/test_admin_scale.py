"""What the outbox's pages cost, however large the tables are."""

import json

import pytest
from django.db import connection
from django.test import Client

from outbox.models import Delivery, Lane, OutboxEvent
from tests.admin_support import most_rows_read, statements
from tests.outbox.admin_pages import (
    DELIVERIES,
    DESTINATIONS,
    EVENTS,
    EVERY_LIST,
    LANES,
    kill,
)
from tests.outbox.support import tell

pytestmark = pytest.mark.django_db


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
        cursor.execute("ANALYZE outbox_delivery")
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
