"""The list of erasures, and who may do what."""

from html import unescape

import pytest
from django.test import Client

from persistence.models import Conversation, ErasureRecord, Turn
from tests.admin_support import NAUGHTY
from tests.persistence.customers.kit import (
    CUSTOMER,
    ERASE,
    EXPORT,
    MARTA,
    MAY_ERASE,
    MAY_EXPORT,
    MAY_LOOK,
    OFFICER,
    RECORDS,
    erase,
    exported,
    officer,
    see,
)
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_list_shows_ones_own_domains_and_what_became_of_each_erasure():
    for domain in ("demo", "other"):
        say(domain=domain, session_id=domain, customer_ref="marta")
        erase(officer(domains=(domain,)), MARTA | {"domain": domain}, "marta")
    client = officer()
    response = client.get(RECORDS)
    assert [row.domain for row in response.context["cl"].result_list] == ["demo"]
    assert "1 conversation, 1 turn" in response.content.decode()
    assert "Customers' data" in unescape(response.content.decode())
    other = ErasureRecord.objects.get(domain="other")
    assert client.get(f"{RECORDS}{other.pk}/change/").status_code == 404
    mine = ErasureRecord.objects.get(domain="demo")
    found = client.get(RECORDS, {"q": str(mine.erasure_id)}).context["cl"].result_list
    assert [row.pk for row in found] == [mine.pk]
    for term in ("marta", "\x00", *NAUGHTY):
        assert client.get(RECORDS, {"q": term}).status_code == 200
    ErasureRecord.objects.filter(pk=mine.pk).update(finished_at=mine.requested_at)
    assert client.get(RECORDS, {"show": "open"}).context["cl"].result_list == []
    assert (
        "Everything that Holdfast can reach is gone"
        in client.get(f"{RECORDS}{mine.pk}/change/").content.decode()
    )


def test_an_empty_list_and_a_user_without_a_domain_are_told_what_to_do():
    assert "use the form above" in officer().get(RECORDS).content.decode()
    body = officer(domains=()).get(RECORDS).content.decode()
    assert "No domain has been given to you yet" in unescape(body)
    assert "no domain has been given to you" in body


def test_each_button_needs_its_own_permission():
    say(customer_ref="marta")
    looking, exporting, erasing = officer(MAY_LOOK), officer(MAY_EXPORT), officer(MAY_ERASE)
    for client, actions in ((looking, []), (exporting, [EXPORT]), (erasing, [ERASE])):
        body = see(client, **MARTA)
        assert [address for address in (EXPORT, ERASE) if f'action="{address}"' in body] == actions
    assert exported(exporting, MARTA).namelist()
    for client in (looking, erasing):
        assert client.post(EXPORT, MARTA).status_code == 403
    for client in (looking, exporting):
        assert erase(client, MARTA, "marta").status_code == 403
    assert Turn.objects.count() == 1
    assert erase(erasing, MARTA, "marta", follow=True).status_code == 200


def test_who_has_none_of_the_permissions_sees_neither_pages_nor_links():
    turn = say(customer_ref="marta & co")
    readers = ("persistence.view_conversation", "persistence.view_turn")
    page = f"/admin/persistence/conversation/{Conversation.objects.get().pk}/change/"
    client = officer(*readers)
    for address in (RECORDS, CUSTOMER, f"{CUSTOMER}?domain=demo&customer=marta"):
        assert client.get(address).status_code == 403
        assert Client().get(address).status_code == 302
    assert "erasurerecord" not in client.get(page).content.decode()
    for permission in OFFICER:
        body = officer(*readers, permission).get(page).content.decode()
        assert f"{CUSTOMER}?domain=demo&amp;customer=marta%20%26%20co" in body
    assert Conversation.objects.get().public_id == turn.conversation_id


def test_nothing_is_done_by_following_a_link_or_without_the_forms_token():
    say(customer_ref="marta")
    client = officer()
    for address in (EXPORT, ERASE):
        assert client.get(address, MARTA | {"confirmation": "marta"}).status_code == 403
    assert client.post(CUSTOMER, MARTA).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    for address in (EXPORT, ERASE):
        assert strict.post(address, MARTA | {"confirmation": "marta"}).status_code == 403
    assert Turn.objects.count() == 1


def test_a_record_cannot_be_added_changed_or_deleted_even_by_a_superuser(admin_client: Client):
    say(customer_ref="marta")
    erase(admin_client, MARTA, "marta")
    record = ErasureRecord.objects.get()
    for address in (f"{RECORDS}add/", f"{RECORDS}{record.pk}/change/", f"{RECORDS}{record.pk}/delete/"):
        assert admin_client.post(address, {"post": "yes"}).status_code == 403
    admin_client.post(
        RECORDS, {"action": "delete_selected", "_selected_action": str(record.pk), "post": "yes"}
    )
    assert ErasureRecord.objects.count() == 1
