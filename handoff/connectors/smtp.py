"""One mail to one mail server, under one wall-clock deadline, to an address that was checked before it is dialled.

smtplib's time-out begins anew with every byte that arrives; here each operation gets what is left of the whole. What
the server says is limited too: a reply may have any number of lines.

=========================================  ======================================================================
accepted after DATA                        Delivered
no connection, greeting, TLS or login      Unavailable: nothing was sent, and no mail would fare better
421 at any time, MAIL FROM refused for good  Unavailable: the server or our sender is at fault
any other 4xx                              Failed("smtp_<code>")
552 at MAIL; 5xx for recipient or content  Dead("smtp_<code>")
lost or late once the mail was on its way  Failed, for at least a minute: the outcome is unknown
=========================================  ======================================================================
"""

import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from handoff.connectors.judge import SHORTEST_WAIT, excerpt
from handoff.connectors.port import Answer, DeskTrouble
from handoff.net.client import NetError
from handoff.net.dial import Deadline, dial
from outbox.outcomes import Dead, Delivered, Failed, Outcome, Unavailable

DEADLINE = 20.0
LONGEST_DIALOGUE = 64 * 1024  # bytes that the server may say in one session; a plain one says under 1 KiB

Security = Literal["tls", "starttls", "none"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how to hand over mail. ``hello`` is the name that we go by."""

    host: str
    port: int
    security: Security
    hello: str
    username: str = ""
    password: str = field(default="", repr=False)
    hide: tuple[str, ...] = field(default=(), repr=False)  # never to be seen in an excerpt


class Session(smtplib.SMTP):
    """A context manager: connected, secured and logged in, or DeskTrouble. ``hand_over`` sends one mail."""

    def __init__(self, server: Server, deadline: float | None = None) -> None:
        super().__init__(
            local_hostname=server.hello
        )  # otherwise smtplib looks our own name up, in its own time
        self._server = server
        self._deadline = Deadline.after(deadline or DEADLINE)
        self._host = server.host  # what starttls verifies the certificate against
        self._heard = 0

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up. No QUIT: the mail is accepted by now, and a server that is slow to part may not undo that."""
        self.close()

    def hand_over(self, sender: str, recipient: str, mail: bytes) -> Answer:
        """Send one mail and return what the server said to it. Raises DeskTrouble."""
        code, said = self._step(lambda: self.mail(sender), sent=False)
        if code != 250:
            raise self._trouble(_refused_sender(code), code, said)
        code, said = self._step(lambda: self.rcpt(recipient), sent=False)
        if code not in (250, 251):
            raise self._trouble(_refused(code), code, said)
        code, said = self._step(lambda: self.data(mail), sent=True)
        if code != 250:
            raise self._trouble(_refused(code), code, said)
        return Answer(Delivered(), status_code=code, excerpt=excerpt(said, self._server.hide))

    def _open(self) -> None:
        server = self._server
        if server.username and server.security == "none":
            raise self._trouble(Unavailable("tls"), None, b"No password is sent over a connection in clear.")
        self._step(self._greet, sent=False)
        if server.security == "starttls":
            self._step(self._secure, sent=False)
        if server.username:
            self._step(lambda: self.login(server.username, server.password), sent=False)

    def _greet(self) -> tuple[int, bytes]:
        code, said = self.connect(self._server.host, self._server.port)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)
        self.ehlo_or_helo_if_needed()
        return code, said

    def _secure(self) -> tuple[int, bytes]:
        self._in_time()
        code, said = self.starttls(context=_tls())
        if code != 220:
            raise smtplib.SMTPNotSupportedError("STARTTLS was refused")
        self.ehlo_or_helo_if_needed()
        return code, said

    def _step(self, step: Callable[[], tuple[int, bytes]], *, sent: bool) -> tuple[int, bytes]:
        """Take one step of the dialogue; translate all that smtplib may raise."""
        try:
            return step()
        except NetError as error:
            raise self._trouble(Unavailable(error.code), None, b"") from None
        except ssl.SSLError as error:
            raise self._trouble(Unavailable("tls"), None, (error.reason or "").encode()) from None
        except smtplib.SMTPAuthenticationError as error:
            raise self._trouble(
                Unavailable("unauthorized"), error.smtp_code, _bytes(error.smtp_error)
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            code = "tls" if "STARTTLS" in str(error) else "unauthorized"
            raise self._trouble(Unavailable(code), None, str(error).encode()) from None
        except smtplib.SMTPDataError as error:  # before any of the mail was sent
            raise self._trouble(
                _refused(error.smtp_code), error.smtp_code, _bytes(error.smtp_error)
            ) from None
        except smtplib.SMTPResponseException as error:
            outcome = self._lost(sent) if sent else Unavailable(_code(error.smtp_code))
            raise self._trouble(outcome, error.smtp_code, _bytes(error.smtp_error)) from None
        except (smtplib.SMTPException, OSError):
            raise self._trouble(self._lost(sent), None, b"") from None
        except ValueError as error:  # a line break in an address, a password that no mechanism can say
            raise self._trouble(Unavailable("bad_options"), None, type(error).__name__.encode()) from None

    def _lost(self, sent: bool) -> Outcome:
        try:
            self._deadline.remaining()
            code = "connection_lost"
        except TimeoutError:
            code = "timeout"
        return Failed(code, after=SHORTEST_WAIT) if sent else Unavailable(code)

    def _trouble(self, outcome: Outcome, code: int | None, said: bytes) -> DeskTrouble:
        return DeskTrouble(Answer(outcome, status_code=code, excerpt=excerpt(said, self._server.hide)))

    # --- what smtplib asks of the connection -------------------------------------------------------------

    def _get_socket(self, host: str, port: int, timeout: float | None) -> socket.socket:
        opened = dial(host, port, self._deadline)
        if self._server.security != "tls":
            return opened
        opened.settimeout(self._deadline.remaining())
        try:
            return _tls().wrap_socket(opened, server_hostname=host)
        except BaseException:
            opened.close()
            raise

    def send(self, s: Any) -> None:
        """Send all of it within what is left of the deadline."""
        data = memoryview(s.encode(self.command_encoding) if isinstance(s, str) else s)
        try:
            while data:
                data = data[self._in_time().send(data) :]
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected("the server takes no more") from error

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply through ``_Lines`` in place of smtplib's unbounded reader."""
        if self.file is None:
            self.file = _Lines(self)
        return super().getreply()

    def receive(self) -> bytes:
        """Return what the server says next, "" at the end. Raises OSError, also when it says too much."""
        data = self._in_time().recv(4096)
        self._heard += len(data)
        if self._heard > LONGEST_DIALOGUE:
            raise OSError("the server talks without end")
        return data

    def _in_time(self) -> socket.socket:
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        self.sock.settimeout(self._deadline.remaining())
        return self.sock


class _Lines:
    """The part of a file that smtplib reads replies from."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._buffer = b""

    def readline(self, limit: int) -> bytes:
        while b"\n" not in self._buffer and len(self._buffer) < limit:
            more = self._session.receive()
            if not more:
                break
            self._buffer += more
        end = self._buffer.find(b"\n") + 1 or len(self._buffer)
        line, self._buffer = self._buffer[: min(end, limit)], self._buffer[min(end, limit) :]
        return line

    def close(self) -> None:
        self._buffer = b""


def _refused_sender(code: int) -> Outcome:
    # The sender's address is the endpoint's: refused for good, it is so for every mail. 552 is about this one's size.
    return Unavailable(f"smtp_{code}") if code >= 500 and code != 552 else _refused(code)


def _refused(code: int) -> Outcome:
    if code == 421:
        return Unavailable("smtp_421")
    return Dead(_code(code)) if 500 <= code < 600 else Failed(_code(code))


def _code(code: int) -> str:
    # smtplib says -1 for what is no reply at all; another kind of success is not what the protocol promises either.
    return f"smtp_{code}" if 400 <= code < 600 else "bad_response"


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode("utf-8", "replace")


def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context()  # the same authorities as for HTTP, SSL_CERT_FILE included
