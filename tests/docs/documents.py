"""Markdown, read far enough to hold it against the code: sections, tables, fences, links and anchors."""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
ALERTS = ROOT / "deploy" / "alerts.yml"
# Indented where it stands in a list.
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.M | re.S)
HEADING = re.compile(r"^(#{1,6}) (.+)$", re.M)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Fence:
    """A fenced block: the word behind the backticks, and what stands between them."""

    language: str
    body: str


def operations() -> str:
    return (DOCS / "operations.md").read_text(encoding="utf-8")


def api() -> str:
    return (DOCS / "api.md").read_text(encoding="utf-8")


def handoff() -> str:
    return (DOCS / "handoff.md").read_text(encoding="utf-8")


def console() -> str:
    return (DOCS / "console.md").read_text(encoding="utf-8")


def hot_state() -> str:
    return (DOCS / "hot-state.md").read_text(encoding="utf-8")


def summaries() -> str:
    return (DOCS / "summaries.md").read_text(encoding="utf-8")


def documents() -> list[Path]:
    """Return every page that a reader may come across."""
    found = [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(ROOT / "deploy").rglob("*.md"),
        *ROOT.glob("sample/*.md"),
    ]
    return sorted(found)


def prose(text: str) -> str:
    """Return the text with its fenced blocks blanked out, line for line."""
    return FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)


def fences(text: str, language: str | None = None) -> list[Fence]:
    """Return the fenced blocks in order, of one language or of all."""
    found = [Fence(match[2].strip(), dedent(match[3])) for match in FENCE.finditer(text)]
    return [fence for fence in found if language in (None, fence.language)]


def headings(text: str) -> list[tuple[int, str]]:
    """Return (level, title) of every heading; marks such as backticks are kept."""
    return [(len(marks), title.strip()) for marks, title in HEADING.findall(prose(text))]


def section(text: str, title: str) -> str:
    """Return what stands under a heading, with the deeper headings below it. Raises AssertionError without it."""
    blank = prose(text)
    for match in HEADING.finditer(blank):
        if match[2].strip() == title:
            level = len(match[1])
            following = (
                found.start() for found in HEADING.finditer(blank, match.end()) if len(found[1]) <= level
            )
            end_line = blank.count("\n", 0, next(following, len(blank)))
            return "\n".join(text.split("\n")[blank.count("\n", 0, match.end()) + 1 : end_line])
    raise AssertionError(f"there is no heading {title!r}")


def subsections(text: str, title: str) -> dict[str, str]:
    """Return the sections one level below a heading, by title."""
    level = next(level for level, found in headings(text) if found == title) + 1
    within = section(text, title)
    return {found: section(within, found) for depth, found in headings(within) if depth == level}


def rows(text: str, first_column: str) -> list[dict[str, str]]:
    """Return the rows of every table whose first column has this title, as cells by column title."""
    found: list[dict[str, str]] = []
    titles: list[str] = []
    for line in prose(text).splitlines():
        if not line.startswith("|"):
            titles = []
            continue
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not titles:
            titles = cells
        elif titles[0] == first_column and not set(line) <= set("|-: "):
            assert len(cells) == len(titles), f"this row has another number of cells than its head: {line}"
            found.append(dict(zip(titles, cells, strict=True)))
    return found


def plain(cell: str) -> str:
    """Return a cell without its backticks."""
    return cell.replace("`", "")


def codes(text: str) -> list[str]:
    """Return what stands in backticks, outside fences."""
    return CODE.findall(prose(text))


def slug(title: str) -> str:
    """Return the anchor that GitHub, GitLab and most readers make of a heading."""
    kept = re.sub(r"[^\w\- ]", "", plain(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)).lower())
    return kept.replace(" ", "-")


def anchors(text: str) -> set[str]:
    return {slug(title) for _, title in headings(text)}
