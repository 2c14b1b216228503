"""The ways to look at the queue. Each is backed by an index of live cases, or narrows the few rows that one finds.

The parameters are addresses too: the dashboard's numbers lead to state, owner, queue, priority, reason, channel, sla.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from handoff.admin.words import REASONS, SLA
from handoff.models import Queue, SupportCase
from handoff.models.cases import ENDED, LIVE
from outbox.adminkit.readonly import Choice, searched
from persistence.access import domains_of

CHANNELS_AMONG = 1_000
QUEUES_SHOWN = 200
LONGEST = 64
ASKED = "handoff_own_domains"
STATES = {
    "live": "Live",
    "open": "Open",
    "in_progress": "In progress",
    "waiting_customer": "Waits for the customer",
    "pending_consent": "Waits for consent",
    "closed": "Closed",
    "cancelled": "Cancelled",
    "ended": "All that ended",
}


def allowed(request: HttpRequest) -> list[str] | None:
    """Return the domains whose rows this user may see; None means all."""
    if not hasattr(request, ASKED):  # several filters ask, and the answer is the same
        setattr(request, ASKED, domains_of(request.user))
    found: list[str] | None = getattr(request, ASKED)
    return found


def own_domains(request: HttpRequest, field: str = "domain") -> Q:
    """Return the condition for rows that this user may see."""
    domains = allowed(request)
    return Q() if domains is None else Q(**{f"{field}__in": domains})


def shows_ended(request: HttpRequest) -> bool:
    """Say whether the list is one of cases that are over."""
    return request.GET.get("state") in (*ENDED, "ended") and not searched(request)


def storable(text: str) -> bool:
    """Say whether a column could hold this text at all."""
    return "\x00" not in text and len(text) <= LONGEST


class Pick(Choice):
    """A choice that is drawn as a drop-down box."""

    as_select = True

    def narrow(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        return self.pick(queryset) if self.value() else queryset

    def pick(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        raise NotImplementedError


class State(Choice):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(STATES.items())

    def narrow(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        chosen = self.value()
        if chosen in ("live", *LIVE):
            # Said in full, so that Postgres sees that the partial indexes of live cases hold every row asked for.
            found = queryset.filter(status__in=LIVE)
            return found if chosen == "live" else found.filter(status=chosen)
        found = queryset.filter(closed_at__isnull=False)
        return found if chosen == "ended" else found.filter(status=chosen)


class Owner(Choice):
    title = "owner"
    parameter_name = "owner"

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.me = request.user.get_username()
        super().__init__(request, *args, **kwargs)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("anyone", "Anyone's"), ("me", "Mine"), ("nobody", "Nobody's")]

    def narrow(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        owners = {"me": self.me, "nobody": ""}
        return queryset.filter(assignee=owners[self.value()]) if self.value() in owners else queryset


class InQueue(Pick):
    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        queues = Queue.objects.filter(own_domains(request)).order_by("domain", "name")[:QUEUES_SHOWN]
        return [("", "Every queue"), *((str(queue.pk), f"{queue.domain} · {queue}") for queue in queues)]

    def pick(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        return queryset.filter(queue_id=int(self.value()))


class OfPriority(Pick):
    title = "priority"
    parameter_name = "priority"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("", "Every priority"),
            *((name, name.capitalize()) for name in ("urgent", "high", "normal", "low")),
        ]

    def pick(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        return queryset.filter(priority=self.value())


class ForReason(Pick):
    title = "reason"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "Every reason"), *((code, said.capitalize()) for code, said in REASONS.items())]

    def pick(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        return queryset.filter(reason_codes__contains=[self.value()])


def newest_channels(domains: Iterable[str] | None) -> QuerySet[SupportCase, str]:
    """Return the channels of the newest cases; of each domain by itself, or one's cases would be sought among all."""
    if domains is None:
        return SupportCase.objects.order_by("-id").values_list("channel", flat=True)[:CHANNELS_AMONG]
    of_each = [
        SupportCase.objects.filter(domain=domain).order_by("-opened_at").values_list("channel", flat=True)
        for domain in domains
    ]
    none = SupportCase.objects.none().values_list("channel", flat=True)
    return none.union(*(newest[:CHANNELS_AMONG] for newest in of_each))


class OnChannel(Pick):
    """The channels of the newest cases, and the one that is asked for: nothing is scanned to list them all."""

    title = "channel"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get("channel", "")
        found = {*newest_channels(allowed(request)), asked if storable(asked) else ""}
        return [("", "Every channel"), *((name, name) for name in sorted(found - {""}))]

    def pick(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        return queryset.filter(channel=self.value())


class OfColour(Pick):
    title = "SLA"
    parameter_name = "sla"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        shown = ("red", "yellow", "green", "paused")
        return [("", "Every SLA"), *((name, SLA[name][0].capitalize()) for name in shown)]

    def pick(self, queryset: QuerySet[SupportCase]) -> QuerySet[SupportCase]:
        soon = Q(warn_at__isnull=True) | Q(warn_at__lte=Now()) | Q(warn_at__gte=F("attention_at"))
        match self.value():
            case "red":
                return queryset.filter(attention_at__lte=Now())
            case "yellow":
                return queryset.filter(soon, attention_at__gt=Now())
            case "green":
                return queryset.filter(
                    attention_at__gt=Now(), warn_at__gt=Now(), warn_at__lt=F("attention_at")
                )
        return queryset.filter(attention_at__isnull=True)


FILTERS = (State, Owner, InQueue, OfPriority, ForReason, OnChannel, OfColour)
