"""Who may see and change the outbox's pages."""

import pytest
from django.test import Client

from outbox.models import Delivery, DestinationState, Lane, OutboxEvent
from tests.admin_support import run_action, signed_in
from tests.outbox.admin_pages import DELIVERIES, DESTINATIONS, EVENTS, LANES, MODELS, kill
from tests.outbox.support import lane, statuses, tell

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", MODELS)
def test_nothing_can_be_added_changed_or_deleted_even_by_a_superuser(admin_client: Client, model):
    tell()
    DestinationState.objects.create(destination="scripted")
    found = {
        "delivery": Delivery,
        "lane": Lane,
        "outboxevent": OutboxEvent,
        "destinationstate": DestinationState,
    }
    pk = found[model].objects.get().pk
    base = f"/admin/outbox/{model}/"
    for address in (f"{base}add/", f"{base}{pk}/change/", f"{base}{pk}/delete/"):
        assert admin_client.post(address, {"post": "yes", "destination": "x", "token": 5}).status_code == 403
    assert admin_client.get(f"{base}add/").status_code == 403
    said = run_action(admin_client, base, "delete_selected", [pk]) if model != "destinationstate" else ""
    assert "deleted" not in said
    assert found[model].objects.filter(pk=pk).exists()


def test_a_visitor_and_a_user_who_is_not_staff_are_sent_to_the_login():
    for client in (Client(), signed_in("outbox.view_lane", "outbox.change_lane", staff=False)):
        for address in (DELIVERIES, LANES, EVENTS, DESTINATIONS):
            response = client.get(address)
            assert response.status_code == 302
            assert "/admin/login/" in response["Location"]


def test_staff_without_permission_for_a_model_see_nothing_of_it():
    client = signed_in("outbox.view_lane")
    assert client.get(LANES).status_code == 200
    for address in (DELIVERIES, EVENTS, DESTINATIONS):
        assert client.get(address).status_code == 403


def test_who_may_only_view_cannot_act():
    tell()
    kill()
    client = signed_in("outbox.view_lane", "outbox.view_delivery", "outbox.view_destinationstate")
    run_action(client, LANES, "release", [lane().pk])
    run_action(client, DELIVERIES, "redrive", [Delivery.objects.get().pk])
    assert client.post(DESTINATIONS, {"destination": "scripted", "do": "park"}).status_code == 403
    assert lane().parked_reason
    assert statuses() == ["dead"]
    assert not DestinationState.objects.exists()
    for address in (
        f"{LANES}{lane().pk}/change/",
        f"{DELIVERIES}{Delivery.objects.get().pk}/change/",
        DESTINATIONS,
    ):
        assert "hf-switches" not in client.get(address).content.decode()


def test_who_may_change_a_model_may_run_its_actions():
    tell()
    client = signed_in("outbox.view_lane", "outbox.change_lane")
    assert run_action(client, f"{LANES}?show=all", "park", [lane().pk]).startswith("1 lane parked")
    assert client.post(f"{LANES}{lane().pk}/change/", {"token": 5}).status_code == 403
