"""``manage.py ladder``: which level of hot state is in force, and which one the figures justify."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any

from django.conf import settings
from django.core.management.base import CommandParser

from outbox.jsoncommand import JsonCommand
from outbox.management.commands.outbox import moment
from persistence.database import database_now
from persistence.ladder.evidence import Judgement
from persistence.ladder.figures import figures
from persistence.ladder.reporter import KEPT_DAYS
from persistence.ladder.triggers import Standing
from persistence.ladder.verdict import verdict

DEFAULT_HOURS = 24.0
WIDTH = 110  # columns
NAMES = {
    0: "session state in Postgres or in process memory",
    1: "session state in Redis",
    2: "a read cache of recent turns in Redis",
    3: "session state Redis-first, written behind",
}


class Command(JsonCommand):
    help = "Say which level of hot state the figures justify, and the one setting to change."

    def add_options(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--hours", type=window, default=DEFAULT_HOURS, metavar="N", help="how far back to look (24)"
        )
        parser.add_argument(
            "--now", type=moment, metavar="TIME", help="judge as of this time (ISO 8601 with zone)"
        )

    def run(self, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Judge. All is as it should be where no setting is to be changed."""
        now = options["now"] or database_now()
        found = figures(backend=settings.SESSION_STATE_BACKEND, hours=options["hours"], now=now)
        judged = verdict(standing(), found)
        said = {
            "level": judged.level,
            "recommended": judged.recommended,
            "setting": judged.setting,
            "first": judged.first,
            "reasons": judged.reasons,
            "evidence": [evidence.as_json() for evidence in judged.evidence],
            "figures": found.as_json(),
        }
        return said, judged.setting is None

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        stand = (
            f"SESSION_STATE_BACKEND={settings.SESSION_STATE_BACKEND}, HISTORY_CACHE={settings.HISTORY_CACHE}"
        )
        self._line("in force", f"level {found['level']}: {NAMES[found['level']]} ({stand})")
        self._line("justified", f"level {found['recommended']}: {NAMES[found['recommended']]}")
        first = f" (set {found['first']} before)" if found["first"] else ""
        self._line("change", f"{found['setting']}{first}" if found["setting"] else "nothing")
        for reason in found["reasons"]:
            self._line("because", reason)
        self.stdout.write(self.style.MIGRATE_HEADING("triggers"))
        for evidence in found["evidence"]:
            if evidence["judgement"] != Judgement.NOT_APPLICABLE:
                self.stdout.write(
                    f"  level {evidence['level']}, {evidence['trigger']}: {evidence['judgement']}"
                )
                for line in wrap(evidence["reason"], WIDTH - 6):
                    self.stdout.write(f"      {line}")
        self.stdout.write(self.style.MIGRATE_HEADING("figures"))
        for name, value in found["figures"].items():
            self.stdout.write(f"  {name.replace('_', ' '):30} {plain(value)}")

    def _line(self, name: str, text: str) -> None:
        for line in wrap(text, WIDTH - 11):
            self.stdout.write(f"{name:10} {line}")
            name = ""


def plain(value: Any) -> str:
    """Return a figure as people read it."""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def standing() -> Standing:
    """Return what the settings say."""
    return Standing(
        backend=settings.SESSION_STATE_BACKEND,
        history_cache=settings.HISTORY_CACHE == "redis",
        redis_first_domains=tuple(settings.SESSION_STATE_REDIS_FIRST_DOMAINS),
        has_redis=bool(settings.HOT_REDIS_URL),
    )


def window(text: str) -> float:
    """Read a number of hours that figures are kept for."""
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours <= KEPT_DAYS * 24:
        raise ArgumentTypeError(f"{text!r} is not a number of hours between 0 and {KEPT_DAYS * 24}")
    return hours
