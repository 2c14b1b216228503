"""Endpoints in the admin: made by a form that checks, secrets seen once, tested by a button, switched off without loss."""

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from handoff.endpoints import as_desk
from handoff.models import Endpoint, Queue
from handoff.secrets import seal, unseal
from outbox import operate
from outbox.models import DeliveryAttempt, DestinationState
from persistence.models import DomainAccess
from tests.admin_support import NAUGHTY, signed_in, statements
from tests.fakes.desk.webhook import SECRET, FakeWebhookDesk
from tests.handoff.admin.people import as_one

LIST = "/admin/handoff/endpoint/"
ADD = f"{LIST}add/?connector="
# What a page does is committed as it is for an operator; the button's call runs outside of every transaction.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Client:
    return as_one("operator")


def form(**given: str) -> dict[str, str]:
    filled = {
        "slug": "desk",
        "purpose": "helpdesk",
        "domain": "demo",
        "url": "https://desk.example.com/hook",
        "max_in_flight": "4",
        "active": "on",
    } | given
    return {name: value for name, value in filled.items() if value}


def made(client: Client, connector: str = "webhook", **given: str) -> Any:
    return client.post(ADD + connector, form(**given))


def errors(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200, "the form was taken"
    return dict(response.context["adminform"].form.errors)


def page(endpoint: Endpoint, name: str = "change") -> str:
    return f"{LIST}{endpoint.pk}/{name}/"


def existing(**given: Any) -> Endpoint:
    facts = {"slug": "desk", "domain": "demo", "connector": "webhook", "url": "https://desk.example.com/hook"}
    secrets = given.pop("secrets", {"signing": (SECRET,)})
    return Endpoint.objects.create(**facts | given, sealed_secrets=seal(secrets))


def changed(endpoint: Endpoint, **given: str) -> dict[str, str]:
    filled = {"url": endpoint.url, "max_in_flight": "4", "active": "on"} | given
    return {name: value for name, value in filled.items() if value}


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def secret_on(response: Any) -> str:
    found = re.search(r'<output id="hf-secret"[^>]*>([^<]+)</output>', response.content.decode())
    return unescape(found[1]) if found else ""


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


def test_a_new_endpoints_secret_is_made_and_shown_once(operator: Client):
    response = made(operator)
    endpoint = Endpoint.objects.get()
    assert response["Location"] == page(endpoint, "secret")
    shown = operator.get(page(endpoint, "secret"))
    secret = secret_on(shown)
    assert secret == unseal(endpoint.sealed_secrets)["signing"][0]
    assert "no-store" in shown["Cache-Control"]
    assert secret_on(operator.get(page(endpoint, "secret"))) == ""


def test_a_secret_is_nowhere_but_on_the_page_that_shows_it(operator: Client, caplog):
    made(operator)
    endpoint = Endpoint.objects.get()
    secret = unseal(endpoint.sealed_secrets)["signing"][0]
    stored = [entry.get_change_message() + entry.object_repr for entry in LogEntry.objects.all()]
    stored += [str(session.get_decoded()) for session in Session.objects.all()]
    assert secret not in "".join(stored) + caplog.text
    operator.get(page(endpoint, "secret"))
    for address in (LIST, page(endpoint), page(endpoint, "history"), "/admin/"):
        assert secret not in operator.get(address).content.decode(), address
    with connection.cursor() as cursor:
        cursor.execute("SELECT handoff_endpoint::text FROM handoff_endpoint")
        assert secret.removeprefix("whsec_") not in cursor.fetchone()[0]


def test_another_session_never_sees_a_new_secret(operator: Client):
    made(operator)
    endpoint = Endpoint.objects.get()
    assert secret_on(as_one("operator").get(page(endpoint, "secret"))) == ""
    assert secret_on(operator.get(page(endpoint, "secret")))


def test_a_secret_that_the_desk_made_is_entered_and_never_given_back(operator: Client):
    given = {
        "option_email": "bot@example.com",
        "option_tags": "vip, , bot",
        "secret_api_token": "token-of-zendesk",
    }
    refused = made(operator, "zendesk", url="https://x.zendesk.com", **given)
    assert "secret_signing" in errors(refused)
    assert "token-of-zendesk" not in refused.content.decode()
    assert (
        made(
            operator, "zendesk", url="https://x.zendesk.com", secret_signing="from-zendesk", **given
        ).status_code
        == 302
    )
    desk = as_desk(Endpoint.objects.get())
    assert desk.options == {"email": "bot@example.com", "tags": ["vip", "bot"]}
    assert desk.secrets == {"api_token": ("token-of-zendesk",), "signing": ("from-zendesk",)}
    assert "token-of-zendesk" not in operator.get(page(Endpoint.objects.get())).content.decode()


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
    for client in (operator, signed_in_to_look(endpoint.domain)):
        body = client.get(page(endpoint)).content.decode()
        assert "<script>alert(1)" not in body


def signed_in_to_look(domain: str) -> Client:
    looker = signed_in("handoff.view_endpoint")
    DomainAccess.objects.create(user_id=int(looker.session["_auth_user_id"]), domain=domain)
    return looker


def test_whoever_may_only_look_is_given_no_form_and_no_button():
    endpoint = existing(
        connector="zendesk", options={"email": "bot@example.com"}, secrets={"signing": ("s",)}
    )
    looker = signed_in_to_look("demo")
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


def test_replies_are_carried_by_webhooks_alone(operator: Client):
    given = {"option_from": "a@example.com", "option_to": "b@example.com", "option_reply_to": "c@example.com"}
    assert "purpose" in errors(
        made(operator, "email", url="smtp://mail.example.com", purpose="replies", **given)
    )
    assert made(operator, purpose="replies").status_code == 302
    assert Endpoint.objects.get().destination == "replies:desk"


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


def test_saving_without_a_secret_keeps_the_one_there_is(operator: Client):
    endpoint = existing()
    assert operator.post(page(endpoint), changed(endpoint)).status_code == 302
    assert unseal(Endpoint.objects.get().sealed_secrets) == {"signing": (SECRET,)}


def test_an_exchange_keeps_the_secret_before_until_it_is_ended(operator: Client):
    endpoint = existing()
    assert operator.post(page(endpoint, "exchange"))["Location"] == page(endpoint, "secret")
    shown = secret_on(operator.get(page(endpoint, "secret")))
    assert unseal(Endpoint.objects.get().sealed_secrets) == {"signing": (shown, SECRET)}
    refused = operator.post(page(endpoint, "exchange"), follow=True)
    assert "End it first" in said(refused)
    assert "forgotten" in said(operator.post(page(endpoint, "end-previous"), follow=True))
    assert unseal(Endpoint.objects.get().sealed_secrets) == {"signing": (shown,)}
    assert "no previous" in said(operator.post(page(endpoint, "end-previous"), follow=True))
    assert {entry.get_change_message() for entry in LogEntry.objects.all()} == {
        "exchanged the signing secret",
        "ended the previous signing secret",
    }


def test_a_secret_of_the_desks_own_is_exchanged_by_entering_the_new_one(operator: Client):
    endpoint = existing(connector="zendesk", secrets={"api_token": ("old",), "signing": ("one",)})
    assert (
        operator.post(
            page(endpoint), changed(endpoint, secret_signing="two", secret_api_token="new")
        ).status_code
        == 302
    )
    assert unseal(Endpoint.objects.get().sealed_secrets) == {"api_token": ("new",), "signing": ("two", "one")}
    assert "secret_signing" in errors(
        operator.post(page(endpoint), changed(endpoint, secret_signing="three"))
    )


def test_secrets_that_cannot_be_read_say_what_to_do_and_are_left_alone(operator: Client, settings):
    endpoint, before = existing(), settings.SECRET_KEY
    settings.SECRET_KEY = "exchanged-" + "y" * 50
    operator = as_one("operator")  # whose session is signed with the new key
    sealed = bytes(endpoint.sealed_secrets)
    assert "cannot be read" in operator.get(LIST).content.decode()
    assert "SECRET_KEY_FALLBACKS" in operator.get(page(endpoint)).content.decode()
    assert "SECRET_KEY_FALLBACKS" in said(operator.post(page(endpoint, "test"), follow=True))
    assert "SECRET_KEY_FALLBACKS" in said(operator.post(page(endpoint, "end-previous"), follow=True))
    action = {"action": "seal_again", "_selected_action": str(endpoint.pk), "index": "0"}
    assert "SECRET_KEY_FALLBACKS" in said(operator.post(LIST, action, follow=True))
    assert operator.post(page(endpoint), changed(endpoint, max_in_flight="2")).status_code == 302
    assert bytes(Endpoint.objects.get().sealed_secrets) == sealed
    settings.SECRET_KEY_FALLBACKS = [before]
    assert "under a former key" in operator.get(LIST).content.decode()
    assert "sealed under the present key" in said(operator.post(LIST, action, follow=True))
    settings.SECRET_KEY_FALLBACKS = []
    assert unseal(Endpoint.objects.get().sealed_secrets) == {"signing": (SECRET,)}


def test_secrets_that_are_lost_are_replaced_by_an_exchange(operator: Client, settings):
    endpoint = existing()
    settings.SECRET_KEY = "exchanged-" + "y" * 50
    operator = as_one("operator")
    operator.post(page(endpoint, "exchange"))
    shown = secret_on(operator.get(page(endpoint, "secret")))
    assert unseal(Endpoint.objects.get().sealed_secrets) == {"signing": (shown,)}


def test_the_button_calls_the_desk_and_says_that_it_works(operator: Client, settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with FakeWebhookDesk() as desk:
        endpoint = existing(url=f"{desk.url}/events")
        assert "It works" in said(operator.post(page(endpoint, "test"), follow=True))
    assert [request.json()["type"] for request in desk.requests] == ["ping"]
    assert desk.tickets == []


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"status": 401, "body": b"no"}, "refused our credentials"),
        ({"status": 404, "body": b""}, "nothing at that address"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "redirects are not followed"),
        ({"status": 410}, "exists no more"),
        ({"status": 500, "body": b"<script>alert(1)</script> " + SECRET.encode()}, "http_500"),
    ],
)
def test_the_button_says_in_words_what_is_wrong(operator: Client, settings, order, words):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    with FakeWebhookDesk() as desk:
        endpoint = existing(url=f"{desk.url}/events")
        desk.fail("status", **order)
        response = operator.post(page(endpoint, "test"), follow=True)
    assert words in said(response)
    assert "<script>alert(1)" not in response.content.decode()
    assert SECRET not in response.content.decode()


def test_the_button_explains_a_refused_address_and_a_port_where_nobody_listens(operator: Client, settings):
    endpoint = existing(url="http://127.0.0.1:1/")
    assert "OUTBOUND_ALLOWED_HOSTS" in said(operator.post(page(endpoint, "test"), follow=True))
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    assert "Nobody listens" in said(operator.post(page(endpoint, "test"), follow=True))


def test_a_desk_that_never_answers_does_not_hold_the_page_beyond_its_deadline(operator: Client, settings):
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]
    settings.REQUEST_DEADLINE_SECONDS = 2.5
    with FakeWebhookDesk() as desk:
        endpoint = existing(url=f"{desk.url}/events")
        desk.fail("black_hole")
        assert "No answer within 0.5 seconds" in said(operator.post(page(endpoint, "test"), follow=True))


def test_an_adapter_that_breaks_does_not_take_the_page_away(operator: Client):
    endpoint = existing(
        connector="zendesk", url="http://[", secrets={"signing": ("s",)}, options={"email": 7}
    )
    assert operator.post(page(endpoint, "test"), follow=True).status_code == 200


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
