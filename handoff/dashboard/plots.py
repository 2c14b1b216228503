"""Plots as plain geometry: a template draws them as SVG, so that they need no script and nothing from elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from handoff.sla.words import span

WIDTH, HEIGHT = 480, 200
LEFT, RIGHT, TOP, BOTTOM = 60, 8, 12, 26
GROUND = HEIGHT - BOTTOM
STEPS = (1, 2, 5)
MINUTE, HOUR, DAY = 60, 3600, 86400
# Scales of spans: the half of each reads as well as the whole.
SECONDS = (
    *(2 * MINUTE, 10 * MINUTE, 20 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 4 * DAY, 10 * DAY, 20 * DAY),
)


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a plot; a value None leaves a gap. ``links`` are addresses, one for each value."""

    name: str
    values: Sequence[float | None]
    links: Sequence[str]


@dataclass(frozen=True, slots=True)
class Mark:
    """A bar or a point, with the words that it stands for."""

    x: float
    y: float
    width: float
    height: float
    ink: int
    link: str
    words: str


@dataclass(frozen=True, slots=True)
class Plot:
    """What the template draws, in the coordinates of a WIDTH × HEIGHT box."""

    title: str
    legend: list[tuple[int, str]]
    labels: list[tuple[float, str]]
    lines: list[tuple[float, str]]  # of the scale: y, and what it stands for
    marks: list[Mark] = field(default_factory=list)
    paths: list[tuple[int, str]] = field(default_factory=list)
    empty: bool = False
    round: int = 2  # of the marks' corners; points are round altogether


def bars(title: str, days: Sequence[str], series: Sequence[Series]) -> Plot:
    """Return bars side by side, one group for each day."""
    highest = _highest(series)
    top = _nice_count(highest)
    slot = (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    width = min(slot * 0.7 / len(series), 28)
    plot = _frame(title, days, series, [(value, f"{value:,.0f}") for value in _ticks(top)], top)
    for number, one in enumerate(series):
        for index, value in enumerate(one.values):
            if value:
                x = LEFT + slot * (index + 0.5) + width * (number - len(series) / 2)
                y = _y(value, top)
                words = f"{days[index]}: {value:,.0f} {one.name}"
                plot.marks.append(Mark(x, y, width - 2, GROUND - y, number + 1, one.links[index], words))
    return plot


def lines(title: str, days: Sequence[str], series: Sequence[Series]) -> Plot:
    """Return lines of spans of time (seconds), broken where a day has none."""
    top = next((seconds for seconds in SECONDS if seconds >= _highest(series)), _highest(series))
    slot = (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    ticks = [(value, span(timedelta(seconds=value)) if value else "0") for value in (0, top / 2, top)]
    plot = _frame(title, days, series, ticks, top, corners=4)
    for number, one in enumerate(series):
        run: list[str] = []
        for index, value in enumerate([*one.values, None]):
            if value is None:
                if len(run) > 1:
                    plot.paths.append((number + 1, " ".join(run)))
                run = []
                continue
            x, y = LEFT + slot * (index + 0.5), _y(value, top)
            run.append(f"{x:.1f},{y:.1f}")
            words = f"{days[index]}: {one.name} {span(timedelta(seconds=value))}"
            plot.marks.append(Mark(x - 4, y - 4, 8, 8, number + 1, one.links[index], words))
    return plot


def _frame(
    title: str,
    days: Sequence[str],
    series: Sequence[Series],
    ticks: Sequence[tuple[float, str]],
    top: float,
    corners: int = 2,
) -> Plot:
    slot = (WIDTH - LEFT - RIGHT) / max(len(days), 1)
    return Plot(
        title=title,
        legend=[(number, one.name) for number, one in enumerate(series, start=1)],
        labels=[(LEFT + slot * (index + 0.5), day) for index, day in enumerate(days)],
        lines=[(_y(value, top), words) for value, words in ticks],
        empty=not any(value for one in series for value in one.values),
        round=corners,
    )


def _highest(series: Sequence[Series]) -> float:
    return max((value or 0 for one in series for value in one.values), default=0) or 1


def _nice_count(highest: float) -> float:
    scale = 1
    while True:
        for step in STEPS:
            if step * scale >= highest:
                return step * scale
        scale *= 10


def _ticks(top: float) -> list[float]:
    return [0, top] if top < 2 else [0, top / 2, top] if top % 2 == 0 else [0, top]


def _y(value: float, top: float) -> float:
    return GROUND - (GROUND - TOP) * value / top
