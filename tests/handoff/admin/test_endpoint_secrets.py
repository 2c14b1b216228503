"""An endpoint's secrets, seen once and exchanged without a gap, and the button that tries them."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client

from handoff.endpoints import as_desk
from handoff.models import Endpoint
from handoff.secrets import unseal
from tests.fakes.desk.webhook import SECRET, FakeWebhookDesk
from tests.handoff.admin.endpoint_kit import LIST, changed, errors, existing, made, page, said, secret_on
from tests.handoff.admin.people import as_one

# What a page does is committed as it is for an operator; the button's call runs outside of every transaction.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def operator() -> Client:
    return as_one("operator")


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
