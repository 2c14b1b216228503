"""Mail out, against a real mail server: threads, login and TLS, refusals, loss, and one deadline for all of it."""

import base64
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handoff.connectors import smtp
from handoff.connectors.email import Email, reply_address
from handoff.connectors.port import DeskTrouble
from outbox.outcomes import Dead, Delivered, Failed, Outcome, Unavailable
from tests.certificates import self_signed
from tests.contracts.desk_cases import CASE, again, deliver, event, noted, said
from tests.fakes.desk.smtp import PASSWORD, USERNAME, FakeMailbox
from tests.handoff.net.farend import FarEnd, Script, drips, pours, says, stalls
from tests.handoff.net.test_tls import server


@pytest.fixture
def mailbox() -> Iterator[FakeMailbox]:
    with FakeMailbox() as running:
        yield running


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("mail") / "mail.pem", "desk.example")


@pytest.fixture
def secure(pem: Path) -> Iterator[FakeMailbox]:
    with FakeMailbox(tls=server(pem)) as running:
        yield running


# --- threads ---------------------------------------------------------------------------------------------


def test_a_case_is_one_thread(mailbox: FakeMailbox) -> None:
    external_id = Email().create(mailbox.desk(), event()).external_id
    for message in (said(2, "still waiting"), noted(3, "be kind")):
        assert deliver(Email(), mailbox.desk(), again(message, external_id)).external_id == external_id
    first, *later = mailbox.mails
    assert first["Message-ID"] == external_id == f"<{event().event_id}@bot.example>"
    assert first["In-Reply-To"] is None
    assert [(mail["In-Reply-To"], mail["References"]) for mail in later] == [(external_id, external_id)] * 2
    assert {mail["Reply-To"] for mail in mailbox.mails} == {reply_address(mailbox.desk(), CASE)}
    assert {mail["Auto-Submitted"] for mail in mailbox.mails} == {"auto-generated"}
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 3


def test_every_try_is_the_same_mail(mailbox: FakeMailbox) -> None:
    for tries in range(3):
        Email().create(mailbox.desk(), replace(event(), tries=tries))
    assert len({mail.as_bytes() for mail in mailbox.mails}) == 1
    assert mailbox.mails[0]["Date"] == "Sat, 21 Nov 2026 10:00:01 +0000"


def test_an_agent_reads_why_how_urgent_and_what_was_said(mailbox: FakeMailbox) -> None:
    Email().create(mailbox.desk(), event())
    (mail,) = mailbox.mails
    assert mail["Subject"] == "[Case 00000000c0de] [high] charged twice"
    text = mail.get_content()
    for part in (
        "user_request",
        "Priority: high",
        "Customer: I was charged twice",
        "https://holdfast.example/admin/case/1",
    ):
        assert part in text


@pytest.mark.parametrize(
    "hostile",
    ["a\r\nBcc: all@example.com", "a\nX-Evil: 1", "a\x00b", "\ud83d", "é" * 900, "=?utf-8?q?=0d=0aBcc:?= x"],
)
def test_no_text_becomes_a_header(mailbox: FakeMailbox, hostile: str) -> None:
    message = event(
        summary={"problem": hostile}, trigger={"text": hostile}, priority=hostile, reason_text=hostile
    )
    external_id = Email().create(mailbox.desk(), replace(message)).external_id
    Email().update(mailbox.desk(), again(said(2, hostile), external_id))
    Email().update(
        mailbox.desk(), replace(said(3, "x"), event_type=hostile, external_id="<x>\r\nBcc: all@example.com")
    )
    expected = {
        "from",
        "to",
        "reply-to",
        "subject",
        "date",
        "message-id",
        "auto-submitted",
        "x-auto-response-suppress",
    }
    expected |= {"x-holdfast-event", "content-type", "content-transfer-encoding", "mime-version"}
    expected |= {"in-reply-to", "references", "x-peer", "x-mailfrom", "x-rcptto"}
    for mail in mailbox.mails:
        assert {name.lower() for name in mail.keys()} <= expected  # noqa: SIM118
        assert mail["To"] == "team@desk.example"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": "http://127.0.0.1"}, "url"),
        ({"url": "smtp://user:password@127.0.0.1"}, "url"),
        ({"url": "smtp://0x7f.1:25"}, "url"),
        ({"url": "smtp://host:25\r\nx"}, "url"),
        ({"options": {"from": "a@b.example\r\nRCPT TO:<x@y.example>"}}, "options.from"),
        ({"options": {"from": "Ana <a@b.example>"}}, "options.from"),
        ({"options": {"from": ""}}, "options.from"),
        ({"options": {"from": ["a@b.example"]}}, "options.from"),
        ({"options": {"from": "a@" + "b" * 130 + ".example"}}, "options.from"),
        ({"options": {"to": "a@b.example, c@d.example"}}, "options.to"),
        ({"options": {"to": "ü@b.example"}}, "options.to"),
        ({"options": {"reply_to": "@"}}, "options.reply_to"),
        ({"options": {"reply_to": "x" * 30 + "@b.example"}}, "reply_to"),
        ({"secrets": {}}, "signing"),
    ],
)
def test_an_endpoint_that_is_configured_wrongly_says_what_is_wrong(
    mailbox: FakeMailbox, changes: dict[str, Any], named: str
) -> None:
    desk = mailbox.desk()
    changed = replace(
        desk,
        **changes | ({"options": {**desk.options, **changes["options"]}} if "options" in changes else {}),
    )
    with pytest.raises(DeskTrouble) as trouble:
        Email().create(changed, event())
    assert trouble.value.answer.outcome == Unavailable("bad_options")
    assert trouble.value.answer.excerpt.startswith(named)
    assert mailbox.mails == []


# --- what the server says --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "answer", "outcome"),
    [
        ("mail", "421 going down", Unavailable("smtp_421")),
        ("mail", "451 later", Failed("smtp_451")),
        ("mail", "550 not you", Unavailable("smtp_550")),
        ("mail", "552 too big", Dead("smtp_552")),
        ("rcpt", "450 mailbox busy", Failed("smtp_450")),
        ("rcpt", "550 no such mailbox", Dead("smtp_550")),
        ("rcpt", "421 going down", Unavailable("smtp_421")),
        ("data", "451 later", Failed("smtp_451")),
        ("data", "554 spam", Dead("smtp_554")),
    ],
)
def test_what_the_server_says_decides_what_becomes_of_the_mail(
    mailbox: FakeMailbox, stage: str, answer: str, outcome: Outcome
) -> None:
    mailbox.fail(stage, says=answer)
    got = deliver(Email(), mailbox.desk(), event())
    assert (got.outcome, got.status_code) == (outcome, int(answer[:3]))
    assert answer[4:] in got.excerpt
    assert mailbox.tickets == []
    assert isinstance(deliver(Email(), mailbox.desk(), again(event())).outcome, Delivered)


def test_a_mail_that_is_lost_after_it_was_taken_is_sent_again_and_is_one_mail(mailbox: FakeMailbox) -> None:
    mailbox.fail("data", lose=True)
    assert deliver(Email(), mailbox.desk(), event()).outcome == Failed("connection_lost", after=60)
    deliver(Email(), mailbox.desk(), again(event()))
    assert (len(mailbox.mails), len(mailbox.tickets)) == (2, 1)


GREETING = b"220 mail.example ESMTP\r\n"
TAKES_ALL = GREETING + b"250 mail.example\r\n250 ok\r\n250 ok\r\n354 go on\r\n"


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (stalls(), Unavailable("timeout")),
        (drips(GREETING * 99, every=0.05), Unavailable("timeout")),
        (stalls(GREETING), Unavailable("timeout")),
        (pours(b"", b"220-talk\r\n" * 999), Unavailable("connection_lost")),
        (pours(b"", b"220 x" * 9999), Unavailable("smtp_500")),
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Unavailable("bad_response")),
        (says(b"554 go away\r\n"), Unavailable("smtp_554")),
        (says(b""), Unavailable("connection_lost")),
        (stalls(TAKES_ALL), Failed("timeout", after=60)),
        (drips(TAKES_ALL + b"250-" + b"x" * 5000, every=0.001), Failed("timeout", after=60)),
        (stalls(TAKES_ALL + b"250-" + b"x" * 9999), Failed("connection_lost", after=60)),
        (stalls(TAKES_ALL + b"???\r\n"), Failed("bad_response")),
    ],
    ids=range(12),
)
def test_a_server_that_dawdles_or_babbles_holds_nobody_up(
    script: Script, outcome: Outcome, mailbox: FakeMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "DEADLINE", 1.5)
    with FarEnd(script, reads=False) as far_end:
        desk = mailbox.desk(url=f"smtp://127.0.0.1:{far_end.port}")
        assert deliver(Email(), desk, event()).outcome == outcome


# --- TLS and login ---------------------------------------------------------------------------------------


def test_with_a_user_name_it_logs_in_after_starttls(
    secure: FakeMailbox, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    assert isinstance(deliver(Email(), secure.desk(), event()).outcome, Delivered)
    assert isinstance(Email().probe(secure.desk()).outcome, Delivered)
    assert secure.logins == [USERNAME, USERNAME]
    assert len(secure.mails) == 1


def test_a_certificate_that_nobody_vouches_for_gets_neither_password_nor_mail(secure: FakeMailbox) -> None:
    assert deliver(Email(), secure.desk(), event()).outcome == Unavailable("tls")
    assert (secure.logins, secure.mails) == ([], [])


def test_a_server_without_starttls_gets_neither_password_nor_mail(mailbox: FakeMailbox) -> None:
    desk = mailbox.desk()
    demanding = replace(desk, options={**desk.options, "starttls": "", "username": USERNAME})
    assert deliver(Email(), demanding, event()).outcome == Unavailable("tls")
    in_clear = replace(desk, options={**desk.options, "username": USERNAME})
    assert deliver(Email(), in_clear, event()).outcome == Unavailable("tls")
    assert (mailbox.logins, mailbox.mails) == ([], [])


@pytest.mark.parametrize("password", ["wrong", "", "é", "a\r\nb"])
def test_a_wrong_password_says_nothing_about_the_mail(
    secure: FakeMailbox, pem: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    desk = secure.desk()
    answer = deliver(Email(), replace(desk, secrets={**desk.secrets, "password": (password,)}), event())
    assert isinstance(answer.outcome, Unavailable)
    assert answer.outcome.code in ("unauthorized", "bad_options")
    assert secure.mails == []


def test_smtps_speaks_tls_from_the_first_byte(
    pem: Path, monkeypatch: pytest.MonkeyPatch, mailbox: FakeMailbox
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context: ssl.SSLContext = server(pem)
    with FarEnd(stalls(TAKES_ALL + b"250 kept\r\n"), tls=context, reads=False) as far_end:
        desk = mailbox.desk(url=f"smtps://127.0.0.1:{far_end.port}")
        assert isinstance(deliver(Email(), desk, event()).outcome, Delivered)


def test_a_server_that_repeats_the_password_does_not_put_it_into_the_log(
    mailbox: FakeMailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    encoded = base64.b64encode(PASSWORD.encode()).decode()
    mailbox.fail("rcpt", says=f"550 you said {PASSWORD}")
    answer = deliver(Email(), mailbox.desk(), event())
    assert "[SECRET]" in answer.excerpt
    ours = " ".join(
        record.getMessage() for record in caplog.records if record.name != "mail.log"
    )  # the server's
    for secret in (PASSWORD, encoded):
        assert secret not in repr(answer) + ours
