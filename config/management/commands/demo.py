"""``manage.py demo``: start everything, replay real conversations, verify the copy, report, stop."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import Error, connections
from httpx import HTTPError
from rich.console import Console

from config.demo import Findings, demonstrate
from config.demo.demonstrate import ENOUGH_TURNS
from config.demo.report import report
from config.services import ServiceError
from config.stack import Stack, StackError, running_stack, start_services
from persistence.archive.sinks import SinkError


class Command(BaseCommand):
    """Exit status 0 exactly when every promise held."""

    help = "Run everything, replay real conversations, verify the off-box copy, report and stop."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--turns", type=int, default=ENOUGH_TURNS, help=f"at least so many (default: {ENOUGH_TURNS})"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_: Any, turns: int, **options: Any) -> None:
        """Run, tell, and let the exit status say it too."""
        local_dir = Path(settings.LOCAL_DIR)
        # The demo's help desk lives on this machine, where nothing may be called unless it is named.
        os.environ["OUTBOUND_ALLOWED_HOSTS"] = "127.0.0.1"
        try:
            start_services(local_dir)
            self._say("Starting Postgres, Redis, web, workers, beat and Flower ...")
            with running_stack(local_dir, say=self._say) as stack:
                findings = self._demonstrate(stack, turns)
        except KeyboardInterrupt:
            raise CommandError("Interrupted; everything is stopped and the data is kept.") from None
        except (ServiceError, StackError, SinkError, HTTPError, Error) as error:
            raise CommandError(
                f"The demo could not finish: {error} Everything is stopped; the data is kept. "
                f"The logs are in {local_dir / 'log'}."
            ) from error
        if options["json"]:
            self.stdout.write(json.dumps(findings.as_json()))
        else:
            report(Console(file=self.stdout), findings, stack, local_dir)  # type: ignore[arg-type]
        if not findings.ok:
            raise SystemExit(1)

    def _demonstrate(self, stack: Stack, turns: int) -> Findings:
        try:
            return demonstrate(stack, turns=turns)
        finally:
            connections.close_all()  # Postgres stops at once when nobody is connected

    def _say(self, line: str) -> None:
        self.stderr.write(line, style_func=str)  # news, not errors: in no colour
        self.stderr.flush()
