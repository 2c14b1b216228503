"""Parked writes of session state in the admin: seen, tried again, discarded; never changed by hand."""

import pytest

from persistence.models import ParkedStateWrite, SessionState
from persistence.session.parked import park
from tests.admin_support import run_action, signed_in
from tests.persistence.session.behindkit import fields

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = "/admin/persistence/parkedstatewrite/"
MAY = ("persistence.view_parkedstatewrite", "persistence.change_parkedstatewrite")


def parked(entry: str = "1-0", domain: str = "demo", **changed) -> int:
    given = {name: str(value) for name, value in (fields(1) | changed).items()}
    park(domain, entry, given, attempts=5, error=ValueError("its data is no JSON object"))
    return ParkedStateWrite.objects.get(domain=domain, entry=entry).pk


def test_it_is_listed_with_its_reason_and_without_its_data(admin_client):
    pk = parked(data='{"name": "somebody"}')
    for address in (ADDRESS, f"{ADDRESS}{pk}/change/"):
        body = admin_client.get(address).content.decode()
        assert "its data is no JSON object" in body
        assert "somebody" not in body
    assert admin_client.get(f"{ADDRESS}?q=1-0").content.decode().count("its data is no JSON object") == 1


def test_a_retry_applies_what_can_be_applied(admin_client):
    good, bad = parked("1-0"), parked("2-0", data="{nonsense")
    assert "1 applied, 1 failed again" in run_action(admin_client, ADDRESS, "retry", [good, bad])
    assert [found.entry for found in ParkedStateWrite.objects.all()] == ["2-0"]
    assert SessionState.objects.count() == 1


def test_a_discard_deletes_for_good(admin_client):
    assert "1 discarded" in run_action(admin_client, ADDRESS, "discard", [parked()])
    assert (ParkedStateWrite.objects.count(), SessionState.objects.count()) == (0, 0)


def test_nobody_acts_on_another_domain_or_without_the_right(client):
    pk = parked()
    for client in (signed_in(*MAY, domains=["another"]), signed_in(MAY[0], domains=["demo"])):
        run_action(client, ADDRESS, "discard", [pk])
        assert ParkedStateWrite.objects.count() == 1
    run_action(signed_in(*MAY, domains=["demo"]), ADDRESS, "discard", [pk])
    assert ParkedStateWrite.objects.count() == 0
