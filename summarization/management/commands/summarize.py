"""``manage.py summarize``: tonight's work by hand, in this process, without a broker."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError
from rich.console import Console
from rich.table import Table

from outbox.jsoncommand import JsonCommand
from outbox.management.commands.outbox import moment
from persistence.database import database_now
from persistence.models import Conversation
from persistence.replay.progress import progress
from summarization.night.byhand import Bar, Figures, dry_run, summarize
from summarization.night.candidates import Selection

MISUSE = 2
# Ids of turns count from the one; behind the other, times cannot be reckoned with.
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(3000, 1, 1, tzinfo=UTC)
KEPT = "What was summarised is kept. Start it again to go on, or wait for the night."
STOPPED = {
    "budget_usd": "SUMMARY_BUDGET_USD leaves no room for another conversation. The next night takes up the rest.",
    "budget_tokens": "SUMMARY_BUDGET_TOKENS leaves no room for another conversation. The next night takes up the rest.",
    "budget_minutes": "SUMMARY_BUDGET_MINUTES are over. The next night takes up the rest.",
    "interrupted": "It was interrupted. What was summarised is kept; start it again to go on, or wait for the night.",
    "operator": "An operator stopped it. What was summarised is kept; the next night takes up the rest.",
}
BECAUSE = {
    "too_short": "fewer than two exchanges",
    "trivial": "nothing but greetings and thanks",
    "empty": "nobody said anything",
    "unchanged": "nothing new since the last summary",
    "gone": "erased meanwhile",
}


class Command(JsonCommand):
    help = "Summarise conversations that have fallen silent, as the night does. Exit status 1: some failed or remain."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="write nothing; say what would be done, and what it would take",
        )
        parser.add_argument("--limit", type=int, metavar="N", help="this many conversations at most")
        parser.add_argument("--domain", help="this domain only")
        parser.add_argument(
            "--conversation",
            metavar="ID",
            help="this one, however short its silence and however often it failed",
        )
        parser.add_argument(
            "--since",
            type=moment,
            metavar="TIME",
            help="whose last turn came at or after this time (ISO 8601 with zone), also if a night has passed it by",
        )
        parser.add_argument(
            "--now", type=moment, metavar="TIME", help="judge silence as of this time (ISO 8601 with zone)"
        )

    def run(self, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        now = options["now"] or database_now()
        selection = selected(options)
        if not EARLIEST <= (selection.since or now) <= now < LATEST:
            raise misuse("--since lies behind --now, or one of them outside of 1970 to 2999.")
        label = "reading" if options["dry_run"] else "summarising"
        bar = partial(progress, label)
        found = dry_run(selection, now, bar) if options["dry_run"] else worked_off(selection, now, bar)
        return found.as_json(), not found.failed and (options["dry_run"] or not found.remaining)

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        """Print the figures, why some were skipped or failed, and what there is to do."""
        console = Console(file=self.stdout, width=110)  # type: ignore[arg-type]
        console.print(table_of(found))
        for line in advice(found, options):
            console.print(line, markup=False, highlight=False)


def worked_off(selection: Selection, now: datetime, bar: Bar) -> Figures:
    """Summarise; when Postgres goes away in the middle, say what is kept."""
    try:
        with interruptible():
            return summarize(selection, now, bar)
    except (OperationalError, InterfaceError) as error:
        raise CommandError(f"Postgres did not answer: {error}\n{KEPT}") from error


def selected(options: dict[str, Any]) -> Selection:
    """Return what the options select. Raises CommandError for what makes no sense.

    An empty value is a variable that was not set: it must not select everything.
    """
    if options["limit"] is not None and options["limit"] < 1:
        raise misuse("--limit must be 1 or more.")
    domain, named = options["domain"], options["conversation"]
    if named is not None:
        if domain is not None or options["since"] or options["limit"]:
            raise misuse("--conversation goes without --domain, --since and --limit.")
        return Selection(conversation=conversation_of(named))
    if domain is not None and not Conversation.objects.filter(domain=domain).exists():
        raise misuse(f"There is no conversation in domain {domain!r}.")
    return Selection(domain or "", None, options["since"], options["limit"])


def conversation_of(text: str) -> int:
    """Return the primary key of the conversation with this id."""
    try:
        public_id = UUID(text)
    except ValueError as error:
        raise misuse(
            f"--conversation {text!r} is not a conversation's id; the API and the admin show it."
        ) from error
    found = Conversation.objects.filter(public_id=public_id).values_list("pk", flat=True).first()
    if found is None:
        raise misuse(f"There is no conversation {public_id}.")
    return found


def misuse(text: str) -> CommandError:
    """Return the error of a command that was used wrongly."""
    return CommandError(f"{text} Nothing was done.", returncode=MISUSE)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let TERM end the work as Ctrl-C does: claims are given back, and the run is marked as interrupted."""
    if threading.current_thread() is not threading.main_thread():  # called by a program that has other plans
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def table_of(found: dict[str, Any]) -> Table:
    """Return the figures as a table."""
    table = Table(show_header=False, box=None, pad_edge=False)
    would = found["dry_run"]
    rows = [("eligible", found["eligible"])]
    if not would:
        rows += [("summarised", found["summarized"])]
    rows += [("skipped", found["skipped"])]
    if not would:
        rows += [("failed", found["failed"]), ("remaining", found["remaining"])]
    for name, value in rows:
        table.add_row(name, f"{value:,}")
    for reason, many in sorted(found["reasons"].items(), key=lambda pair: -pair[1]):
        table.add_row(f"  {reason}", f"{many:,}  {BECAUSE.get(reason, '')}".rstrip())
    about = "at most " if would else ""  # as if every answer were as long as it may be
    table.add_row("tokens", f"{about}{found['tokens_in']:,} in, {found['tokens_out']:,} out")
    table.add_row("cost", f"{about}${found['cost_usd']:,.4f}")
    table.add_row("took", str(timedelta(seconds=round(found["seconds"]))))
    return table


def advice(found: dict[str, Any], options: dict[str, Any]) -> Iterator[str]:
    """Yield what an operator should know beside the figures."""
    if found["dry_run"]:
        yield "Nothing was written. Without --dry-run this is summarised."
    if found["busy"]:
        yield "Somebody else has this conversation in hand, or another run will come to it. Nothing was done."
    elif options["conversation"] and not found["eligible"] + found["skipped"]:
        yield "Nothing to do: its summary covers its last turn, or its domain is not summarised at all."
    if because := STOPPED.get(found["stopped_because"], found["stopped_because"]):
        yield because
    if found["failed"]:
        yield (
            f"{found['failed']:,} failed, {found['fell_back']:,} of them with a plain summary in place of the model's. "
            "The admin names each with its reason. The next night tries them again, or this command."
        )
