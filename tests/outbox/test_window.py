"""A claim may look less far back, but never overlook anything for long."""

import pytest
from django.db import connection

from outbox.claim import claim
from outbox.outcomes import Unavailable
from outbox.relay import relay
from outbox.window import EVER, LATE_COMMIT_SECONDS, Window
from tests.outbox.support import SCRIPTED, ScriptedHandler, scripted, tell

pytestmark = pytest.mark.django_db(transaction=True)


def due_since(seconds):
    """Let every waiting lane have been due for so long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_lane SET due_at = now() - %s * interval '1 second' WHERE due_at < 'infinity'",
            [seconds],
        )


def test_the_first_claim_looks_at_everything_and_one_that_left_nothing_narrows_the_next():
    window = Window()
    assert window.seconds() == EVER
    window.took(3, 16)
    assert window.seconds() == EVER  # the regular look at everything is due the first time
    window.took(0, 16)
    assert LATE_COMMIT_SECONDS <= window.seconds() < 60


def test_a_backlog_is_looked_at_in_full_until_it_is_gone():
    window = Window()
    window.seconds()
    window.took(16, 16)
    assert window.seconds() == EVER
    window.took(16, 16)
    assert window.seconds() == EVER


def test_a_probe_and_a_resting_destination_say_nothing_about_what_is_left():
    window = Window()
    window.seconds()
    window.took(1, 1)
    assert window.seconds() == EVER


def test_an_old_backlog_drains_at_once_after_an_outage(settings):
    settings.OUTBOX_DESTINATIONS = {
        "scripted": SCRIPTED["scripted"] | {"breaker": [0.05], "lanes_per_claim": 4}
    }
    for number in range(60):
        tell(f"k{number}")
    due_since(3600)
    answers = iter([Unavailable("down")] * 6)
    healthy = ScriptedHandler.answer
    ScriptedHandler.answer = staticmethod(lambda delivery: next(answers, None) or healthy(delivery))
    done = relay(scripted(), budget=60, poll=0.01, stopped=lambda: len(ScriptedHandler.received) >= 66)
    assert done.delivered == 60


def test_a_lane_that_a_narrow_claim_overlooked_is_found_by_a_look_at_everything():
    window = Window()
    assert claim(scripted(), window) == claim(scripted(), window) == []
    tell()
    due_since(3600)
    assert claim(scripted(), window) == []
    assert len(claim(scripted(), Window())) == 1


def test_what_came_due_meanwhile_is_inside_the_window():
    window = Window()
    claim(scripted(), window)
    claim(scripted(), window)
    tell()
    assert len(claim(scripted(), window)) == 1
