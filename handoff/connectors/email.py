"""A team's mailbox: one thread per case, sent by SMTP; answers come back through a relay that posts them to us.

Address: ``smtp://host:587`` (STARTTLS, demanded) or ``smtps://host:465``. Options:

from, to    plain addresses: the sender, and the team's mailbox
reply_to    where answers go; each case gets its own address there, ``name+<case>.<proof>@host``
username    logs in with the secret ``password``; without it, none is asked for
starttls    ``off`` for a relay in one's own network that has no TLS; no password is sent then

Message-IDs are made from event ids, so that a mail which is sent twice is one mail to whoever sorts by them.

The relay posts each mail as it came (message/rfc822) with the headers of Standard Webhooks, signed with ``signing``.
A case is found by its address alone, whose proof nobody else can make; never by subject or by sender. The proof is
made with the newest ``signing`` secret and checked with each: keep an old one as long as its threads are answered.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, ClassVar
from uuid import UUID

from handoff.connectors import judge, mail, render
from handoff.connectors.port import Answer, Desk, DeskTrouble, Heard, Message, Unreadable
from handoff.connectors.signing import verified_id
from handoff.connectors.smtp import Security, Server, Session
from handoff.net.target import parse_host
from outbox.outcomes import Delivered, Unavailable

EVENT_HEADER = "X-Holdfast-Event"
LONGEST_HOST = 120  # of an address, so that our Message-IDs stay within what an external id may have
LONGEST_LOCAL_PART = 64  # RFC 5321, 4.5.3.1.1

# Never folded: a folded Message-ID or Reply-To is legal, and still breaks threads in some clients.
_POLICY = SMTP.clone(max_line_length=900)
_URL = re.compile(
    r"(?P<scheme>smtps?)://(?P<host>\[[0-9a-fA-F:.]+\]|[^\[\]:/?#@\\%\s]+)(?::(?P<port>[0-9]{1,5}))?/?"
)
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,198}>")
_TAG = re.compile(r"([a-z2-7]{26})\.([a-z2-7]{16})")
_ADDRESS = re.compile(r"[^\s<>\"(),:;@\[\]\\]+@[A-Za-z0-9.-]+")


class Email:
    """See the module."""

    correlates: ClassVar[bool] = False  # the Message-ID is the key
    options: ClassVar[frozenset[str]] = frozenset({"from", "to", "reply_to", "username", "starttls"})
    secrets: ClassVar[frozenset[str]] = frozenset({"signing", "password"})

    def find(self, desk: Desk, case_id: UUID) -> Answer | None:
        """A mailbox cannot be asked; a mail with the same Message-ID is the same mail."""
        return None

    def create(self, desk: Desk, message: Message) -> Answer:
        """Send the first mail of the thread; its Message-ID is the desk's id of the case."""
        return _send(desk, message, render.handoff_text(message.payload), "")

    def update(self, desk: Desk, message: Message) -> Answer:
        """Send a later mail, as an answer to the first."""
        return _send(
            desk, message, render.event_text(message.event_type, message.payload), message.external_id
        )

    def probe(self, desk: Desk) -> Answer:
        """Connect, agree on TLS and log in; no mail is sent."""
        with Session(_mailbox(desk).server):
            return Answer(Delivered(), excerpt="The mail server took the connection and the login.")

    def receive(self, desk: Desk, headers: Mapping[str, str], body: bytes, now: datetime) -> list[Heard]:
        """Verify the relay's signature over the raw mail, then read."""
        posted_as = verified_id(headers, body, desk.secrets.get("signing", ()), now)
        found = mail.read(body)
        delivery_id = found.message_id or posted_as
        if found.automatic or EVENT_HEADER.lower() in found.header_names:
            return [Heard(delivery_id, "ignored")]
        case_id = next(filter(None, (_proven(desk, address) for address in found.recipients)), None)
        if case_id is None:
            raise Unreadable(
                "To", "is not the address of a case; answer a mail of the case instead of writing a new one"
            )
        if not found.text:
            raise Unreadable("body", "has no text beside what it quotes")
        return [
            Heard(delivery_id, "reply", case_id=case_id, text=found.text, author=found.author, at=found.at)
        ]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An endpoint's options, checked."""

    server: Server
    sender: str
    recipient: str
    reply_to: Address


def reply_address(desk: Desk, case_id: UUID) -> str:
    """Return the address that answers of this case go to. Raises DeskTrouble where it cannot be made."""
    base = _mailbox(desk).reply_to
    local = f"{base.username}+{_base32(case_id.bytes)}.{_proof(desk.secret('signing'), desk, case_id)}"
    if len(local) > LONGEST_LOCAL_PART:
        raise _misconfigured("reply_to", f"has more than {LONGEST_LOCAL_PART - 44} characters before the @")
    return f"{local}@{base.domain}"


def _proven(desk: Desk, address: str) -> UUID | None:
    """Return the case whose address this is, if the proof in it is ours."""
    tag = _TAG.fullmatch(address.rpartition("@")[0].rpartition("+")[2].lower())
    if tag is None:
        return None
    try:
        case_id = UUID(bytes=base64.b32decode(tag[1].upper() + "======"))
    except (binascii.Error, ValueError):
        return None
    proofs = [_proof(secret, desk, case_id) for secret in desk.secrets.get("signing", ())]
    return case_id if any([hmac.compare_digest(proof, tag[2]) for proof in proofs]) else None


def _proof(secret: str, desk: Desk, case_id: UUID) -> str:
    # 80 bits: this must fit into the local part of an address together with the id. Guessing is online only.
    said = f"reply address of {desk.slug}: {case_id}".encode()
    return _base32(hmac.digest(secret.encode(), said, "sha256")[:10])


def _base32(value: bytes) -> str:
    # Lower case and no signs: mail servers along the way may change the case of what they carry.
    return base64.b32encode(value).decode().rstrip("=").lower()


def _send(desk: Desk, message: Message, text: str, thread: str) -> Answer:
    mailbox = _mailbox(desk)
    composed = _composed(desk, mailbox, message, text, thread)
    with Session(mailbox.server) as session:
        answer = session.hand_over(mailbox.sender, mailbox.recipient, composed.as_bytes())
    return Answer(
        answer.outcome,
        external_id=thread or str(composed["Message-ID"]),
        status_code=answer.status_code,
        excerpt=answer.excerpt,
    )


def _composed(desk: Desk, mailbox: Mailbox, message: Message, text: str, thread: str) -> EmailMessage:
    """Return the mail: the same bytes for every try, so all of it comes from the event."""
    if message.case_id is None or not desk.secret("signing"):
        raise _misconfigured("signing", "is missing, or this is a reply webhook: e-mail carries cases only")
    composed = EmailMessage(policy=_POLICY)
    composed["From"] = mailbox.sender
    composed["To"] = mailbox.recipient
    composed["Reply-To"] = reply_address(desk, message.case_id)
    composed["Subject"] = _inert(_subject(message, is_first=not thread))
    composed["Date"] = format_datetime(message.created_at)
    composed["Message-ID"] = f"<{message.event_id}@{mailbox.sender.rpartition('@')[2]}>"
    composed["Auto-Submitted"] = "auto-generated"
    composed["X-Auto-Response-Suppress"] = "All"
    composed[EVENT_HEADER] = _inert(" ".join(render.clean(message.event_type).split()))
    if _MESSAGE_ID.fullmatch(thread):
        composed["In-Reply-To"] = composed["References"] = thread
    composed.set_content(f"{mail.MARK}\n\n{text}", charset="utf-8", cte="base64")
    return composed


def _inert(text: str) -> str:
    """Return a text that no header takes for an encoded word.

    The standard library decodes ``=?utf-8?q?=0d=0aBcc:?=`` where it is set and writes the line break out: a customer
    who writes that as a message would write a header.
    """
    return text.replace("=?", "= ?")


def _subject(message: Message, *, is_first: bool) -> str:
    case = f"[Case {str(message.case_id)[-12:]}]"
    return f"{case} {render.title(message.payload)}" if is_first else f"Re: {case}"


def _mailbox(desk: Desk) -> Mailbox:
    sender = _address(desk, "from")
    return Mailbox(
        server=_server(desk, hello=sender.domain),
        sender=sender.addr_spec,
        recipient=_address(desk, "to").addr_spec,
        reply_to=_address(desk, "reply_to"),
    )


def _server(desk: Desk, *, hello: str) -> Server:
    parts = _URL.fullmatch(desk.url)
    if parts is None:
        raise _misconfigured("url", "must look like smtp://host:587 or smtps://host:465")
    try:
        host = parse_host(parts["host"].strip("[]"))[0]
    except ValueError as error:
        raise _misconfigured("url", f"names a host that cannot be: {error}") from None
    is_tls = parts["scheme"] == "smtps"
    security: Security = "tls" if is_tls else "none" if desk.options.get("starttls") == "off" else "starttls"
    return Server(
        host=host,
        port=int(parts["port"] or (465 if is_tls else 587)),
        security=security,
        hello=hello,
        username=_option(desk, "username"),
        password=desk.secret("password"),
        hide=tuple(judge.hidden(desk)),
    )


def _address(desk: Desk, option: str) -> Address:
    given = _option(desk, option)
    try:
        address = Address(addr_spec=given if given.isascii() and _ADDRESS.fullmatch(given) else "")
    except (ValueError, IndexError, HeaderParseError):
        address = Address()
    if not address.username or not address.domain or len(address.domain) > LONGEST_HOST:
        raise _misconfigured(f"options.{option}", "must be a plain address such as team@example.com")
    return address


def _option(desk: Desk, name: str) -> str:
    given: Any = desk.options.get(name, "")
    return given.strip() if isinstance(given, str) else ""


def _misconfigured(field: str, message: str) -> DeskTrouble:
    return DeskTrouble(Answer(Unavailable("bad_options"), excerpt=f"{field} {message}"))
