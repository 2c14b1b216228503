"""Updates of an open case: only what is new comes, and nothing comes while nothing has changed."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from handoff.admin import live
from tests.admin_support import statements
from tests.handoff.admin.support import address, case, press, signed_in, turn

pytestmark = pytest.mark.django_db(transaction=True)


def update(client, found, seq=None, event=None, tag=""):
    known = {} if seq is None else {"seq": str(seq), "event": str(event)}
    return client.get(address(found, "live"), known, HTTP_IF_NONE_MATCH=tag)


def new(response) -> list[str]:
    return re.findall(r'id="((?:turn|event)-\d+)" data-entry', response.content.decode())


def place(response) -> tuple[int, int]:
    seq, event = re.findall(r'data-new data-seq="(\d+)" data-event="(\d+)"', response.content.decode())[0]
    return int(seq), int(event)


def test_an_open_case_is_told_what_was_said_and_done_since_and_nothing_twice():
    found, anna, bruno = case(), signed_in("anna"), signed_in("bruno")
    first = update(anna, found, 1, 2)
    assert (new(first), place(first)) == ([], (1, 2))
    turn("are you there?", None)
    press(bruno, found, "claim")
    press(bruno, found, "note", note="I know her")
    second = update(anna, found, *place(first))
    assert new(second) == ["turn-2", "event-4", "event-5"]
    assert "belongs to <strong><bdi>bruno</bdi></strong>" in second.content.decode()
    assert new(update(anna, found, *place(second))) == []


def test_while_nothing_has_changed_the_answer_is_empty_and_cheap():
    found, client = case(), signed_in()
    tag = update(client, found, 1, 2)["ETag"]
    same = update(client, found, 1, 2, tag)
    assert (same.status_code, same.content, same["ETag"]) == (304, b"", tag)
    with CaptureQueriesContext(connection) as asked:
        update(client, found, 1, 2, tag)
    assert len(asked) <= 7  # who asks, what they may, and the case with its conversation
    assert not any("persistence_turn" in query["sql"] for query in asked.captured_queries)


@pytest.mark.parametrize("act", ["claim", "note", "set_priority", "close"])
def test_every_change_of_a_case_changes_its_tag(act):
    found, client = case(), signed_in()
    tag = update(client, found)["ETag"]
    press(client, found, act, note="n", priority="urgent")
    assert update(client, found, tag=tag).status_code == 200


def test_a_minute_later_the_words_about_due_times_are_told_anew(monkeypatch):
    found, client = case(), signed_in()
    tag = update(client, found)["ETag"]
    monkeypatch.setattr(live, "MINUTE", 7)
    assert update(client, found, tag=tag).status_code == 200


def test_a_reader_of_an_older_window_is_told_of_the_case_but_not_of_new_turns():
    found, client = case(), signed_in()
    turn("more")
    response = update(client, found)
    assert (response.status_code, new(response)) == (200, [])


def test_a_reader_who_was_away_for_long_gets_everything_in_pieces(monkeypatch):
    monkeypatch.setattr("handoff.admin.timeline.MOST_NEW", 3)
    found, client = case(), signed_in()
    for number in range(7):
        turn(f"word {number}", None)
    got, seq, event, tag = [], 1, 2, ""
    for _ in range(10):
        response = update(client, found, seq, event, tag)
        if response.status_code == 304:
            break
        got += [one for one in new(response) if one.startswith("turn")]
        (seq, event), tag = place(response), response.headers.get("ETag", "")
    assert got == [f"turn-{number}" for number in range(2, 9)]


def test_a_button_pressed_on_an_open_page_answers_with_the_update():
    found, anna, bruno = case(), signed_in("anna"), signed_in("bruno")
    where = f"{address(found, 'act')}?seq=1&event=2"
    found.refresh_from_db()
    done = anna.post(where, {"act": "claim"}, headers={"X-Live": "1"})
    assert (done.status_code, new(done)) == (200, ["event-3"])
    assert 'data-ok="yes"' in done.content.decode() and "<html" not in done.content.decode()
    lost = bruno.post(where, {"act": "claim"}, headers={"X-Live": "1"})
    assert lost.status_code == 409 and "<bdi>anna</bdi> has this case" in lost.content.decode()
    assert new(lost) == ["event-3"]


def test_nonsense_in_the_address_is_no_error():
    found, client = case(), signed_in()
    for nonsense in ("x", "-1", "9" * 30, "²", "\x00", ""):
        assert client.get(address(found, "live"), {"seq": nonsense, "event": nonsense}).status_code == 200


def test_an_update_costs_the_same_however_much_there_is():
    found, client = case(), signed_in()
    where = f"{address(found, 'live')}?seq=1&event=2"
    before = len(statements(client, where))
    for number in range(20):
        turn(f"word {number}", None)
        press(client, found, "note", note=f"note {number}")
    assert len(statements(client, where)) == before
