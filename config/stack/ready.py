"""Waiting until the stack can be used: the web answers /readyz and every worker answers a ping."""

import http
import http.client
import time

from kombu.exceptions import OperationalError

from config.celery import app
from config.services import process
from config.stack.processes import QUEUES
from config.stack.supervisor import Supervisor

READY_SECONDS = 90.0
TOO_MANY_DEATHS = 3


class StackError(Exception):
    """The stack cannot run; the message says why and where to look."""


def wait_until_ready(supervisor: Supervisor, api: str) -> None:
    """Return when web and workers answer. Raises StackError, with a log's last words, when they do not."""
    deadline = time.monotonic() + READY_SECONDS
    missing = ["web"]
    while missing:
        missing = [
            name for name, ready in (("web", web_answers(api)), ("workers", workers_answer())) if not ready
        ]
        _give_up_on_the_dying(supervisor)
        if missing and time.monotonic() > deadline:
            raise StackError(
                f"After {READY_SECONDS:g} s there is still no answer from: {', '.join(missing)}. "
                f"Look into {supervisor.log_of('web').parent}."
            )
        time.sleep(0.05)


def web_answers(api: str) -> bool:
    """Tell whether the web process can take turns."""
    # The plainest client there is: it knows no proxy, follows nothing and logs nothing.
    connection = http.client.HTTPConnection(api.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def workers_answer() -> bool:
    """Tell whether one worker per queue group answers."""
    try:
        answers = app.control.ping(timeout=1.0) or []
    except (OperationalError, OSError):
        return False
    names = {host.partition("@")[0] for answer in answers for host in answer}
    return names >= set(QUEUES)


def _give_up_on_the_dying(supervisor: Supervisor) -> None:
    for name, deaths in supervisor.deaths().items():
        if deaths >= TOO_MANY_DEATHS:
            log = supervisor.log_of(name)
            raise StackError(
                f"{name} died {deaths} times while starting. {log} ends with:{process.tail(log, 25)}"
            )
