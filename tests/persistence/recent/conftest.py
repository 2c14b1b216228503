import pytest

from persistence.hot.client import hot
from persistence.recent.room import room


@pytest.fixture
def cached(settings, redis_url):
    """The read cache is on, in the tests' shared Redis: no two conversations have one key."""
    yield from _on(settings, redis_url)


@pytest.fixture
def cached_apart(settings, private_redis):
    """The read cache is on, in a Redis of the test's own; returns that server."""
    server = private_redis()
    for _ in _on(settings, server.url):
        yield server


def _on(settings, url):
    settings.HOT_REDIS_URL, settings.HISTORY_CACHE = url, "redis"
    settings.HOT_REDIS_REST_SECONDS = 0.1
    settings.HOT_REDIS_BUDGET_MS = 1000  # a busy machine is not what these tests are about
    room.ask_again()
    yield
    settings.HOT_REDIS_URL = ""
    hot()  # closes the client of a server that may end now
    room.ask_again()
