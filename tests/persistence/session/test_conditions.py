"""What If-Match, If-None-Match and Last-Event-ID come to, and which of them are refused by name."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from persistence.errors import InvalidTurn
from persistence.session.conditions import MAX_VERSION, TRIES, carry_out, condition, is_known, last_seen
from persistence.session.errors import StaleVersion
from persistence.session.port import MUST_NOT_EXIST, SessionState

STATE = SessionState("active", "demo", None, None, 5, 1, datetime(2026, 1, 1, tzinfo=UTC), {}, "memory")


def at(version):
    return replace(STATE, version=version)


class Moving:
    """A state that somebody else changes: it takes each of these versions in turn, at every write that is refused."""

    def __init__(self, *versions):
        self.versions = list(versions)
        self.asked = []

    def present(self):
        return at(self.versions[0]) if self.versions and self.versions[0] else None

    def write(self, expected):
        self.asked.append(expected)
        found = self.versions[0]
        if expected is None or expected == found:
            return "written"
        stale = StaleVersion(expected, at(found) if found else None)
        if len(self.versions) > 1:
            self.versions.pop(0)
        raise stale


def refused_field(call, *values):
    with pytest.raises(InvalidTurn) as refused:
        call(*values)
    [error] = refused.value.errors
    return error.field


def test_without_a_condition_the_write_expects_nothing():
    state = Moving(5)
    assert carry_out(condition(None, None), state.write, state.present) == "written"
    assert state.asked == [None]


def test_if_none_match_star_demands_that_there_is_no_state():
    state = Moving(0)
    assert carry_out(condition(None, " * "), state.write, state.present) == "written"
    assert state.asked == [MUST_NOT_EXIST]


@pytest.mark.parametrize("tags", ['"5"', ' "5" ', '"4", "5","9"', '"5","5"'])
def test_if_match_lets_a_write_through_when_the_present_version_is_named(tags):
    state = Moving(5)
    assert carry_out(condition(tags, None), state.write, state.present) == "written"
    assert state.asked[-1] == 5


@pytest.mark.parametrize("tags", ['"4"', '"6"', '"4", "6"'])
def test_if_match_refuses_when_the_present_version_is_not_named(tags):
    state = Moving(5)
    with pytest.raises(StaleVersion) as stale:
        carry_out(condition(tags, None), state.write, state.present)
    assert stale.value.current() == {"version": 5}


def test_if_match_star_takes_any_state_also_one_that_came_in_between():
    state = Moving(5, 6, 7)
    state.present = lambda: at(4)
    assert carry_out(condition("*", None), state.write, state.present) == "written"
    assert state.asked == [4, 5, 6, 7][: len(state.asked)] and state.asked[-1] == state.versions[0]


def test_if_match_star_refuses_where_there_is_no_state():
    state = Moving(0)
    with pytest.raises(StaleVersion) as stale:
        carry_out(condition("*", None), state.write, state.present)
    assert stale.value.current() == {"version": None}
    assert state.asked == []


def test_if_match_star_gives_up_on_a_state_that_never_stands_still():
    state = Moving(*range(5, 1000))
    state.present = lambda: at(4)
    with pytest.raises(StaleVersion):
        carry_out(condition("*", None), state.write, state.present)
    assert len(state.asked) == TRIES


@pytest.mark.parametrize(
    "header",
    ["", "5", '"', '""', '"abc"', '"0"', '"-1"', '"05"', '"1.5"', '"5" "6"', '"5",', ',"5"', 'W/"5"', '"4", W/"5"',
     f'"{MAX_VERSION + 1}"', '"99999999999999999999"', '"١"', "*, *", '*,"5"', '"5\n"', ",".join(['"5"'] * 21)],
)  # fmt: skip
def test_an_if_match_that_names_no_version_is_refused_by_its_name(header):
    assert refused_field(condition, header, None) == "If-Match"


@pytest.mark.parametrize("header", ["", '"5"', 'W/"5"', "**", "nonsense"])
def test_a_write_takes_no_other_if_none_match_than_the_star(header):
    assert refused_field(condition, None, header) == "If-None-Match"


def test_both_headers_at_once_can_never_be_met_and_are_refused():
    assert refused_field(condition, '"5"', "*") == "If-None-Match"


@pytest.mark.parametrize(
    ("header", "known"),
    [(None, False), ("*", True), ('"5"', True), ('W/"5"', True), ('"4", "5"', True), ('"4"', False), ('"x"', False)],
)  # fmt: skip
def test_a_reader_has_a_version_when_one_of_the_tags_names_it(header, known):
    assert is_known(header, 5) is known


def test_a_readers_header_that_is_no_list_of_tags_is_refused_by_its_name():
    assert refused_field(is_known, "5", 5) == "If-None-Match"


@pytest.mark.parametrize(
    ("header", "version"), [(None, None), ("", None), ("5", 5), (str(MAX_VERSION), MAX_VERSION)]
)
def test_a_listener_says_which_version_it_heard_last(header, version):
    assert last_seen(header) == version


@pytest.mark.parametrize("header", ["x", "-1", "0", '"5"', "5 ", "1e9", str(MAX_VERSION + 1)])
def test_an_id_that_was_never_sent_is_refused_by_the_name_of_its_header(header):
    assert refused_field(last_seen, header) == "Last-Event-ID"
