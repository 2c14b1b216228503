"""The pictures that docs/images keeps. Not collected by an ordinary run: ``screenshots`` runs this file by name."""

import os
from pathlib import Path

import pytest

from handoff.cases import actions
from handoff.cases.actor import Actor
from summarization.asked import summarize_now
from tests.handoff.admin.people import person
from tests.handoff.admin.scene import scene, ticket
from tests.handoff.admin.support import PASSWORD, QUEUE, address, agent
from tests.summarization.admin.kit import SAMPLING, judge
from tests.summarization.support import conversation

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

    sample_to_judge()
    page = open_page(SAMPLING, "judge", PASSWORD)
    page.get_by_role("button", name="Judge a summary").click()
    page.wait_for_url("**/sample/**")
    keep(page, "sampling")


def sample_to_judge() -> None:
    """Summarise one conversation, and make somebody who may judge it."""
    judge()
    pk = conversation(
        ("Hello, I was charged twice for order 20417.", "I am sorry. When was that?"),
        (
            "On 3 November, 89.90 both times.",
            "I see both. One was a reservation; it lapses within five days.",
        ),
        ("And what if it does not?", "Then write again, and a colleague returns it the same day."),
    )
    summarize_now(pk, by="pictures")
