"""The pictures that docs/images keeps. Not collected by an ordinary run: ``screenshots`` runs this file by name."""

import os
from pathlib import Path

import pytest

from tests.handoff.admin.scene import scene
from tests.handoff.admin.support import PASSWORD, QUEUE, address, agent

WHERE = "HOLDFAST_SCREENSHOTS"


@pytest.mark.django_db(transaction=True)
def test_take_the_pictures(open_page):
    directory = Path(os.environ[WHERE])
    directory.mkdir(parents=True, exist_ok=True)

    def keep(page, name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=directory / f"{name}.png", animations="disabled")

    agent("newcomer", domains=("empty",))
    found = scene()
    keep(open_page(QUEUE, "anna", PASSWORD), "queue")
    keep(open_page(address(found), "anna", PASSWORD), "case")
    keep(open_page(QUEUE, "anna", PASSWORD, width=375), "queue-phone")
    keep(open_page(address(found), "anna", PASSWORD, width=375), "case-phone")
    keep(open_page(QUEUE, "newcomer", PASSWORD), "queue-empty")
