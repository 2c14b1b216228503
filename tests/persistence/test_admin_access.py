"""Who sees whose conversations in the admin, and the record of every reading."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from persistence import apikeys
from persistence.models import Conversation, TranscriptReading, Turn
from tests.admin_support import NAUGHTY, signed_in, statements
from tests.persistence.support import say

CONVERSATIONS, TURNS = "/admin/persistence/conversation/", "/admin/persistence/turn/"
READINGS, KEYS = "/admin/persistence/transcriptreading/", "/admin/persistence/apikey/"
READ = ("persistence.view_conversation", "persistence.view_turn")
AUDIT = "persistence.view_transcriptreading"
pytestmark = pytest.mark.django_db(transaction=True)


def listed(client: Client, address: str, **search: str) -> list:
    response = client.get(address, search)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def readings() -> list[tuple[str, int, int]]:
    return list(TranscriptReading.objects.order_by("id").values_list("page", "from_seq", "to_seq"))


def test_lists_and_searches_show_ones_own_domains_alone():
    for domain in ("demo", "other"):
        say(domain=domain, session_id=domain, request_id=f"request-{domain}", customer_ref="marta")
        apikeys.create_key(domain)
    client = signed_in(*READ, "persistence.view_apikey", domains=("demo",))
    assert [row.domain for row in listed(client, CONVERSATIONS)] == ["demo"]
    assert [row.domain for row in listed(client, KEYS)] == ["demo"]
    assert [row.domain for row in listed(client, CONVERSATIONS, q="marta")] == ["demo"]
    for other in ("request-other", str(Conversation.objects.get(domain="other").public_id)):
        assert listed(client, CONVERSATIONS, q=other) == []
    assert listed(client, TURNS, q="request-other") == []
    assert len(listed(client, TURNS, q="request-demo")) == 1


def test_a_page_of_another_domain_is_not_there_and_leaves_no_reading():
    turn = say(domain="other")
    client = signed_in(*READ, "persistence.view_apikey", domains=("demo",))
    assert client.get(f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/").status_code == 404
    assert client.get(f"{TURNS}{turn.turn_id}/change/").status_code == 404
    assert readings() == []


def test_without_a_domain_nothing_is_seen_and_the_page_says_whom_to_ask():
    say()
    client = signed_in(*READ)
    assert listed(client, CONVERSATIONS) == []
    assert "no domain has been given to you" in client.get(CONVERSATIONS).content.decode()


def test_every_page_of_a_transcript_and_of_a_turn_is_written_down():
    for number in range(60):
        turn = say(f"turn {number}")
    conversation = Conversation.objects.get()
    client = signed_in(*READ, domains=("demo",))
    address = f"{CONVERSATIONS}{conversation.pk}/change/"
    client.get(address)
    client.get(address, {"turn": "55"})
    client.get(f"{TURNS}{turn.turn_id}/change/")
    assert readings() == [("conversation", 1, 50), ("conversation", 51, 60), ("turn", 60, 60)]
    found = TranscriptReading.objects.first()
    assert (found.conversation_id, found.username) == (conversation.pk, found.user.username)


def test_the_reading_is_written_before_the_page_is_shown():
    say("the words of a customer")
    client = signed_in(*READ, domains=("demo",))
    with CaptureQueriesContext(connection) as captured:
        client.get(f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/")
    assert any(
        "INSERT INTO" in q["sql"] and "transcript_reading" in q["sql"] for q in captured.captured_queries
    )
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE persistence_transcript_reading RENAME TO away")
    try:
        client.raise_request_exception = False
        response = client.get(f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/")
        assert response.status_code == 500
        assert b"the words of a customer" not in response.content
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO persistence_transcript_reading")


def test_a_list_and_a_page_without_turns_are_no_reading():
    say()
    client = signed_in(*READ, domains=("demo",))
    Turn.objects.all().delete()
    client.get(CONVERSATIONS)
    client.get(f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/")
    assert readings() == []


def test_a_privacy_officer_reads_who_read_what_in_their_domains():
    for domain in ("demo", "other"):
        say(domain=domain, session_id=domain)
    reader = signed_in(*READ, domains=("demo", "other"))
    for conversation in Conversation.objects.all():
        reader.get(f"{CONVERSATIONS}{conversation.pk}/change/")
    officer = signed_in(AUDIT, domains=("demo",))
    (found,) = listed(officer, READINGS)
    assert found.conversation.domain == "demo"
    wanted = Conversation.objects.get(domain="demo")
    assert listed(officer, READINGS, q=str(wanted.public_id)) == [found]
    assert listed(officer, READINGS, q=found.username) == [found]
    assert listed(officer, READINGS, q="nobody") == []
    assert listed(officer, READINGS, q=str(Conversation.objects.get(domain="other").public_id)) == []
    other = TranscriptReading.objects.exclude(pk=found.pk).get()
    assert officer.get(f"{READINGS}{found.pk}/change/").status_code == 200
    assert officer.get(f"{READINGS}{other.pk}/change/").status_code == 302


def test_a_reading_outlives_the_user_by_name():
    say()
    client = signed_in(*READ, domains=("demo",))
    client.get(f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/")
    name = TranscriptReading.objects.get().username
    User.objects.all().delete()
    (found,) = listed(signed_in(AUDIT, domains=("demo",)), READINGS)
    assert (found.user_id, found.username) == (None, name)


def test_a_reading_cannot_be_changed_or_taken_away(admin_client: Client):
    say()
    admin_client.get(f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/")
    pk = TranscriptReading.objects.get().pk
    for address in (f"{READINGS}add/", f"{READINGS}{pk}/change/", f"{READINGS}{pk}/delete/"):
        assert admin_client.post(address, {"post": "yes", "username": "x"}).status_code == 403
    admin_client.post(READINGS, {"action": "delete_selected", "_selected_action": str(pk), "post": "yes"})
    assert TranscriptReading.objects.count() == 1


@pytest.mark.parametrize("text", [*NAUGHTY, "\x00"])
def test_hostile_names_and_searches_are_shown_as_they_are_written(admin_client: Client, text):
    say()
    admin_client.get(f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/")
    TranscriptReading.objects.update(username=text.replace("\x00", "")[:150])
    for search in ({}, {"q": text}):
        response = admin_client.get(READINGS, search)
        assert response.status_code == 200
        assert "<script>alert(1)" not in response.content.decode()


def test_the_list_of_readings_runs_as_many_statements_for_many_as_for_one(admin_client: Client):
    say()
    address = f"{CONVERSATIONS}{Conversation.objects.get().pk}/change/"
    admin_client.get(address)
    before = len(statements(admin_client, READINGS))
    for number in range(30):
        say(session_id=f"s{number}")
        admin_client.get(address)
    assert len(statements(admin_client, READINGS)) == before
