"""The layer: an event that is too large goes on with a claim check in place of what made it so."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from outbox.destinations import Destination, Handler, MaySend
from outbox.outcomes import ClaimedDelivery, Delivered, Failed, Outcome, Parked, Unavailable
from persistence.archive.sinks import ObjectDiffers, SinkError
from persistence.claim_check.split import CONTENT_TYPE, Options, Split, split
from persistence.claim_check.store import NoPublicUrl, address, claims_store

ADDRESS_SECONDS = 7 * 86_400  # the longest that S3 signs for
LEAST_LEFT_SECONDS = 3_600  # an address that ends sooner is not handed out again
STORE_WAIT_SECONDS = 15.0
# The address of an earlier try is kept while it is good: a receiver that compares bodies sees the same one. What a
# sweeper is deleting at this moment is left alone; no row comes back then.
REGISTER = """
INSERT INTO persistence_claim_check AS claim (event_id, key, bytes, sha256, url, expires_at)
VALUES (%(event_id)s, %(key)s, %(bytes)s, %(sha256)s, %(url)s, %(expires_at)s)
ON CONFLICT (key) DO UPDATE SET
    settled_at = NULL, sweeping_until = NULL, deleted_at = NULL,
    url = CASE WHEN claim.expires_at > %(good_until)s THEN claim.url ELSE excluded.url END,
    expires_at = CASE WHEN claim.expires_at > %(good_until)s THEN claim.expires_at ELSE excluded.expires_at END
WHERE claim.sweeping_until IS NULL OR claim.sweeping_until < clock_timestamp()
RETURNING url, expires_at
"""


class BeingSwept(Exception):
    """A sweeper is deleting the object. It is put again when that is over."""


class ClaimCheck:
    """Wraps a destination's handler. ``Options`` has what its ``claim_check`` option may say."""

    def __init__(self, inner: Handler, destination: Destination) -> None:
        self._inner = inner
        self._options = Options.of(destination.options)

    def deliver(self, lanes: Sequence[Sequence[ClaimedDelivery]], may_send: MaySend) -> dict[int, Outcome]:
        """Store what is too large, lane by lane, and hand on what is ready.

        A lane goes on up to the first event whose claim could not be stored; once the store is out, it is not asked
        again for the other lanes.
        """
        ready: list[list[ClaimedDelivery]] = []
        held: dict[int, Outcome] = {}
        out: Outcome | None = None
        for lane in lanes:
            ready.append([])
            for delivery in lane:
                found = self._prepared(delivery, may_send, out)
                if not isinstance(found, ClaimedDelivery):
                    if found is not None:
                        held[delivery.id] = found
                    out = found if isinstance(found, Unavailable) else out
                    break
                ready[-1].append(found)
        going = [lane for lane in ready if lane]
        outcomes = self._inner.deliver(going, may_send) if going else {}
        return outcomes | _reached(lanes, ready, outcomes, held)

    def _prepared(
        self, delivery: ClaimedDelivery, may_send: MaySend, out: Outcome | None
    ) -> ClaimedDelivery | Outcome | None:
        """Return the delivery as it is to be sent; or what became of it; or None when time is up."""
        apart = split(delivery.event_id, delivery.payload, self._options)
        if apart is None:
            return delivery
        if out is not None:
            return out
        if not may_send():
            return None
        try:
            check = check_in(delivery.event_id, apart)
        except ObjectDiffers:
            return Parked("claim_differs")
        except SinkError as error:
            code, wait = f"claim_store:{error.code}", error.retry_after or 0
            if error.endpoint_down:
                return Unavailable(code, max(wait, STORE_WAIT_SECONDS), breaker=False)
            return Failed(code, error.retry_after)
        except NoPublicUrl:
            return Unavailable("claim_no_public_url", STORE_WAIT_SECONDS, breaker=False)
        except BeingSwept:
            return Failed("claim_being_swept", STORE_WAIT_SECONDS)
        return replace(delivery, payload=apart.with_check(check))


def check_in(event_id: UUID, apart: Split) -> dict[str, Any]:
    """Store the body once and return its claim check. Raises SinkError, NoPublicUrl, BeingSwept.

    1. commit the row, so that a crash leaves something the sweeper finds · 2. put, which is harmless when the object
    is there · 3. describe it.
    """
    now = datetime.now(UTC)  # the store's own signature is made by this clock too
    expires_at = (now + timedelta(seconds=ADDRESS_SECONDS)).replace(microsecond=0)
    size, digest = len(apart.body), apart.sha256
    given: dict[str, Any] = {
        "event_id": str(event_id),
        "key": apart.key,
        "bytes": size,
        "sha256": digest,
        "url": address(apart.key, expires_at),
        "expires_at": expires_at,
        "good_until": now + timedelta(seconds=LEAST_LEFT_SECONDS),
    }
    with connection.cursor() as cursor:
        cursor.execute(REGISTER, given)
        row = cursor.fetchone()
    if row is None:
        raise BeingSwept
    claims_store().put_if_absent(apart.key, apart.body)
    url, until = row
    return {
        "key": apart.key,
        "bytes": size,
        "sha256": digest,
        "content_type": CONTENT_TYPE,
        "expires_at": until.isoformat(),
        "url": url,
    }


def _reached(
    lanes: Sequence[Sequence[ClaimedDelivery]],
    ready: Sequence[Sequence[ClaimedDelivery]],
    outcomes: dict[int, Outcome],
    held: dict[int, Outcome],
) -> dict[int, Outcome]:
    """Return the outcomes of what was held back, where all that stood before it in its lane arrived."""
    found: dict[int, Outcome] = {}
    for lane, going in zip(lanes, ready, strict=True):
        stopped = lane[len(going)].id if len(going) < len(lane) else None
        if stopped in held and all(isinstance(outcomes.get(sent.id), Delivered) for sent in going):
            found[stopped] = held[stopped]
    return found
