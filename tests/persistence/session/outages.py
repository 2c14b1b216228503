"""A Redis of a module's own, as hot storage, that its tests may take away."""

import shutil

import pytest

from config.services import process
from config.services import redis as services_redis
from persistence.hot.client import hot
from tests.persistence.session.outagekit import plain
from tests.private_servers import PrivateServer
from tests.services_plugin import scratch


@pytest.fixture(scope="module")
def module_server(request):
    home = scratch() / f"outage-redis-{request.module.__name__.rpartition('.')[2]}"
    found = PrivateServer(services_redis, home)
    found.start()
    yield found
    found.stop()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def server(module_server, settings):
    """The Redis of the settings, empty; it is left alone for a moment only, and has time enough on a busy machine."""
    client = plain(module_server.url)
    client.flushall()
    settings.HOT_REDIS_URL = module_server.url
    settings.HOT_REDIS_REST_SECONDS = 0.1
    settings.HOT_REDIS_BUDGET_MS = 500
    settings.SESSION_STATE_BACKEND = "redis"
    yield module_server
    settings.HOT_REDIS_URL = ""
    hot()  # closes the one of before
    client.close()
    module_server.resume()
    if process.birth(module_server.pid) is None:
        module_server.start()
