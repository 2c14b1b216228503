"""A measured figure beside its limit, and whether its bar holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. ``limit`` is what the machine gives in the same unit; ``ratio`` is measured ÷ limit."""

    name: str
    measured: float
    unit: str
    limit: float
    limit_is: str
    bar: str
    held: bool
    note: str = ""

    @property
    def ratio(self) -> float:
        return self.measured / self.limit if self.limit else 0.0


class BenchError(Exception):
    """A benchmark did not do what it was to measure; its figure would be worthless."""


def at_most(
    name: str, measured: float, unit: str, bar: float, limit: float, limit_is: str, note: str = ""
) -> Figure:
    """Return a figure that must not exceed ``bar``, which has the same unit."""
    return Figure(name, measured, unit, limit, limit_is, f"≤ {bar:g} {unit}", measured <= bar, note)


def at_least(
    name: str, measured: float, unit: str, bar: float, limit: float, limit_is: str, note: str = ""
) -> Figure:
    """Return a figure that must reach ``bar``, which has the same unit."""
    return Figure(name, measured, unit, limit, limit_is, f"≥ {bar:,g} {unit}", measured >= bar, note)


def near_limit(
    name: str, measured: float, unit: str, bar: float, limit: float, limit_is: str, note: str = ""
) -> Figure:
    """Return a figure that must not exceed ``bar`` × its limit."""
    return Figure(name, measured, unit, limit, limit_is, f"≤ {bar:g} × limit", measured <= bar * limit, note)
