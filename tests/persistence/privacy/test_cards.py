"""Payment cards: every brand, every way of writing them, and the numbers that only look like one."""

import pytest

from persistence.privacy.checksums import cnpj, iban_mod97, luhn
from persistence.privacy.detectors import cards
from persistence.privacy.redaction import redact_text

BRANDS = {
    "visa": "4012888888881881",
    "visa of 19 digits": "4000000000000000006",
    "mastercard": "5105105105105100",
    "mastercard 2-series": "2223003122003222",
    "amex": "371449635398431",
    "discover": "6011000990139424",
    "discover 65": "6500000000000002",
    "diners": "38520000023237",
    "jcb": "3566002020360505",
    "unionpay": "6200000000000005",
    "unionpay of 19 digits": "6205500000000000004",
    "hipercard": "6062826786276634",
    "elo 504175": "5041750000000000",
    "elo 636368": "6363680000000007",
}


@pytest.mark.parametrize("number", BRANDS.values(), ids=BRANDS.keys())
def test_a_card_of_each_brand_is_found_plain_and_glued_to_letters(number: str) -> None:
    assert redact_text(f"my card {number}.") == "my card [CARD]."
    assert redact_text(f"is{number}ok") == "is[CARD]ok"


@pytest.mark.parametrize(
    "written",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111 - 1111 - 1111 - 1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20131111\u20131111\u20131111",
        "4111\u200b1111\u200b1111\u200b1111",
        "4\ufeff111 1111\u2060 1111 1111",
        "\uff14\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 \uff11\uff11\uff11\uff11 \uff11\uff11\uff11\uff11",
        "\U0001d7d2" + "\U0001d7cf" * 15,
        "4\ufe0f\u20e3111 1111 1111 1111",
        "41111111 11111111",
        "41 11 11 11 11 11 11 11",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "3782 822463 10005",
        "3056 930902 5904",
        "620550 0000000000004",
        "6205 5000 0000 0000 004",
    ],
)
def test_a_card_is_found_however_its_digits_are_written(written: str) -> None:
    assert redact_text(f"paid with {written}, not by me") == "paid with [CARD], not by me"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("4111 1111 1111 1111 12/29 123", "[CARD] 12/29 123"),
        ("4111 1111 1111 1111 5454 5454 5454 5454", "[CARD] [CARD]"),
        ("4111111111111111-5454545454545454", "[CARD]-[CARD]"),
        ("1. 4111 1111 1111 1111", "1. [CARD]"),
        ("1,4111111111111111,12", "1,[CARD],12"),
        ("id_4111111111111111", "id_[CARD]"),
        ("41 11 11 11 11 11 11 11 4111 1111 1111 1111", "[CARD] [CARD]"),
        ("4111111111111111." * 20, "[CARD]." * 20),
    ],
)
def test_a_card_is_found_among_other_digits(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "order 4111111111111112",
        "the reference 41111111111111110000 is longer than any card",
        "0.4111111111111111 of a share",
        "0,4111111111111111 por cento",
        "at 41.11111111111111 north",
        "from 23-05-2024 25-05-2024",
        "between 23 05 2024 25 05 2024",
        "file 23-05-2024 25052024",
        "uuid 4111abcd-1111-4111-8111-111111111111",
        "uuid 41111111-1111-1111-4111-111111111111",
        "trace deadbeefcafe4111111111111111",
        "NF-e 3519 0811 1111 1111 1111 1111 4111 1111 1111 1111 1111",
        "IMEI 490154203237518",
        "call +378282246310005",
        "IBAN BE68539007547034",
        "4111 1111 1111 and no more",
        "1111 1111 1111 1117",
    ],
)
def test_a_number_that_is_something_else_survives(text: str) -> None:
    assert redact_text(text) == text


def test_an_account_number_whose_digits_would_be_a_card_survives_with_its_country() -> None:
    account = next(
        digits
        for body in range(10**6)
        if luhn(digits := f"40{4 * 10**13 + body:014d}"[:16]) and iban_mod97("DK" + digits)
    )
    assert redact_text(f"transfer to DK{account}") == f"transfer to DK{account}"
    assert redact_text(f"paid with {account}") == "paid with [CARD]"


def test_a_company_number_whose_digits_would_be_a_card_survives() -> None:
    number = next(digits for body in range(10**6) if luhn(digits := f"36{body:012d}") and cnpj(digits))
    assert redact_text(f"CNPJ {number}") == f"CNPJ {number}"


@pytest.mark.parametrize("number", ["4222222222222", "6759649826438453", "2200000000000004"])
def test_a_number_of_an_ambiguous_range_needs_a_word_like_card_in_front(number: str) -> None:
    assert redact_text(f"order {number} is late") == f"order {number} is late"
    assert redact_text(f"my Maestro: {number}") == "my Maestro: [CARD]"
    assert redact_text(f"no cartão {number}") == "no cartão [CARD]"
    assert redact_text(f"a cardinal {number}") == f"a cardinal {number}"


def test_offsets_are_those_of_the_text_as_it_was_given() -> None:
    text = "\U0001f600 \uff14111\u200b1111 1111 1111 \U0001f600"
    assert cards.find(text) == [(2, len(text) - 2)]


def test_check_digits_refuse_what_only_repeats() -> None:
    assert cnpj("11222333000181")
    assert not cnpj("11222333000182")
    assert not cnpj("00000000000000")
    assert iban_mod97("GB82WEST12345698765432")
    assert not iban_mod97("GB82WEST12345698765433")
