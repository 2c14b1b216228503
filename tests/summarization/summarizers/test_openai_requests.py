"""What goes out: one plain request to the address that the operator chose, in terms that the endpoint understands."""

import logging
import multiprocessing
import ssl

import pytest

from summarization.summarizers import openai_wire
from summarization.summarizers.openai import OpenAI
from tests.certificates import self_signed
from tests.fakes.model.replies import error
from tests.summarization.summarizers.parts import exchange, part


def test_a_request_asks_for_the_schema_and_caps_the_answer(openai, model_server):
    openai.summarize(part())
    sent = model_server.requests[0].json
    assert sent["model"] == openai.model
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["max_completion_tokens"] == openai.most_tokens_out
    assert sent["temperature"] == 0
    assert "stream" not in sent


@pytest.mark.parametrize(
    ("refuses", "asked"),
    [
        ({"json_schema"}, 2),
        ({"json_schema", "json_object"}, 3),
        ({"temperature"}, 2),
        ({"max_completion_tokens"}, 2),
        ({"json_schema", "temperature", "max_completion_tokens"}, 4),
    ],
)
def test_what_an_endpoint_does_not_take_is_left_out_and_remembered(openai, model_server, refuses, asked):
    model_server.refuses = refuses
    assert openai.summarize(part()).draft.problem
    assert (model_server.asked, model_server.paid) == (asked, 1)
    openai.summarize(part())
    assert (model_server.asked, model_server.paid) == (asked + 1, 2)


def test_an_endpoint_without_that_name_for_the_cap_still_gets_one(openai, model_server):
    model_server.refuses = {"max_completion_tokens"}
    openai.summarize(part())
    assert model_server.requests[-1].json["max_tokens"] == openai.most_tokens_out


def test_a_customer_who_speaks_of_a_parameter_changes_nothing(openai, model_server):
    model_server.then(error(400, "No. " * 60))  # and it quotes the request behind that
    turns = exchange(1, "The temperature of my response_format is wrong", "Noted")
    with pytest.raises(Exception, match="refuses the request"):
        openai.summarize(part(turns))
    assert openai.summarize(part(turns)).draft.problem
    assert model_server.requests[-1].format == "json_schema"


def test_proxies_of_the_environment_are_not_used(openai, model_server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert openai.summarize(part()).draft.problem


def test_nothing_is_sent_along_that_would_come_back_compressed_or_stay_open(openai, model_server):
    openai.summarize(part())
    headers = model_server.requests[0].headers
    assert (headers["accept-encoding"], headers["connection"]) == ("identity", "close")


def test_nothing_that_was_said_is_logged_at_any_level(openai, model_server, caplog):
    caplog.set_level(logging.DEBUG)
    openai.summarize(part())
    model_server.then("server_error")
    with pytest.raises(Exception, match="failed"):
        openai.summarize(part())
    assert "4711" not in caplog.text and model_server.key not in caplog.text


@pytest.fixture
def secured(model_server, settings, tmp_path, monkeypatch):
    """The model behind TLS, with a certificate that the operator has to trust first."""
    pem = self_signed(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    model_server.secure(context)
    model_server.configure(settings)
    openai_wire._tls.cache_clear()
    yield pem
    openai_wire._tls.cache_clear()


def test_a_certificate_that_nobody_vouches_for_is_refused(secured, model_server, slept):
    with pytest.raises(Exception, match="No secure connection"):
        OpenAI(sleep=slept.append).summarize(part())
    assert (model_server.asked, slept) == (0, [])


def test_an_authority_of_the_operators_own_is_trusted(secured, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secured))
    assert OpenAI().summarize(part()).draft.problem


def test_it_goes_on_after_it_was_closed(openai):
    openai.summarize(part())
    openai.close()
    openai.close()
    assert openai.summarize(part()).draft.problem


def test_a_process_that_was_forked_asks_for_itself(openai, model_server):
    openai.summarize(part())
    context = multiprocessing.get_context("fork")
    heard, said = context.Pipe(duplex=False)
    child = context.Process(target=_summarize, args=(openai, said))
    child.start()
    child.join(30)
    assert heard.poll() and heard.recv() == "My invoice 4711 is too high, it says"
    assert openai.summarize(part()).draft.problem
    assert model_server.asked == 3


def _summarize(openai, said):
    said.send(openai.summarize(part()).draft.problem.text)
