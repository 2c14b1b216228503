"""Sentences as they were said, and cutting them."""

import pytest

from summarization.text.sentences import GAP, cut, ends_itself, sentences, size


def test_a_message_falls_into_its_sentences():
    said = "My order is late. Where is it? I paid 12.50 on Monday!\nIt is number 4711"
    assert list(sentences(said)) == [
        "My order is late.",
        "Where is it?",
        "I paid 12.50 on Monday!",
        "It is number 4711",
    ]


@pytest.mark.parametrize(
    "whole",
    ["I spoke to Mr. Silva about it.", "Falei com a Sra. Costa ontem.", "See www.example.com/a.b for more."],
)
def test_an_abbreviation_does_not_end_a_sentence(whole):
    assert list(sentences(whole)) == [whole]


def test_full_stops_of_scripts_without_spaces_end_sentences():
    assert list(sentences("订单没有收到。请退款。")) == ["订单没有收到。", "请退款。"]


def test_white_space_is_normalised():
    assert list(sentences("  My\u00a0 order\t is\u3000late.  ")) == ["My order is late."]


@pytest.mark.parametrize("hidden", ["\x00", "\u202e", "\u2066", "\u200b", "\ufeff", "\ud800", "\x1b"])
def test_what_cannot_be_seen_or_stored_counts_as_white_space(hidden):
    assert list(sentences(f"My order{hidden}is late.")) == ["My order is late."]


def test_a_sentence_that_a_mail_program_wrapped_is_one_sentence():
    wrapped = (
        "Since this morning the washing machine has been leaking\nwater all over the floor. Please come."
    )
    assert list(sentences(wrapped)) == [
        "Since this morning the washing machine has been leaking water all over the floor.",
        "Please come.",
    ]


def test_short_lines_are_sentences_of_their_own():
    assert list(sentences("my phone is dead\nit fell into the sea")) == [
        "my phone is dead",
        "it fell into the sea",
    ]


@pytest.mark.parametrize("blank", ["", " \t\n ", "\u200b\u2060", "\x00"])
def test_blank_text_has_no_sentences(blank):
    assert list(sentences(blank)) == []


@pytest.mark.parametrize(
    "mail",
    [
        "It broke again.\n\nOn Mon, 3 Nov 2025 at 10:12, Support <help@example.com> wrote:\n> Is it solved?",
        "It broke again.\n\nEm seg., 3 de nov. de 2025 às 10:12, Apoio <apoio@example.com> escreveu:\n> Resolvido?",
        "It broke again.\n-----Original Message-----\nFrom: Support\nIs it solved?",
        "> Is it solved?\nIt broke again.",
        "It broke again.\n-- \nJane Doe, Director of Many Things",
    ],
)
def test_quoted_mail_and_signatures_are_left_out(mail):
    assert list(sentences(mail)) == ["It broke again."]


def test_a_message_that_is_all_quotation_is_kept():
    assert list(sentences("> My order is late.")) == ["> My order is late."]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Hi there, my order is late.", "my order is late."),
        ("Oh, well, it works.", "it works."),
        ("Bom dia, a encomenda não chegou.", "a encomenda não chegou."),
        ("Hello", "Hello"),
        ("So many orders are late.", "So many orders are late."),
        ("No, you cannot.", "No, you cannot."),
    ],
)
def test_greetings_before_a_sentence_are_dropped_and_nothing_else(said, left):
    assert " ".join(sentences(said)) == left


def test_a_sentence_that_fits_is_not_cut():
    assert cut("one two three", 3) == "one two three"


def test_a_cut_sentence_is_its_beginning_and_says_that_it_was_cut():
    assert cut("one two three four", 3) == f"one two {GAP}"


def test_a_cut_never_exceeds_its_words():
    for most in range(1, 12):
        assert size(cut("word " * 20, most)) <= max(most, 2)


def test_a_run_without_spaces_is_cut_only_when_it_stands_first():
    assert cut("see " + "x" * 5000, 5) == f"see {GAP}"
    first = cut("x" * 65_536, 5)
    assert first.endswith(GAP)
    assert len(first) <= 102


def test_a_run_without_spaces_counts_as_several_words():
    assert size("a") == 1
    assert size("x" * 65_536) > 1000


@pytest.mark.parametrize("ended", ["Yes.", "Yes!", "Yes?", 'He said "yes."', "好。", f"cut {GAP}"])
def test_a_reader_sees_where_these_end(ended):
    assert ends_itself(ended)


def test_a_line_without_a_full_stop_does_not_end_itself():
    assert not ends_itself("my phone is dead")
