"""The benchmarks still run. What they measure with a handful of rows says nothing, and nothing here looks at it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from bench.figures import FIGURES
from bench.harness.http_load import Answers
from bench.harness.measure import in_turns, paired, percentile
from bench.harness.private import PROJECT
from bench.harness.result import Figure, at_least, at_most, near_limit

RUN_SECONDS = 110


def bench(local_dir: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bench", "--size", "smoke", *arguments],
        cwd=PROJECT,
        env=os.environ | {"HOLDFAST_LOCAL_DIR": str(local_dir)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )


def lines(done: "subprocess.CompletedProcess[str]") -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["figures"]


@pytest.mark.slow
@pytest.mark.parametrize("name", FIGURES)
def test_every_benchmark_measures_its_figures_beside_a_limit(name, local_dir):
    figures = lines(bench(local_dir, name, "--json"))
    assert figures
    for figure in figures:
        assert figure["measured"] > 0
        assert figure["limit"] > 0
        assert figure["ratio"] == pytest.approx(figure["measured"] / figure["limit"], abs=0.001)
        assert figure["bar"]


@pytest.mark.slow
def test_a_run_leaves_nothing_behind_but_its_lock(local_dir):
    lines(bench(local_dir, "settle-wait", "--json"))
    assert [path.name for path in local_dir.iterdir()] == ["bench.lock"]


def test_an_unknown_benchmark_is_refused_with_the_names_that_exist(local_dir):
    done = bench(local_dir, "no-such-figure")
    assert done.returncode == 2
    assert "record-turn" in done.stderr


def test_a_percentile_is_one_of_the_values():
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(range(1, 101), 0.99) == 99
    assert percentile([7], 0.99) == 7


def test_contenders_take_turns_and_the_first_round_does_not_count():
    calls: list[str] = []
    contenders = {name: lambda name=name: [float(len(calls)), calls.append(name)][:1] for name in "ab"}
    samples = in_turns(contenders, rounds=2)
    assert calls == ["a", "b", "a", "b", "a", "b"]
    assert samples == {"a": [[2.0], [4.0]], "b": [[3.0], [5.0]]}


def test_a_ratio_is_taken_round_by_round_so_that_a_drift_of_the_machine_does_not_move_it():
    samples = {"ours": [[2.0], [20.0], [200.0]], "limit": [[1.0], [10.0], [100.0]]}
    measured, limit = paired(samples, "ours", "limit")
    assert measured / limit == pytest.approx(2)


def test_a_ratio_can_be_one_of_means_where_the_bar_is_one():
    samples = {"ours": [[1.0, 1.0, 7.0]], "limit": [[1.0, 1.0, 1.0]]}
    measured, limit = paired(samples, "ours", "limit", fmean)
    assert (measured, limit) == (pytest.approx(3), pytest.approx(1))


@pytest.mark.parametrize(
    ("figure", "held"),
    [
        (at_most("n", 10, "ms", 10, 1, "l"), True),
        (at_most("n", 10.1, "ms", 10, 1, "l"), False),
        (at_least("n", 500, "/s", 500, 1, "l"), True),
        (at_least("n", 499, "/s", 500, 1, "l"), False),
        (near_limit("n", 1.5, "ms", 1.5, 1, "l"), True),
        (near_limit("n", 1.6, "ms", 1.5, 1, "l"), False),
    ],
)
def test_a_bar_is_held_up_to_its_very_value(figure: Figure, held: bool):
    assert figure.held is held


def test_a_rate_counts_answers_over_the_whole_time():
    assert Answers(latencies=[1.0] * 50, refused=0, seconds=2.0).rate == 25
