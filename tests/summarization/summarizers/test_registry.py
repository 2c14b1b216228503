"""A summariser is made once, and made anew when what it was made of changes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from summarization.summarizers.registry import (
    SUMMARIZERS,
    UnknownSummarizer,
    configured,
    fallback,
    summarizer,
)

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", SUMMARIZERS)
def test_each_is_made_once_and_knows_its_name(name):
    assert summarizer(name) is summarizer(name)
    assert summarizer(name).name == name


def test_an_unknown_name_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownSummarizer, match="extractive, openai"):
        summarizer("oracle")


@pytest.mark.parametrize("name", SUMMARIZERS)
def test_the_configured_one_is_the_settings(settings, name):
    settings.SUMMARY_BACKEND = name
    assert configured().name == name


def test_the_fallback_asks_nobody(settings):
    settings.SUMMARY_BACKEND = "openai"
    assert fallback().name == "extractive"
    assert fallback().most_tokens_out == 0


@pytest.mark.parametrize(
    ("setting", "value", "reads"),
    [
        ("OPENAI_MODEL", "other-model", "model"),
        ("OPENAI_TIMEOUT_SECONDS", 3.5, "seconds"),
        ("SUMMARY_PART_TOKENS", 777, "part_tokens"),
    ],
)
def test_a_change_of_settings_is_seen(settings, setting, value, reads):
    before = summarizer("openai")
    setattr(settings, setting, value)
    assert summarizer("openai") is not before
    assert getattr(summarizer("openai"), reads) == value


def test_a_process_that_asks_no_model_does_not_load_its_client():
    code = (
        "import sys, django; django.setup()\n"
        "from summarization.summarizers.registry import fallback\n"
        "fallback(); assert 'openai' not in sys.modules, 'the client was loaded'"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=ROOT, check=True, timeout=60)
