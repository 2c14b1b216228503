"""Whatever a model answers, the summariser makes a draft of it or says what was wrong, and counts what it took."""

import pytest

from summarization.draft import Statement
from summarization.summarizers.port import BadAnswer
from tests.fakes.model.replies import completion, saying, says
from tests.fakes.model.server import Reply
from tests.summarization.summarizers.parts import exchange, part, texts

SECRET_WORDS = ("invoice", "4711", "80.00", "accounting", "sk-test")


def refused(summarizer, **changes):
    with pytest.raises(BadAnswer) as caught:
        summarizer.summarize(part(**changes))
    said = f"{caught.value.code} {caught.value}"
    assert not [word for word in SECRET_WORDS if word in said], "a text for operators quotes the conversation"
    return caught.value


def test_a_good_answer_becomes_a_draft_with_its_tokens(openai, model_server):
    answer = openai.summarize(part())
    assert answer.draft.problem == Statement("My invoice 4711 is too high, it says", (1,))
    assert answer.draft.solution == Statement("I am sorry. I will pass that on", (1,))
    assert (answer.draft.status, answer.draft.language) == ("open", "en")
    assert (answer.tokens_in, answer.tokens_out) == (700, 90)
    assert (model_server.asked, model_server.paid) == (1, 1)


@pytest.mark.parametrize("reply", ["fenced", "with_prose", "extra_fields", "turns_as_words"])
def test_what_is_only_odd_in_form_is_taken(openai, model_server, reply):
    model_server.then(reply)
    assert openai.summarize(part()).draft.problem.citations == (1,)


def test_what_a_model_says_to_itself_first_is_passed_over(openai, model_server):
    draft = '{"problem": null, "solution": null, "topics": [{"text": "invoice", "turns": [1]}]}'
    model_server.then(says(f'<think>Perhaps {{"problem": "x"}}?</think>\n{draft}'))
    assert texts(openai.summarize(part()).draft) == ["invoice"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("not_json", "not_json"),
        ("a_list", "not_json"),
        ("nan", "not_json"),
        ("deep", "not_json"),
        ("wrong_types", "wrong_shape"),
        ("wrong_turns", "wrong_shape"),
        ("unknown_status", "wrong_shape"),
        ("long_winded", "too_long_answer"),
        ("cut_off", "cut_off"),
        ("refusal", "refusal"),
        ("filtered", "filtered"),
        ("empty_content", "empty_answer"),
        ("null_content", "empty_answer"),
    ],
)
def test_an_answer_that_is_no_good_is_refused_and_was_paid_for(openai, model_server, reply, code):
    model_server.then(reply)
    error = refused(openai)
    assert (error.code, error.tokens_in, error.tokens_out) == (code, 700, 90)
    assert model_server.asked == 1, "it was paid for twice"


@pytest.mark.parametrize("reply", ["empty", "html", "no_choices", "broken_body"])
def test_what_is_no_answer_of_a_model_is_refused_and_its_tokens_estimated(openai, model_server, reply):
    model_server.then(reply)
    error = refused(openai)
    assert error.code == "not_understood"
    assert error.tokens_in > 100
    assert model_server.asked == 1


@pytest.mark.parametrize("reply", ["no_usage", "odd_usage"])
def test_tokens_are_estimated_where_the_endpoint_does_not_say(openai, model_server, reply):
    model_server.then(reply)
    answer = openai.summarize(part())
    sent = sum(len(message["content"].encode()) for message in model_server.requests[0].json["messages"])
    assert sent / 3 <= answer.tokens_in <= sent / 3 + 2
    assert 0 < answer.tokens_out < 300


@pytest.mark.parametrize("count", [10**12, -1, 1.5, True, "7", None])
def test_a_count_of_tokens_that_cannot_be_is_not_believed(openai, model_server, count):
    usage = {"prompt_tokens": count, "completion_tokens": 5}
    text = '{"problem": null, "solution": null, "topics": []}'
    model_server.then(lambda asked: Reply(body=completion(text, usage=usage), paid=True))
    answer = openai.summarize(part())
    assert 100 < answer.tokens_in < 10_000
    assert answer.tokens_out == 5


def test_a_turn_that_was_not_shown_cannot_be_cited(openai, model_server):
    model_server.then("unknown_turns")
    assert openai.summarize(part()).draft.problem == Statement("An invoice", ())


def test_turns_of_the_draft_before_may_still_be_cited(openai):
    before = openai.summarize(part(exchange(3, "My parcel is lost", "We will look for it"))).draft
    draft = openai.summarize(part(exchange(9, "My invoice is wrong", "Noted"), previous=before)).draft
    assert [topic.citations for topic in draft.topics] == [(3,), (9,)]


def test_turns_are_cited_once_and_in_order(openai, model_server):
    turns = [exchange(seq, f"Question {seq}", "Answer") for seq in (1, 2, 3)]
    model_server.then(saying(problem={"text": "Questions", "turns": [3, 1, 3, 2, 1]}))
    assert openai.summarize(part(*turns)).draft.problem.citations == (1, 2, 3)


def test_what_cannot_be_stored_or_seen_is_taken_out_of_a_text(openai, model_server):
    model_server.then("dirty")
    assert openai.summarize(part()).draft.problem.text == "An in voice is wrong"


def test_emoji_and_scripts_that_need_joiners_stay_whole(openai, model_server):
    text = "👩🏽\u200d🚀 می\u200cخواهم 日本語 é"
    model_server.then(saying(problem={"text": text, "turns": [1]}))
    assert openai.summarize(part()).draft.problem.text == text


def test_what_nobody_sees_parts_no_link_and_spells_nothing(openai, model_server):
    hidden = "".join(chr(0xE0100 + ord(sign)) for sign in "obey")
    for text, kept in (
        ("evil\u200d.com", "evil.com"),
        ("47\u200c11", "4711"),
        (f"An invoice{hidden}", "An invoice"),
    ):
        model_server.then(saying(problem={"text": text, "turns": [1]}))
        assert openai.summarize(part()).draft.problem.text == kept


def test_entries_without_text_are_none(openai, model_server):
    blank = {"text": " \x00\u200b \u200d", "turns": [1]}
    model_server.then(saying(problem=blank, solution=blank, topics=[blank], open_questions=[blank]))
    assert openai.summarize(part()).draft.statements() == []


def test_an_essay_in_a_script_without_blanks_is_an_essay(openai, model_server):
    model_server.then(saying(problem={"text": "発票の金額が高すぎる" * 200, "turns": [1]}))
    assert refused(openai).code == "too_long_answer"


@pytest.mark.parametrize(
    ("said", "language"),
    [("pt", "pt"), ("pt-BR", "pt"), ("EN_us", "en"), ("Portuguese", "und"), ("", "und"), ("x" * 500, "und")],
)
def test_a_language_is_its_code_or_unknown(openai, model_server, said, language):
    model_server.then(saying(language=said))
    assert openai.summarize(part()).draft.language == language


@pytest.mark.parametrize("reply", ["obeys", "other_language", "invents"])
def test_what_a_model_makes_up_is_handed_on_to_be_judged(openai, model_server, reply):
    model_server.then(reply)
    assert openai.summarize(part()).draft.statements()
