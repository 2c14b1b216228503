"""A customer's data in a real browser: found, previewed, exported, kept after a wrong confirmation, erased."""

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from handoff.cases import actions
from handoff.cases.actor import Actor
from handoff.models import SupportCase
from persistence.models import Conversation, ErasureRecord, TranscriptReading
from tests.handoff.admin.people import PASSWORD, person
from tests.handoff.admin.scene import scene, ticket

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = "/admin/persistence/erasurerecord/"
WHERE = "HOLDFAST_SCREENSHOTS"  # a directory to keep pictures in, for those who want to look


@pytest.fixture(autouse=True)
def archive(settings, tmp_path: Path) -> None:
    settings.ARCHIVE_URL = f"file://{tmp_path / 'archive'}"


def keep(page: Any, name: str) -> None:
    if directory := os.environ.get(WHERE):
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(directory) / f"{name}.png", full_page=True, animations="disabled")


def overflow(page: Any) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def marta() -> SupportCase:
    """Let the scene's main customer have a ticket at a help desk, and one case that is still at work."""
    found = scene()
    ticket(found)
    return found


def test_a_customers_data_is_found_exported_and_erased(open_page):
    case = marta()
    others = set(Conversation.objects.exclude(customer_ref="Marta Nunes").values_list("pk", flat=True))
    theirs = Conversation.objects.filter(customer_ref="Marta Nunes").count()
    person("privacy officer", name="pia")
    page = open_page("/admin/", "pia", PASSWORD)
    page.get_by_role("link", name="Customers' data").click()
    page.wait_for_url(f"**{RECORDS}")
    keep(page, "customers")
    page.get_by_label("Customer's reference").fill("Marta Nunes")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_text("Nothing can be erased now").wait_for()
    keep(page, "customer-hindered")
    page.locator(".hf-hindrances a").first.click()
    page.wait_for_url(f"**/supportcase/{case.pk}/change/")
    actions.close(case.case_id, actor=Actor("anna"), note="The lamp is on its way.")

    page.get_by_role("link", name="Everything about this customer").click()
    page.get_by_role("heading", name="What is kept here").wait_for()
    assert page.locator(".hf-elsewhere li").count() == 1
    keep(page, "customer")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    with zipfile.ZipFile(download.value.path()) as file:
        assert "Hello Marta, Anna here" in file.read("transcript.txt").decode()
    assert TranscriptReading.objects.filter(page="export").count() == theirs

    assert not page.locator("#hf-confirmation").is_visible()
    page.get_by_text("Erase…").click()
    page.locator("#hf-confirmation").fill("marta nunes")
    page.get_by_role("button", name="Erase for good").click()
    page.get_by_text("Nothing was erased").wait_for()
    assert page.locator("#hf-confirmation").input_value() == ""
    assert ErasureRecord.objects.count() == 0
    keep(page, "customer-refused")
    page.locator("#hf-confirmation").fill("Marta Nunes")
    page.get_by_role("button", name="Erase for good").click()
    page.wait_for_url(f"**{RECORDS}*/change/")
    page.get_by_text("The customer's data was erased.").wait_for()
    assert "Marta" not in page.content()
    assert page.get_by_text("asked to delete it").count() == 1
    keep(page, "customer-erased")
    assert set(Conversation.objects.values_list("pk", flat=True)) == others
    page.goto(f"{RECORDS}customer/?domain=demo&customer=Marta+Nunes")
    page.get_by_text("This customer's data was erased").wait_for()
    keep(page, "customer-gone")
    page.goto(RECORDS)
    assert page.locator("#result_list tbody tr").count() == 1
    keep(page, "customers-list")


def test_the_pages_fit_a_phone(open_page):
    case = marta()
    actions.close(case.case_id, actor=Actor("anna"), note="done")
    person("privacy officer", name="pia")
    page = open_page(RECORDS, "pia", PASSWORD, width=375)
    page.goto(f"{RECORDS}customer/?domain=demo&customer=Marta+Nunes")
    page.get_by_text("Erase…").click()
    assert overflow(page) <= 0
    keep(page, "customer-phone")
    page.locator("#hf-confirmation").fill("Marta Nunes")
    page.get_by_role("button", name="Erase for good").click()
    page.wait_for_url(f"**{RECORDS}*/change/")
    assert overflow(page) <= 0
    keep(page, "customer-erased-phone")
    page.goto(RECORDS)
    assert overflow(page) <= 0
    keep(page, "customers-phone")
