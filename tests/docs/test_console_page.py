"""docs/console.md against the console: its buttons, its keys, its pictures."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from handoff.admin.words import SLA
from handoff.dashboard.scope import DAYS, MOST
from tests.docs import documents
from tests.docs.documents import DOCS, ROOT, codes, rows

TEXT = documents.console()
TEMPLATES = ROOT / "handoff" / "templates" / "handoff" / "admin"
IMAGE = re.compile(r"!\[([^\]\n]*)\]\(([^)\s]+)\)")
LARGEST = 200 * 1024  # bytes: a page with pictures must not take longer than one with words


def shown_keys(page: str) -> dict[str, str]:
    """Return keys → what they do, from the list that ``?`` shows on this page of the console."""
    queue, case = re.split(r"\{% else %\}", (TEMPLATES / "keys.html").read_text(encoding="utf-8"))
    part = queue if page == "queue" else case
    both = case.partition("{% endif %}")[2]
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", part if page == "case" else part + both)
    return {" ".join(re.findall(r"<kbd>(.*?)</kbd>", keys)): unescape(does) for keys, does in found}


@pytest.mark.parametrize(("page", "column"), [("queue", "In the queue"), ("case", "In a case")])
def test_the_keys_are_those_that_the_console_lists(page: str, column: str) -> None:
    documented = {" ".join(codes(row["Key"])): row[column] for row in rows(TEXT, "Key") if column in row}
    assert documented == shown_keys(page)


def test_the_colours_are_those_of_the_queue() -> None:
    documented = {row["Colour"] for row in rows(TEXT, "Colour")}
    assert documented == {said for colour, (said, _) in SLA.items() if colour != "over"}


def test_the_bounds_of_the_dashboard_are_those_that_are_counted() -> None:
    assert f"At most {MOST:,} cases of a domain" in TEXT
    assert DAYS == 7


def labels() -> set[str]:
    """Return what stands on the buttons of a case's page."""
    text = " ".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("case*.html"))
    return set(re.findall(r'name="act" value="\w+"[^>]*>([^<{]+)</button>', text))


def test_every_button_is_explained_and_every_explained_button_exists() -> None:
    found = labels()
    documented = {label for row in rows(TEXT, "Button") for label in row["Button"].split(", ")}
    assert documented <= found
    # What changes a case's facts says what it does: priority, queue.
    assert len(found - documented) <= 3, found - documented


def pictures() -> Iterator[tuple[Path, str, str]]:
    for page in documents.documents():
        for words, target in IMAGE.findall(page.read_text(encoding="utf-8")):
            yield page, words, target


@pytest.mark.parametrize(("page", "words", "target"), list(pictures()))
def test_a_picture_is_there_is_small_and_says_what_it_shows(page: Path, words: str, target: str) -> None:
    picture = (page.parent / target).resolve()
    assert words
    assert picture.is_file()
    assert picture.stat().st_size <= LARGEST


def test_every_kept_picture_is_shown_somewhere() -> None:
    shown = {(page.parent / target).resolve() for page, _, target in pictures()}
    assert {path.resolve() for path in (DOCS / "images").glob("*.png")} <= shown
