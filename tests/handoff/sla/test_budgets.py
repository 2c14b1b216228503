"""What a queue may say about its budgets."""

from datetime import timedelta

import pytest

from handoff.sla.budgets import DEFAULT_BUDGETS, BadBudgets, Budget, Budgets


def minutes(first: int, following: int, resolution: int) -> Budget:
    return Budget(*(timedelta(minutes=n) for n in (first, following, resolution)))


@pytest.mark.parametrize(
    ("priority", "first", "resolution"),
    [("urgent", 60, 240), ("high", 120, 480), ("normal", 480, 1920), ("low", 1440, 5760)],
)
def test_a_queue_that_says_nothing_has_the_defaults(priority: str, first: int, resolution: int) -> None:
    assert DEFAULT_BUDGETS.of(priority) == minutes(first, first, resolution)


def test_a_number_alone_is_the_first_response_and_the_rest_follows() -> None:
    assert Budgets.from_json({"urgent": 30}).urgent == minutes(30, 30, 120)


def test_each_part_can_be_said_and_other_priorities_keep_their_defaults() -> None:
    written = Budgets.from_json({"high": {"first": 10, "next": 20, "resolution": 15}})
    assert written.high == minutes(10, 20, 15)
    assert written.normal == DEFAULT_BUDGETS.normal


def test_one_part_alone_leaves_the_others_to_follow() -> None:
    assert Budgets.from_json({"low": {"next": 5}}).low == minutes(1440, 5, 5760)
    assert Budgets.from_json({"low": {"resolution": 1500}}).low == minutes(1440, 1440, 1500)


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ("", []),
        ("", "60"),
        ("", None),
        ("critical", {"critical": 5}),
        ("urgent.second", {"urgent": {"second": 5}}),
        ("urgent.first", {"urgent": 0}),
        ("urgent.first", {"urgent": -5}),
        ("urgent.first", {"urgent": "30"}),
        ("urgent.first", {"urgent": None}),
        ("urgent.first", {"urgent": True}),
        ("urgent.first", {"urgent": 1.5}),
        ("urgent.first", {"urgent": float("nan")}),
        ("urgent.first", {"urgent": 10**30}),
        ("low.next", {"low": {"next": [5]}}),
        ("low.resolution", {"low": {"resolution": 60}}),
    ],
)
def test_bad_budgets_name_the_field(field: str, written: object) -> None:
    with pytest.raises(BadBudgets) as caught:
        Budgets.from_json(written)
    assert caught.value.field == field


def test_an_unknown_priority_has_no_budget() -> None:
    with pytest.raises(BadBudgets, match="urgent, high, normal, low"):
        DEFAULT_BUDGETS.of("of")
