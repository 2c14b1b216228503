"""``manage.py archive``: prove the off-box copy, rebuild from it, put back what it lacks."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from outbox.jsoncommand import JsonCommand
from persistence.archive.repair import repair
from persistence.archive.restore import NotEmpty, restore
from persistence.archive.sinks import Sink, SinkError
from persistence.archive.store import configured_sink
from persistence.archive.verify import verify

SHOWN = 20


class Command(JsonCommand):
    help = "Verify, restore or repair the off-box archive."

    def add_options(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="verify|restore|repair")
        checking = verbs.add_parser(
            "verify", help="hold the archive against the database; exit status 1 if it differs"
        )
        checking.add_argument(
            "--sample", type=int, metavar="N", help="compare the bodies of N objects instead of all"
        )
        verbs.add_parser("restore", help="rebuild an empty database from the archive alone")
        verbs.add_parser("repair", help="put missing objects back; nothing is ever overwritten")
        self.accept_json(verbs)

    def run(self, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        began = time.monotonic()
        sink = self.open()
        try:
            found, ok = self.act(options, sink)
        except (SinkError, NotEmpty) as error:
            raise CommandError(str(error)) from error
        finally:
            sink.close()
        return found | {"archive": sink.location, "seconds": round(time.monotonic() - began, 2)}, ok

    def open(self) -> Sink:
        try:
            return configured_sink()
        except ValueError as error:
            raise CommandError(f"ARCHIVE_URL: {error}", returncode=2) from error

    def act(self, options: dict[str, Any], sink: Sink) -> tuple[dict[str, Any], bool]:
        threads = settings.ARCHIVE_CONCURRENCY
        with self.progress(options["verb"]) as bar:
            task = bar.add_task(options["verb"], total=None, turns=0)

            def progress(turns: int) -> None:
                bar.update(task, turns=turns)

            if options["verb"] == "restore":
                restored = restore(sink, threads=threads, progress=progress)
                return restored.as_dict(), restored.ok
            checked = verify(sink, sample=options.get("sample"), threads=threads, progress=progress)
            if options["verb"] == "verify":
                return checked.as_dict(), checked.ok
            repaired = repair(sink, checked)
            return repaired.as_dict(), repaired.ok

    def progress(self, verb: str) -> Progress:
        columns = (
            SpinnerColumn(),
            TextColumn(verb),
            TextColumn("{task.fields[turns]:,} turns"),
            TimeElapsedColumn(),
        )
        return Progress(*columns, console=Console(stderr=True), transient=True)

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        for name, value in found.items():
            if not isinstance(value, list):
                self.stdout.write(f"{name.replace('_', ' '):14} {value}")
                continue
            self.stdout.write(f"{name.replace('_', ' '):14} {len(value)}")
            for entry in value[:SHOWN]:
                self.stdout.write(f"    {entry}")
            if len(value) > SHOWN:
                self.stdout.write(f"    … and {len(value) - SHOWN} more; --json names them all")
