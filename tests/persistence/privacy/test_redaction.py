"""The seam itself: labels, JSON values, and what holds for any text at all."""

import copy
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persistence.privacy.checksums import luhn
from persistence.privacy.redaction import REDACTION_VERSION, redact_text, redact_value

CARD, EMAIL = "4111111111111111", "jane@example.com"

# Pieces that touch every rule, so that chance puts them side by side.
CARDS = ("4111 1111 1111 1111", "4111111111111111", "5454-5454-5454-5454", "378282246310005", "4222222222222")
NUMBERS = ("41 11 11", "1111", "12/29", "23-01-2024", "1.2.3", "0.", "0,", "+", "\uff14\uff11", "\U0001d7d2")
AROUND = (
    "card ",
    "cartão",
    "DK",
    "deadbeef",
    " ",
    "-",
    ".",
    ",",
    "_",
    "\u200b",
    "\u00a0",
    "[CARD]",
    "[EMAIL]",
)
ADDRESSES = ("jane", "@", "\uff20", "(at)", " arroba ", "example", ".com", "com", "(dot)", " dot ", "xn--a1")
HOSTILE = st.lists(st.sampled_from(CARDS + NUMBERS + AROUND + ADDRESSES), max_size=25).map("".join)
# As free of digits and signs as prose is: nothing in it can be a card or an address.
PROSE = st.text(alphabet=string.ascii_letters + " ,;!?ãéçñü\n", max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | HOSTILE,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["content", "id", "order_id", "note", "traceId"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(HOSTILE | st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@given(st.text(alphabet=st.characters(exclude_categories=["Nd"], exclude_characters="@\uff20aA")))
def test_text_without_digits_and_at_signs_is_returned_as_it_is(text: str) -> None:
    assert redact_text(text) is text


@given(PROSE, st.text(alphabet="0123456789", min_size=13, max_size=13), PROSE)
def test_a_card_in_prose_is_found_wherever_it_stands(before: str, middle: str, after: str) -> None:
    number = next(f"41{middle}{digit}" for digit in range(10) if luhn(f"41{middle}{digit}"))
    assert redact_text(f"{before} {number} {after}") == f"{before} [CARD] {after}"


@given(PROSE, st.from_regex(r"[a-z][a-z0-9]{0,8}@[a-z]{2,8}\.(com|org|com\.br)", fullmatch=True), PROSE)
def test_an_address_in_prose_is_found_wherever_it_stands(before: str, address: str, after: str) -> None:
    assert redact_text(f"{before} {address} {after}") == f"{before} [EMAIL] {after}"


@given(JSON)
def test_a_value_keeps_its_shape_and_the_input_is_not_changed(value: Any) -> None:
    before = copy.deepcopy(value)
    redacted = redact_value(value)
    assert value == before
    assert shape(redacted) == shape(value)
    assert redact_value(redacted) is redacted


def shape(value: Any) -> Any:
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return type(value)


def test_a_card_and_an_address_that_overlap_are_one_and_nothing_of_them_stays() -> None:
    assert redact_text(f"{CARD}@example.com") == "[EMAIL]"
    assert redact_text("4111 1111 1111 1111@example.com") == "[CARD]"


def test_texts_at_any_depth_are_redacted_and_keys_are_not() -> None:
    value = {"content": f"it is {CARD}", "parts": [{"text": EMAIL}, [EMAIL, 7, None, True]], EMAIL: "x"}
    assert redact_value(value) == {
        "content": "it is [CARD]",
        "parts": [{"text": "[EMAIL]"}, ["[EMAIL]", 7, None, True]],
        EMAIL: "x",
    }


@pytest.mark.parametrize("key", ["id", "order_id", "order_ids", "orderId"])
def test_an_id_survives_even_if_it_looks_like_a_card(key: str) -> None:
    assert redact_value({key: CARD}) == {key: CARD}
    assert redact_value({key: [CARD, CARD]}) == {key: [CARD, CARD]}


@pytest.mark.parametrize("key", ["paid", "identity", "idea", "ID card"])
def test_a_key_that_merely_contains_the_letters_of_id_protects_nothing(key: str) -> None:
    assert redact_value({key: CARD}) == {key: "[CARD]"}


def test_text_inside_an_object_under_an_id_key_is_redacted() -> None:
    assert redact_value({"note_id": {"text": CARD}}) == {"note_id": {"text": "[CARD]"}}
    assert redact_value({"note_ids": [{"text": CARD}]}) == {"note_ids": [{"text": "[CARD]"}]}


def test_what_holds_nothing_to_hide_is_the_same_object_and_only_the_rest_is_new() -> None:
    clean = {"text": "thanks", "tags": ["a", "b"]}
    value = [clean, {"text": EMAIL}]
    redacted = redact_value(value)
    assert redact_value(clean) is clean
    assert redacted is not value
    assert redacted[0] is clean
    assert value[1] == {"text": EMAIL}


def test_a_lone_surrogate_does_not_stop_redaction() -> None:
    assert redact_text(f"\ud800 {CARD} {EMAIL}") == "\ud800 [CARD] [EMAIL]"


@pytest.mark.parametrize(
    "piece",
    [
        "4",
        "4 ",
        "4111 ",
        "a@",
        "@",
        "a.",
        "(at)",
        "(at",
        " arroba ",
        " -",
        "1\u200b",
        "\u200b",
        "a@1.1.",
        "0.4111111111111111",
    ],
)
def test_a_hostile_text_of_64_kib_comes_back_with_nothing_found_twice(piece: str) -> None:
    text = (piece * 65_536)[:65_536]
    once = redact_text(text)
    assert redact_text(once) is once


def test_the_version_is_a_positive_number_to_store_beside_a_turn() -> None:
    assert isinstance(REDACTION_VERSION, int)
    assert REDACTION_VERSION >= 1


def test_a_card_given_as_a_number_is_redacted_and_other_numbers_stay_numbers():
    given = {
        "card": 4111111111111111,
        "order_id": 4111111111111111,
        "ms": 1795420800000,
        "n": 7,
        "big": 10**30,
    }
    assert redact_value(given) == given | {"card": "[CARD]"}
