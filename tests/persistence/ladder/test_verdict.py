"""From figures to a level: what asks for one, what does not, and what is left open."""

from dataclasses import replace
from datetime import timedelta

import pytest

from persistence.ladder import thresholds as at
from persistence.ladder.evidence import Judgement
from persistence.ladder.figures import Figures, Shares
from persistence.ladder.triggers import Standing
from persistence.ladder.verdict import Verdict, verdict
from tests.persistence.ladder.support import NOW

MEMORY, POSTGRES, REDIS = Standing("memory", False), Standing("postgres", False), Standing("redis", False)
CACHED, REDIS_FIRST = Standing("redis", True), Standing("redis-first", False)
QUIET = Figures(
    since=NOW - timedelta(hours=24),
    until=NOW,
    measured_since=NOW - timedelta(hours=24),
    web_processes=1,
    web_restarts=0,
    restarts_that_lost_state=0,
    states_lost=0,
    states_in_memory=0,
    turns=10_000,
    turns_per_second_peak=0.5,
    peak_hour=NOW - timedelta(hours=3),
    turn_commit_p50_ms=2.0,
    turn_commit_p95_ms=8.0,
    model_p50_ms=1_000.0,
    model_turns=2_000,
    state_reads=10_000,
    state_writes=10_000,
    state_writes_per_second_peak=0.5,
    state_write_p95_ms=3.0,
    shares=Shares("the processes' own measure", 1_000.0, 20_000, 50.0, 20_000, 30.0),
    history_share_without_cache=0.05,
    history_mean_ms=2.5,
    cache_hits=0,
    cache_hit_ratio=0.0,
    breaker_openings=0,
    states_unhealed=0,
    writes_parked=0,
)


def shared(*, history: float = 0.05, state: float = 0.03, seconds: float = 1_000.0, reads: int = 20_000):
    return Shares("somebody", seconds, reads, history * seconds, 20_000, state * seconds)


def judge(standing: Standing, **changed: object) -> Verdict:
    return verdict(standing, replace(QUIET, **changed))


def judgement(found: Verdict, trigger: str) -> Judgement:
    return next(evidence.judgement for evidence in found.evidence if trigger in evidence.trigger)


@pytest.mark.parametrize(
    ("standing", "level"),
    [(MEMORY, 0), (POSTGRES, 0), (REDIS, 1), (CACHED, 2), (Standing("postgres", True), 2), (REDIS_FIRST, 3)],
)
def test_the_level_in_force_is_what_the_settings_say(standing, level):
    assert standing.level == level


@pytest.mark.parametrize("standing", [MEMORY, POSTGRES])
def test_a_quiet_day_at_level_0_asks_for_nothing(standing):
    found = judge(standing)
    assert (found.level, found.recommended, found.setting, found.reasons) == (0, 0, None, [])


UP = [
    (MEMORY, {"web_processes": 2}, 1, "SESSION_STATE_BACKEND=redis"),
    (MEMORY, {"restarts_that_lost_state": 1, "states_lost": 9}, 1, "SESSION_STATE_BACKEND=redis"),
    (POSTGRES, {"shares": shared(state=0.1)}, 1, "SESSION_STATE_BACKEND=redis"),
    (REDIS, {"shares": shared(history=0.2)}, 2, "HISTORY_CACHE=redis"),
    (POSTGRES, {"shares": shared(history=0.2)}, 2, "HISTORY_CACHE=redis"),
    (REDIS_FIRST, {"shares": shared(history=0.2), "turn_commit_p95_ms": 90.0}, 3, "HISTORY_CACHE=redis"),
    (POSTGRES, {"state_write_p95_ms": 100.0}, 3, "SESSION_STATE_BACKEND=redis-first"),
    (
        POSTGRES,
        {"turn_commit_p95_ms": 100.0, "shares": shared(state=0.1)},
        3,
        "SESSION_STATE_BACKEND=redis-first",
    ),
]


@pytest.mark.parametrize(("standing", "changed", "level", "setting"), UP)
def test_a_trigger_that_is_reached_asks_for_its_level_and_names_one_setting(
    standing, changed, level, setting
):
    found = judge(standing, **changed)
    assert (found.recommended, found.setting) == (level, setting)
    assert found.reasons


BELOW = [
    (MEMORY, {"web_processes": 1}),
    (POSTGRES, {"web_processes": 9}),
    (POSTGRES, {"restarts_that_lost_state": 1}),
    (POSTGRES, {"shares": shared(state=0.099)}),
    (REDIS, {"shares": shared(history=0.199), "web_processes": 2}),
    (POSTGRES, {"state_write_p95_ms": 99.0}),
    (MEMORY, {"state_write_p95_ms": 900.0}),
    (POSTGRES, {"turn_commit_p95_ms": 99.0, "shares": shared(state=0.099)}),
]


@pytest.mark.parametrize(("standing", "changed"), BELOW)
def test_a_trigger_that_is_nearly_reached_or_not_this_backends_asks_for_nothing(standing, changed):
    found = judge(standing, **changed)
    assert (found.recommended, found.setting) == (standing.level, None)


THIN = [
    (MEMORY, {"web_processes": 0}, "web processes"),
    (
        POSTGRES,
        {"shares": shared(state=0.9, seconds=at.ENOUGH_DATABASE_SECONDS - 1)},
        "session state's share",
    ),
    (POSTGRES, {"shares": Shares("somebody", 0.0, 0, 0.0, 0, 0.0)}, "session state's share"),
    (
        REDIS,
        {"shares": shared(history=0.9, reads=at.ENOUGH_READS - 1), "web_processes": 2},
        "history's share",
    ),
    (POSTGRES, {"state_write_p95_ms": 900.0, "state_writes": at.ENOUGH_WRITES - 1}, "state's writes"),
    (POSTGRES, {"state_write_p95_ms": 900.0, "model_turns": at.ENOUGH_MODEL_TURNS - 1}, "state's writes"),
    (POSTGRES, {"state_write_p95_ms": 900.0, "model_p50_ms": None}, "state's writes"),
    (POSTGRES, {"turn_commit_p95_ms": 900.0, "turns": at.ENOUGH_WRITES - 1}, "turn commits"),
    (REDIS, {"measured_since": NOW - timedelta(hours=3)}, "use of level 1"),
    (CACHED, {"history_share_without_cache": None, "web_processes": 2}, "history's share"),
    (REDIS_FIRST, {"turns": at.ENOUGH_WRITES - 1}, "use of level 3"),
]


@pytest.mark.parametrize(("standing", "changed", "trigger"), THIN)
def test_too_little_seen_is_said_and_changes_nothing(standing, changed, trigger):
    found = judge(standing, **changed)
    assert judgement(found, trigger) is Judgement.UNKNOWN
    assert (found.recommended, found.setting) == (standing.level, None)


@pytest.mark.parametrize(("standing", "changed"), [(POSTGRES, {}), (REDIS, {"web_processes": 2})])
def test_a_slow_commit_that_session_state_is_not_to_blame_for_is_no_matter_of_levels(standing, changed):
    found = judge(standing, turn_commit_p95_ms=500.0, **changed)
    assert judgement(found, "turn commits") is Judgement.ELSEWHERE
    assert (found.recommended, found.setting) == (standing.level, None)
    assert any("at every level" in reason for reason in found.reasons)


KEPT = [
    (REDIS, {"web_processes": 2}),
    (REDIS, {"web_restarts": 1}),
    (REDIS, {"state_writes_per_second_peak": 1.5}),
    (CACHED, {"history_share_without_cache": 0.3, "cache_hits": 9_000, "web_processes": 2}),
    (CACHED, {"history_share_without_cache": 0.15, "web_processes": 2}),
    (REDIS_FIRST, {"turn_commit_p95_ms": 60.0}),
    (Standing("redis-first", False, ("shop",)), {}),
]


@pytest.mark.parametrize(("standing", "changed"), KEPT)
def test_a_level_that_still_has_its_reason_stays(standing, changed):
    found = judge(standing, **changed)
    assert (found.recommended, found.setting) == (standing.level, None)
    assert found.reasons


DOWN = [
    (REDIS, {}, 0, "SESSION_STATE_BACKEND=postgres"),
    (CACHED, {"web_processes": 2}, 1, "HISTORY_CACHE=off"),
    (REDIS_FIRST, {"turn_commit_p95_ms": 49.0}, 1, "SESSION_STATE_BACKEND=redis"),
]


@pytest.mark.parametrize(("standing", "changed", "level", "setting"), DOWN)
def test_a_level_without_any_reason_left_is_said_not_to_be_needed(standing, changed, level, setting):
    found = judge(standing, **changed)
    assert (found.recommended, found.setting) == (level, setting)
    assert Judgement.NOT_NEEDED in {evidence.judgement for evidence in found.evidence}


def test_what_hurts_is_mended_before_what_is_needless_is_taken_away():
    found = judge(REDIS, shares=shared(history=0.5))
    assert found.setting == "HISTORY_CACHE=redis"


def test_the_steps_that_are_taken_one_by_one_come_to_an_end():
    changed = {"web_processes": 2, "shares": shared(history=0.5, state=0.5)}
    first = judge(POSTGRES, **changed)
    second = judge(REDIS, **changed)
    third = judge(CACHED, **changed, history_share_without_cache=0.5)
    assert [step.setting for step in (first, second, third)] == [
        "SESSION_STATE_BACKEND=redis",
        "HISTORY_CACHE=redis",
        None,
    ]
    assert third.level == third.recommended == first.recommended == 2


def test_a_setting_that_needs_a_server_says_so_where_none_is_named():
    found = verdict(replace(MEMORY, has_redis=False), replace(QUIET, web_processes=2))
    assert (found.setting, found.first) == ("SESSION_STATE_BACKEND=redis", "HOT_REDIS_URL")
    assert judge(MEMORY, web_processes=2).first is None
