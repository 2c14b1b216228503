"""Words that carry meaning."""

import pytest

from summarization.language import FUNCTION_WORDS
from summarization.text.empty_words import empty_words
from summarization.text.words import LONGEST, content


def test_function_words_and_courtesies_carry_nothing():
    assert content("Hello, thank you, I would like to have it please", "en") == frozenset()
    assert content("Olá, muito obrigado, eu queria isso por favor", "pt") == frozenset()


def test_what_a_problem_is_made_of_carries_meaning():
    assert content("Could you copy my order to the computer?", "en") == {"copy", "order", "comput"}
    assert content("O telefone está desligado há muito tempo", "pt") == {"telefo", "deslig", "tempo"}


@pytest.mark.parametrize(
    ("language", "forms"),
    [("en", ("refund", "refunds", "Refunded")), ("pt", ("reembolso", "reembolsar", "REEMBOLSADO"))],
)
def test_forms_of_a_word_are_one_word(language, forms):
    assert len({content(form, language) for form in forms}) == 1


def test_an_apostrophe_makes_no_difference():
    assert content("don't can’t", "en") == content("dont cant", "en") == frozenset()


def test_noise_carries_nothing():
    assert content("x" * (LONGEST + 1) + " 😀 !!! a", "en") == frozenset()


def test_scripts_without_spaces_have_words_too():
    assert content("订单没到", "und") & content("我的订单", "und") == {"订单"}


@pytest.mark.parametrize("language", ["und", "xx"])
def test_where_the_language_is_unknown_every_known_function_word_is_empty(language):
    assert empty_words(language) >= empty_words("en") | empty_words("pt")


@pytest.mark.parametrize("language", FUNCTION_WORDS)
def test_every_language_that_is_told_has_empty_words(language):
    assert len(empty_words(language)) > 80
