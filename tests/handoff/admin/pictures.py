"""The pictures that docs/images keeps. Not collected by an ordinary run: ``screenshots`` runs this file by name."""

import os
from pathlib import Path

import pytest

from handoff.cases import actions
from handoff.cases.actor import Actor
from tests.handoff.admin.people import person
from tests.handoff.admin.scene import scene, ticket
from tests.handoff.admin.support import PASSWORD, QUEUE, address, agent

RECORDS = "/admin/persistence/erasurerecord/"
WHERE = "HOLDFAST_SCREENSHOTS"


@pytest.mark.django_db(transaction=True)
def test_take_the_pictures(open_page):
    directory = Path(os.environ[WHERE])
    directory.mkdir(parents=True, exist_ok=True)

    def keep(page, name: str, *, full: bool = False) -> None:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=directory / f"{name}.png", full_page=full, animations="disabled")

    agent("newcomer", domains=("empty",))
    found = scene()
    keep(open_page(QUEUE, "anna", PASSWORD), "queue")
    keep(open_page(address(found), "anna", PASSWORD), "case")
    keep(open_page(QUEUE, "anna", PASSWORD, width=375), "queue-phone")
    keep(open_page(address(found), "anna", PASSWORD, width=375), "case-phone")
    keep(open_page(QUEUE, "newcomer", PASSWORD), "queue-empty")

    ticket(found)
    actions.close(found.case_id, actor=Actor("anna"), note="The lamp is on its way.")
    person("privacy officer", name="pia")
    page = open_page(RECORDS, "pia", PASSWORD)
    page.goto(f"{RECORDS}customer/?domain=demo&customer=Marta+Nunes")
    keep(page, "customer", full=True)
