"""A customer's data in the admin: exported, and the reading written down."""

import json
from html import unescape
from typing import Any, BinaryIO

import pytest
from django.db import connection
from django.utils.timezone import localdate

from persistence.models import TranscriptReading
from persistence.subject.export import write_export
from persistence.subject.port import Subject
from tests.persistence.customers.kit import EXPORT, MARTA, content, erase, exported, officer
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


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
