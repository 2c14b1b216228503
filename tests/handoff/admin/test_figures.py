"""The figures of the dashboard: exact, of the domains that are asked about, and each the size of the list behind it."""

from datetime import timedelta
from uuid import uuid4

import pytest
import uuid_utils
from django.utils import timezone

from handoff.dashboard.behind import FIGURES, Asked, behind
from handoff.dashboard.lag import lag
from handoff.dashboard.live import AGES, live
from handoff.dashboard.period import period
from handoff.dashboard.plots import Series, bars, lines
from handoff.dashboard.rates import rates
from outbox import operate
from persistence.models import Conversation
from tests.handoff.admin.week_kit import HOUR, NOW, case, ended, scope, stuck

pytestmark = pytest.mark.django_db


def test_open_cases_are_counted_by_priority_age_and_colour():
    case(priority="urgent", opened=HOUR / 2, attention_at=NOW - HOUR)
    case(priority="urgent", opened=5 * HOUR, attention_at=NOW + HOUR, warn_at=NOW - HOUR)
    case(priority="low", opened=100 * HOUR, attention_at=NOW + 9 * HOUR, warn_at=NOW + HOUR, assignee="anna")
    case(priority="low", opened=100 * HOUR, status="waiting_customer")
    ended(after=HOUR)
    case(domain="other")
    found = live(scope())
    assert found.cells == {("urgent", 0): 1, ("urgent", 2): 1, ("low", 4): 2}
    assert found.colours == {"red": 1, "yellow": 1, "green": 1, "paused": 1}
    assert (found.total, found.unowned, found.capped) == (4, 3, False)


@pytest.mark.parametrize(
    ("opened", "age"),
    [(HOUR, 1), (HOUR - timedelta(microseconds=1), 0), (4 * HOUR, 2), (24 * HOUR, 3), (72 * HOUR, 4)],
)
def test_an_age_begins_where_the_one_before_ends(opened, age):
    case(opened=opened)
    assert live(scope()).cells == {("normal", age): 1}


def test_first_responses_and_resolutions_of_the_week_have_exact_percentiles():
    for minutes in (10, 20, 30, 40, 100):
        case(
            opened=2 * HOUR,
            first_responded_at=NOW - 2 * HOUR + timedelta(minutes=minutes),
            first_due_at=NOW - 2 * HOUR + timedelta(minutes=35),
        )
        ended(after=timedelta(minutes=minutes), resolution_due_at=NOW - HOUR, reopened=minutes // 100)
    week = period(scope())
    assert (week.first.p50, week.first.p90) == (timedelta(minutes=30), timedelta(minutes=76))
    assert (week.resolution.p50, week.resolution.p90) == (timedelta(minutes=30), timedelta(minutes=76))
    assert week.first.kept == 3 / 5
    assert week.resolution.kept == 1
    assert week.resolution.reopen_rate == 1 / 5


def test_a_promise_that_is_still_open_is_not_judged_and_one_that_passed_unanswered_is_broken():
    case(first_due_at=NOW + HOUR)
    case(first_due_at=NOW - timedelta(minutes=1))
    case(status="pending_consent")
    ended(after=HOUR, closed_as="merged", first_due_at=NOW - 9 * HOUR)
    assert (period(scope()).first.judged, period(scope()).first.met) == (1, 0)


def test_what_was_merged_or_called_off_was_not_resolved():
    ended(after=HOUR, closed_as="merged")
    ended(after=HOUR, status="cancelled", closed_as="cancelled")
    ended(after=HOUR)
    week = period(scope())
    assert (week.resolution.count, week.resolution.p50) == (1, HOUR)


def test_the_week_ends_today_and_begins_with_a_whole_day():
    case(opened=timedelta(days=6, hours=14, minutes=59))
    case(opened=timedelta(days=6, hours=15, minutes=1))
    week = period(scope())
    assert [week.days[0].isoformat(), week.days[-1].isoformat()] == ["2026-11-14", "2026-11-20"]
    assert week.first.count == 1
    assert {day.isoformat(): took.count for day, took in week.first_by_day.items()} == {"2026-11-14": 1}


def test_handoffs_are_counted_by_their_first_reason_and_against_conversations():
    ids = (str(uuid_utils.uuid7()) for _ in range(100))
    now = timezone.now()
    for _ in range(3):
        case(public_id=next(ids), now=now)
    case(public_id=next(ids), now=now, reason_codes=["vip", "user_request"])
    case(public_id=next(ids), now=now, domain="other")
    case(public_id=next(ids), now=now, reason_codes=[])
    for _ in range(14):
        Conversation.objects.create(
            public_id=next(ids),
            domain="demo",
            channel="web",
            session_hash=uuid4().bytes,
            hash_version=1,
            chain_head=b"",
        )
    found = rates(scope(now=timezone.now()))
    assert (found.cases, found.conversations, found.rate) == (5, 19, 500 / 19)
    assert [(one.code, one.count) for one in found.reasons] == [
        ("user_request", 3),
        ("unclassified", 1),
        ("vip", 1),
    ]
    assert found.reasons[0].share == 3 / 5


def test_where_there_are_more_conversations_than_are_read_both_sides_of_the_rate_are_cut_alike(monkeypatch):
    monkeypatch.setattr("handoff.dashboard.rates.SAMPLE", 4)
    case(public_id=str(uuid_utils.uuid7()), now=timezone.now(), opened=2 * HOUR)
    for _ in range(4):
        case(public_id=str(uuid_utils.uuid7()), now=timezone.now(), opened=timedelta(0))
    found = rates(scope(now=timezone.now()))
    assert (found.cases, found.conversations, found.rate) == (4, 4, 100)
    assert found.since > timezone.now() - HOUR


def test_every_figure_leads_to_exactly_the_cases_that_it_counts():
    case(priority="urgent", opened=5 * HOUR, first_due_at=NOW - HOUR)
    case(opened=3 * HOUR, first_responded_at=NOW - HOUR, first_due_at=NOW - HOUR, reason_codes=["vip"])
    ended(after=2 * HOUR, resolution_due_at=NOW - 2 * HOUR, reopened=1)
    ended(
        after=2 * HOUR, resolution_due_at=NOW, first_responded_at=NOW - 2 * HOUR, first_due_at=NOW - 3 * HOUR
    )
    ended(after=2 * HOUR, closed_as="merged")
    current, week = live(scope()), period(scope())

    def count(name: str, **narrowed: str) -> int:
        asked = Asked.read({"figure": name} | narrowed)
        assert asked is not None
        return len(behind(scope(), asked))

    assert count("live") == current.total == 2
    assert count("live", priority="urgent", age="2") == current.cells["urgent", 2] == 1
    assert count("opened") == week.first.count == 5
    assert count("opened", day="2026-11-20") == week.first_by_day[NOW.date()].count
    assert count("opened", reason="vip") == 1
    assert count("first_response") == 2
    assert count("first_missed") == week.first.judged - week.first.met == 2
    assert count("resolved") == week.resolution.count == 2
    assert count("resolution_missed") == week.resolution.judged - week.resolution.met == 1
    assert count("reopened") == week.resolution.reopened == 1


def test_lag_and_what_gave_up_are_told_by_destination():
    stuck("archive", "pending", overdue=timedelta(minutes=90))
    stuck("archive", "dead")
    stuck("archive", "parked")
    stuck("elsewhere", "dead", overdue=timedelta(hours=9))
    operate.park_destination("helpdesk:a")
    found = lag(["archive", "helpdesk:a"])
    assert [(one.name, one.dead, one.parked, one.state) for one in found.destinations] == [
        ("archive", 1, 1, "ok"),
        ("helpdesk:a", 0, 0, "parked"),
    ]
    assert timedelta(minutes=90) <= found.worst < timedelta(minutes=95)


def test_bars_stand_on_the_ground_and_end_at_their_value():
    plot = bars("t", ["Mon", "Tue"], [Series("opened", [50, None], ["?a", "?b"])])
    (bar,) = plot.marks
    assert (bar.y, bar.height, bar.words, bar.link) == (12, 162, "Mon: 50 opened", "?a")
    assert not plot.empty
    assert bars("t", ["Mon"], [Series("opened", [0], ["?a"])]).empty


def test_a_line_is_broken_where_a_day_has_nothing():
    plot = lines("t", list("abcde"), [Series("median", [60.0, 30.0, None, 60.0, 45.0], list("12345"))])
    assert [points.count(",") for _, points in plot.paths] == [2, 2]
    assert len(plot.marks) == 4
    assert lines("t", ["a"], [Series("median", [None], ["1"])]).empty


def test_every_figure_has_a_name_and_every_age_an_end():
    assert all(figure.title and figure.measure for figure in FIGURES.values())
    assert [end for _, end in AGES] == sorted(end for _, end in AGES)
