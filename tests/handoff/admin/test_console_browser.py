"""The console in a real browser: the dashboard, an endpoint from its form to its test, and a delivery that is redriven."""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import uuid_utils
from django.contrib.auth.models import User
from django.utils import timezone

from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.models import Endpoint, SupportCase
from handoff.secrets import unseal
from outbox.models import Delivery, Lane, OutboxEvent
from tests.fakes.desk.webhook import FakeWebhookDesk
from tests.handoff.admin.people import PASSWORD, person
from tests.handoff.admin.scene import scene

pytestmark = pytest.mark.django_db(transaction=True)
WHERE = "HOLDFAST_SCREENSHOTS"  # a directory to keep pictures in, for those who want to look


def keep(page: Any, name: str, *, full: bool = False) -> None:
    if directory := os.environ.get(WHERE):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=full, animations="disabled")


def past() -> None:
    """Spread the scene's cases over the week, as they would be."""
    now = timezone.now()
    for number, case in enumerate(SupportCase.objects.order_by("id")):
        back = timedelta(hours=17 * number)
        moved = {"opened_at": case.opened_at - back}
        if number % 3 != 1:
            moved["first_responded_at"] = case.opened_at - back + timedelta(minutes=9 + 13 * number)
        SupportCase.objects.filter(pk=case.pk).update(**moved)
    assert SupportCase.objects.filter(opened_at__lt=now - timedelta(days=3)).exists()


def overflow(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def test_the_dashboard_is_seen_and_its_numbers_lead_to_their_cases(open_page):
    scene()
    past()
    resolved = SupportCase.objects.filter(status="in_progress").first()
    actions.close(resolved.case_id, actor=Actor("bruno"), note="done")
    user = User.objects.get(username="anna")
    page = open_page("/admin/", user.username, PASSWORD)
    assert page.locator(".hf-tile", has_text="open").first.is_visible()
    assert page.locator("svg.hf-plot").count() == 2
    assert overflow(page) <= 0
    keep(page, "dashboard", full=True)
    page.locator(".hf-tile", has_text="first response, median").click()
    page.wait_for_url("**?figure=first_response")
    assert page.locator("tbody tr").count() >= 1
    keep(page, "dashboard-behind")
    page.locator("tbody tr a").first.click()
    page.wait_for_url("**/supportcase/*/change/")


def test_the_dashboard_fits_a_phone(open_page):
    scene()
    page = open_page("/admin/", "anna", PASSWORD, width=375)
    assert overflow(page) <= 0
    keep(page, "dashboard-phone", full=True)


def test_the_dashboard_loads_nothing_from_elsewhere(open_page, live_server):
    scene()
    page = open_page("/admin/handoff/supportcase/", "anna", PASSWORD)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/admin/", wait_until="networkidle")
    assert asked
    assert {url for url in asked if not url.startswith((live_server.url, "data:"))} == set()


def test_an_endpoint_is_made_its_secret_seen_once_and_its_test_says_that_it_works(open_page, settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    operator = person("operator", name="olga")
    page = open_page("/admin/handoff/endpoint/add/", operator.username, PASSWORD)
    keep(page, "endpoint-kinds")
    with FakeWebhookDesk() as desk:
        page.get_by_role("link", name="Signed webhook").click()
        page.fill("input[name=slug]", "shop")
        page.select_option("select[name=domain]", "demo")
        page.fill("input[name=url]", f"{desk.url}/events")
        keep(page, "endpoint-new", full=True)
        page.click("button[name=_save], input[name=_save]")
        page.wait_for_url("**/secret/")
        endpoint = Endpoint.objects.get()
        secret = unseal(endpoint.sealed_secrets)["signing"][0]
        assert page.locator("#hf-secret").inner_text() == secret
        keep(page, "endpoint-secret")
        page.reload()
        assert page.locator("#hf-secret").count() == 0
        assert secret not in page.content()

        desk.verifies_with = secret
        page.get_by_role("link", name="To the endpoint").click()
        page.get_by_role("button", name="Test", exact=True).click()
        page.get_by_text("It works: address and credentials are right").wait_for()
        assert [request.json()["type"] for request in desk.requests] == ["ping"]
        keep(page, "endpoint", full=True)
        desk.fail("status", status=401, body=b"unknown signature")
        page.get_by_role("button", name="Test", exact=True).click()
        page.get_by_text("refused our credentials").wait_for()
        keep(page, "endpoint-refused")
    page.goto("/admin/handoff/endpoint/")
    keep(page, "endpoints")
    assert overflow(page) <= 0


def test_a_queue_with_wrong_hours_is_corrected_in_its_form(open_page):
    lead = person("lead", name="lena")
    page = open_page("/admin/handoff/queue/add/", lead.username, PASSWORD)
    page.select_option("select[name=domain]", "demo")
    page.fill("input[name=name]", "billing")
    page.fill("input[name=hours]", "from nine to five")
    page.click("button[name=_save], input[name=_save]")
    page.locator(".errorlist, .errors").first.wait_for()
    keep(page, "queue-refused", full=True)
    page.fill("input[name=hours]", "Mo-Fr 09:00-13:00,14:00-18:00")
    page.click("button[name=_continue], input[name=_continue]")
    page.get_by_text("urgent: first response by").wait_for()
    keep(page, "queue-settings", full=True)


def test_a_dead_delivery_is_redriven(open_page):
    operator = person("operator", name="olga")
    delivery = dead()
    page = open_page("/admin/", operator.username, PASSWORD)
    keep(page, "dashboard-operator", full=True)
    page.locator(".hf-tile", has_text="dead").click()
    page.wait_for_url("**/outbox/delivery/?show=stuck")
    keep(page, "deliveries-stuck")
    page.locator("#result_list a").first.click()
    page.wait_for_url(f"**/outbox/delivery/{delivery.pk}/change/**")
    keep(page, "delivery-dead", full=True)
    page.get_by_role("button", name="Redrive this delivery").click()
    page.get_by_text("1 delivery redriven").wait_for()
    statuses = dict(Delivery.objects.order_by("pk").values_list("pk", "status"))
    assert statuses.pop(delivery.pk) == "redriven"
    assert list(statuses.values()) == ["pending"]


def dead() -> Delivery:
    """A note for a help desk that it would not take."""
    now = timezone.now()
    Endpoint.objects.create(slug="shop", domain="demo", connector="webhook", url="https://desk.example.com/")
    event = OutboxEvent.objects.create(
        event_id=str(uuid_utils.uuid7()),
        event_type="case.note",
        ordering_key=str(uuid4()),
        ordering_seq=3,
        payload={"text": "The carrier confirmed."},
    )
    lane = Lane.objects.create(
        destination="helpdesk:shop",
        ordering_key=event.ordering_key,
        due_at=now,
        parked_reason="dead: http_422",
    )
    return Delivery.objects.create(
        lane=lane,
        event=event,
        seq=3,
        status="dead",
        attempts=1,
        next_at=now,
        settled_at=now,
        last_error_code="http_422",
    )
