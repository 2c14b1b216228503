"""Which night it is, by wall clocks that jump, and from where on turns are looked at."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from summarization.models import DomainPolicy, SummaryRun
from summarization.night.plan import plan
from summarization.night.run import begin_night
from summarization.night.window import settled_before, silences, tonight
from tests.summarization.night.support import items, later, night
from tests.summarization.support import conversation

LISBON, SAO_PAULO, UTC_ZONE = ZoneInfo("Europe/Lisbon"), ZoneInfo("America/Sao_Paulo"), ZoneInfo("UTC")


def nights(zone: ZoneInfo, at: time, start: datetime, hours: int) -> list[tuple[datetime, date]]:
    """Look once a minute, as beat does, and return each new night with the moment at which it was due."""
    found: list[tuple[datetime, date]] = []
    for minute in range(hours * 60):
        now = start + timedelta(minutes=minute)
        due = tonight(now, zone, at)
        if not found or due > max(day for _, day in found):
            found.append((now, due))
    return found[1:]  # the first one had begun before


def test_the_night_of_a_date_is_due_from_its_time_on():
    at = time(3, 0)
    assert tonight(datetime(2026, 11, 3, 2, 59, tzinfo=UTC), UTC_ZONE, at) == date(2026, 11, 2)
    assert tonight(datetime(2026, 11, 3, 3, 0, tzinfo=UTC), UTC_ZONE, at) == date(2026, 11, 3)


def test_the_date_is_the_zones():
    """01:00 UTC is 22:00 of the day before in São Paulo."""
    assert tonight(datetime(2026, 11, 3, 1, 0, tzinfo=UTC), SAO_PAULO, time(21, 0)) == date(2026, 11, 2)


def test_a_night_whose_time_the_clock_jumps_over_begins_right_after_the_jump():
    """In Lisbon, 29 March 2026 goes from 00:59 to 02:00."""
    found = nights(LISBON, time(1, 30), datetime(2026, 3, 28, 12, 0, tzinfo=UTC), 36)
    assert found == [(datetime(2026, 3, 29, 1, 0, tzinfo=UTC), date(2026, 3, 29))]


def test_a_night_whose_time_comes_twice_begins_once():
    """In Lisbon, 25 October 2026 has 01:30 twice."""
    found = nights(LISBON, time(1, 30), datetime(2026, 10, 24, 12, 0, tzinfo=UTC), 36)
    assert found == [(datetime(2026, 10, 25, 0, 30, tzinfo=UTC), date(2026, 10, 25))]


def test_a_midnight_that_does_not_exist_takes_no_night_away():
    """In São Paulo, 4 November 2018 began at 01:00."""
    found = nights(SAO_PAULO, time(0, 15), datetime(2018, 11, 3, 12, 0, tzinfo=UTC), 36)
    assert found == [(datetime(2018, 11, 4, 3, 0, tzinfo=UTC), date(2018, 11, 4))]


def test_an_evening_that_comes_twice_gives_one_night():
    """In São Paulo, 17 February 2018 had 23:30 twice."""
    found = nights(SAO_PAULO, time(23, 30), datetime(2018, 2, 17, 12, 0, tzinfo=UTC), 30)
    assert found == [(datetime(2018, 2, 18, 1, 30, tzinfo=UTC), date(2018, 2, 17))]


@pytest.mark.django_db(transaction=True)
def test_two_beats_begin_a_night_once():
    now = later()
    assert begin_night(now.date(), now) is not None
    assert begin_night(now.date(), now) is None


@pytest.mark.django_db(transaction=True)
def test_a_date_that_lies_behind_the_last_night_is_not_caught_up():
    """After a clock went back, or the zone was changed: eligibility is by watermark, nothing is missing."""
    now = later()
    assert begin_night(now.date(), now) is not None
    assert begin_night(now.date() - timedelta(days=1), now) is None


@pytest.mark.django_db(transaction=True)
def test_a_server_whose_clock_was_years_ahead_for_a_minute_misses_no_night():
    pk = conversation()
    now = later()
    ahead = now + timedelta(days=9_000)
    wrong = begin_night(ahead.date(), ahead)
    SummaryRun.objects.filter(pk=wrong.pk).update(
        state="stopped", started_at=ahead, planned_at=ahead, unsettled_since=ahead
    )
    run = begin_night(now.date(), now)
    assert run is not None
    assert plan(run.pk)
    assert items(run) == {pk: "pending"}


@pytest.mark.django_db(transaction=True)
def test_the_next_night_looks_at_what_was_too_young_for_the_last_one(settings):
    settings.SUMMARY_SILENCE_HOURS = 24
    assert settled_before() is None
    run = night()
    assert settled_before() == run.started_at - timedelta(hours=25), "the silence, and clocks that differ"


@pytest.mark.django_db(transaction=True)
def test_the_longest_silence_of_any_domain_counts(settings):
    settings.SUMMARY_SILENCE_HOURS = 24
    DomainPolicy.objects.create(domain="slow", silence_hours=72)
    DomainPolicy.objects.create(domain="quick", silence_hours=1)
    DomainPolicy.objects.create(domain="off", silence_hours=900, summaries=False)
    assert (silences().shortest, silences().longest) == (timedelta(hours=1), timedelta(hours=72))


@pytest.mark.django_db(transaction=True)
def test_an_absurd_silence_is_cut_to_a_year():
    DomainPolicy.objects.create(domain="never", silence_hours=2_000_000_000)
    assert silences().longest == timedelta(days=365)
    night()
