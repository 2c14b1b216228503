"""Receipts: what was applied, so that a second telling changes nothing."""

import pytest

from handoff.inbound.apply import hear
from handoff.inbound.receipts import prune, receipt_id
from handoff.models import Endpoint, InboundReceipt
from persistence.models import Turn
from tests.handoff.inbound.support import desk_endpoint, fresh, heard, in_a, says, ticket
from tests.handoff.support import kinds

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_delivery_id_belongs_to_its_endpoint_alone():
    one, other = desk_endpoint("one"), desk_endpoint("other")
    found, _ = ticket(one)
    for endpoint in (one, other):
        assert says(endpoint, "note", found, text="x", delivery_id="same").outcome == "applied"
    assert kinds(found).count("noted") == 2


def test_ids_that_cannot_be_kept_as_they_are_are_kept_by_their_digest():
    assert receipt_id("plain") == "plain"
    kept = {receipt_id(odd) for odd in ("x" * 201, "x" * 202, "a\x00", "\ud83d", "a\nb")}
    assert len(kept) == 5 and {len(one) for one in kept} == {64}


def test_receipts_are_forgotten_after_a_month():
    endpoint = desk_endpoint()
    old = [
        InboundReceipt(endpoint=endpoint, delivery_id=f"old-{n}", received_at=in_a(-31 * 86_400))
        for n in range(7)
    ]
    InboundReceipt.objects.bulk_create([*old, InboundReceipt(endpoint=endpoint, delivery_id="new")])
    assert prune(batch=3) == 7
    assert list(InboundReceipt.objects.values_list("delivery_id", flat=True)) == ["new"]
    assert prune() == 0


def test_a_failure_halfway_leaves_neither_receipt_nor_change(monkeypatch):
    endpoint = desk_endpoint()
    found, _ = ticket(endpoint)
    reply = heard("reply", found.case_id, text="Hello")

    def fails(*_: object) -> None:
        raise RuntimeError("halfway")

    with monkeypatch.context() as patched:
        patched.setattr("handoff.inbound.apply.conclude", fails)
        with pytest.raises(RuntimeError):
            hear(endpoint, reply)
    assert (Turn.objects.count(), InboundReceipt.objects.count(), fresh(found).status) == (1, 0, "open")
    assert hear(Endpoint.objects.get(), reply).outcome == "applied"
