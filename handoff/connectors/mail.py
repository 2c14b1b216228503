"""Reading a mail that somebody wrote: who, to whom, and what is new in it. Nothing in a mail is trusted to be sound."""

import email
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from html.parser import HTMLParser

import quotequail  # type: ignore[import-untyped]

from handoff.connectors.port import Unreadable
from handoff.connectors.reading import LONGEST_ID, name_of
from handoff.connectors.render import clean

MARK = "-- Please write above this line --"

RECIPIENT_HEADERS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")
MOST_PARTS = 200
MOST_RECIPIENTS = 200

_MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")
_BREAKS = {"br", "p", "div", "li", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "blockquote", "pre"}
_UNSHOWN = {"head", "style", "script", "title", "template"}


@dataclass(frozen=True, slots=True)
class Mail:
    """``automatic``: no person wrote it. ``text`` is what its author added, without what was quoted."""

    message_id: str
    recipients: tuple[str, ...]
    author: str
    at: datetime | None
    automatic: bool
    header_names: frozenset[str]
    text: str


def read(body: bytes) -> Mail:
    """Read a mail as RFC 5322 describes it. Raises Unreadable.

    The older policy of the standard library is used on purpose: its newer one parses addresses while they are
    looked at, and fails on some that real clients write.
    """
    try:
        parsed = email.message_from_bytes(body, policy=compat32)
        if not parsed.keys():
            raise Unreadable("body", "is not a mail: it has no headers")
        return Mail(
            message_id=_message_id(parsed),
            recipients=tuple(_recipients(parsed)),
            author=_author(parsed),
            at=_sent_at(parsed),
            automatic=_is_automatic(parsed),
            header_names=frozenset(name.lower() for name, _ in parsed.items()),
            text=without_quotes(_text(parsed)),
        )
    except RecursionError:
        raise Unreadable("body", "has parts within parts without end") from None


def without_quotes(text: str) -> str:
    """Return what the author added above or below what is quoted; all of it where nothing is found to be quoted.

    Text between quoted lines stays, with them: it makes no sense alone.
    """
    above = text.partition(MARK)[0]
    found = quotequail.unwrap(text) or {}
    added = "\n\n".join(
        filter(None, (found.get("text_top", "").strip(), found.get("text_bottom", "").strip()))
    )
    return added or _unquoted(above) or text.strip()


def _unquoted(text: str) -> str:
    """Drop the quoted lines at the end, such as the mark's own ``>``."""
    lines = text.strip().split("\n")
    while lines and (lines[-1].startswith(">") or not lines[-1].strip()):
        lines.pop()
    return "\n".join(lines).strip()


def _header(parsed: Message, name: str) -> str:
    return " ".join(clean(str(parsed.get(name, ""))).split())


def _message_id(parsed: Message) -> str:
    found = _header(parsed, "message-id")
    return found if len(found) <= LONGEST_ID and _MESSAGE_ID.fullmatch(found) else ""


def _recipients(parsed: Message) -> Iterator[str]:
    values = [str(value) for name in RECIPIENT_HEADERS for value in parsed.get_all(name, [])]
    yield from [address for _, address in getaddresses(values)][:MOST_RECIPIENTS]


def _author(parsed: Message) -> str:
    name, address = next(iter(getaddresses([str(_decoded(parsed, "from"))])), ("", ""))
    return name_of(clean(name)) or name_of(clean(address.partition("@")[0]))


def _decoded(parsed: Message, name: str) -> str:
    """Return a header with its encoded words read; as it is where they cannot be."""
    raw = _header(parsed, name)
    try:
        return str(email.header.make_header(email.header.decode_header(raw)))
    except (email.errors.HeaderParseError, LookupError, ValueError):
        return raw


def _sent_at(parsed: Message) -> datetime | None:
    try:
        found = parsedate_to_datetime(_header(parsed, "date"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        return None


def _is_automatic(parsed: Message) -> bool:
    """RFC 3834: anything but ``no`` is automatic. Bounces and reports are too, whatever they say."""
    declared = _header(parsed, "auto-submitted").partition(";")[0].strip().lower()
    return (
        declared not in ("", "no")
        or _header(parsed, "return-path") == "<>"
        or parsed.get_content_type() == "multipart/report"
    )


def _text(parsed: Message) -> str:
    """Return the first plain text, or the first HTML as text."""
    leaves = [part for part in _leaves(parsed) if part.get_content_disposition() != "attachment"]
    for wanted, shown in (("text/plain", clean), ("text/html", html_text)):
        for part in leaves:
            if part.get_content_type() == wanted and (text := shown(_content(part)).strip()):
                return text
    return ""


def _leaves(parsed: Message) -> Iterable[Message]:
    for number, part in enumerate(parsed.walk()):
        if number >= MOST_PARTS:
            raise Unreadable("body", f"has more than {MOST_PARTS} parts")
        if not part.is_multipart():
            yield part


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(str(part.get_content_charset() or "utf-8"), "replace")
    except (LookupError, ValueError):  # a character set that nobody knows
        return payload.decode("utf-8", "replace")


def html_text(source: str) -> str:
    """Return what a reader of the HTML would see, with quoted blocks marked as in plain text."""
    reader = _Html()
    reader.feed(source)
    reader.close()
    return clean(reader.text())


class _Html(HTMLParser):
    """Collects what a reader would see; quoted blocks get the marks that quoted lines have in plain text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = [""]
        self._quoted = 0
        self._unshown = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unshown += tag in _UNSHOWN
        if tag in _BREAKS:
            self._break()
        self._quoted += tag == "blockquote"
        if tag == "blockquote":
            self._break()

    def handle_endtag(self, tag: str) -> None:
        self._unshown = max(0, self._unshown - (tag in _UNSHOWN))
        self._quoted = max(0, self._quoted - (tag == "blockquote"))
        if tag in _BREAKS and tag != "br":
            self._break()

    def handle_data(self, data: str) -> None:
        if not self._unshown:
            words = " ".join(data.split())
            self._lines[-1] += " " + words if words and data[:1].isspace() else words
            self._lines[-1] += " " if words and data[-1:].isspace() else ""

    def text(self) -> str:
        return "\n".join(line.strip() for line in self._lines)

    def _break(self) -> None:
        self._lines.append("> " if self._quoted else "")
