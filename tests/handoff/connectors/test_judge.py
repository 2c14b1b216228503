"""What an answer means, and what of it may be seen."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.connectors.judge import (
    EXCERPT_LENGTH,
    LONGEST_WAIT,
    SHORTEST_WAIT,
    excerpt,
    json_of,
    judged,
    retry_after,
    unanswered,
)
from handoff.connectors.port import Desk, DeskTrouble
from handoff.net.client import NetError, Reply
from outbox.outcomes import Dead, Delivered, Failed, Gone, Outcome, Unavailable

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
DESK = Desk(
    "hook", "demo", "https://desk.example", secrets={"token": ("s3cr3t/of+the=desk", "whsec_b2xkLW9uZQ==")}
)


def reply(status: int, body: bytes = b"", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, body, truncated=False)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (reply(200), Delivered()),
        (reply(202), Delivered()),
        (reply(204), Delivered()),
        (reply(301), Unavailable("redirected")),
        (reply(304), Unavailable("redirected")),
        (reply(400), Dead("http_400")),
        (reply(401), Unavailable("unauthorized")),
        (reply(403), Unavailable("unauthorized")),
        (reply(404), Dead("http_404")),
        (reply(408), Failed("http_408", after=60)),
        (reply(410), Gone("gone")),
        (reply(422), Dead("http_422")),
        (reply(425), Failed("http_425")),
        (reply(429), Unavailable("rate_limited", after=60)),
        (reply(429, retry_after="5"), Unavailable("rate_limited", after=60)),
        (reply(429, retry_after="600"), Unavailable("rate_limited", after=600)),
        (reply(429, retry_after="86400"), Unavailable("rate_limited", after=3600)),
        (reply(500, retry_after="600"), Failed("http_500")),
        (reply(502), Failed("http_502")),
        (reply(503), Failed("http_503")),
        (reply(503, retry_after="7"), Failed("http_503", after=7)),
        (reply(100), Failed("http_100")),
        (reply(999), Failed("http_999")),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
def test_every_status_means_one_thing(answer: Reply, outcome: Outcome) -> None:
    assert judged(answer, now=NOW).outcome == outcome
    assert judged(answer, now=NOW).status_code == answer.status


@pytest.mark.parametrize(
    "code", ["refused", "unresolvable", "tls", "blocked_address", "bad_url", "connect_timeout"]
)
def test_what_was_never_sent_says_nothing_about_the_event(code: str) -> None:
    assert unanswered(NetError(code, "why", sent=False)).outcome == Unavailable(code)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["timeout", "connection_lost", "bad_response"])
def test_what_was_sent_and_not_answered_is_tried_again_after_a_minute(code: str) -> None:
    assert unanswered(NetError(code, "why", sent=True)).outcome == Failed(code, after=60)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        (" 90 ", 90),
        ("3601", 3600),
        ("9" * 4000, 3600),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), 300),
        ("Saturday, 21-Nov-26 10:05:00 GMT", 300),
        (format_datetime(NOW - timedelta(days=400), usegmt=True), 0),
        (format_datetime(NOW + timedelta(days=400), usegmt=True), 3600),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("٣", None),
        ("²", None),
        ("soon", None),
        ("60, 90", None),
        ("Sat, 99 Nov 2026 10:05:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_more_than_an_hour(
    value: str, seconds: float | None
) -> None:
    assert retry_after(value, NOW) == seconds


@given(st.one_of(st.text(), st.text(alphabet="0123456789 :,-+GMTSatNov"), st.integers().map(str)))
def test_no_retry_after_is_an_accident(value: str) -> None:
    seconds = retry_after(value, NOW)
    assert seconds is None or 0 <= seconds <= LONGEST_WAIT
    outcome = judged(reply(429, retry_after=value), now=NOW).outcome
    assert isinstance(outcome, Unavailable)
    assert outcome.after is not None and SHORTEST_WAIT <= outcome.after <= LONGEST_WAIT


@given(st.binary(max_size=3000))
def test_an_excerpt_is_short_and_printable(body: bytes) -> None:
    seen = excerpt(body)
    assert len(seen) <= EXCERPT_LENGTH and seen.isprintable()


def test_an_excerpt_has_no_secret_however_it_is_spelled() -> None:
    secrets = ["s3cr3t/of+the=desk", "whsec_b2xkLW9uZQ=="]
    spelled = [
        form
        for secret in secrets
        for form in (secret, quote(secret, safe=""), json.dumps(secret).replace("/", "\\/"))
    ]
    seen = excerpt(" | ".join(spelled).encode() + b" b2xkLW9uZQ==", secrets)
    assert "s3cr3t" not in seen and "b2xkLW9uZQ" not in seen
    assert seen.count("[SECRET]") == 7


def test_a_secret_that_is_part_of_another_leaves_nothing_of_the_other() -> None:
    assert excerpt(b"abcdef", ["abc", "abcdef"]) == excerpt(b"abcdef", ["abcdef", "abc"]) == "[SECRET]"


def test_an_excerpt_has_no_card_and_no_address() -> None:
    assert excerpt(b"4111 1111 1111 1111 of ana@example.com") == "[CARD] of [EMAIL]"


def test_a_secret_at_the_cut_is_gone_before_the_text_is_cut() -> None:
    assert "s3cr" not in excerpt(b"x" * (EXCERPT_LENGTH - 4) + b"s3cr3t", ["s3cr3t"])


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"a": 1', b"<html>"])
def test_a_2xx_without_the_promised_object_is_an_unknown_outcome(body: bytes) -> None:
    with pytest.raises(DeskTrouble) as trouble:
        json_of(reply(200, body), desk=DESK)
    assert trouble.value.answer.outcome == Failed("unreadable_answer", after=60)


def test_an_answer_that_was_cut_is_not_read() -> None:
    with pytest.raises(DeskTrouble):
        json_of(Reply(200, {}, b'{"id": 1}', truncated=True), desk=DESK)


def test_a_desk_does_not_show_its_secrets() -> None:
    assert "s3cr3t" not in repr(DESK)
