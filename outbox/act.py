"""Act: hand claimed deliveries to the destination's handler, outside every transaction."""

import logging
import time
from collections.abc import Sequence

from outbox.destinations import Destination, load_handler
from outbox.outcomes import ClaimedLane, Failed, Outcome

log = logging.getLogger(__name__)


def act(destination: Destination, lanes: Sequence[ClaimedLane], *, claimed_at: float) -> dict[int, Outcome]:
    """Return the outcome of every delivery that was tried, by its id. ``claimed_at`` is ``time.monotonic()``.

    A send starts only while less than half of the lease is used, so that a worker that was stopped and woken does not
    send what another one has long taken over.
    """
    waiting = [lane.deliveries for lane in lanes if lane.deliveries]
    if not waiting:
        return {}

    def may_send() -> bool:
        return time.monotonic() - claimed_at < destination.lease / 2

    try:
        return load_handler(destination).deliver(waiting, may_send)
    except Exception as error:
        log.exception("the handler of %s failed; the events stay and are tried again", destination.name)
        return {deliveries[0].id: Failed(f"handler_error:{type(error).__name__}") for deliveries in waiting}
