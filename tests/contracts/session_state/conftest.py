"""Fixtures for the contract of the stores of session state."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from persistence.models import SessionState
from tests.contracts.session_state.kit import SHARED, STORES, Told


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Postgres in autocommit mode. Each session has a name of its own, so nothing is cleared between two tests."""
    with django_db_blocker.unblock():
        yield
        SessionState.objects.all().delete()
        connection.close()


@pytest.fixture(params=STORES)
def told(request: pytest.FixtureRequest, db: None) -> Told:
    """A session of each store."""
    return Told(STORES[request.param]())


@pytest.fixture(params=SHARED)
def shared(request: pytest.FixtureRequest, db: None) -> str:
    """The name of each store that several processes can share."""
    return str(request.param)
