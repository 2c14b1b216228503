"""A refusal is told from an answer, nothing that may be billed is asked twice, and no key or text gets into an error."""

import socket
import traceback
from contextlib import ExitStack

import pytest

from summarization.summarizers.openai import OpenAI
from summarization.summarizers.port import BackendUnavailable, BadAnswer, SummarizerError
from tests.fakes.model import FakeModel
from tests.fakes.model.replies import error, rate_limited
from tests.summarization.summarizers.parts import part, texts


def failure(summarizer, **changes):
    with pytest.raises(SummarizerError) as caught:
        summarizer.summarize(part(**changes))
    shown = "".join(traceback.format_exception(caught.value))
    assert "sk-test" not in shown and "4711 is too high" not in shown
    return caught.value


@pytest.mark.parametrize(
    ("reply", "kind", "code"),
    [
        ("unauthorized", BackendUnavailable, "key_refused"),
        ("forbidden", BackendUnavailable, "key_refused"),
        ("unknown_model", BackendUnavailable, "model_unknown"),
        ("out_of_quota", BackendUnavailable, "no_quota"),
        ("server_error", BackendUnavailable, "server_error"),
        ("redirect", BackendUnavailable, "redirected"),
        (error(402, "Pay first."), BackendUnavailable, "no_quota"),
        (error(405, "Method not allowed."), BackendUnavailable, "refused"),
        (error(502, "Bad gateway."), BackendUnavailable, "server_error"),
        (error(504, "Gateway time-out."), BackendUnavailable, "server_error"),
        ("too_long", BadAnswer, "too_long"),
        (error(400, "The maximum context length is 4096."), BadAnswer, "too_long"),
        (error(413, "Too large."), BadAnswer, "too_long"),
        (error(400, "Filtered.", code="content_filter"), BadAnswer, "filtered"),
        ("bad_request", BadAnswer, "request_refused"),
        (error(422, "What?"), BadAnswer, "request_refused"),
        (error(400, "What?", param=5), BadAnswer, "request_refused"),
        (error(400, "What?", param=["a"]), BadAnswer, "request_refused"),
    ],
)
def test_a_refusal_says_whom_it_concerns_and_is_not_asked_again(openai, model_server, reply, kind, code):
    model_server.always(reply)
    error = failure(openai)
    assert (type(error), error.code, error.tokens_in, error.tokens_out) == (kind, code, 0, 0)
    assert model_server.asked == 1


@pytest.mark.parametrize("reply", ["rate_limited", "overloaded"])
def test_what_was_refused_unread_is_asked_again(openai, model_server, slept, reply):
    model_server.then(reply, reply)
    assert openai.summarize(part()).draft.problem
    assert (model_server.asked, model_server.paid, len(slept)) == (3, 1, 2)


@pytest.mark.parametrize(("reply", "code"), [("rate_limited", "rate_limited"), ("overloaded", "overloaded")])
def test_and_at_most_twice(openai, model_server, slept, reply, code):
    model_server.always(reply)
    assert failure(openai).code == code
    assert (model_server.asked, len(slept)) == (3, 2)


def test_it_waits_as_long_as_it_is_asked_to(openai, model_server, slept):
    model_server.then(rate_limited("7"))
    openai.summarize(part())
    assert slept == [7.0]


def test_it_does_not_wait_beyond_the_time_it_has(openai, model_server, slept):
    model_server.always("rate_limited_for_long")
    assert failure(openai).code == "rate_limited"
    assert (model_server.asked, slept) == (1, [])


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "inf", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_wait_that_makes_no_sense_is_a_short_one(openai, model_server, slept, value):
    model_server.then(rate_limited(value))
    openai.summarize(part())
    assert len(slept) == 1 and 0 < slept[0] <= 0.5


def test_a_date_to_wait_for_is_understood(openai, model_server, slept):
    model_server.always(rate_limited("Fri, 01 Jan 2100 00:00:00 GMT"))
    assert failure(openai).code == "rate_limited"
    assert (model_server.asked, slept) == (1, [])


def test_a_part_that_came_too_late_is_not_asked_about(openai, model_server):
    assert failure(openai, deadline=0.0).code == "timeout"
    assert model_server.asked == 0


def test_a_server_that_cannot_be_reached_is_tried_again(settings):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    server = FakeModel(port)
    settings.OPENAI_BASE_URL = f"http://127.0.0.1:{port}/v1"
    settings.OPENAI_API_KEY, settings.OPENAI_MODEL = server.key, server.model
    with ExitStack() as started:

        def start(_seconds):
            started.enter_context(server)

        answer = OpenAI(sleep=start).summarize(part())
        assert texts(answer.draft)
        assert server.asked == 1


def test_a_server_that_stays_away_is_out(settings, slept):
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "http://127.0.0.1:1/v1", "sk-test"
    error = failure(OpenAI(sleep=slept.append))
    assert (type(error), error.code, error.tokens_in) == (BackendUnavailable, "unreachable", 0)
    assert len(slept) == 2


@pytest.mark.parametrize("reply", ["hangs", "dripping"])
def test_a_time_out_is_one_and_what_may_be_billed_is_counted_and_not_asked_again(
    openai, model_server, settings, reply
):
    # Dripping, it would be done after half a minute: no single byte is late.
    settings.OPENAI_TIMEOUT_SECONDS = 0.3
    model_server.always(reply)
    error = failure(OpenAI())
    assert (type(error), error.code) == (BackendUnavailable, "timeout")
    assert error.tokens_in > 100
    assert (model_server.asked, model_server.paid) == (1, 1)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("breaks_off", "connection_lost"),
        ("ends_early", "connection_lost"),
        ("compressed", "compressed"),
        ("huge", "answer_too_large"),
    ],
)
def test_an_answer_that_does_not_arrive_is_not_asked_for_again(openai, model_server, reply, code):
    model_server.always(reply)
    error = failure(openai)
    assert (type(error), error.code, error.tokens_in > 100) == (BackendUnavailable, code, True)
    assert (model_server.asked, model_server.paid) == (1, 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPENAI_BASE_URL", "nonsense"),
        ("OPENAI_BASE_URL", "ftp://127.0.0.1/v1"),
        ("OPENAI_API_KEY", ""),
        ("OPENAI_API_KEY", "sk-test\r\nX-Other: 1"),
        ("OPENAI_API_KEY", "sk-test-ключ"),
    ],
)
def test_settings_that_make_no_request_are_said_to_be_wrong(model_server, settings, name, value):
    model_server.configure(settings, **{name: value})
    error = failure(OpenAI())
    assert (type(error), error.code) == (BackendUnavailable, "misconfigured")
    assert model_server.asked == 0
