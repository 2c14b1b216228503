"""The test button: call the desk once, and say in words what came of it and what to do."""

import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.conf import settings

from handoff.connectors.port import Answer, Connector, Desk, DeskTrouble
from handoff.connectors.registry import connector
from handoff.endpoints import as_desk
from handoff.models import Endpoint
from handoff.secrets import SecretsUnreadable
from outbox.outcomes import Delivered, code_of

log = logging.getLogger(__name__)

# What the page itself still needs of the request's deadline, once the desk has answered.
SPARED_SECONDS = 2.0
ADVICE = {
    "bad_url": "The address cannot be dialled. Correct it above.",
    "bad_request": "The request could not be written: an option or a secret has characters that cannot be sent.",
    "bad_secret": "The signing secret cannot be used: it must be whsec_ and base64 after it. Make a new one below.",
    "bad_options": "An option is missing or cannot be used; see what is named below.",
    "blocked_address": (
        "The name leads to a private or local address, which Holdfast does not call on its own. If that is right, "
        "allow the host in OUTBOUND_ALLOWED_HOSTS."
    ),
    "unresolvable": "The name has no address, or its name server does not answer. Look for a slip in the address.",
    "refused": "Nobody listens at that address and port.",
    "connect_timeout": "Nothing answered at that address. Look for a firewall between here and there.",
    "unreachable": "There is no way to that address from here.",
    "tls": "No secure connection could be made: the certificate, its name, or the protocol is not in order there.",
    "timeout": "It took the request and did not answer in time.",
    "connection_lost": "It broke off before it had answered.",
    "bad_response": "What answered there does not speak HTTP.",
    "unauthorized": "It refused our credentials. Enter them anew, or look at what they are allowed there.",
    "rate_limited": "It has had too many calls for now; deliveries wait and are tried again.",
    "redirected": "It sends callers elsewhere, and redirects are not followed. Enter the final address.",
    "gone": "It says that this address exists no more. Enter the new one.",
    "unreadable_answer": "It answered, but not as its documentation says. Is this the address of its API?",
    "http_404": "There is nothing at that address. Look for a slip in its path.",
    "http_405": "It does not take this kind of request at that address.",
}


def tested(endpoint: Endpoint) -> tuple[bool, str]:
    """Call the desk without leaving a trace there; return whether it works, and a sentence or two about it.

    The call runs beside the request, which must end in time whatever the desk does: the request's deadline cuts its
    way to Postgres.
    """
    patience = max(settings.REQUEST_DEADLINE_SECONDS - SPARED_SECONDS, 0.5)
    try:
        adapter, desk = connector(endpoint.connector), as_desk(endpoint)
    except (SecretsUnreadable, LookupError) as error:
        return False, str(error)
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="probe")
    try:
        answer = pool.submit(partial(probe, adapter, desk)).result(timeout=patience)
    except TimeoutError:
        return False, (
            f"No answer within {patience:g} seconds. Deliveries wait longer, so they may still arrive; find out "
            "why it is slow."
        )
    except Exception as error:
        # An option of a shape that the adapter does not expect must not take the page away that could correct it.
        log.exception("the test of %s failed", endpoint.destination)
        return False, f"It could not be called ({type(error).__name__}). Look for a slip in the options."
    finally:
        pool.shutdown(wait=False)
    return in_words(answer)


def probe(adapter: Connector, desk: Desk) -> Answer:
    """Return the answer, whether it is trouble or not."""
    try:
        return adapter.probe(desk)
    except DeskTrouble as trouble:
        return trouble.answer


def in_words(answer: Answer) -> tuple[bool, str]:
    """Return whether the answer means that the endpoint works, and the words for it."""
    status = f" (HTTP {answer.status_code})" if answer.status_code else ""
    if isinstance(answer.outcome, Delivered):
        return True, f"It works: address and credentials are right{status}."
    code = code_of(answer.outcome)
    advice = ADVICE.get(code) or f"It answered {code}; look into its own log."
    said = f" It said: {answer.excerpt}" if answer.excerpt else ""
    return False, f"It does not work{status}. {advice}{said}"
