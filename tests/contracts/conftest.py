"""Fixtures for the contract of help desks."""

from collections.abc import Iterator
from typing import Any

import pytest

from handoff.connectors.port import Connector
from handoff.connectors.registry import connector
from tests.contracts.desk_cases import DESKS, HTTP_DESKS, Fake
from tests.fakes.desk.base import FakeDesk


@pytest.fixture
def loopback_is_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]


@pytest.fixture(params=DESKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def adapter(name: str) -> Connector:
    return connector(name)


@pytest.fixture
def fake(name: str) -> Iterator[Fake]:
    with DESKS[name]() as running:
        yield running


@pytest.fixture(params=HTTP_DESKS)
def http(request: pytest.FixtureRequest) -> Iterator[tuple[Connector, FakeDesk]]:
    """An adapter and its desk, for what only HTTP can do wrong."""
    with HTTP_DESKS[request.param]() as running:
        yield connector(request.param), running
