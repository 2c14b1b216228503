"""``manage.py services start|stop|status|reset``: the embedded Postgres and Redis."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config import services
from config.services import ServiceError, Status

MISUSE = 2


class Command(BaseCommand):
    """Works without a database, since it brings one. Exit status 1: not as it should be; 2: misuse."""

    help = "Start, stop, look at or delete the embedded Postgres and Redis."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the actions."""
        parser.add_argument("action", choices=["start", "stop", "status", "reset"])
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--yes", action="store_true", help="reset: delete the data without asking")

    def handle(self, *_: Any, action: str, yes: bool, **options: Any) -> None:
        """Do it and say how things are now."""
        local_dir = Path(settings.LOCAL_DIR)
        if action == "reset" and not yes:
            raise CommandError(
                f"reset deletes the embedded database in {local_dir}; add --yes to do it.", returncode=MISUSE
            )
        try:
            if action == "start":
                services.start(local_dir)
            elif action == "stop":
                services.stop(local_dir)
            elif action == "reset":
                services.reset(local_dir)
            now = services.status(local_dir)
        except ServiceError as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps({name: asdict(status) for name, status in now.items()}))
        else:
            self._print(now)
        if action in ("start", "status") and not all(status.running for status in now.values()):
            raise SystemExit(1)

    def _print(self, now: dict[str, Status]) -> None:
        for name, status in now.items():
            self.stdout.write(f"{name:<9} {_described(status)}")


def _described(status: Status) -> str:
    if status.external:
        state = "answers" if status.running else "does not answer"
        return f"external, {state} (its URL comes from the environment)"
    if not status.running:
        return "stopped" + (f", data kept in {status.data_dir}" if status.data_dir else "")
    life = ", for the life of the stack that started it" if status.owned else ""
    return (
        f"running as process {status.pid}{life}\n          {status.url}\n          data in {status.data_dir}"
    )
