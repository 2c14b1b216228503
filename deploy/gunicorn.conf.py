"""How the web process runs: one parent that loads the application once, a few children with threads.

Used by the image, by the systemd unit and by whoever starts it by hand, always from the project's directory:
``python -m gunicorn --config deploy/gunicorn.conf.py config.wsgi``. Everything that differs between machines is an
environment variable, read like every other setting: a value that makes no sense stops the start.
"""

import os
import re
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote

from gunicorn.glogging import Logger

from config import env
from config.log import logging_config
from config.serving import child_exit as child_exit
from config.serving import post_worker_init as post_worker_init

bind = env.text("WEB_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = env.integer("WEB_CONCURRENCY", 2, at_least=1, at_most=64)
# Each stream of events holds a thread; turns keep theirs however many streams there are.
streams = env.integer("EVENT_STREAMS", 16, at_least=0, at_most=1000)
threads = env.integer("WEB_THREADS", 8, at_least=1, at_most=128) + streams
worker_connections = 1000 + streams
# A session id of 512 characters may take twelve times as many once it is percent-encoded.
limit_request_line = 8190
# Loaded once and shared by copy-on-write; a recycled child is a fork and not a new start.
preload_app = True

# Longer than the usual 60 s of a proxy: the side that answers must not be the one that hangs up first.
keepalive = env.integer("WEB_KEEPALIVE_SECONDS", 75, at_least=0, at_most=3600)
# With threads this watches the child's own loop and not a request; REQUEST_DEADLINE_SECONDS bounds requests.
timeout = 60
# Longer than REQUEST_DEADLINE_SECONDS: a turn that is being stored when the stop comes gets its answer.
graceful_timeout = env.integer("WEB_GRACEFUL_SECONDS", 15, at_least=1, at_most=120)
# A slow leak in a library never grows old. Not all children at the same time.
max_requests = env.integer("WEB_MAX_REQUESTS", 100_000, at_least=0, at_most=10**9)
max_requests_jitter = max_requests // 5

# The children's heartbeat is a file; on a busy disk its update could block a healthy child.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
# It would open a socket in the home directory, which a read-only container does not have.
control_socket_disable = True
# Whose X-Forwarded-* are believed, beside what Django believes (TRUST_FORWARDED_PROTO).
forwarded_allow_ips = env.text("FORWARDED_ALLOW_IPS", "127.0.0.1,::1")

# Session ids and customer references are part of some addresses, and neither may rest in a log.
IDENTIFIERS = re.compile(r"/(sessions/[^/]*|customers)/.*?(/(?:state|events|recall))?$")


def quiet(path: str) -> str:
    """Return a path without what it names. Read as the application reads it: decoded, so that %2F hides nothing."""
    return IDENTIFIERS.sub(r"/\1/-\2", quote(unquote(path)))


class JsonLogger(Logger):
    """Access lines with fields instead of a sentence: no query, no identifiers, no headers."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
        """Write one line when ACCESS_LOG is on."""
        if not self.cfg.accesslog:
            return
        fields = {
            "method": req.method,
            "path": quiet(req.path),
            "status": int(str(resp.status).split(maxsplit=1)[0]),
            "bytes": resp.sent,
            "seconds": round(request_time.total_seconds(), 4),
        }
        self.access_log.info("request", extra=fields)


def _log() -> dict[str, Any]:
    level = env.text("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    same = logging_config(level, env.text("LOG_STYLE", "json", choices=("plain", "json")))
    own = {"level": level, "handlers": ["stderr"], "propagate": False}
    return {**same, "loggers": {**same["loggers"], "gunicorn.error": own, "gunicorn.access": own}}


logger_class = JsonLogger
logconfig_dict = _log()
accesslog = "-" if env.flag("ACCESS_LOG") else None
