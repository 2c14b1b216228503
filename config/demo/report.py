"""The demo's findings, told to a person."""

from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from config.demo.findings import Findings, Phase
from config.demo.night import told
from config.stack import Stack

EXAMPLE_LINES = 40
MOST_NAMED = 10


def report(console: Console, findings: Findings, stack: Stack, local_dir: Path) -> None:
    """Print verdict, figures, and where to look."""
    promises(console, findings)
    numbers(console, findings)
    troubles(console, findings)
    where_to_look(console, findings, stack, local_dir)


def promises(console: Console, findings: Findings) -> None:
    """Print each promise with its verdict."""
    plain = not (console.encoding or "").lower().startswith("utf")
    marks = ("yes", "NO") if plain else ("✓", "✗")
    broken = [promise for promise in findings.promises() if not promise.kept]
    console.print()
    if broken:
        console.print(f"Holdfast broke {len(broken)} of its promises.", style="bold red")
    else:
        console.print("Holdfast kept every promise.", style="bold green")
    for promise in findings.promises():
        mark, style = (marks[0], "green") if promise.kept else (marks[1], "bold red")
        console.print(f"  [{style}]{mark}[/] {promise.text}")
        console.print(f"      {promise.evidence}", style="dim", highlight=False, soft_wrap=True)


def numbers(console: Console, findings: Findings) -> None:
    """Print the figures, one column for each phase."""
    table = Table(box=None, padding=(0, 2))
    table.add_column("")
    table.add_column("full load", justify="right")
    table.add_column("steady pace", justify="right")
    columns = [figures(phase) for phase in (findings.full, findings.steady)]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    found = findings.verified
    console.print()
    console.print(table)
    console.print(
        f"\n  objects verified (all runs)  {found.compared:,}, missing {len(found.missing):,}, "
        f"altered {len(found.altered):,}\n  summaries beside them        {found.documents:,}",
        highlight=False,
    )


def figures(phase: Phase) -> dict[str, str]:
    """Return one phase's figures as text, by name."""
    ack, lag = phase.sent.ack_ms, phase.lag
    return {
        "turns": f"{phase.sent.turns:,}",
        "turns a second": f"{phase.sent.turns_per_second:,.0f}",
        "acknowledged after, p50": _ms(ack["p50"]),
        "p95": _ms(ack["p95"]),
        "p99": _ms(ack["p99"]),
        "off-box after commit, p50": _ms(lag.p50_ms),
        "p99 ": _ms(lag.p99_ms),
    }


def troubles(console: Console, findings: Findings) -> None:
    """Name what failed, some of each kind."""
    found = findings.verified
    sent = (findings.full.sent, findings.steady.sent, findings.again)
    for failure in (failure for summary in sent for failure in summary.failures):
        console.print(f"failed: {failure.where}: {failure.reason}", style="red", markup=False, soft_wrap=True)
    for kind, keys in (("missing", found.missing), ("altered", found.altered), ("foreign", found.foreign)):
        for key in keys[:MOST_NAMED]:
            console.print(f"{kind}: {key}", style="red", markup=False, soft_wrap=True)
    for broken in found.chain_breaks[:MOST_NAMED]:
        console.print(f"chain: {broken}", style="red", markup=False, soft_wrap=True)


def where_to_look(console: Console, findings: Findings, stack: Stack, local_dir: Path) -> None:
    """Say where the data is and how to see more of it."""
    lines = findings.example.splitlines()
    cut = ["  ..."] if len(lines) > EXAMPLE_LINES else []
    password = stack.admin_password or "as you set it"
    console.print(
        f"""
Everything the demo started has stopped; the data is kept in {local_dir}.

  make up                  the same again, until Ctrl-C; it prints the addresses of
                             /admin/    the desk and all else      login {stack.admin_user} / {password}
                             /api/docs  the API, to try out        key in {local_dir / "demo_key"}
                             Flower     workers, queues, tasks     the login of the admin
  manage.py replay FILE    your own conversations, while `make up` runs
  manage.py archive verify compare the archive with the database

{findings.handoffs.left_open} cases wait in the desk for you: claim one, answer, give it back.
In the admin every conversation has its summary beside it.

The copy lies in {findings.archive}""",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if findings.night.example:
        console.print("One summary of tonight:", highlight=False)
        told(findings.night.example, partial(quote, console))
        console.print()
    if findings.example:
        console.print(f"One object of the archive, {findings.example_key}:", highlight=False, soft_wrap=True)
        quote(console, "\n".join([*lines[:EXAMPLE_LINES], *cut]))


def quote(console: Console, text: str) -> None:
    """Print what somebody said, as far as the terminal knows its letters."""
    encoding = console.encoding or "ascii"
    known = text.encode(encoding, "replace").decode(encoding)
    console.print(known, markup=False, highlight=False, soft_wrap=True)


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f} ms"
