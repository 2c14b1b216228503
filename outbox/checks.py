"""System checks of the registry: a destination that cannot work is refused before the first process starts."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Caution
from django.utils.module_loading import import_string

from outbox.destinations import Destination, parse

RULES = ("repeat", "park", "skip")


@register
def check_destinations(**_: Any) -> list[CheckMessage]:
    """Check every entry of ``OUTBOX_DESTINATIONS``."""
    found: list[CheckMessage] = []
    for name, entry in settings.OUTBOX_DESTINATIONS.items():
        try:
            destination = parse(name, entry)
        except TypeError as error:
            hint = "docs/operations.md lists the keys of a destination."
            found.append(Error(f"Destination {name!r}: {error}.", hint=hint, id="outbox.E001"))
            continue
        found += _check_handler(destination) + _check_layers(destination) + _check_numbers(destination)
    return found


def _check_handler(destination: Destination) -> list[CheckMessage]:
    try:
        handler = import_string(destination.handler)
    except ImportError as error:
        hint = "Name a class by its dotted path."
        return [Error(f"Destination {destination.name!r}: {error}.", hint=hint, id="outbox.E002")]
    if not callable(getattr(handler, "deliver", None)):
        hint = "Give it deliver(lanes, may_send), as outbox.destinations.Handler describes."
        message = f"Destination {destination.name!r}: {destination.handler} has no deliver()."
        return [Error(message, hint=hint, id="outbox.E003")]
    return []


def _check_layers(destination: Destination) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for path in destination.layers:
        try:
            usable = callable(getattr(import_string(path), "deliver", None))
        except ImportError:
            usable = False
        if not usable:
            hint = "Name a class by its dotted path; it takes the inner handler and the destination, and delivers."
            message = f"Destination {destination.name!r}: {path} is not a layer."
            found.append(Error(message, hint=hint, id="outbox.E009"))
    return found


@register
def check_sources(**_: Any) -> list[CheckMessage]:
    """Check that every source of destinations can be loaded; what it holds is in the database, and not looked at."""
    found: list[CheckMessage] = []
    for path in settings.OUTBOX_DESTINATION_SOURCES:
        try:
            source = import_string(path)
            usable = callable(getattr(source, "all", None)) and callable(getattr(source, "one", None))
        except ImportError:
            usable = False
        if not usable:
            hint = "Give it all() and one(name), as outbox.destinations.Source describes."
            found.append(Error(f"{path} is not a source of destinations.", hint=hint, id="outbox.E010"))
    return found


def _check_numbers(destination: Destination) -> list[CheckMessage]:
    found: list[CheckMessage] = []

    def refuse(wrong: bool, message: str, number: str) -> None:
        if wrong:
            found.append(Error(f"Destination {destination.name!r}: {message}.", id=f"outbox.{number}"))

    refuse(
        not destination.schedule or min(destination.schedule) < 0,
        "schedule needs delays of 0 or more",
        "E004",
    )
    refuse(not destination.breaker or min(destination.breaker) <= 0, "breaker needs delays above 0", "E005")
    refuse(not 0 <= destination.jitter < 1, "jitter must lie in 0 ≤ jitter < 1", "E006")
    refuse(destination.on_exhausted not in RULES, f"on_exhausted must be one of {', '.join(RULES)}", "E007")
    sizes = (destination.lanes_per_claim, destination.deliveries_per_lane, destination.max_rescues)
    refuse(
        min(sizes) < 1 or destination.lease <= 0, "batch sizes, max_rescues and lease must be above 0", "E008"
    )
    if not destination.events:
        message = f"Destination {destination.name!r} receives no event type, so nothing will ever reach it."
        found.append(Caution(message, hint="List event types under 'events'.", id="outbox.W001"))
    return found
