"""Customers' data in the admin: found, previewed, exported, erased, and the record of it."""

import contextlib
import io
import json
import zipfile
from html import unescape
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client, override_settings
from django.utils.timezone import localdate

from persistence.errors import ErasureRefused
from persistence.models import Conversation, ErasureRecord, TranscriptReading, Turn
from persistence.subject.export import write_export
from persistence.subject.port import Subject
from tests.admin_support import NAUGHTY, signed_in, statements
from tests.persistence.support import relay_archive, say

pytestmark = pytest.mark.django_db(transaction=True)
RECORDS = "/admin/persistence/erasurerecord/"
CUSTOMER, EXPORT, ERASE = f"{RECORDS}customer/", f"{RECORDS}customer/export/", f"{RECORDS}customer/erase/"
MAY_LOOK, MAY_EXPORT, MAY_ERASE = (
    *("persistence.view_erasurerecord", "persistence.export_subject"),
    "persistence.erase_subject",
)
OFFICER = (MAY_LOOK, MAY_EXPORT, MAY_ERASE)
MARTA = {"domain": "demo", "customer": "marta"}


@pytest.fixture(autouse=True)
def copies(archive: Path) -> Path:
    """Every test has an archive of its own: an erasure looks for copies in it."""
    return archive


def officer(*permissions: str, domains: tuple[str, ...] = ("demo",)) -> Client:
    return signed_in(*(permissions or OFFICER), domains=domains)


def see(client: Client, **asked: str) -> str:
    response = client.get(CUSTOMER, asked)
    assert response.status_code == 200
    return unescape(response.content.decode())


def exported(client: Client, asked: dict[str, str]) -> zipfile.ZipFile:
    response = client.post(EXPORT, asked)
    assert response.status_code == 200
    return zipfile.ZipFile(io.BytesIO(content(response)))


def content(response: Any) -> bytes:
    """Read a download as a server does, which closes the file in the end."""
    with contextlib.closing(response):
        return b"".join(response.streaming_content)


def erase(client: Client, asked: dict[str, str], confirmation: str, **more: Any) -> Any:
    return client.post(ERASE, asked | {"confirmation": confirmation}, **more)


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


def test_an_export_holds_what_was_said_and_is_written_down_as_a_reading():
    say("my lamp is broken", "I am sorry", session_id="a", customer_ref="marta")
    say("still broken", session_id="a", customer_ref="marta")
    say("another lamp", session_id="b", customer_ref="marta")
    say("a secret of Paul's", session_id="c", customer_ref="paul")
    client = officer()
    file = exported(client, MARTA)
    assert file.testzip() is None
    told = file.read("transcript.txt").decode()
    assert "my lamp is broken" in told and "another lamp" in told
    everything = b"".join(file.read(name) for name in file.namelist())
    assert b"a secret of Paul's" not in everything
    assert json.loads(file.read("manifest.json"))["customer_ref"] == "marta"
    readings = TranscriptReading.objects.values_list(
        "conversation__customer_ref", "page", "from_seq", "to_seq"
    )
    assert sorted(readings) == [("marta", "export", 1, 1), ("marta", "export", 1, 2)]


def test_an_export_is_a_file_that_nobody_keeps_on_the_way():
    say(customer_ref="marta")
    response = officer().post(EXPORT, MARTA)
    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == f'attachment; filename="customer-{localdate().isoformat()}.zip"'
    assert "no-store" in response["Cache-Control"]
    length = int(response["Content-Length"])
    assert length == len(content(response))


def test_no_file_is_handed_out_where_the_reading_cannot_be_written_down():
    say("the words of a customer", customer_ref="marta")
    client = officer()
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE persistence_transcript_reading ADD CONSTRAINT never CHECK (page <> 'export')"
        )
    try:
        client.raise_request_exception = False
        assert client.post(EXPORT, MARTA).status_code == 500
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE persistence_transcript_reading DROP CONSTRAINT never")


def test_an_export_that_takes_too_long_for_a_page_is_refused_with_the_way_to_get_it():
    say(customer_ref="marta")
    client = officer()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); END'"
        )
        cursor.execute(
            "CREATE TRIGGER slow BEFORE INSERT ON persistence_transcript_reading FOR EACH ROW EXECUTE FUNCTION slow()"
        )
        cursor.execute("SET statement_timeout = '500ms'")
    try:
        response = client.post(EXPORT, MARTA, follow=True)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER slow ON persistence_transcript_reading; DROP FUNCTION slow()")
    (said,) = (str(message) for message in response.context["messages"])
    assert said.startswith("Nothing was handed out.") and "manage.py subject" in said
    assert response.context["found"]


def test_an_export_may_take_longer_than_other_requests(settings):
    settings.REQUEST_DEADLINE_SECONDS = 2
    say(customer_ref="marta")
    client = officer()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(4); RETURN NEW; END'"
        )
        cursor.execute(
            "CREATE TRIGGER slow BEFORE INSERT ON persistence_transcript_reading FOR EACH ROW EXECUTE FUNCTION slow()"
        )
    try:
        assert exported(client, MARTA).testzip() is None
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER slow ON persistence_transcript_reading; DROP FUNCTION slow()")


def test_what_is_erased_while_it_is_exported_is_not_handed_out(monkeypatch):
    say(customer_ref="marta")
    say(session_id="b", customer_ref="marta")

    def meanwhile(subject: Subject, file: BinaryIO) -> dict[str, Any]:
        manifest = write_export(subject, file)
        assert erase(officer(), MARTA, "marta").status_code == 302
        return manifest

    monkeypatch.setattr("persistence.admin.customers.write_export", meanwhile)
    response = officer().post(EXPORT, MARTA, follow=True)
    assert "This customer's data was erased" in unescape(response.content.decode())
    assert TranscriptReading.objects.count() == 0


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


def test_a_page_shows_the_newest_fifty_conversations_and_says_how_many_there_are():
    for number in range(52):
        say(session_id=f"s{number}", customer_ref="marta")
    response = officer().get(CUSTOMER, MARTA)
    newest = Conversation.objects.order_by("-id").values_list("pk", flat=True)[:50]
    assert [one.pk for one in response.context["found"].conversations] == list(newest)
    assert "The newest 50 of 52." in response.content.decode()
    assert erase(officer(), MARTA, "marta", follow=True).content.decode().count("<dt>conversation</dt>") == 50
    assert Turn.objects.count() == 0


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
