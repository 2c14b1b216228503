"""Links inside the repository lead somewhere, and so do the anchors behind them."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.documents import LINK, ROOT, anchors, documents, headings, prose, slug


def links(page: Path) -> list[str]:
    found = LINK.findall(prose(page.read_text(encoding="utf-8")))
    return [link for link in found if not urlsplit(link).scheme]


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        if not target.exists() or ROOT not in target.parents:
            broken.append(f"{link}: there is no such file")
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            broken.append(f"{link}: there is no such heading")
    assert not broken


@pytest.mark.parametrize("page", documents(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_two_headings_of_a_page_share_an_anchor_that_is_linked(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    titles = [slug(title) for _, title in headings(text)]
    linked = {link.partition("#")[2] for link in links(page) if link.startswith("#")}
    assert not {anchor for anchor in linked if titles.count(anchor) > 1}


def test_there_are_pages_to_check() -> None:
    assert {ROOT / "docs" / "operations.md", ROOT / "docs" / "api.md"} <= set(documents())
