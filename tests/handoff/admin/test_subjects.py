"""A customer with cases: what stands in the way of an erasure, what is in other hands, and who may do it."""

from html import unescape
from pathlib import Path

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone

from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.models import Endpoint, ExternalLink, SupportCase
from outbox.models import OutboxEvent
from persistence.models import ErasureRecord
from tests.handoff.admin.people import as_one, client_of, person
from tests.handoff.admin.support import address, case, turn

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = "/admin/persistence/erasurerecord/"
MARTA = {"domain": "demo", "customer": "marta"}


@pytest.fixture(autouse=True)
def archive(settings, tmp_path: Path) -> None:
    settings.ARCHIVE_URL = f"file://{tmp_path / 'archive'}"


def ticket(found: SupportCase, url: str = "https://desk.example.com/tickets/77") -> ExternalLink:
    endpoint = Endpoint.objects.create(
        slug="shop", domain="demo", connector="webhook", url="https://desk.example.com/"
    )
    return ExternalLink.objects.create(
        endpoint=endpoint, case=found, external_id="77", external_url=url, heard_at=timezone.now()
    )


def closed(**more: str) -> SupportCase:
    found = case(customer_ref="marta", **more)
    actions.close(found.case_id, actor=Actor("anna"), note="done")
    return found


def body_of(response) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


def test_a_live_case_stands_in_the_way_and_its_page_is_one_click_away():
    found = case(customer_ref="marta")
    client = as_one("privacy officer")
    body = body_of(client.get(f"{RECORDS}customer/", MARTA))
    assert "Nothing can be erased now" in body
    assert f'href="{address(found)}"' in body
    assert client.get(address(found)).status_code == 200
    assert 'name="confirmation"' not in body
    refused = client.post(f"{RECORDS}customer/erase/", MARTA | {"confirmation": "marta"})
    assert refused.status_code == 409
    assert f'href="{address(found)}"' in unescape(refused.content.decode())
    assert (SupportCase.objects.count(), ErasureRecord.objects.count()) == (1, 0)


def test_who_may_not_see_cases_reads_the_reason_without_a_link():
    found = case(customer_ref="marta")
    user = person(domains=("demo",))
    user.user_permissions.add(Permission.objects.get(codename="erase_subject"))
    body = body_of(client_of(user).get(f"{RECORDS}customer/", MARTA))
    assert str(found.case_id) in body
    assert address(found) not in body


def test_a_closed_case_goes_and_the_desk_that_has_a_ticket_is_asked_to_delete_it():
    found = closed()
    ticket(found)
    client = as_one("privacy officer")
    body = body_of(client.get(f"{RECORDS}customer/", MARTA))
    assert 'href="https://desk.example.com/tickets/77"' in body
    assert "helpdesk:shop" in body
    after = client.post(f"{RECORDS}customer/erase/", MARTA | {"confirmation": "marta"}, follow=True)
    body = body_of(after)
    assert "asked to delete it" in body
    assert 'href="https://desk.example.com/tickets/77"' in body
    assert SupportCase.objects.count() == 0
    (note,) = OutboxEvent.objects.all()
    assert note.payload["erased"] is True
    assert "1, asked to delete" in body_of(client.get(RECORDS))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "", "data:text/html,x"])
def test_what_a_desk_calls_an_address_is_a_link_only_where_it_is_one(url):
    ticket(closed(), url=url)
    client = as_one("privacy officer")
    assert 'href="javascript:' not in body_of(client.get(f"{RECORDS}customer/", MARTA))
    after = client.post(f"{RECORDS}customer/erase/", MARTA | {"confirmation": "marta"}, follow=True)
    body = body_of(after)
    assert 'href="javascript:' not in body and 'href="data:' not in body
    assert "<bdi>77</bdi>" in body


@pytest.mark.parametrize("group", ["agent", "lead", "operator"])
def test_only_privacy_officers_of_the_groups_reach_a_customers_data(group):
    found = closed()
    client = as_one(group)
    for where in (RECORDS, f"{RECORDS}customer/"):
        assert client.get(where, MARTA).status_code == 403
    for what in ("export", "erase"):
        assert client.post(f"{RECORDS}customer/{what}/", MARTA | {"confirmation": "marta"}).status_code == 403
    if group != "operator":
        assert "erasurerecord" not in client.get(address(found)).content.decode()
    assert SupportCase.objects.count() == 1


def test_a_case_leads_to_everything_about_its_customer():
    known, unknown = case(customer_ref="marta"), case(session="other")
    client = as_one("privacy officer")
    for found in (known, unknown):
        body = body_of(client.get(address(found)))
        (href,) = {part.split('"')[0] for part in body.split('href="')[1:] if "customer/?domain" in part}
        shown = client.get(href).context["found"]
        assert [one.public_id for one in shown.conversations] == [found.conversation.public_id]


def test_the_navigation_has_customers_data_among_the_conversations():
    turn(customer_ref="marta")
    client = as_one("privacy officer")
    parts = client.get(f"{RECORDS}customer/", MARTA).context["sidebar_navigation"]
    (active,) = [item["title"] for part in parts for item in part["items"] if item["active"]]
    assert active == "Customers' data"
