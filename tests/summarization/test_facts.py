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


def inventions(told: str, said: str) -> list[str]:
    return list(invented(told, facts_of(said)))


@pytest.mark.parametrize(
    "told, said",
    [
        ("order INV-4711", "order ORD-4711"),
        ("order ORD-4711-B", "order ORD-4711-A"),
        ("order 9920417733", "order 20417733"),
        ("account 78901234", "account 12345678901234"),
        ("a refund of $50", "half an hour, $5"),
        ("a refund of $1", "a refund in $"),
        ("a refund of $0", "a refund in $"),
        ("a refund of nine hundred dollars", "a refund of 90 dollars"),
        ("within seven days", "within 5 days"),
        ("o reembolso de mil e duzentos reais", "o reembolso de 200 reais"),
    ],
)
def test_half_an_id_another_mark_or_a_number_in_words_is_invented_like_any_other(told, said):
    assert inventions(told, said) == ["a number or an id"]


@pytest.mark.parametrize(
    "told, said",
    [
        ("after 25 days", "it has been twenty five days"),
        ("after twenty-five days", "it has been 25 days"),
        ("R$ 1.200", "paguei mil e duzentos reais, R$"),
        ("nine hundred dollars", "900.00 dollars"),
        ("one of the two", "any"),
        ("dez por cento", "10 por cento"),
        ("$50", "50 bucks"),
        ("order ord 4711 a", "ORD-4711-A"),
        ("call 555-0134", "+1 (415) 555-0134"),
    ],
)
def test_a_number_is_the_same_in_words_and_in_figures(told, said):
    assert inventions(told, said) == []


@pytest.mark.parametrize(
    "link, said",
    [
        ("shop.com", "webshop.com"),
        ("evil.ru", "shop.com"),
        ("a.b.c.d.e.f.g.h.i.j.evil.com", "shop.com"),
        ("t.me/evil", "come"),
        ("ftp://evil/x", "come"),
        ("https://shop.com@evil.ru", "https://shop.com"),
        ("https://shop.com/pa", "https://shop.com/pay"),
        ("...evil.com", "shop.com"),
    ],
)
def test_half_a_link_or_any_other_is_invented(link, said):
    assert inventions(f"see {link}", f"see {said} now") == ["a link or an address"]


@pytest.mark.parametrize(
    "link", ["shop.com", "https://www.shop.com/help", "www.shop.com/help/", "shop.com/help."]
)
def test_the_way_to_a_link_and_its_end_may_be_left_out(link):
    assert inventions(f"see {link}", "see http://shop.com/help, please") == []


@pytest.mark.parametrize("money", ["₹5", "5 rupees", "5 pesos", "₽5", "5 quid"])
def test_a_currency_that_nobody_named_is_invented(money):
    assert inventions(money, "I paid 5 dollars, ₩") == ["a currency"]
    assert inventions(money, f"I paid {money}") == []


@pytest.mark.parametrize(
    "told, said, kind",
    [
        ("on 3 May", "you may wait 3 days", "a date"),
        ("on 5 November", "on 3 November, for 5 days", "a date"),
        ("in Nov", "in a while", "a month or a day of the week"),
        ("by March", "in a while", "a month or a day of the week"),
        ("it comes tomorrow", "it comes", "tomorrow or yesterday"),
        ("foi ontem", "foi", "tomorrow or yesterday"),
    ],
)
def test_a_day_that_nobody_named_is_invented(told, said, kind):
    assert inventions(told, said) == [kind]


@pytest.mark.parametrize(
    "told, said",
    [
        ("on 3 November", "the 3rd and 5th of November"),
        ("on 3 Nov", "in November, on the 3rd"),
        ("3 de novembro", "dia 3 (novembro)"),
        ("it may be late", "late"),
        ("in May", "on 3 May"),
        ("amanhã", "amanha"),
    ],
)
def test_a_day_may_be_named_apart_from_its_month(told, said):
    assert inventions(told, said) == []


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_can_be_compared_and_is_supported_by_itself(one, other):
    list(invented(one, facts_of(other)))
    assert list(invented(one, facts_of(one))) == []
