"""What a scrape says of erasures that are not finished."""

import pytest

from persistence.subject.erase import erase
from persistence.subject.find import subject_of
from persistence.subject.objects import finish
from tests.persistence.subject.support import customer, pass_time

pytestmark = pytest.mark.django_db(transaction=True)


def figures(client):
    text = client.get("/metrics").content.decode()
    named = [line.split() for line in text.splitlines() if line.startswith("holdfast_erasures_")]
    return {name: float(value) for name, value in named}


def test_an_erasure_is_counted_with_its_age_until_it_is_finished(client):
    assert figures(client) == {"holdfast_erasures_open": 0, "holdfast_erasures_oldest_seconds": 0}
    customer("ann", said="x", sessions=1)
    record = erase(subject_of("demo", "ann"), by="user:eve")
    found = figures(client)
    assert found["holdfast_erasures_open"] == 1
    assert found["holdfast_erasures_oldest_seconds"] > 0
    pass_time(record, hours=1)
    finish(record)
    assert figures(client)["holdfast_erasures_open"] == 0
