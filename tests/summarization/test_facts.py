"""Numbers, dates and ids in the forms in which they compare."""

from calendar import month_name
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from summarization.dates import mentions
from summarization.facts import facts_of, folded, invented, values


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_an_amount_is_the_same_however_it_is_written(whole, cents):
    amount = Decimal(whole) + Decimal(cents) / 100
    english, plain = f"{amount:,.2f}", f"{amount:.2f}"
    portuguese = english.replace(",", "_").replace(".", ",").replace("_", ".")
    spaced = english.replace(",", " ")
    forms = [f"${english}", f"$ {portuguese}", f"$ {plain}", f"{plain.replace('.', ',')} dollars"]
    for said in (*forms, f"$ {spaced}"):
        for told in forms:
            assert list(invented(f"paid {told} for it", facts_of(f"I paid {said} in all"))) == []


@given(st.integers(100, 10**9), st.integers(100, 10**9))
def test_another_amount_is_invented(said, told):
    found = list(invented(f"paid {told:,}", facts_of(f"I paid {said:,}")))
    assert bool(found) == (said != told)


@given(st.dates())
def test_a_day_is_the_same_however_it_is_written(day):
    name = month_name[day.month]
    forms = [
        day.isoformat(),
        f"{day.day}/{day.month}/{day.year:04}",
        f"{day.month:02}/{day.day:02}/{day.year:04}",
        f"{day.day} {name[:3]} {day.year:04}",
        f"{name} {day.day}th, {day.year:04}",
        f"the {day.day}th of {name}, {day.year:04}",
    ]
    for said in forms:
        for told in (*forms, f"{day.day} {name}", f"{name[:3]} {day.day}"):
            assert list(invented(f"due {told}", facts_of(f"it was due {said}"))) == []


def test_a_year_that_nobody_said_is_invented():
    assert list(invented("due 3 Nov 2026", facts_of("due 3 Nov"))) == ["a date"]
    assert list(invented("due 3 Nov 2026", facts_of("due 3 Nov, in 2026"))) == []


@pytest.mark.parametrize(
    "written, meant",
    [
        ("1.234,56", {"1234.56"}),
        ("1,234.56", {"1234.56"}),
        ("1'234.50", {"1234.5"}),
        ("1.234", {"1234", "1.234"}),
        ("45,00", {"45"}),
        ("007", {"7"}),
        ("0", {"0"}),
        ("1.2.3", {"1.2.3"}),
        ("1.234.567", {"1234567"}),
    ],
)
def test_what_a_number_may_mean(written, meant):
    assert values(written) == meant


def test_what_is_no_date_stays_where_it_is():
    for text in ("32/13/2026", "99 Nov", "a 24-hour line", "10.0.0.1", "set 3 alarms"):
        assert mentions(text) == ([], text)


def test_digits_of_any_script_are_digits():
    assert folded("４７１１ ٤٧١١ Straße") == "4711 4711 strasse"


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_can_be_compared_and_is_supported_by_itself(one, other):
    list(invented(one, facts_of(other)))
    assert list(invented(one, facts_of(one))) == []
