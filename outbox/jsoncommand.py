"""What the commands share: ``--json`` ends with one object on the last line of stdout; 0 = as it should be, 1 = not."""

import json
import sys
from argparse import SUPPRESS
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

HINT = "Nothing was changed. Check DATABASE_URL; on a development machine, 'make up' starts everything."


def as_json(value: Any) -> str:
    """Return what JSON does not have as text: times in ISO 8601, ids as they are written."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


class JsonCommand(BaseCommand):
    """A command whose ``run`` returns what there is to say and whether all is as it should be."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print one JSON object on the last line of stdout"
        )
        self.add_options(parser)

    def add_options(self, parser: CommandParser) -> None:
        """Declare the command's own options."""

    def accept_json(self, verbs: Any) -> None:
        """Let ``--json`` stand behind each verb as well as before it."""
        for parser in verbs.choices.values():
            parser.add_argument("--json", action="store_true", default=SUPPRESS, help="print one JSON object")

    def run(self, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Do it. Returns the object for ``--json`` and whether all is as it should be."""
        raise NotImplementedError

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        """Print the object for people."""
        for name, value in found.items():
            self.stdout.write(f"{name}: {value}")

    def handle(self, *_: Any, **options: Any) -> None:
        try:
            found, ok = self.run(options)
        except (OperationalError, InterfaceError) as error:
            raise CommandError(f"Postgres did not answer: {error}\n{HINT}") from error
        if options["json"]:
            self.stdout.write(json.dumps(found, default=as_json))
        else:
            self.show(found, options)
        if not ok:
            sys.exit(1)
