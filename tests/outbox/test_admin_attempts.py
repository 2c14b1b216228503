"""The log of sends, and redriving a range of time, in the admin."""

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client

from outbox import operate
from outbox.models import Delivery, DeliveryAttempt, DestinationState, OutboxEvent
from tests.admin_support import NAUGHTY, most_rows_read, signed_in, statements
from tests.outbox.admin_pages import kill
from tests.outbox.support import statuses, tell

pytestmark = pytest.mark.django_db

ATTEMPTS = "/admin/outbox/deliveryattempt/"
REDRIVE = "/admin/outbox/destinationstate/redrive/"


def log(event_id=None, number=1, **facts):
    event_id = event_id or tell()
    given = {"destination": "scripted", "event_type": "told", "ordering_key": "k", "outcome": "delivered"}
    return DeliveryAttempt.objects.create(event_id=event_id, number=number, **given | facts)


def stuck_at(*hours_ago):
    """Let one delivery for each have got stuck that long ago."""
    for number, hours in enumerate(hours_ago):
        tell(key=f"key-{number}")
        kill(ordering_key=f"key-{number}")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE outbox_delivery SET settled_at = now() - %s * interval '1 hour'"
                " WHERE lane_id IN (SELECT id FROM outbox_lane WHERE ordering_key = %s)",
                [hours, f"key-{number}"],
            )


def ago(hours):
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_char(now() - %s * interval '1 hour', 'YYYY-MM-DD\"T\"HH24:MI:SS')", [hours])
        return cursor.fetchone()[0]


def said(response):
    return " ".join(str(message) for message in response.context["messages"])


def test_the_page_of_a_delivery_shows_its_sends_the_newest_first(admin_client: Client):
    event_id = tell()
    log(event_id, 1, outcome="")
    log(event_id, 2, outcome="failed", status_code=503, error_code="http_503", excerpt="try later")
    log(event_id, 3, destination="elsewhere", error_code="not-this-destination")
    body = admin_client.get(f"/admin/outbox/delivery/{Delivery.objects.get().pk}/change/").content.decode()
    assert body.index("http_503") < body.index("no end")
    assert "try later" in body
    assert "not-this-destination" not in body


def test_the_page_of_a_delivery_without_sends_says_so(admin_client: Client):
    tell()
    body = admin_client.get(f"/admin/outbox/delivery/{Delivery.objects.get().pk}/change/").content.decode()
    assert "No send is on record" in body


def test_what_a_receiver_said_is_shown_escaped_and_isolated(admin_client: Client):
    event_id = tell()
    for number, text in enumerate(NAUGHTY, 1):
        log(event_id, number, excerpt=text, error_code=text[:90], ordering_key=text[:90])
    pages = [f"{ATTEMPTS}{found.pk}/change/" for found in DeliveryAttempt.objects.all()]
    for address in (ATTEMPTS, f"/admin/outbox/delivery/{Delivery.objects.get().pk}/change/", *pages):
        body = admin_client.get(address).content.decode()
        assert "<script>alert(1)" not in body, address


def test_the_log_can_be_searched_by_event_and_by_case(admin_client: Client):
    mine = log(tell(key="case-1"), ordering_key="case-1")
    log(tell(key="case-2"), ordering_key="case-2")
    for term in (str(mine.event_id), "case-1"):
        found = admin_client.get(ATTEMPTS, {"q": term}).context["cl"].result_list
        assert [row.pk for row in found] == [mine.pk]


def test_the_log_is_read_after_its_event_is_gone(admin_client: Client):
    attempt = log()
    Delivery.objects.all().delete()
    OutboxEvent.objects.all().delete()
    assert admin_client.get(f"{ATTEMPTS}{attempt.pk}/change/").status_code == 200


def test_pages_of_the_log_cost_the_same_however_long_it_is(admin_client: Client):
    event_id = tell()
    for number in range(1, 4):
        log(event_id, number)
    few = len(statements(admin_client, ATTEMPTS))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_delivery_attempt (event_id, event_type, ordering_key, destination, number, outcome,"
            " error_code, excerpt) SELECT gen_random_uuid(), 'told', 'k' || n % 500, 'd' || n % 7, 1, 'delivered', '',"
            " '' FROM generate_series(1, 20000) AS n"
        )
        cursor.execute("ANALYZE outbox_delivery_attempt")
    assert len(statements(admin_client, ATTEMPTS)) == few
    for address in (ATTEMPTS, f"{ATTEMPTS}?destination=scripted", f"{ATTEMPTS}?q=k7"):
        assert most_rows_read(admin_client, address) < 500, address


def test_the_log_cannot_be_changed_by_hand(admin_client: Client):
    attempt = log()
    for address in (f"{ATTEMPTS}add/", f"{ATTEMPTS}{attempt.pk}/delete/"):
        assert admin_client.post(address, {"post": "yes"}).status_code == 403
    admin_client.post(f"{ATTEMPTS}{attempt.pk}/change/", {"outcome": "failed"})
    attempt.refresh_from_db()
    assert attempt.outcome == "delivered"


def test_who_may_not_view_the_log_does_not():
    assert signed_in("outbox.view_delivery").get(ATTEMPTS).status_code == 403
    assert signed_in("outbox.view_deliveryattempt").get(ATTEMPTS).status_code == 200


def test_a_range_of_time_is_counted_first_and_then_redriven(admin_client: Client):
    stuck_at(1, 5, 9)
    DestinationState.objects.create(destination="scripted")
    given = {"destination": "scripted", "after": ago(6), "before": ago(4)}
    seen = admin_client.get(REDRIVE, given)
    assert seen.context["count"] == 1
    assert statuses() == ["dead"] * 3
    answer = admin_client.post(REDRIVE, given, follow=True)
    assert "1 delivery redriven" in said(answer)
    assert sorted(statuses()) == ["dead", "dead", "pending", "redriven"]
    assert Delivery.objects.get(status="pending").event_id == Delivery.objects.get(status="redriven").event_id
    assert "1 delivery redriven" in LogEntry.objects.get().change_message


def test_an_open_range_is_everything_of_that_destination(admin_client: Client):
    stuck_at(1, 500)
    given = {"destination": "scripted", "after": "", "before": ""}
    assert admin_client.get(REDRIVE, given).context["count"] == 2
    admin_client.post(REDRIVE, given)
    assert statuses().count("pending") == 2


@pytest.mark.parametrize(
    "given",
    [
        {"destination": "nowhere"},
        {"destination": "scripted", "after": "2026-01-02T00:00", "before": "2026-01-01T00:00"},
        {"destination": "scripted", "after": "yesterday"},
        {"destination": "scripted", "after": "9999999-01-01T00:00"},
        {"destination": "scripted", "before": "\x00"},
        {},
    ],
)
def test_a_range_that_makes_no_sense_redrives_nothing_and_says_why(admin_client: Client, given):
    stuck_at(1)
    answer = admin_client.post(REDRIVE, given)
    assert answer.status_code == 200
    assert given == {} or b'role="alert"' in answer.content
    assert statuses() == ["dead"]


def test_an_empty_range_says_what_to_do(admin_client: Client):
    body = admin_client.get(REDRIVE, {"destination": "scripted"}).content.decode()
    assert "Nothing is dead or parked there within that range" in body
    answer = admin_client.post(REDRIVE, {"destination": "scripted"}, follow=True)
    assert "nothing was changed" in said(answer)


def test_only_an_operator_may_redrive_a_range():
    stuck_at(1)
    reader = signed_in("outbox.view_destinationstate")
    assert reader.get(REDRIVE).status_code == 403
    assert reader.post(REDRIVE, {"destination": "scripted"}).status_code == 403
    assert statuses() == ["dead"]
    operator = signed_in("outbox.view_destinationstate", "outbox.change_destinationstate")
    operator.post(REDRIVE, {"destination": "scripted"})
    assert "pending" in statuses()


def test_the_page_of_destinations_leads_to_the_form(admin_client: Client):
    stuck_at(1)
    body = admin_client.get("/admin/outbox/destinationstate/").content.decode()
    assert f"{REDRIVE}?destination=scripted" in body


def test_counting_stops_where_one_redrive_would(monkeypatch):
    stuck_at(1, 1, 1)
    monkeypatch.setattr(operate, "LIMIT", 2)
    assert operate.count_stuck("scripted") == 2
