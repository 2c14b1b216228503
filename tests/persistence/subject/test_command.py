"""``manage.py subject``: what it says, what it does, and what it leaves alone."""

import contextlib
import io
import json
import stat
import zipfile

import pytest
from django.core.management import CommandError, call_command

from persistence.models import Conversation, ErasureRecord, Turn
from persistence.subject.port import Elsewhere
from persistence.tasks import finish_erasures
from tests.persistence.subject.support import carry, customer, files_below, pass_time
from tests.persistence.support import say

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments):
    """Run the command with ``--json``; returns what it said and its exit status."""
    out = io.StringIO()
    try:
        call_command("subject", *map(str, arguments), "--json", stdout=out, stderr=io.StringIO())
    except SystemExit as exit_:
        return json.loads(out.getvalue().splitlines()[-1]), exit_.code
    return json.loads(out.getvalue().splitlines()[-1]), 0


def shown(*arguments):
    """Run the command for people; returns what they read."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.suppress(SystemExit):
        call_command("subject", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue() + err.getvalue()


def refused(*arguments):
    """Return the refusal's text and exit status."""
    with pytest.raises(CommandError) as caught:
        call_command("subject", *map(str, arguments), stdout=io.StringIO(), stderr=io.StringIO())
    return str(caught.value), caught.value.returncode


def test_erase_reaches_everything_and_says_what_remains_to_be_checked(stores):
    customer("ann", said="x")
    customer("bob", said="y")
    carry()
    found, status = run("erase", "--customer", "ann", "--confirm", "ann")
    record = ErasureRecord.objects.get()
    assert status == 0
    assert found["erasure_id"] == str(record.erasure_id)
    assert (found["reached"]["turns"], found["reached"]["objects"]) == (6, 6)
    assert (found["unreachable"], found["ok"]) == ({}, True)
    assert found["pending"] == record.last_pass_after.isoformat()
    assert record.requested_by.startswith("shell:")
    assert Turn.objects.count() == 6
    assert len(files_below(stores / "archive")) == 6


def test_a_dry_run_shows_what_would_go_and_erases_nothing():
    customer("ann", said="x")
    found, status = run("erase", "--customer", "ann", "--dry-run", "--confirm", "ann")
    assert (status, found["erased"], found["counts"]["turns"]) == (0, False, 6)
    assert Turn.objects.count() == 6


@pytest.mark.parametrize("confirm", [[], ["--confirm", "bob"], ["--confirm", "ANN"], ["--confirm", ""]])
def test_without_the_reference_typed_exactly_nothing_is_erased(confirm):
    customer("ann", said="x")
    found, status = run("erase", "--customer", "ann", *confirm)
    assert (status, found["erased"], found["counts"]["turns"]) == (2, False, 6)
    assert Turn.objects.count() == 6
    assert "Nothing was erased" in shown("erase", "--customer", "ann", *confirm)


def test_a_conversation_is_confirmed_by_its_id():
    turn = say()
    other = say(session_id="other")
    assert run("erase", "--conversation", turn.conversation_id)[1] == 2
    found, status = run("erase", "--conversation", turn.conversation_id, "--confirm", turn.conversation_id)
    assert (status, found["reached"]["turns"]) == (0, 1)
    assert Conversation.objects.get().public_id == other.conversation_id


def test_what_somebody_is_owed_is_named_and_the_status_is_1(owing):
    customer("ann", said="x")
    owing.reasons = ["Case 7 is open. Close it first."]
    found, status = run("erase", "--customer", "ann", "--confirm", "ann")
    assert (status, found["ok"], found["hindrances"]) == (1, False, owing.reasons)
    assert Turn.objects.count() == 6


def test_copies_in_other_hands_and_stores_that_refuse_are_unreachable(owing, stores):
    customer("ann", said="x", sessions=1)
    carry()
    owing.copies = [Elsewhere("helpdesk:x", "17", "https://desk.example/17")]
    archive = stores / "archive"
    archive.rename(stores / "away")
    archive.write_text("in the way")
    found, status = run("erase", "--customer", "ann", "--confirm", "ann")
    assert (status, found["ok"]) == (1, False)
    assert found["unreachable"]["helpdesk:x"] == [owing.copies[0].as_json() | {"asked": True}]
    assert found["unreachable"]["archive"].startswith("blocked_path: ")
    assert not Turn.objects.exists()
    (open_,) = run("status")[0]["open"]
    assert open_["last_error"].startswith("archive: blocked_path: ")


def test_status_lists_what_is_open_and_nothing_else(stores):
    assert run("status") == ({"open": []}, 0)
    assert "none" in shown("status")
    customer("ann", said="x")
    run("erase", "--customer", "ann", "--confirm", "ann")
    (found,) = run("status")[0]["open"]
    record = ErasureRecord.objects.get()
    assert found["erasure_id"] == str(record.erasure_id)
    assert found["erasure_id"] in shown("status")
    pass_time(record, hours=1)
    finish_erasures()
    assert run("status") == ({"open": []}, 0)


def test_the_domain_may_be_left_out_while_only_one_knows_the_reference():
    say(domain="one", customer_ref="ann")
    assert run("erase", "--customer", "ann", "--dry-run")[0]["domain"] == "one"
    say(domain="two", customer_ref="ann")
    message, status = refused("erase", "--customer", "ann", "--confirm", "ann")
    assert status == 2
    assert "one, two" in message
    assert run("erase", "--customer", "ann", "--domain", "two", "--confirm", "ann")[1] == 0
    assert Conversation.objects.get().domain == "one"


def test_nobody_is_told_from_somebody_who_was_erased():
    assert refused("erase", "--customer", "ann", "--confirm", "ann")[1] == 1
    assert "Check the reference" in refused("export", "--customer", "ann", "--to", "x.zip")[0]
    turn = say(customer_ref="ann")
    run("erase", "--customer", "ann", "--confirm", "ann")
    erasure_id = str(ErasureRecord.objects.get().erasure_id)
    assert erasure_id in refused("erase", "--customer", "ann", "--dry-run")[0]
    assert erasure_id in refused("erase", "--conversation", turn.conversation_id, "--dry-run")[0]
    assert erasure_id not in refused("erase", "--customer", "bob", "--dry-run")[0]


def test_export_writes_a_file_for_its_owner_alone_and_overwrites_none(tmp_path):
    customer("ann", said="x")
    to = tmp_path / "ann.zip"
    found, status = run("export", "--customer", "ann", "--to", to)
    assert (status, found["to"], found["counts"]["turns"]) == (0, str(to), 6)
    assert stat.S_IMODE(to.stat().st_mode) == 0o600
    assert zipfile.is_zipfile(to)
    before = to.read_bytes()
    message, status = refused("export", "--customer", "ann", "--to", to)
    assert status == 2
    assert "not overwritten" in message
    assert to.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["ann.zip"]


def test_export_into_a_directory_that_is_not_there_says_so(tmp_path):
    say(customer_ref="ann")
    message, status = refused("export", "--customer", "ann", "--to", tmp_path / "no" / "ann.zip")
    assert status == 2
    assert "Nothing was exported" in message


def test_people_read_what_was_reached_and_how_to_see_the_rest():
    customer("ann", said="x")
    text = shown("erase", "--customer", "ann", "--confirm", "ann")
    assert "turns: 6" in text
    assert "unreachable: none" in text
    assert "subject status" in text
