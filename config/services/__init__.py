"""The one door to Postgres and Redis: the servers the environment names, or private ones started here.

``DATABASE_URL`` and ``REDIS_URL`` win, and a server named there is never started, stopped or deleted.
"""

from config.services.lifecycle import Status, Urls, external_url, reset, revive, start, status, stop
from config.services.process import ServiceError
from config.services.state import Server, local_urls

__all__ = [
    "Server",
    "ServiceError",
    "Status",
    "Urls",
    "external_url",
    "local_urls",
    "reset",
    "revive",
    "start",
    "status",
    "stop",
]
