"""E-mail addresses, also spelt to be hidden: "jane (at) example (dot) com", "ana arroba site ponto com".

Handles (@name), decorators (@app.route), package versions (left-pad@1.3.0) and file names (photo@2x.png)
survive.
"""

import re

_UNSEEN = "\u00ad\u200b-\u200f\u2060-\u2064\ufeff"

_OPEN, _SHUT = r"[(\[{<]", r"[)\]}>]"
_AT = re.compile("@")
_WIDE_AT = re.compile("\uff20")
# A pattern that begins with a fixed character is searched ten times faster, hence one for each bracket.
_BRACKETED_AT = {
    bracket: re.compile(rf"{re.escape(bracket)}\s?(?:at|arroba)\s?{_SHUT}\s{{0,2}}", re.IGNORECASE)
    for bracket in "([{<"
}
_WORD_AT = re.compile(r"(?<=\s)arroba\s{1,2}", re.IGNORECASE)
# Read backwards from the @, so that each character of a hostile text is looked at once.
_LOCAL_BACKWARDS = re.compile(rf"[\w.+%'&~{_UNSEEN}-]*")
_EDGE_OF_LOCAL = re.compile(rf"[.+%'&~{_UNSEEN}-]*")

_LABEL = rf"[^\W_](?:[{_UNSEEN}-]*[^\W_])*"
_DOT = (
    rf"(?:[{_UNSEEN}]*[.\uff0e][{_UNSEEN}]*"
    rf"|\s{{0,2}}{_OPEN}\s?(?:dot|ponto|punto)\s?{_SHUT}\s{{0,2}}"
    r"|\s(?:dot|ponto|punto)\s)"
)
# A name has at most 127 labels; nobody's address has more than a few.
_DOMAIN = re.compile(rf"[{_UNSEEN}]*{_LABEL}(?:{_DOT}{_LABEL}){{1,20}}", re.IGNORECASE)
_NEXT_LABEL = re.compile(rf"({_DOT})({_LABEL})", re.IGNORECASE)
_TOP_LEVEL = re.compile(rf"xn--[a-z0-9-]+|[^\W\d_](?:[{_UNSEEN}]*[^\W\d_])+", re.IGNORECASE)
_SPELT_TOP_LEVELS = {
    "com",
    "net",
    "org",
    "edu",
    "gov",
    "io",
    "br",
    "pt",
    "uk",
    "us",
    "es",
    "info",
    "dev",
    "app",
}

_VERSION = re.compile(r"v?\d+\.\d", re.IGNORECASE)
_PIXEL_DENSITY = re.compile(r"\d(?:\.\d)?x\.", re.IGNORECASE)


def find(text: str) -> list[tuple[int, int]]:
    """Return the spans of e-mail addresses."""
    spans = []
    if "@" in text:
        spans += _addresses(text, _AT)
    if not text.isascii() and _WIDE_AT.search(text):
        spans += _addresses(text, _WIDE_AT)
    for bracket, pattern in _BRACKETED_AT.items():
        if bracket in text:
            spans += _addresses(text, pattern)
    if "rroba" in text or "RROBA" in text:
        spans += _addresses(text, _WORD_AT)
    return sorted(spans)


def _addresses(text: str, separator: re.Pattern[str]) -> list[tuple[int, int]]:
    spans = []
    floor = 0
    for at in separator.finditer(text):
        before = at.start() if len(at[0]) == 1 else _without_space(text, at.start())
        start = _start_of_local(text, before, floor)
        end = _end_of_domain(text, at.end()) if start < before else 0
        if end:
            spans.append((start, end))
        floor = max(at.end(), end)
    return spans


def _without_space(text: str, before: int) -> int:
    """Step back over the one or two spaces that people put before a spelt "at"."""
    near = text[max(0, before - 2) : before]
    return before - len(near) + len(near.rstrip())


def _start_of_local(text: str, at: int, floor: int) -> int:
    """Return where the part before the @ begins; ``at`` itself when there is none."""
    if at <= floor or not _LOCAL_BACKWARDS.match(text[at - 1]):
        return at
    backwards = _LOCAL_BACKWARDS.match(text[floor:at][::-1])
    start = at - (backwards.end() if backwards else 0)
    edge = _EDGE_OF_LOCAL.match(text, start, at)
    return edge.end() if edge else start


def _end_of_domain(text: str, begin: int) -> int:
    """Return where the domain from ``begin`` ends, after its last plausible top level; 0 for no domain."""
    domain = _DOMAIN.match(text, begin)
    if not domain or _VERSION.match(domain[0]) or _PIXEL_DENSITY.match(domain[0]):
        return 0
    end = max(map(_end_of_top_level, _NEXT_LABEL.finditer(domain[0])))
    return begin + end if end else 0


def _end_of_top_level(label: re.Match[str]) -> int:
    """Return where a label that can end an address ends; 0 for a number, or a word after a spelt "dot"."""
    top_level = _TOP_LEVEL.match(label[2])
    if not top_level:
        return 0
    if label[1].strip().isalpha() and top_level[0].lower() not in _SPELT_TOP_LEVELS:
        return 0
    return label.start(2) + top_level.end()
