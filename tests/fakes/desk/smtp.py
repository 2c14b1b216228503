"""A team's mailbox behind a real SMTP server (aiosmtpd) on a port of 127.0.0.1, and the relay that posts answers to us.

A mail with a Message-ID that is there already is the same mail, as mail clients and help desks see it.
"""

import email
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime
from typing import Any, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from handoff.connectors.email import reply_address
from handoff.connectors.port import Desk
from tests.fakes.desk.base import Comment, Ticket, Told
from tests.fakes.desk.webhook import SECRET, standard_headers

USERNAME, PASSWORD = "holdfast", "a-password-of-the-mail-server"


@dataclass
class Trouble:
    """What the server says at one stage (mail, rcpt, data), ``times`` times. ``lose``: it keeps the mail and hangs up."""

    stage: str
    says: str = ""
    times: int = 1
    lose: bool = False


class FakeMailbox:
    """A context manager, in the manner of ``FakeDesk``: ``tickets`` holds threads, ``mails`` every mail that arrived."""

    secrets: Mapping[str, tuple[str, ...]] = {"signing": (SECRET,), "password": (PASSWORD,)}

    inbound_secret = "signing"
    tells = ("reply",)
    signs_time = True
    signs_id = True

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.mails: list[EmailMessage] = []
        self.tickets: list[Ticket] = []
        self.logins: list[str] = []
        self._troubles: list[Trouble] = []
        self._tls = tls

    def __enter__(self) -> Self:
        options: dict[str, Any] = {}
        if self._tls:
            options = {"tls_context": self._tls, "require_starttls": True}
            options |= {"authenticator": self._login, "auth_required": True, "auth_require_tls": True}
        self._controller = _Controller(self, hostname="127.0.0.1", port=0, **options)
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._controller.server.sockets[0].getsockname()[1])

    def desk(self, **changes: Any) -> Desk:
        """Return the endpoint as an operator would have configured it."""
        options = {
            "from": "holdfast@bot.example",
            "to": "team@desk.example",
            "reply_to": "answers@in.example",
        }
        options |= {"username": USERNAME} if self._tls else {"starttls": "off"}
        given = {"slug": "mail", "domain": "demo", "options": options, "secrets": self.secrets}
        return Desk(**given | {"url": f"smtp://127.0.0.1:{self.port}"} | changes)

    def fail(self, stage: str, **order: Any) -> None:
        """Let the next mail meet trouble."""
        self._troubles.append(Trouble(stage, **order))

    def says(self, told: Told, at: datetime, *, secret: str = "") -> tuple[dict[str, str], bytes]:
        """Return what the relay posts after somebody answered by mail."""
        answer = EmailMessage()
        answer["From"] = f"{told.author} <agent@desk.example>"
        answer["To"] = reply_address(self.desk(), told.case_id) if told.case_id else "answers@in.example"
        answer["Subject"] = "Re: whatever"
        answer["Message-ID"] = f"<{told.delivery_id}@desk.example>"
        answer["Date"] = format_datetime(at)
        if told.echo:
            answer["Auto-Submitted"] = "auto-generated"
        answer.set_content(told.text.encode("utf-8", "replace"), "text", "plain", params={"charset": "utf-8"})
        body = answer.as_bytes()
        return self.sign(body, at, delivery_id=f"relay-{told.delivery_id}", secret=secret), body

    def sign(
        self, body: bytes, at: datetime, *, delivery_id: str = "delivery-1", secret: str = ""
    ) -> dict[str, str]:
        """Return the headers of the relay's post."""
        return standard_headers(body, delivery_id, at, secret or SECRET)

    # --- the server's side -------------------------------------------------------------------------------

    def _trouble(self, stage: str) -> Trouble | None:
        found = next(
            (trouble for trouble in self._troubles if trouble.stage == stage and trouble.times), None
        )
        if found:
            found.times -= 1
        return found

    def _login(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        given = (data.login.decode(), data.password.decode()) if isinstance(data, LoginPassword) else ("", "")
        self.logins.append(given[0])
        return AuthResult(success=given == (USERNAME, PASSWORD), handled=False)

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if trouble := self._trouble("mail"):
            return trouble.says
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if trouble := self._trouble("rcpt"):
            return trouble.says
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        trouble = self._trouble("data")
        if trouble and not trouble.lose:
            return trouble.says
        self._keep(cast(bytes, envelope.content))
        if trouble:
            server.transport.abort()
        return "250 kept"

    def _keep(self, content: bytes) -> None:
        mail = cast(EmailMessage, email.message_from_bytes(content, policy=default))
        message_id = str(mail["Message-ID"])
        self.mails.append(mail)
        if any(str(kept["Message-ID"]) == message_id for kept in self.mails[:-1]):
            return
        first = str(mail["In-Reply-To"] or message_id)
        ticket = next((found for found in self.tickets if found.id == first), None)
        if mail["X-Holdfast-Event"] == "handoff.requested":
            found = re.search(r"Case: ([0-9a-f-]{36})", mail.get_content())
            self.tickets.append(Ticket(message_id, found[1] if found else ""))
        elif ticket:
            public = mail["X-Holdfast-Event"] != "case.note"
            ticket.comments.append(Comment(mail.get_content(), public, message_id))


class _Controller(Controller):
    def _trigger_server(self) -> None:
        """Port 0 is chosen by the kernel; the base class would knock at port 0."""
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
