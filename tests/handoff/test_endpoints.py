"""Endpoints as destinations of the outbox."""

from typing import Any

import pytest

from handoff.connectors.port import Desk
from handoff.endpoints import Endpoints, as_desk, receivers
from handoff.models import Endpoint, Queue
from handoff.secrets import seal
from outbox.destinations import UnknownDestination, destination, destinations, load_handler

pytestmark = pytest.mark.django_db


def endpoint(slug: str, **changes: Any) -> Endpoint:
    given = {"domain": "demo", "connector": "webhook", "url": "https://desk.example/events"}
    return Endpoint.objects.create(slug=slug, **given | changes)


@pytest.fixture
def queues() -> tuple[Queue, Queue]:
    return Queue.objects.create(domain="demo", name="cards"), Queue.objects.create(
        domain="demo", name="loans"
    )


def test_an_endpoint_is_a_destination_by_purpose_and_slug():
    endpoint("hook", max_in_flight=7)
    endpoint("app", purpose="replies")
    endpoint("crm", purpose="summaries")
    assert {"helpdesk:hook", "replies:app", "summaries:crm"} <= destinations().keys()
    found = destination("helpdesk:hook")
    assert (found.lanes_in_flight, found.queue, found.on_exhausted) == (7, "helpdesk", "park")
    assert (found.lanes_per_claim, found.deliveries_per_lane) == (1, 1)


@pytest.mark.parametrize(
    "name", ["helpdesk:app", "helpdesk:", "helpdesk", "", "nothing:hook", "helpdesk:hook:x"]
)
def test_a_name_that_is_no_endpoints_is_unknown(name):
    endpoint("hook")
    endpoint("app", purpose="replies")
    assert Endpoints().one(name) is None
    with pytest.raises(UnknownDestination):
        destination(name)


def test_one_that_is_switched_off_stays_a_destination_so_that_nothing_of_it_is_lost():
    endpoint("off", active=False)
    assert "helpdesk:off" in Endpoints().all()
    assert receivers("demo", "helpdesk", None) == ["helpdesk:off"]


def test_all_and_one_say_the_same():
    endpoint("hook")
    endpoint("app", purpose="replies")
    source = Endpoints()
    assert source.all() == {name: source.one(name) for name in ("helpdesk:hook", "replies:app")}


def test_every_entry_makes_a_handler(settings, local_dir):
    settings.CLAIM_CHECK_URL = f"file://{local_dir}/claims"
    endpoint("hook")
    endpoint("app", purpose="replies")
    for name in Endpoints().all():
        assert callable(load_handler(destination(name)).deliver)


def test_a_reply_to_a_customer_never_goes_by_claim_check():
    endpoint("app", purpose="replies")
    assert destination("replies:app").layers == ()


def test_a_desk_hears_of_its_domain_and_of_its_queue_alone(queues):
    cards, loans = queues
    endpoint("all")
    endpoint("cards", queue=cards)
    endpoint("elsewhere", domain="other")
    endpoint("app", purpose="replies")
    endpoint("crm", purpose="summaries")
    assert receivers("demo", "helpdesk", cards.pk) == ["helpdesk:all", "helpdesk:cards"]
    assert receivers("demo", "helpdesk", loans.pk) == ["helpdesk:all"]
    assert receivers("demo", "replies", None) == ["replies:app"]
    assert receivers("demo", "summaries", None) == ["summaries:crm"]
    assert receivers("nowhere", "helpdesk", None) == []


def test_an_adapter_gets_the_secrets_in_clear_and_shows_them_to_nobody():
    row = endpoint("hook", options={"tags": ["a"]}, sealed_secrets=seal({"signing": ("new", "old")}))
    row.refresh_from_db()
    desk = as_desk(row)
    assert desk == Desk("hook", "demo", row.url, {"tags": ["a"]}, {"signing": ("new", "old")})
    assert "new" not in repr(desk)


def test_finding_all_destinations_costs_one_query_however_many_there_are(django_assert_num_queries):
    for number in range(20):
        endpoint(f"hook-{number}")
    with django_assert_num_queries(1):
        assert len(Endpoints().all()) == 20
