"""Mail in: which case it is for, who wrote it, and what in it is new."""

import base64
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.connectors import mail
from handoff.connectors.email import Email, reply_address
from handoff.connectors.port import Desk, Heard, Unreadable
from tests.contracts.desk_cases import CASE, NOW, OTHER_CASE, WRONG_SECRET, event
from tests.fakes.desk.smtp import FakeMailbox
from tests.fakes.desk.webhook import SECRET, standard_headers

OPTIONS = {"from": "holdfast@bot.example", "to": "team@desk.example", "reply_to": "answers@in.example"}
DESK = Desk("mail", "demo", "smtp://mail.example", OPTIONS, {"signing": (SECRET,), "password": ("",)})


def written(text: str = "Done.", **headers: str) -> bytes:
    """Return an answer as a mail client would write it; ``headers`` with _ for -, "" to leave one out."""
    given = {
        "From": "Ana <ana@desk.example>",
        "To": reply_address(DESK, CASE),
        "Message-ID": "<1@desk.example>",
    }
    given |= {"Date": "Sat, 21 Nov 2026 07:00:00 -0300"} | {
        key.replace("_", "-"): to for key, to in headers.items()
    }
    lines = [f"{name}: {value}" for name, value in given.items() if value]
    return "\r\n".join([*lines, "Content-Type: text/plain; charset=utf-8", "", text]).encode(
        "utf-8", "surrogateescape"
    )


def received(body: bytes, desk: Desk = DESK) -> Heard:
    (heard,) = Email().receive(desk, standard_headers(body, "relay-1", NOW, SECRET), body, NOW)
    return heard


def test_an_answer_is_heard_with_its_case_author_and_time() -> None:
    assert received(written()) == Heard(
        "<1@desk.example>",
        "reply",
        case_id=CASE,
        text="Done.",
        author="Ana",
        at=datetime(2026, 11, 21, 10, tzinfo=UTC),
    )


# --- which case ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["To", "Cc", "Delivered_To", "X_Original_To"])
def test_the_case_is_found_by_its_address_wherever_the_mail_server_put_it(header: str) -> None:
    address = reply_address(DESK, CASE)
    for spelled in (address, address.upper(), f"Answers <{address}>", f"other@x.example, {address}"):
        headers = {"To": "team@desk.example"} | {header: spelled}
        assert received(written(**headers)).case_id == CASE


def test_never_by_the_subject_the_thread_or_the_sender() -> None:
    headers = {
        "To": "answers@in.example",
        "Subject": f"Re: [Case {str(CASE)[-12:]}]",
        "References": "<x@bot.example>",
    }
    with pytest.raises(Unreadable, match="To"):
        received(written(f"case {CASE}", **headers))


def test_an_address_with_another_proof_is_no_address_of_the_case() -> None:
    right = reply_address(DESK, CASE)
    of_another_case = reply_address(DESK, OTHER_CASE)
    of_another_desk = reply_address(replace(DESK, slug="other"), CASE)
    with_another_secret = reply_address(replace(DESK, secrets={"signing": (WRONG_SECRET,)}), CASE)
    stitched = right.partition(".")[0] + "." + of_another_case.partition(".")[2]
    for forged in (
        of_another_desk,
        with_another_secret,
        stitched,
        right.replace(".", ""),
        right.replace("+", "-"),
    ):
        with pytest.raises(Unreadable):
            received(written(To=forged))


def test_while_secrets_are_exchanged_old_threads_can_be_answered() -> None:
    assert received(written(), replace(DESK, secrets={"signing": (WRONG_SECRET, SECRET)})).case_id == CASE


def test_the_address_fits_into_what_mail_servers_take() -> None:
    local, _, host = reply_address(DESK, CASE).partition("@")
    assert len(local) <= 64 and local == local.lower() and host == "in.example"


# --- who wrote it ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "AUTO-GENERATED; owner=x"},
        {"Return_Path": "<>"},
        {"X_Holdfast_Event": "case.note"},
    ],
)
def test_what_no_person_wrote_is_ignored(headers: dict[str, str]) -> None:
    assert received(written(**headers)).kind == "ignored"


def test_a_bounce_is_ignored() -> None:
    bounce = b"From: <>\r\nMessage-ID: <b@x>\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"
    assert received(bounce).kind == "ignored"


def test_auto_submitted_no_is_a_person() -> None:
    assert received(written(Auto_Submitted="No")).kind == "reply"


def test_our_own_mail_that_comes_back_is_ignored(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with FakeMailbox() as mailbox:
        from_us = _sent(mailbox)
    assert received(from_us).kind == "ignored"
    stripped = from_us.replace(b"Auto-Submitted", b"X-Was")
    assert received(stripped).kind == "ignored"


def _sent(mailbox: FakeMailbox) -> bytes:
    Email().create(mailbox.desk(), event())
    return mailbox.mails[0].as_bytes()


@pytest.mark.parametrize(
    ("header", "author"),
    [
        ("Ana <ana@desk.example>", "Ana"),
        ("ana@desk.example", "ana"),
        ("=?utf-8?q?Jo=C3=A3o?= <j@desk.example>", "João"),
        ("=?no-such-charset?q?x?= <j@desk.example>", "=?no-such-charset?q?x?="),
        ('"Silva, Ana" <ana@desk.example>', "Silva, Ana"),
        ("=?utf-8?b?QW5hDQpCYW5hbmE=?= <j@desk.example>", "Ana Banana"),
        ("<<<>>>", ""),
        ("", ""),
    ],
)
def test_the_author_is_the_name_that_the_mail_shows(header: str, author: str) -> None:
    assert received(written(From=header)).author == author


@pytest.mark.parametrize(
    "date", ["", "yesterday", "Sat, 99 Nov 2026 10:00:00 +0000", "Fri, 31 Dec 9999 23:59:59 -2359"]
)
def test_a_date_that_is_none_is_left_out(date: str) -> None:
    assert received(written(Date=date)).at is None


@pytest.mark.parametrize("message_id", ["", "no brackets", "<" + "x" * 300 + "@y>", "<a b@c>"])
def test_a_mail_without_a_usable_message_id_goes_by_the_relays(message_id: str) -> None:
    assert received(written(Message_ID=message_id)).delivery_id == "relay-1"


# --- what is new in it -----------------------------------------------------------------------------------

QUOTED = [
    ("Thanks.\n\nOn Mon, Nov 16, 2026 at 9:01 AM Holdfast <x@y.example> wrote:\n> Case\n> more\n", "Thanks."),
    ("Thanks.\n\nOn Mon, Nov 16, 2026 at 9:01 AM Holdfast <x@y.example>\nwrote:\n\n> Case\n", "Thanks."),
    (
        "Feito.\n\nEm seg., 16 de nov. de 2026 às 09:01, Holdfast <x@y.example> escreveu:\n\n> Caso\n",
        "Feito.",
    ),
    (
        "Done.\n\n________________________________\nFrom: H <x@y.example>\nSent: Monday\nTo: Ana\nSubject: C\n\nx\n",
        "Done.",
    ),
    (
        "On Mon, Nov 16, 2026 at 9:01 AM H <x@y.example> wrote:\n> Case\n> more\n\nI answer below.\n",
        "I answer below.",
    ),
    (f"Kész.\n\nValaki ezt írta:\n> {mail.MARK}\n> Case: 1\n", "Kész.\n\nValaki ezt írta:"),
    (f"Done.\n{mail.MARK}\nCase: 1\n", "Done."),
    ("> what is it?\nIt is broken.\n> when?\nYesterday", "> what is it?\nIt is broken.\n> when?\nYesterday"),
    ("On Monday we wrote: fine\nFrom: the heart", "On Monday we wrote: fine\nFrom: the heart"),
    ("2 > 1 and 1 < 2", "2 > 1 and 1 < 2"),
]


@pytest.mark.parametrize(("text", "new"), QUOTED, ids=range(len(QUOTED)))
def test_what_is_quoted_is_left_out_and_nothing_else(text: str, new: str) -> None:
    assert received(written(text)).text == new


@given(st.text(alphabet="> \nOn Monwrote:From-_@<.x", max_size=400))
def test_no_text_is_an_accident_and_none_vanishes(text: str) -> None:
    assert bool(mail.without_quotes(text)) == bool(text.strip())


@pytest.mark.parametrize(
    "text", ["> a\n" * 20_000, "On " * 30_000, "_" * 100_000, "On Mon, a wrote\n" * 5_000]
)
def test_looking_for_quotes_ends(text: str) -> None:
    assert mail.without_quotes(text)


def test_html_alone_is_read_as_text() -> None:
    answer = EmailMessage()
    answer["To"] = reply_address(DESK, CASE)
    answer.set_content(
        "<html><head><title>t</title><style>p{}</style></head><body><p>Dear&nbsp;you,<br>it is <b>done</b>.</p>"
        "<script>evil()</script><div>On Mon, Nov 16, 2026 at 9:01 AM H &lt;x@y.example&gt; wrote:</div>"
        "<blockquote><p>Case</p><p>more</p></blockquote></body></html>",
        subtype="html",
    )
    assert received(answer.as_bytes()).text == "Dear you,\nit is done."


def test_plain_text_is_preferred_and_attachments_are_left_out() -> None:
    answer = EmailMessage()
    answer["To"] = reply_address(DESK, CASE)
    answer.set_content("the text")
    answer.add_alternative("<p>the html</p>", subtype="html")
    answer.add_attachment("an attached text", filename="notes.txt")
    assert received(answer.as_bytes()).text == "the text"


def test_other_character_sets_are_read() -> None:
    head = f"To: {reply_address(DESK, CASE)}\r\nContent-Type: text/plain; charset=".encode()
    assert received(head + b"iso-8859-1\r\n\r\nJo\xe3o").text == "João"
    assert received(head + b"no-such-thing\r\n\r\nx \xff y").text == "x \ufffd y"
    assert (
        received(head + b"utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.b64encode(b"ok")).text
        == "ok"
    )


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_a_mail_without_text_is_refused_by_name(text: str) -> None:
    with pytest.raises(Unreadable, match="body"):
        received(written(text))


def test_parts_within_parts_without_end_are_refused() -> None:
    head = f"To: {reply_address(DESK, CASE)}\r\n"
    nested = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(2_000))
    with pytest.raises(Unreadable):
        received((head + nested).encode())
    flat = "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + "--b\r\n\r\nx\r\n" * 5_000
    with pytest.raises(Unreadable):
        received((head + flat).encode())


@given(st.binary(max_size=600))
def test_no_body_is_an_accident(body: bytes) -> None:
    try:
        mail.read(f"To: {reply_address(DESK, CASE)}\r\n".encode() + body)
    except Unreadable as refused:
        assert refused.field
