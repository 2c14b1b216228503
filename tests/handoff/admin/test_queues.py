"""Queues and canned replies in the admin: what cannot be kept is refused beside its field."""

import pytest
from django.test import Client

from handoff.models import CannedReply, Queue, SupportCase
from tests.admin_support import NAUGHTY
from tests.handoff.admin.people import as_one
from tests.handoff.support import ask

QUEUES, REPLIES = "/admin/handoff/queue/", "/admin/handoff/cannedreply/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def lead() -> Client:
    return as_one("lead")


def queue_form(**given: str) -> dict[str, str]:
    filled = {
        "domain": "demo",
        "name": "billing",
        "title": "Billing",
        "hours": "Mo-Fr 09:00-18:00",
        "time_zone": "Europe/Lisbon",
        "country": "pt",
        "budgets": '{"urgent": 30}',
        "accept_minutes": "15",
    }
    return filled | given


def errors(response) -> dict[str, list[str]]:
    assert response.status_code == 200, "the form was taken"
    return dict(response.context["adminform"].form.errors)


def test_a_queue_is_made_with_its_hours_and_promises(lead: Client):
    assert lead.post(f"{QUEUES}add/", queue_form()).status_code == 302
    queue = Queue.objects.get()
    assert (queue.hours, queue.country, queue.budgets) == ("Mo-Fr 09:00-18:00", "PT", {"urgent": 30})


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("hours", {"hours": "whenever we like"}),
        ("hours", {"hours": "Mo-Fr 09:00-18:00; PH off"}),
        ("hours", {"hours": "2020 Jan 01 09:00-10:00"}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
        ("time_zone", {"time_zone": "../../etc/passwd"}),
        ("country", {"country": "zz"}),
        ("subdivision", {"subdivision": "nowhere"}),
        ("budgets", {"budgets": '{"soon": 1}'}),
        ("budgets", {"budgets": '{"urgent": 0}'}),
        ("budgets", {"budgets": '{"urgent": {"first": 10, "resolution": 5}}'}),
        ("budgets", {"budgets": "[1]"}),
        ("budgets", {"budgets": "not json"}),
        ("domain", {"domain": "other"}),
        ("name", {"name": "two words"}),
        ("accept_minutes", {"accept_minutes": "-1"}),
    ],
)
def test_what_a_queue_cannot_keep_is_refused_beside_its_field(lead: Client, field, given):
    assert set(errors(lead.post(f"{QUEUES}add/", queue_form(**given)))) == {field}
    assert not Queue.objects.exists()


def test_an_error_in_the_budgets_names_the_part(lead: Client):
    found = errors(lead.post(f"{QUEUES}add/", queue_form(budgets='{"urgent": {"first": "soon"}}')))
    assert "urgent.first" in str(found["budgets"])


def test_a_queue_tells_when_it_opens_and_what_it_promises(lead: Client):
    Queue.objects.create(domain="demo", name="day", hours="Mo-Su 09:00-09:01", time_zone="Europe/Lisbon")
    always = Queue.objects.create(domain="demo", name="always")
    body = lead.get(QUEUES).content.decode()
    assert "open now" in body
    assert "09:00 (Europe/Lisbon)" in body or body.count("open now") == 2
    shown = lead.get(f"{QUEUES}{always.pk}/change/").content.decode()
    for priority in ("urgent", "high", "normal", "low"):
        assert f"{priority}: first response by" in shown


def test_a_queue_whose_hours_were_spoilt_elsewhere_still_has_a_page_to_correct_them(lead: Client):
    queue = Queue.objects.create(domain="demo", name="old", hours="nonsense", budgets={"urgent": "soon"})
    for address in (QUEUES, f"{QUEUES}{queue.pk}/change/"):
        assert "cannot be read" in lead.get(address).content.decode()


def test_what_a_handoff_names_stays_as_it_was(lead: Client):
    queue = Queue.objects.create(domain="demo", name="billing")
    changed = queue_form(domain="other", name="else", title="New")
    assert lead.post(f"{QUEUES}{queue.pk}/change/", changed).status_code == 302
    queue.refresh_from_db()
    assert (queue.domain, queue.name, queue.title) == ("demo", "billing", "New")


def test_queues_are_not_deleted(admin_client: Client):
    queue = Queue.objects.create(domain="demo", name="billing")
    assert admin_client.post(f"{QUEUES}{queue.pk}/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(QUEUES, {"action": "delete_selected", "_selected_action": str(queue.pk), "post": "yes"})
    assert Queue.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_new_hours_leave_the_cases_that_are_open_as_they_were(lead: Client):
    found = ask(queue="billing")
    before = SupportCase.objects.get(case_id=found.case_id).attention_at
    queue = Queue.objects.get(domain="demo", name="billing")
    assert lead.post(f"{QUEUES}{queue.pk}/change/", queue_form(budgets='{"normal": 1}')).status_code == 302
    assert SupportCase.objects.get(case_id=found.case_id).attention_at == before


@pytest.mark.parametrize("text", [*NAUGHTY, "\x00"])
def test_hostile_text_never_breaks_a_page(lead: Client, text):
    for name in ("hours", "time_zone", "country", "subdivision", "budgets", "title"):
        body = lead.post(f"{QUEUES}add/", queue_form(**{name: text})).content.decode()
        assert "<script>alert(1)" not in body
    lead.post(f"{REPLIES}add/", {"domain": "demo", "title": text[:100], "text": text})
    queue = Queue.objects.create(domain="demo", name="kept", title=text.replace("\x00", "")[:100])
    for address, search in (
        (QUEUES, {}),
        (REPLIES, {}),
        (REPLIES, {"q": text}),
        (f"{QUEUES}{queue.pk}/change/", {}),
    ):
        response = lead.get(address, search)
        assert response.status_code == 200
        assert "<script>alert(1)" not in response.content.decode()


def test_a_canned_reply_may_name_what_is_filled_in_and_nothing_else(lead: Client):
    given = {"domain": "demo", "title": "Refund"}
    refused = lead.post(f"{REPLIES}add/", given | {"text": "Dear {{ custmer }}"})
    assert "{{ custmer }}" in str(errors(refused)["text"])
    taken = given | {"text": "Dear {{ customer }}, {{agent}} looks after {{ case }}."}
    assert lead.post(f"{REPLIES}add/", taken).status_code == 302
    assert "already exists" in str(errors(lead.post(f"{REPLIES}add/", taken)))


def test_an_agent_reads_canned_replies_and_queues_and_changes_neither():
    client = as_one("agent")
    queue = Queue.objects.create(domain="demo", name="billing")
    reply = CannedReply.objects.create(domain="demo", title="Refund", text="Hello")
    for address in (f"{QUEUES}{queue.pk}/change/", f"{REPLIES}{reply.pk}/change/"):
        assert client.get(address).status_code == 200
        assert client.post(address, {"title": "changed"}).status_code == 403
    assert client.get(f"{REPLIES}add/").status_code == 403
