"""Endpoints in the admin: made by a form that checks, looked at, switched off without loss."""

from typing import Any

import pytest
from django.test import Client

from handoff.models import Endpoint, Queue
from handoff.secrets import unseal
from outbox import operate
from outbox.models import DeliveryAttempt, DestinationState
from tests.admin_support import NAUGHTY, signed_in, statements
from tests.fakes.desk.webhook import SECRET
from tests.handoff.admin.endpoint_kit import ADD, LIST, changed, errors, existing, made, page
from tests.handoff.admin.people import as_one

# What a page does is committed as it is for an operator; the button's call runs outside of every transaction.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Client:
    return as_one("operator")


def test_each_kind_is_offered_with_words_about_it(operator: Client):
    body = operator.get(f"{LIST}add/").content.decode()
    for kind in ("webhook", "email", "zendesk", "zammad", "chatwoot"):
        assert f"?connector={kind}" in body
    assert operator.get(f"{ADD}no-such-kind").templates[0].name == "handoff/desk/endpoint_kinds.html"


@pytest.mark.parametrize("kind", ["webhook", "email", "zendesk", "zammad", "chatwoot"])
def test_a_kinds_form_asks_for_its_own_options_and_secrets(operator: Client, kind):
    fields = set(operator.get(ADD + kind).context["adminform"].form.fields)
    desks = {
        "webhook": set(),
        "email": {"from", "to"},
        "zendesk": {"email"},
        "zammad": {"group"},
        "chatwoot": {"inbox_id"},
    }
    assert {f"option_{name}" for name in desks[kind]} <= fields
    assert "secret_signing" in fields
    others = set().union(*(names for other, names in desks.items() if other != kind))
    assert not {f"option_{name}" for name in others - desks[kind]} & fields


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("url", {"url": "desk.example.com"}),
        ("url", {"url": "https://user:password@desk.example.com/"}),
        ("url", {"url": "https://2130706433/"}),
        ("url", {"url": "file:///etc/passwd"}),
        ("url", {"url": "https://desk.example.com:99999/"}),
        ("domain", {"domain": "other"}),
        ("domain", {"domain": "No Domain"}),
        ("slug", {"slug": "two words"}),
        ("purpose", {"purpose": "nothing"}),
        ("secret_signing", {"secret_signing": "not base64 at all"}),
        ("max_in_flight", {"max_in_flight": "-1"}),
        ("queue", {"queue": "999999"}),
    ],
)
def test_what_cannot_work_is_refused_beside_its_field(operator: Client, field, given):
    assert set(errors(made(operator, **given))) == {field}
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize("text", NAUGHTY)
def test_hostile_text_is_refused_or_kept_and_never_runs(operator: Client, text):
    response = made(
        operator, "zammad", url="https://zammad.example.com", option_group=text, secret_token="t", slug=text
    )
    assert "<script>alert(1)" not in response.content.decode()
    endpoint = existing(
        connector="zammad", options={"group": text}, secrets={"token": ("t",), "signing": ("s",)}
    )
    for client in (operator, signed_in("handoff.view_endpoint", domains=("demo",))):
        body = client.get(page(endpoint)).content.decode()
        assert "<script>alert(1)" not in body


def test_whoever_may_only_look_is_given_no_form_and_no_button():
    endpoint = existing(
        connector="zendesk", options={"email": "bot@example.com"}, secrets={"signing": ("s",)}
    )
    looker = signed_in("handoff.view_endpoint", domains=("demo",))
    body = looker.get(page(endpoint)).content.decode()
    assert "bot@example.com" in body
    assert "secret_" not in body
    assert "/test/" not in body
    for name in ("test", "exchange", "end-previous"):
        assert looker.post(page(endpoint, name)).status_code == 403
    assert looker.get(page(endpoint, "secret")).status_code == 403
    assert looker.get(ADD + "webhook").status_code == 403
    assert looker.get(f"{LIST}add/").status_code == 403


def test_nothing_is_done_by_following_a_link(operator: Client):
    endpoint = existing()
    for name in ("test", "exchange", "end-previous"):
        assert operator.get(page(endpoint, name)).status_code == 403
    assert unseal(Endpoint.objects.get().sealed_secrets) == {"signing": (SECRET,)}


def test_a_queue_of_another_domain_is_refused(admin_client: Client):
    queue = Queue.objects.create(domain="other", name="main")
    assert "queue" in errors(made(admin_client, queue=str(queue.pk)))


@pytest.mark.parametrize("purpose", ["replies", "summaries"])
def test_replies_and_summaries_are_carried_by_webhooks_alone(operator: Client, purpose: str):
    given = {"option_from": "a@example.com", "option_to": "b@example.com", "option_reply_to": "c@example.com"}
    assert "purpose" in errors(
        made(operator, "email", url="smtp://mail.example.com", purpose=purpose, **given)
    )
    assert made(operator, purpose=purpose).status_code == 302
    assert Endpoint.objects.get().destination == f"{purpose}:desk"


def test_a_summary_webhook_has_no_queue(admin_client: Client):
    queue = Queue.objects.create(domain="demo", name="main")
    assert set(errors(made(admin_client, queue=str(queue.pk), purpose="summaries"))) == {"queue"}
    assert made(admin_client, queue=str(queue.pk)).status_code == 302


@pytest.mark.parametrize("url", ["smtp://mail.example.com", "smtps://mail.example.com:465"])
def test_a_mail_server_has_an_address_of_its_own_kind(operator: Client, url):
    given = {"option_from": "a@example.com", "option_to": "b@example.com", "option_reply_to": "c@example.com"}
    assert "url" in errors(made(operator, "email", **given))
    assert made(operator, "email", url=url, **given).status_code == 302


def test_an_option_that_has_a_shape_is_checked_for_it(operator: Client):
    given = {"url": "https://zammad.example.com", "secret_token": "t"}
    assert "option_priorities" in errors(made(operator, "zammad", option_priorities="[1]", **given))
    assert made(operator, "zammad", option_priorities='{"urgent": "4 urgent"}', **given).status_code == 302
    assert Endpoint.objects.get().options == {"priorities": {"urgent": "4 urgent"}}
    shown = operator.get(page(Endpoint.objects.get())).context["adminform"].form.initial["option_priorities"]
    assert shown == '{"urgent": "4 urgent"}'


def test_name_purpose_domain_and_kind_stay_what_they_were(operator: Client):
    endpoint = existing()
    other = changed(endpoint, slug="else", purpose="replies", domain="other", url="https://new.example.com/")
    assert operator.post(page(endpoint), other).status_code == 302
    endpoint.refresh_from_db()
    assert (endpoint.destination, endpoint.domain, endpoint.url) == (
        "helpdesk:desk",
        "demo",
        "https://new.example.com/",
    )


def test_what_is_switched_off_is_parked_and_what_is_switched_on_goes_on(operator: Client):
    endpoint = existing()
    operator.post(page(endpoint), changed(endpoint, active=""))
    state = DestinationState.objects.get(destination="helpdesk:desk")
    assert state.parked_reason.startswith("switched off (person")
    assert "switched off" in operator.get(LIST).content.decode()
    operator.post(page(endpoint), changed(endpoint))
    state.refresh_from_db()
    assert state.parked_reason == ""


def test_saving_does_not_release_what_somebody_parked_for_a_reason(operator: Client):
    endpoint = existing()
    operate.park_destination(endpoint.destination, reason="they asked for a pause")
    operator.post(page(endpoint), changed(endpoint, max_in_flight="2"))
    assert DestinationState.objects.get().parked_reason == "they asked for a pause"
    assert "they asked for a pause" in operator.get(page(endpoint)).content.decode()


def test_an_endpoint_that_is_made_switched_off_sends_nothing(operator: Client):
    made(operator, active="")
    assert DestinationState.objects.get(destination="helpdesk:desk").parked_reason


def test_endpoints_are_not_deleted(admin_client: Client):
    endpoint = existing()
    assert admin_client.post(page(endpoint, "delete"), {"post": "yes"}).status_code == 403
    admin_client.post(
        LIST, {"action": "delete_selected", "_selected_action": str(endpoint.pk), "post": "yes"}
    )
    assert Endpoint.objects.exists()


def attempt(number: int, **given: Any) -> None:
    facts = {
        "event_id": f"01900000-0000-7000-8000-{number:012d}",
        "event_type": "handoff.requested",
        "ordering_key": "k",
    }
    DeliveryAttempt.objects.create(**facts | {"destination": "helpdesk:desk", "number": 1} | given)


def test_the_last_sends_stand_on_the_page_with_what_was_said(operator: Client):
    endpoint = existing()
    attempt(1, outcome="delivered", status_code=201, duration_ms=1234, excerpt="stored")
    attempt(2, outcome="dead", status_code=422, error_code="http_422", excerpt="<script>alert(1)</script>")
    attempt(3)
    attempt(4, outcome="delivered", destination="helpdesk:other", excerpt="not ours")
    body = operator.get(page(endpoint)).content.decode()
    for words in ("delivered", "1,234 ms", "http_422", "no end is known", "&lt;script&gt;"):
        assert words in body
    assert "not ours" not in body
    assert "/admin/outbox/delivery/?show=stuck&amp;destination=helpdesk%3Adesk" in body


def test_the_pages_run_as_many_statements_for_many_as_for_one(operator: Client):
    endpoint = existing()
    pages = (LIST, page(endpoint))
    before = [len(statements(operator, address)) for address in pages]
    for number in range(30):
        existing(slug=f"desk-{number}")
        attempt(100 + number, outcome="delivered")
    assert [len(statements(operator, address)) for address in pages] == before
