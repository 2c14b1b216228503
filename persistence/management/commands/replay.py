"""``manage.py replay FILE…``: recorded conversations, sent as turns."""

import json
import re
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from persistence.replay.progress import progress
from persistence.replay.reader import measure, read
from persistence.replay.run import PATIENCE_SECONDS, Plan, replay
from persistence.replay.summary import Summary
from persistence.replay.target import NoTargetError, WrongTargetError, in_process, over_http

MISUSE = 2
DOMAIN = "demo"
MOST_WORKERS = 64


class Command(BaseCommand):
    """Exit status 0: everything is stored; 1: something failed; 2: misuse."""

    help = (
        "Send recorded conversations (JSONL or CSV) as turns. Sending the same file again adds nothing, so "
        "whatever was interrupted is resumed by starting it again."
    )
    requires_system_checks: list[str] = []  # a client of a server elsewhere needs nothing configured here

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=".csv, or else JSON lines")
        parser.add_argument("--url", help="a server's base address; default: the stack that runs here")
        parser.add_argument("--key", help="an API key of that server, or @FILE that holds it")
        parser.add_argument(
            "--in-process", action="store_true", help="record without a web server in between"
        )
        parser.add_argument("--domain", help=f"with --in-process: the domain (default: {DOMAIN})")
        parser.add_argument("--workers", type=_workers, default=4, help="conversations at once (default: 4)")
        parser.add_argument("--rate", type=_positive, help="turns a second, all workers together")
        parser.add_argument("--repeat", type=_whole, default=1, help="make this many conversations of each")
        parser.add_argument(
            "--run", type=_name, default="", help="a name; each makes conversations of its own"
        )
        parser.add_argument(
            "--patience",
            type=_positive,
            default=PATIENCE_SECONDS,
            help=f"seconds to repeat a turn that nobody takes (default: {PATIENCE_SECONDS:g})",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, files: list[Path], **options: Any) -> None:
        """Find the target, look at the files, send, tell."""
        try:
            sender = _sender(options)
            extent = measure(files)
        except WrongTargetError as error:
            raise CommandError(str(error), returncode=MISUSE) from error
        except NoTargetError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"A file cannot be read: {error}. Nothing was sent.", returncode=MISUSE
            ) from error
        plan = Plan(
            options["workers"], options["rate"], options["repeat"], options["run"], options["patience"]
        )
        with progress("replaying turns", extent.exchanges * plan.repeat) as advance:
            summary = replay(lambda: read(files), sender, plan, on_exchange=lambda: advance(1))
        if options["json"]:
            self.stdout.write(json.dumps(summary.as_json()))
        else:
            print_summary(Console(file=self.stdout), summary)  # type: ignore[arg-type]
        if summary.failed or summary.interrupted:
            raise SystemExit(1)


def print_summary(console: Console, summary: Summary) -> None:
    """Print the figures and what failed, for a person."""
    table = Table(show_header=False, box=None, pad_edge=False)
    ack = ", ".join(f"{name} {value:.1f}" for name, value in summary.ack_ms.items() if value is not None)
    for name, value in (
        ("turns acknowledged", f"{summary.turns:,}"),
        ("  new", f"{summary.created:,}"),
        ("  there before", f"{summary.replayed:,}"),
        ("failed", f"{summary.failed:,}"),
        ("sent again", f"{summary.retries:,}"),
        ("turns a second", f"{summary.turns_per_second:,.0f}"),
        ("acknowledged after, ms", ack or "–"),
    ):
        table.add_row(name, value)
    console.print(table)
    for failure in summary.failures:
        several = f" ({failure.count} exchanges)" if failure.count > 1 else ""
        console.print(
            f"{failure.where}{several}: {failure.reason}",
            style="red",
            markup=False,
            highlight=False,
            soft_wrap=True,  # a place that is broken in two cannot be opened
        )
    if (named := sum(failure.count for failure in summary.failures)) < summary.failed:
        console.print(f"… and {summary.failed - named:,} more", style="red")
    if summary.failed:
        console.print("What was acknowledged is kept. Start the same replay again to send the rest.")


def _sender(options: dict[str, Any]) -> Any:
    if not options["in_process"]:
        if options["domain"]:
            raise WrongTargetError("--domain goes with --in-process; over HTTP the key decides the domain.")
        return over_http(options["url"], options["key"])
    if options["url"] or options["key"]:
        raise WrongTargetError("--in-process goes without --url and --key.")
    return in_process(options["domain"] or DOMAIN)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ArgumentTypeError("must be above 0")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ArgumentTypeError("must be 1 or more")
    return value


def _workers(text: str) -> int:
    value = _whole(text)
    if value > MOST_WORKERS:
        raise ArgumentTypeError(f"must be {MOST_WORKERS} or fewer")
    return value


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{0,40}", text):
        raise ArgumentTypeError("must be up to 40 letters, digits, dots, dashes or underscores")
    return text
