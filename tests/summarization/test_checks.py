"""What a model is asked with is refused before the first process starts, or warned of."""

import pytest

from summarization.checks import check_address, check_model, check_model_fits, check_prices

ASKED = {
    "SUMMARY_BACKEND": "openai",
    "OPENAI_BASE_URL": "https://api.openai.com/v1",
    "OPENAI_API_KEY": "sk-1",
    "OPENAI_MODEL": "small-model-1",
    "SUMMARY_USD_PER_MILLION_IN": 1.0,
    "DEVELOPMENT": False,
}


@pytest.fixture
def found(settings):
    """Give settings, and get the ids of what the checks find."""

    def find(**changes):
        for name, value in (ASKED | changes).items():
            setattr(settings, name, value)
        messages = [*check_model(), *check_model_fits(), *check_address(), *check_prices()]
        assert all(message.hint for message in messages)
        return [message.id for message in messages]

    return find


def test_settings_that_are_all_there_have_nothing_to_say(found):
    assert found() == []


def test_without_a_model_nothing_about_it_matters(found):
    nothing = dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_KEY", "OPENAI_MODEL"), "")
    assert found(SUMMARY_BACKEND="extractive", SUMMARY_USD_PER_MILLION_IN=0, **nothing) == []


@pytest.mark.parametrize("name", ["OPENAI_MODEL", "OPENAI_API_KEY"])
def test_a_model_must_be_named_and_so_must_its_key(found, name):
    assert found(**{name: ""}) == ["summarization.E001"]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com/v1",
        "ftp://api.openai.com/v1",
        "https://",
        "https:///v1",
        "https://host:port/v1",
        "https://host:70000/v1",
        "https://user:secret@host/v1",
        "https://host/v1?key=secret",
        "https://host/v1#here",
        "https://[::1/v1",
        "https://ho st/v1",
        "https://host/v1\n",
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(found, url):
    assert found(OPENAI_BASE_URL=url) == ["summarization.E002"]


@pytest.mark.parametrize("key", ["sk-1\nsk-2", "sk-ключ", "sk-\x00"])
def test_a_key_that_fits_in_no_header_is_refused(found, key):
    assert found(OPENAI_API_KEY=key) == ["summarization.E003"]


def test_a_name_too_long_to_be_written_down_is_refused(found):
    assert found(OPENAI_MODEL="m" * 200) == []
    assert found(OPENAI_MODEL="m" * 201) == ["summarization.E004"]


@pytest.mark.parametrize("url", ["http://model.internal:8000/v1", "http://10.0.0.7/v1"])
def test_in_production_what_customers_said_does_not_travel_in_the_clear(found, url):
    assert found(OPENAI_BASE_URL=url) == ["summarization.W002"]
    assert found(OPENAI_BASE_URL=url, DEVELOPMENT=True) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/v1", "http://localhost:11434/v1", "http://[::1]:8000/v1"]
)
def test_on_the_same_machine_it_may(found, url):
    assert found(OPENAI_BASE_URL=url) == []


def test_a_budget_in_money_without_prices_is_warned_of(found):
    assert found(SUMMARY_USD_PER_MILLION_IN=0) == ["summarization.W001"]
    assert found(SUMMARY_USD_PER_MILLION_IN=0, SUMMARY_BUDGET_USD=0) == []
