"""Which conversations are worth a summary."""

import pytest

from summarization.draft import Said, SourceTurn
from summarization.worth import exchanges, unworthy
from tests.summarization.support import source

ANSWERS = ("Hello, how can I help?", "Is there anything else?")


def of(*said: tuple[str, str]):
    return source(turns=tuple(SourceTurn(seq, (Said(*one),)) for seq, one in enumerate(said, 1)))


def test_two_questions_with_their_answers_are_worth_it():
    assert unworthy(source(("Where is my parcel?", "In Lisbon."), ("When does it come?", "Tomorrow."))) == ""


@pytest.mark.parametrize(
    "said", [[], [("Where is my parcel?", "In Lisbon, and comes tomorrow.")], [("where is it",), ("hello?",)]]
)
def test_less_than_two_exchanges_are_too_short(said):
    assert unworthy(source(*said) if said else source(turns=())) == ("too_short" if said else "empty")


def test_two_messages_are_one_exchange_and_so_are_several_in_a_row():
    assert exchanges(of(("user", "a"), ("assistant", "b"))) == 1
    assert exchanges(of(("user", "a"), ("user", "b"), ("agent", "c"), ("assistant", "d"))) == 1
    assert exchanges(of(("assistant", "welcome"), ("user", "a"), ("agent", "b"), ("user", "c"))) == 1


def test_an_exchange_may_reach_over_turns_or_lie_within_one():
    assert exchanges(of(("user", "a"), ("assistant", "b"), ("user", "c"), ("agent", "d"))) == 2
    assert exchanges(source(("a", "b", "c", "d"))) == 2


@pytest.mark.parametrize(
    "first, second",
    [
        ("Hi there!", "thank you very much"),
        ("Olá, bom dia!", "muito obrigado"),
        ("refund", "ok"),
        ("👋👋", "🙏 🙏"),
        ("12345", "678 90"),
        ("???", "!!! ..."),
    ],
)
def test_greetings_thanks_single_words_numbers_and_signs_are_trivial(first, second):
    assert unworthy(source((first, ANSWERS[0]), (second, ANSWERS[1]))) == "trivial"


@pytest.mark.parametrize(
    "first",
    [
        "I want to cancel my contract",
        "quero cancelar o contrato",
        "我的包裹还没有到",
        "где моя посылка",
        "أين الطرد الخاص بي",
    ],
)
def test_a_matter_in_any_script_is_not_trivial(first):
    assert unworthy(source((first, ANSWERS[0]), ("ok", ANSWERS[1]))) == ""


def test_what_only_the_assistant_says_makes_no_matter():
    assert unworthy(source(("hi", "Your parcel 4711 is late."), ("ok", "It comes on Monday."))) == "trivial"
