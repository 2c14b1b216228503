"""How much working time each priority has for the first response, each next response, and the resolution."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

DEFAULT_MINUTES = {"urgent": 60, "high": 120, "normal": 480, "low": 1440}
PRIORITIES = tuple(DEFAULT_MINUTES)
RESOLUTION_FACTOR = 4
MAX_MINUTES = 366 * 24 * 60

_PARTS = ("first", "next", "resolution")


class BadBudgets(ValueError):
    """A queue's budgets cannot be used. ``field`` is a priority, or a part of one such as ``urgent.first``."""

    def __init__(self, field: str, message: str) -> None:
        self.field, self.message = field, message
        super().__init__(f"{field}: {message}" if field else message)


@dataclass(frozen=True, slots=True)
class Budget:
    """Working time of one priority."""

    first: timedelta
    next: timedelta
    resolution: timedelta


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of one queue, by priority."""

    urgent: Budget
    high: Budget
    normal: Budget
    low: Budget

    def of(self, priority: str) -> Budget:
        """Return the budget of a priority; raises ``BadBudgets`` for one that does not exist."""
        if priority not in PRIORITIES:
            raise BadBudgets(priority, f"No such priority. There are {', '.join(PRIORITIES)}.")
        budget: Budget = getattr(self, priority)
        return budget

    @classmethod
    def from_json(cls, written: object) -> "Budgets":
        """Read what a queue says in whole minutes: ``{"urgent": 30, "high": {"first": 60, "resolution": 600}}``.

        A number alone is the first response. What is left out follows: next is first, resolution is four times first,
        and a priority that is not named keeps its default. Raises ``BadBudgets`` naming the field.
        """
        if not isinstance(written, Mapping):
            raise BadBudgets("", 'Budgets are an object by priority, such as {"urgent": 30}.')
        _known_only("", written, PRIORITIES)
        return cls(**{name: _budget(name, written.get(name, {})) for name in PRIORITIES})


def _budget(priority: str, written: object) -> Budget:
    parts = written if isinstance(written, Mapping) else {"first": written}
    _known_only(f"{priority}.", parts, _PARTS)
    first = _minutes(priority, parts, "first", DEFAULT_MINUTES[priority])
    following = _minutes(priority, parts, "next", first)
    resolution = _minutes(priority, parts, "resolution", RESOLUTION_FACTOR * first)
    if resolution < first:
        raise BadBudgets(f"{priority}.resolution", f"Shorter than the first response ({first} minutes).")
    return Budget(*(timedelta(minutes=value) for value in (first, following, resolution)))


def _minutes(priority: str, parts: Mapping[Any, Any], part: str, default: int) -> int:
    value = parts.get(part, default)
    # A derived resolution may pass the limit of what can be written; bool is an int to Python and to nobody else.
    if part in parts and (type(value) is not int or not 1 <= value <= MAX_MINUTES):
        raise BadBudgets(f"{priority}.{part}", f"Whole minutes from 1 to {MAX_MINUTES} are expected.")
    return int(value)


def _known_only(prefix: str, written: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    for name in written:
        if name not in known:
            raise BadBudgets(f"{prefix}{name}", f"Not known here. Use {', '.join(known)}.")


DEFAULT_BUDGETS = Budgets.from_json({})
