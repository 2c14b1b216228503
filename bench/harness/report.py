"""The table for people, and the file for comparing runs."""

import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.harness.private import PROJECT, unhurried
from bench.harness.result import Figure
from bench.harness.sizes import Size

RESULTS = PROJECT / "bench" / "results"


def circumstances() -> dict[str, Any]:
    """Return what a figure depends on beside the code. ``load`` is of the minutes before; below 1 is quiet."""
    with unhurried() as cursor:
        cursor.execute("SHOW server_version")
        (postgres,) = cursor.fetchone() or ("",)
    return {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": len(os.sched_getaffinity(0)),
        "load": [round(load, 2) for load in os.getloadavg()],
        "python": platform.python_version(),
        "postgres": postgres,
    }


def document(size: Size, before: dict[str, Any], figures: Sequence[Figure]) -> dict[str, Any]:
    """Return one run as JSON values."""
    lines = [asdict(figure) | {"ratio": round(figure.ratio, 3)} for figure in figures]
    after = [round(load, 2) for load in os.getloadavg()]
    return {"size": size.name, "circumstances": before | {"load_after": after}, "figures": lines}


def keep(run: dict[str, Any]) -> Path:
    """Write the run down under ``bench/results``, which git ignores."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{run['circumstances']['at'].replace(':', '')}-{run['size']}.json"
    path.write_text(json.dumps(run, indent=2) + "\n", encoding="utf-8")
    return path


def show(run: dict[str, Any], figures: Sequence[Figure]) -> None:
    """Print the table, and under it what the figures depend on."""
    table = Table(title="Holdfast, each figure beside its limit", title_justify="left")
    for heading in ("figure", "measured", "limit beside it", "ratio", "bar", ""):
        table.add_column(
            heading, justify="right" if heading in ("measured", "ratio") else "left", overflow="fold"
        )
    for figure in figures:
        table.add_row(
            f"{figure.name} ({figure.note})" if figure.note else figure.name,
            f"{amount(figure.measured)} {figure.unit}",
            f"{amount(figure.limit)} {figure.unit} · {figure.limit_is}",
            f"{figure.ratio:.2f}",
            figure.bar,
            "[green]held[/]" if figure.held else "[red]missed[/]",
        )
    # A file or a pipe has no width; cutting the lines at 80 would make them hard to read and to search.
    console = Console(width=None if os.isatty(1) else 200)
    console.print(table)
    around = run["circumstances"]
    console.print(
        f"{around['cores']} cores, load {around['load'][0]} before and {around['load_after'][0]} after, "
        f"Python {around['python']}, PostgreSQL {around['postgres']}, size {run['size']}. "
        "On a machine that does other work too, trust the ratios."
    )


def amount(value: float) -> str:
    """Return a number with about three digits that mean something."""
    if value < 1:
        return f"{value:.3f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
