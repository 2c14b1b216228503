"""A customer's data in the admin: erased, after typing it."""

from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client, override_settings

from persistence.errors import ErasureRefused
from persistence.models import ErasureRecord, Turn
from tests.admin_support import NAUGHTY
from tests.persistence.customers.kit import CUSTOMER, ERASE, MARTA, RECORDS, erase, officer, see
from tests.persistence.support import relay_archive, say

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_stood_in_the_way_is_told_although_it_is_over_by_now(monkeypatch):
    say(customer_ref="marta")

    def refuse(*_: Any, **__: Any) -> None:
        raise ErasureRefused(["Something about this customer is being sent at this moment."])

    monkeypatch.setattr("persistence.admin.subjects.erase", refuse)
    response = erase(officer(), MARTA, "marta")
    assert response.status_code == 409
    body = response.content.decode()
    assert "is being sent at this moment" in body
    assert f'href="{CUSTOMER}?domain=demo&amp;customer=marta"' in body


def test_only_the_reference_letter_by_letter_erases():
    say(customer_ref=" Marta  N.")
    asked = {"domain": "demo", "customer": " Marta  N."}
    client = officer()
    for typed in ("", "marta n.", "Marta  N.", " Marta N.", " Marta  N. ", " Marta  N.\u200b"):
        response = erase(client, asked, typed)
        assert response.status_code == 200
        assert "Nothing was erased: what you typed is not" in response.content.decode()
        if len(typed) > 5:
            assert f'value="{typed}"' not in response.content.decode().replace('value=" Marta  N."', "")
    assert client.post(ERASE, asked).status_code == 200
    assert (Turn.objects.count(), ErasureRecord.objects.count()) == (1, 0)
    assert erase(client, asked, " Marta  N.").status_code == 302
    assert (Turn.objects.count(), ErasureRecord.objects.count()) == (0, 1)


def test_an_erasure_ends_on_its_record_which_does_not_say_who_it_was(copies: Path):
    for name in ("marta", "marta", "paul"):
        say(f"the words of {name}", session_id=name, customer_ref=name)
    relay_archive()
    assert sum("turns" in path.parts for path in copies.rglob("*.json")) == 3
    client = officer()
    response = erase(client, MARTA, "marta", follow=True)
    record = ErasureRecord.objects.get()
    assert response.redirect_chain == [(f"{RECORDS}{record.pk}/change/", 302)]
    body = unescape(response.content.decode())
    assert "The customer's data was erased." in body
    assert "deleting copies" in body
    assert "marta" not in body
    assert {"Conversations": 1, "Turns": 2}.items() <= dict(response.context["reached"]).items()
    assert record.objects_deleted == 2
    assert record.requested_by.startswith("user:user")
    assert [turn.customer_ref for turn in Turn.objects.all()] == ["paul"]
    assert "marta" not in "".join(LogEntry.objects.values_list("object_repr", flat=True))


def test_a_customer_who_was_erased_is_known_by_the_record_alone():
    conversation = str(say(session_id="a", customer_ref="marta").conversation_id)
    client = officer()
    erase(client, MARTA, "marta")
    address = f"{RECORDS}{ErasureRecord.objects.get().pk}/change/"
    for asked in (MARTA, {"domain": "demo", "conversation": conversation}):
        body = see(client, **asked)
        assert "This customer's data was erased" in body
        assert address in body
    assert erase(client, MARTA, "marta").status_code == 302  # a second press, or a second person
    assert ErasureRecord.objects.count() == 1
    say(session_id="b", customer_ref="marta")
    body = see(client, **MARTA)
    assert "Earlier data of this customer was erased" in body
    assert address in body


def test_erasing_one_conversation_leaves_the_others_of_the_customer():
    wanted = str(say(session_id="a", customer_ref="marta").conversation_id)
    say(session_id="b", customer_ref="marta")
    asked = {"domain": "demo", "conversation": wanted}
    client = officer()
    assert "Nothing was erased" in erase(client, asked, "marta").content.decode()
    assert erase(client, asked, wanted).status_code == 302
    assert Turn.objects.count() == 1


def test_a_store_that_refuses_is_named_and_the_erasure_stays_open():
    say(customer_ref="marta")
    client = officer()
    with override_settings(ARCHIVE_URL="gopher://nowhere"):
        response = erase(client, MARTA, "marta", follow=True)
    record = ErasureRecord.objects.get()
    assert record.last_error
    body = unescape(response.content.decode())
    assert "copies remain" in body
    assert record.last_error.split(" · ")[0] in body
    assert [row.pk for row in client.get(RECORDS, {"show": "open"}).context["cl"].result_list] == [record.pk]


@pytest.mark.parametrize("text", NAUGHTY)
def test_hostile_references_are_shown_as_they_are_and_erased_by_being_typed(admin_client: Client, text):
    reference = " ".join(text.splitlines())[:200]
    say(text, customer_ref=reference, channel="web")
    response = admin_client.get(CUSTOMER, {"domain": "demo", "customer": reference})
    body = response.content.decode()
    assert response.context["found"]
    assert "<script>alert(1)" not in body
    assert f'<bdi class="hf-exact">{reference}</bdi>' in unescape(body)
    record = erase(admin_client, {"domain": "demo", "customer": reference}, reference, follow=True)
    assert record.status_code == 200
    assert Turn.objects.count() == 0
    again = admin_client.get(
        f"{CUSTOMER}?{urlencode({'domain': 'demo', 'customer': reference})}"
    ).content.decode()
    assert "<script>alert(1)" not in again
