"""A customer's data in the admin: found and previewed."""

from html import unescape

import pytest
from django.test import Client

from persistence.models import Conversation, TranscriptReading, Turn
from tests.admin_support import statements
from tests.persistence.customers.kit import CUSTOMER, EXPORT, MARTA, RECORDS, erase, officer, see
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_customer_is_found_by_reference_with_all_of_it_counted():
    for _ in range(3):
        say(session_id="a", customer_ref="marta")
    say(session_id="b", customer_ref="marta")
    say(session_id="c", customer_ref="martha")
    client = officer()
    client.get(f"/admin/persistence/conversation/{Conversation.objects.first().pk}/change/")
    response = client.get(CUSTOMER, MARTA)
    found = response.context["found"]
    assert dict(found.counts) | {"Conversations": 2, "Turns": 4} == dict(found.counts)
    assert {one.customer_ref for one in found.conversations} == {"marta"}
    assert "martha" not in response.content.decode()


def test_somebody_without_a_reference_is_found_by_the_id_of_a_conversation():
    wanted = say(session_id="a")
    say(session_id="b")
    response = officer().get(CUSTOMER, {"domain": "demo", "conversation": str(wanted.conversation_id)})
    assert [one.public_id for one in response.context["found"].conversations] == [wanted.conversation_id]
    assert "Everything about this customer" not in response.content.decode()


def test_one_conversation_of_a_known_customer_leads_to_all_of_theirs():
    wanted = say(session_id="a", customer_ref="marta & co")
    body = see(officer(), domain="demo", conversation=str(wanted.conversation_id))
    assert f"{CUSTOMER}?domain=demo&customer=marta+%26+co" in body


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"domain": "demo"}, "one of the two"),
        (
            {"domain": "demo", "customer": "a", "conversation": "0190f3c2-0000-7000-8000-000000000000"},
            "one of the two",
        ),
        ({"domain": "demo", "conversation": "marta"}, "not the id of a conversation"),
        ({"domain": "demo", "customer": "nobody"}, "There is nothing about this customer"),
        (
            {"domain": "demo", "conversation": "0190f3c2-0000-7000-8000-000000000000"},
            "nothing about this conversation",
        ),
        ({"domain": "other", "customer": "marta"}, "none that you may see"),
        ({"customer": "marta"}, "This field is required"),
        ({"domain": "demo", "customer": "mar\x00ta"}, "Null characters are not allowed"),
        ({"domain": "demo", "customer": "x" * 201}, "at most 200 characters"),
    ],
)
def test_what_is_not_found_says_what_to_do(asked, said):
    say(customer_ref="marta")
    response = officer().get(CUSTOMER, asked)
    assert response.context["found"] is None
    assert said in unescape(response.content.decode())


def test_a_customer_of_another_domain_is_not_there_whatever_button_is_pressed():
    say(domain="other", customer_ref="marta")
    client = officer()
    theirs = {"domain": "other", "customer": "marta"}
    assert client.get(CUSTOMER, theirs).context["found"] is None
    assert client.post(EXPORT, theirs).status_code == 404
    assert erase(client, theirs, "marta").status_code == 404
    elsewhere = {"domain": "demo", "conversation": str(Conversation.objects.get().public_id)}
    assert client.get(CUSTOMER, elsewhere).context["found"] is None
    assert client.post(EXPORT, elsewhere).status_code == 302
    assert erase(client, elsewhere, elsewhere["conversation"]).status_code == 302
    assert (Turn.objects.count(), TranscriptReading.objects.count()) == (1, 0)


def test_a_superuser_finds_customers_of_every_domain_also_of_one_where_all_were_erased(admin_client: Client):
    say(domain="other", customer_ref="marta")
    assert admin_client.get(CUSTOMER, MARTA | {"domain": "other"}).context["found"]
    erase(admin_client, MARTA | {"domain": "other"}, "marta")
    assert "data was erased" in see(admin_client, domain="other", customer="marta")


def test_a_page_shows_the_newest_fifty_conversations_and_says_how_many_there_are():
    for number in range(52):
        say(session_id=f"s{number}", customer_ref="marta")
    response = officer().get(CUSTOMER, MARTA)
    newest = Conversation.objects.order_by("-id").values_list("pk", flat=True)[:50]
    assert [one.pk for one in response.context["found"].conversations] == list(newest)
    assert "The newest 50 of 52." in response.content.decode()
    assert erase(officer(), MARTA, "marta", follow=True).content.decode().count("<dt>conversation</dt>") == 50
    assert Turn.objects.count() == 0


def test_pages_run_as_many_statements_for_thirty_conversations_as_for_one(admin_client: Client):
    say(session_id="first", customer_ref="marta")
    erase(admin_client, MARTA, "marta")
    say(session_id="second", customer_ref="marta")
    pages = [RECORDS, f"{CUSTOMER}?domain=demo&customer=marta"]
    before = {address: len(statements(admin_client, address)) for address in pages}
    for number in range(29):
        say(session_id=f"erased-{number}", customer_ref=f"c-{number}")
        erase(admin_client, {"domain": "demo", "customer": f"c-{number}"}, f"c-{number}")
        say(session_id=f"s{number}", customer_ref="marta")
    assert {address: len(statements(admin_client, address)) for address in pages} == before
