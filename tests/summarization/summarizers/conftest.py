"""Fixtures for summarisers."""

from typing import Any

import pytest

from summarization.summarizers.openai import OpenAI
from tests.fakes.model import FakeModel


@pytest.fixture
def slept() -> list[float]:
    """What the summariser has waited for; no test waits with it."""
    return []


@pytest.fixture
def openai(model_server: FakeModel, settings: Any, slept: list[float]) -> OpenAI:
    """The summariser, and a model that it can ask."""
    model_server.configure(settings)
    return OpenAI(sleep=slept.append)
