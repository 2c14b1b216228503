"""The first page: how the desk stands, each number a way to its cases."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timezone import now as clock

from handoff.admin.night import last_night
from handoff.admin.words import PRIORITIES as INKS
from handoff.admin.words import REASONS, SLA, STATUSES
from handoff.dashboard import plots
from handoff.dashboard.behind import SHOWN, Asked, behind
from handoff.dashboard.lag import lag
from handoff.dashboard.live import AGES, PRIORITIES, Live, live
from handoff.dashboard.period import Period, Took, period
from handoff.dashboard.plots import Plot, Series
from handoff.dashboard.rates import Rates, rates
from handoff.dashboard.scope import DAYS, MOST, Scope
from handoff.models import Endpoint
from handoff.sla.words import span
from outbox.adminkit.show import badge
from outbox.destinations import destinations
from persistence.admin.scoped import NO_DOMAIN, own_domains

VIEW = "handoff.view_supportcase"
DELIVERIES = "outbox.view_delivery"
WARN_LAG, ALARM_LAG = timedelta(minutes=1), timedelta(minutes=10)

admin.site.index_template = "handoff/dashboard/index.html"


def callback(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the admin's first page, or the cases behind one of them; Unfold calls this."""
    user, now = request.user, clock()
    context |= {"title": "Dashboard", "days": DAYS, "most": MOST}
    if user.has_perm(VIEW):
        scope = Scope.of(user, now)
        if asked := Asked.read(request.GET.dict()):
            return context | {"title": asked.title, "behind": cases_behind(scope, asked)}
        context |= desk(scope)
    if user.has_perm(VIEW) or user.has_perm(DELIVERIES):
        context["delivery"] = delivery(user)
    context["night"] = last_night(user)
    return context


def desk(scope: Scope) -> dict[str, Any]:
    """Return the figures about cases, in words and with their links."""
    if not scope.domains:
        return {"nothing": NO_DOMAIN}
    current, week, how_often = live(scope), period(scope), rates(scope)
    return {
        "desk": True,
        "capped": current.capped or week.capped,
        "tiles": tiles(current, week),
        "ages": [name for name, _ in AGES],
        "by_priority": by_priority(current),
        "plots": [came_and_went(week), response_times(week)],
        "rates": rate_rows(how_often),
        "rate": how_often,
        "rate_span": span(scope.now - how_often.since),
    }


def tiles(current: Live, week: Period) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the large numbers: what needs somebody now, then how the week went."""
    return [("Now", now_tiles(current)), (f"The last {DAYS} days", week_tiles(week))]


def now_tiles(current: Live) -> list[dict[str, Any]]:
    """Return what needs somebody."""
    found = [
        tile("open", f"{current.total:,}", queue_address()),
        tile("without an owner", f"{current.unowned:,}", queue_address(owner="nobody")),
    ]
    for colour in ("red", "yellow"):
        count = current.colours.get(colour, 0)
        alarm = colour == "red" and count > 0
        found.append(tile(SLA[colour][0], f"{count:,}", queue_address(sla=colour), alarm=alarm))
    return found


def week_tiles(week: Period) -> list[dict[str, Any]]:
    """Return how fast it went, and how often as promised."""
    first, resolution = week.first, week.resolution
    return [
        tile("first response, median", took(first.p50), figure("first_response")),
        tile("first response, 90\u00a0%", took(first.p90), figure("first_response")),
        tile("first response in time", share(first.kept), figure("first_missed")),
        tile("resolution, median", took(resolution.p50), figure("resolved")),
        tile("resolution, 90\u00a0%", took(resolution.p90), figure("resolved")),
        tile("resolved in time", share(resolution.kept), figure("resolution_missed")),
        tile("taken up again", share(resolution.reopen_rate), figure("reopened")),
    ]


def tile(words: str, number: str, link: str, *, alarm: bool = False) -> dict[str, Any]:
    """Return one large number."""
    return {"words": words, "number": number, "link": link, "alarm": alarm}


def by_priority(current: Live) -> list[dict[str, Any]]:
    """Return a row for each priority: its badge, its cells by age, its sum."""
    rows = []
    for priority in PRIORITIES:
        counts = [current.cells.get((priority, age), 0) for age in range(len(AGES))]
        rows.append(
            {
                "badge": badge(priority, INKS.get(priority, "calm")),
                "cells": [
                    (count, figure("live", priority=priority, age=age)) for age, count in enumerate(counts)
                ],
                "sum": sum(counts),
                "link": queue_address(priority=priority),
            }
        )
    return rows


def came_and_went(week: Period) -> Plot:
    """Return the plot of what was opened and resolved, day by day."""
    return plots.bars(
        "Opened and resolved",
        names_of(week.days),
        [
            by_day("opened", week.days, [of(week.first_by_day, day).count for day in week.days], "opened"),
            by_day(
                "resolved",
                week.days,
                [of(week.resolution_by_day, day).count for day in week.days],
                "resolved",
            ),
        ],
    )


def response_times(week: Period) -> Plot:
    """Return the plot of the first response's median and 90th percentile, day by day."""
    halves = [seconds(of(week.first_by_day, day).p50) for day in week.days]
    most = [seconds(of(week.first_by_day, day).p90) for day in week.days]
    return plots.lines(
        "First response",
        names_of(week.days),
        [
            by_day("median", week.days, halves, "first_response"),
            by_day("90 %", week.days, most, "first_response"),
        ],
    )


def by_day(name: str, days: Sequence[date], values: Sequence[float | None], which: str) -> Series:
    """Return a series whose marks lead to their day's cases."""
    return Series(name, values, [figure(which, day=day.isoformat()) for day in days])


def rate_rows(found: Rates) -> list[dict[str, Any]]:
    """Return the reasons, the most frequent first."""
    return [
        {
            "words": REASONS.get(one.code, one.code),
            "count": one.count,
            "percent": round(100 * one.share),
            "rate": "–" if one.rate is None else f"{one.rate:.1f}",
            "link": figure("opened", reason=one.code),
        }
        for one in found.reasons
    ]


def delivery(user: Any) -> dict[str, Any]:
    """Return how far behind the destinations are that concern this user: all for operators, else their domains' own."""
    operates = user.has_perm(DELIVERIES)
    if operates:
        names = sorted(destinations())
    else:
        theirs = Endpoint.objects.filter(own_domains(user))
        names = sorted(endpoint.destination for endpoint in theirs.only("slug", "purpose"))
    found = lag(names)
    return {
        "operates": operates,
        "lag": span(found.worst) if found.worst >= WARN_LAG else "< 1 min",
        "late": found.worst >= ALARM_LAG,
        "dead": found.dead,
        "parked": found.parked,
        "destinations": [(one, span(one.lag) if one.lag >= WARN_LAG else "–") for one in found.destinations],
    }


def cases_behind(scope: Scope, asked: Asked) -> dict[str, Any]:
    """Return the cases of the number that was clicked on."""
    found = behind(scope, asked)
    rows = [
        {
            "case": one,
            "case_id": str(one.case_id),
            "link": reverse("admin:handoff_supportcase_change", args=(one.pk,)),
            "priority": badge(one.priority, INKS.get(one.priority, "calm")),
            "status": badge(*STATUSES.get(one.status, (one.status, "calm"))),
            "reason": REASONS.get(one.reason, one.reason),
            "took": "not yet" if one.took is None else span(one.took),
        }
        for one in found
    ]
    return {"rows": rows, "measure": asked.figure.measure, "cut": len(rows) >= SHOWN, "shown": SHOWN}


def queue_address(**filters: str) -> str:
    """Return the queue, filtered."""
    query = f"?{urlencode(filters)}" if filters else ""
    return reverse("admin:handoff_supportcase_changelist") + query


def figure(name: str, **narrowed: Any) -> str:
    """Return the address of the cases behind a number."""
    return f"?{urlencode({'figure': name} | narrowed)}"


def of(days: dict[date, Took], day: date) -> Took:
    """Return a day's figures; those of an empty day where nothing happened."""
    return days.get(day) or Took()


def names_of(days: Sequence[date]) -> list[str]:
    """Return the days as a plot names them."""
    return [f"{day:%a} {day.day}" for day in days]


def seconds(length: timedelta | None) -> float | None:
    """Return a span in seconds."""
    return None if length is None else length.total_seconds()


def took(length: timedelta | None) -> str:
    """Return a span in words, a dash where there is none."""
    if length is None:
        return "–"
    return span(length) if length >= timedelta(minutes=1) else "< 1 min"


def share(value: float | None) -> str:
    """Return a share as a percentage, a dash where there is none."""
    return "–" if value is None else f"{100 * value:.0f} %"
