"""``manage.py sessions``: see how session state stands, write behind without Celery, and act on what was parked."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from redis import Redis, RedisError

from outbox.jsoncommand import JsonCommand
from persistence.hot.client import patient
from persistence.hot.errors import HotUnavailable
from persistence.session import parked
from persistence.session.behind.apply import write_behind
from persistence.session.errors import SessionStateUnavailable
from persistence.session.heal import heal_states
from persistence.session.levels import uses_redis
from persistence.session.status import status

MISUSE = 2
APPLY_SECONDS = 3600.0
STAYS = "Everything that was acknowledged stays where it is."


class Command(JsonCommand):
    help = "Show session state, write it behind, heal Redis, and retry or discard parked writes."

    def add_options(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="status|apply|heal|retry|discard")
        verbs.add_parser("status", help="how session state stands; exit status 1 when something needs a look")
        verbs.add_parser("apply", help="write behind as the Celery task does, until nothing is due")
        verbs.add_parser("heal", help="tell Redis what was written while it was out")
        retry = verbs.add_parser("retry", help="try parked writes again; what fails stays parked")
        discard = verbs.add_parser("discard", help="delete parked writes for good")
        for verb in (retry, discard):
            verb.add_argument("--domain", help="of this domain only")
            verb.add_argument("--entry", metavar="ID", help="this entry only")
        discard.add_argument(
            "--all", action="store_true", help="needed where neither domain nor entry is named"
        )
        self.accept_json(verbs)

    def run(self, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        match options["verb"]:
            case "status":
                found = status()
                return found, found["ok"]
            case "apply":
                return {"applied": self.apply()}, True
            case "heal":
                return {"healed": self.heal()}, True
            case "retry":
                retried = parked.retry(domain=options["domain"], entry=options["entry"])
                return {"applied": retried.applied, "failed": retried.failed}, not retried.failed
        if not (options["domain"] or options["entry"] or options["all"]):
            raise CommandError(
                "Nothing was discarded. Name --domain or --entry, or say --all.", returncode=MISUSE
            )
        return {"discarded": parked.discard(domain=options["domain"], entry=options["entry"])}, True

    def apply(self) -> int:
        """Write behind until nothing is due."""
        try:
            return write_behind(_redis(), settings.SESSION_STATE_REDIS_FIRST_DOMAINS, budget=APPLY_SECONDS)
        except RedisError as error:
            raise CommandError(f"Redis did not answer: {error}\n{STAYS}") from error

    def heal(self) -> int:
        """Tell Redis what it missed."""
        if not uses_redis():
            raise CommandError(
                f"Nothing to heal: session state is not kept in Redis (SESSION_STATE_BACKEND is "
                f"{settings.SESSION_STATE_BACKEND}).",
                returncode=MISUSE,
            )
        try:
            return heal_states()
        except SessionStateUnavailable as error:
            raise CommandError(f"Redis could not be told: {error.reason}. {STAYS}") from error

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        if options["verb"] != "status":
            super().show(found, options)
            return
        for name in ("backend", "redis", "unhealed"):
            self.stdout.write(f"{name:10} {found[name]}")
        for domain, figures in found["domains"].items():
            self.stdout.write(self.style.MIGRATE_HEADING(domain))
            for name, value in figures.items():
                self.stdout.write(f"  {name.replace('_', ' '):16} {'unknown' if value is None else value}")


def _redis() -> Redis:
    try:
        return patient()
    except HotUnavailable as error:
        raise CommandError(
            "There is no Redis to apply from: HOT_REDIS_URL is not set.", returncode=MISUSE
        ) from error
