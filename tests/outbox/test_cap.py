"""The cap on lanes in flight, when many workers claim at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from outbox.claim import claim
from outbox.destinations import destination
from outbox.models import Lane
from tests.outbox.support import SCRIPTED, tell

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS, CAP = 6, 2


def test_the_cap_holds_when_all_workers_claim_at_once(settings):
    settings.OUTBOX_DESTINATIONS = {"scripted": SCRIPTED["scripted"] | {"lanes_in_flight": CAP}}
    for number in range(20):
        tell(f"k{number}")
    where = destination("scripted")

    def claim_together(barrier):
        try:
            barrier.wait()
            return len(claim(where))
        finally:
            connections.close_all()

    for _ in range(15):
        barrier = threading.Barrier(WORKERS)
        with ThreadPoolExecutor(WORKERS) as pool:
            leased = sum(pool.map(claim_together, [barrier] * WORKERS))
        assert leased == CAP
        Lane.objects.update(leased_until=None)
