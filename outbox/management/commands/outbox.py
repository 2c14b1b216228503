"""``manage.py outbox``: see how the outbox stands, relay without a broker, and act on what is stuck."""

import signal
import threading
import time
from argparse import ArgumentTypeError
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import InterfaceError, OperationalError, connection
from django.utils.dateparse import parse_datetime

from outbox import attempts, operate, upkeep
from outbox.destinations import Destination, UnknownDestination, destination
from outbox.jsoncommand import JsonCommand
from outbox.relay import relay
from outbox.selectors import status

FIGURES = (
    "pending",
    "leased",
    "delivered",
    "dead",
    "parked",
    "oldest_due_seconds",
    "asleep_with_pending",
    "state",
)
PAUSE_SECONDS = 1.0
ONCE_BUDGET = 3600.0


class Command(JsonCommand):
    help = "Show, relay, redrive, park, release or prune the outbox."

    def add_options(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(
            dest="verb", required=True, metavar="status|relay|redrive|park|release|prune"
        )
        add = lambda name, text: verbs.add_parser(name, help=text)  # noqa: E731
        add("status", "how every destination stands; exit status 1 when something waits for an operator")
        relaying = add("relay", "carry deliveries as the Celery task does, without a broker")
        relaying.add_argument("destination")
        how = relaying.add_mutually_exclusive_group(required=True)
        how.add_argument("--once", action="store_true", help="until nothing is due")
        how.add_argument("--loop", action="store_true", help="until SIGTERM or Ctrl-C")
        redrive = add("redrive", "try dead and parked deliveries again")
        redrive.add_argument("destination")
        redrive.add_argument("--after", type=moment, help="stuck since this time (ISO 8601)")
        redrive.add_argument("--before", type=moment, help="stuck before this time (ISO 8601)")
        redrive.add_argument(
            "--delivery", type=int, action="append", help="this delivery only (may be repeated)"
        )
        park = add("park", "hold a lane, or without --lane the whole destination; nothing is lost")
        release = add("release", "let a lane go on past what is stuck in it, or a held destination")
        for parser_ in (park, release):
            parser_.add_argument("destination")
        park.add_argument("--reason", default="parked by an operator")
        for parser_ in (redrive, park, release):
            parser_.add_argument(
                "--lane", metavar="KEY", help="the ordering key, for turns the conversation id"
            )
        prune = add("prune", "delete what was delivered, and what was logged of it, long enough ago")
        prune.add_argument("--older-than-hours", type=float, default=settings.OUTBOX_KEEP_DELIVERED_HOURS)
        prune.add_argument(
            "--attempts-older-than-days", type=float, default=settings.OUTBOX_KEEP_ATTEMPTS_DAYS
        )
        self.accept_json(verbs)

    def run(self, options: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        try:
            where = destination(options["destination"]) if "destination" in options else None
        except UnknownDestination as error:
            raise CommandError(str(error), returncode=2) from error
        if options["verb"] == "status":
            found = status()
            return {"destinations": found}, all(as_it_should_be(figures) for figures in found.values())
        return {"affected": affected(where, options)}, True

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        if options["verb"] != "status":
            self.stdout.write(f"{found['affected']} affected")
            return
        for name, figures in found["destinations"].items():
            self.stdout.write(self.style.MIGRATE_HEADING(name))
            for figure in FIGURES:
                self.stdout.write(f"  {figure.replace('_', ' '):22} {figures[figure]}")


def as_it_should_be(figures: dict[str, Any]) -> bool:
    stuck = figures["dead"] + figures["parked"] + figures["parked_lanes"] + figures["asleep_with_pending"]
    return not stuck and figures["state"] == "ok"


def affected(where: Destination | None, options: dict[str, Any]) -> int:
    """Do what the verb says and return how many rows it changed."""
    if where is None:
        deliveries = upkeep.prune(keep_seconds=options["older_than_hours"] * 3600)
        return deliveries + attempts.prune(keep_seconds=options["attempts_older_than_days"] * 86_400)
    name, lane = where.name, options.get("lane")
    match options["verb"]:
        case "relay":
            return relay_once(where) if options["once"] else relay_forever(where)
        case "redrive":
            ids = options["delivery"]
            return operate.redrive(name, operate.Which(ids, lane, options["after"], options["before"]))
        case "park" if lane:
            return operate.park_lanes(name, operate.Which(ordering_key=lane), reason=options["reason"])
        case "park":
            return operate.park_destination(name, reason=options["reason"])
        case "release" if lane:
            return operate.release_lanes(name, operate.Which(ordering_key=lane))
    return operate.release_destination(name)


def relay_once(where: Destination) -> int:
    """Relay until a claim finds nothing that is due."""
    return relay(where, budget=ONCE_BUDGET, poll=0, until_empty=True).delivered


def relay_forever(where: Destination) -> int:
    """Relay until a signal says stop, through any outage of Postgres."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    total = 0
    while not stop.is_set():
        try:
            total += relay(where, budget=60, poll=settings.OUTBOX_POLL_SECONDS, stopped=stop.is_set).delivered
        except (OperationalError, InterfaceError):
            connection.close()
            time.sleep(PAUSE_SECONDS)
    return total


def moment(text: str) -> datetime:
    """Read a time that names its zone."""
    found = parse_datetime(text)
    if found is None or found.tzinfo is None:
        raise ArgumentTypeError(
            f"{text!r} is not an ISO 8601 time with a zone, such as 2026-03-01T09:00:00+00:00"
        )
    return found
