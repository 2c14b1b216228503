"""Why a case stands where it stands, word for word."""

from datetime import UTC, datetime, timedelta

import pytest

from handoff.sla.words import span, why

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def ago(**parts: int) -> datetime:
    return NOW - timedelta(**parts)


def ahead(**parts: int) -> datetime:
    return NOW + timedelta(**parts)


def test_an_overdue_case_says_by_how_much() -> None:
    assert why("urgent", ago(hours=6, minutes=12), ago(hours=4, minutes=12), NOW) == (
        "urgent, open 6 h 12, overdue by 4 h 12"
    )


def test_a_case_in_time_says_how_long_there_is() -> None:
    assert why("normal", ago(minutes=20), ahead(hours=7, minutes=40), NOW) == (
        "normal, open 20 min, due in 7 h 40"
    )


def test_a_paused_case_says_whom_it_waits_for() -> None:
    said = why("low", ago(days=3), None, NOW, paused_at=ago(days=2))
    assert said == "waiting for the customer for 2 d"
    assert why("low", ago(days=3), None, NOW, paused_at=ago(minutes=5), waiting_for="consent") == (
        "waiting for consent for 5 min"
    )


def test_a_case_due_this_very_moment_is_not_overdue() -> None:
    assert why("high", ago(hours=2), NOW, NOW) == "high, open 2 h, due in less than 1 min"


def test_a_case_whose_clocks_have_stopped_only_says_its_age() -> None:
    assert why("high", ago(hours=2), None, NOW) == "high, open 2 h"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(0), "less than 1 min"),
        (timedelta(seconds=-5), "less than 1 min"),
        (timedelta(seconds=59), "less than 1 min"),
        (timedelta(seconds=119), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=6, minutes=5), "6 h 05"),
        (timedelta(hours=23, minutes=59), "23 h 59"),
        (timedelta(days=1), "1 d"),
        (timedelta(days=2, hours=3, minutes=59), "2 d 3 h"),
        (timedelta(days=400), "400 d"),
    ],
)
def test_spans_are_cut_off_and_never_rounded_up(length: timedelta, words: str) -> None:
    assert span(length) == words
