"""Queues and canned replies: what leads set up, checked before it is kept."""

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now
from unfold.admin import ModelAdmin

from handoff.admin.words import VARIABLE
from handoff.models import CannedReply, Queue
from handoff.sla import clocks
from handoff.sla.budgets import PRIORITIES, BadBudgets, Budgets
from handoff.sla.calendar import BadCalendar, Calendar
from handoff.sla.rules import EXAMPLE
from handoff.sla.words import span
from outbox.adminkit.show import code
from persistence.access import domains_of
from persistence.admin.domains import DomainForm
from persistence.admin.scoped import OwnDomains

ANY_VARIABLE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
HELP = {
    "hours": f"As OpenStreetMap writes them, such as {EXAMPLE}. Empty: open day and night.",
    "time_zone": "Such as Europe/Lisbon.",
    "country": "Whose public holidays are kept, such as PT. Empty: none.",
    "subdivision": "The region whose holidays are kept as well, such as 11.",
    "budgets": (
        'Minutes by priority, where they differ from 60, 120, 480 and 1,440: {"urgent": 30, "high": {"first": 60, '
        '"next": 60, "resolution": 600}}. A number alone is the first response; the resolution is four times that.'
    ),
}


class QueueForm(DomainForm):
    """Hours, zone, country and budgets are read by what will use them; what it refuses is said beside the field."""

    def clean_country(self) -> str:
        return str(self.cleaned_data.get("country") or "").upper()

    def clean_subdivision(self) -> str:
        return str(self.cleaned_data.get("subdivision") or "").upper()

    def clean_budgets(self) -> Any:
        written = self.cleaned_data.get("budgets") or {}
        try:
            Budgets.from_json(written)
        except BadBudgets as error:
            raise ValidationError(str(error)) from None
        return written

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not {"hours", "time_zone", "country", "subdivision"} & self.errors.keys():
            names = ("hours", "time_zone", "country", "subdivision")
            try:
                Calendar(*(given.get(name, "") for name in names)).must_open(now())
            except BadCalendar as error:
                self.add_error(error.field if error.field in self.fields else None, error.message)
        return given


class CannedReplyForm(DomainForm):
    """A variable that nobody fills in would reach a customer as it is written."""

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        for found in ANY_VARIABLE.findall(text):
            if not VARIABLE.fullmatch(found):
                raise ValidationError(
                    f"Nothing fills in {found[:60]}. Use {{{{ customer }}}}, {{{{ agent }}}} or {{{{ case }}}}."
                )
        return text


class DomainAdmin(OwnDomains, ModelAdmin):
    """A table of one's own domains. The domain is chosen once: everything below is found by it."""

    form: type[DomainForm]
    fixed: tuple[str, ...] = ("domain",)

    class Media:
        css = {"all": ["outbox/admin.css", "handoff/desk.css"]}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = type(self.form.__name__, (self.form,), {"domains": domains_of(request.user)})
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is None else (*self.readonly_fields, *self.fixed)

    @admin.display(description="domain", ordering="domain")
    def domain_(self, row: Any) -> SafeString:
        return code(row.domain)


@admin.register(Queue)
class QueueAdmin(DomainAdmin):
    form = QueueForm
    fixed = ("domain", "name")  # handoffs name it
    list_display = ("title_", "domain_", "name", "hours_", "zone_", "next_opening", "accept_minutes")
    ordering = ("domain", "name")
    readonly_fields = ("next_opening", "due")
    fieldsets = (
        (None, {"fields": ("domain", "name", "title")}),
        ("Hours", {"fields": ("hours", "time_zone", "country", "subdivision", "next_opening")}),
        (
            "Promises",
            {
                "fields": ("budgets", "due", "accept_minutes", "consent_required"),
                "description": "Cases that are open keep the times they were given; new ones get the new times.",
            },
        ),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # cases and their history name it

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name in HELP:
            field.help_text = HELP[db_field.name]
        if field is not None and db_field.name == "budgets":
            field.widget.attrs["rows"] = 3
        return field

    @admin.display(description="queue")
    def title_(self, queue: Queue) -> SafeString:
        return format_html("<bdi>{}</bdi>", queue)

    @admin.display(description="hours")
    def hours_(self, queue: Queue) -> SafeString | str:
        return format_html("<bdi>{}</bdi>", queue.hours) if queue.hours else "day and night"

    @admin.display(description="zone")
    def zone_(self, queue: Queue) -> str:
        return (
            f"{queue.time_zone} {queue.country}{'-' if queue.subdivision else ''}{queue.subdivision}".strip()
        )

    @admin.display(description="next opening")
    def next_opening(self, queue: Queue) -> SafeString | str:
        if queue.pk is None:
            return "Shown when the queue is saved."
        calendar = calendar_of(queue)
        if calendar is None:
            return "These hours cannot be read; correct them."
        at = now()
        opening = calendar.next_opening(at)
        if opening is None:
            return "never, as these hours are written"
        if opening <= at:
            return "open now"
        return format_html("{}, in {}", local(opening, queue), span(opening - at))

    @admin.display(description="a case that comes now")
    def due(self, queue: Queue) -> SafeString | str:
        calendar = calendar_of(queue) if queue.pk else None
        try:
            budgets = Budgets.from_json(queue.budgets)
        except BadBudgets as error:
            return str(error)
        if calendar is None:
            return "Shown when the queue is saved."
        at = now()
        lines = []
        for priority in PRIORITIES:
            started = clocks.opened(calendar, budgets, priority, at)
            first, resolution = local(started.first_due, queue), local(started.resolution_due, queue)
            lines.append(format_html("{}: first response by {}, resolved by {}", priority, first, resolution))
        return format_html("{}<br>{}<br>{}<br>{}", *lines)


@admin.register(CannedReply)
class CannedReplyAdmin(DomainAdmin):
    form = CannedReplyForm
    list_display = ("title_", "domain_", "beginning")
    ordering = ("domain", "title")
    search_fields = ("title", "text")

    @admin.display(description="title")
    def title_(self, reply: CannedReply) -> SafeString:
        return format_html("<bdi>{}</bdi>", reply.title)

    @admin.display(description="text")
    def beginning(self, reply: CannedReply) -> SafeString:
        cut = reply.text if len(reply.text) <= 80 else f"{reply.text[:80]}…"
        return format_html("<bdi>{}</bdi>", cut)


def calendar_of(queue: Queue) -> Calendar | None:
    """Return the queue's calendar, or None where it cannot be read: written by hand, or by an older release."""
    try:
        return Calendar(queue.hours, queue.time_zone, queue.country, queue.subdivision)
    except BadCalendar:
        return None


def local(at: datetime, queue: Queue) -> SafeString | str:
    """Return a moment as the queue's people read it on their own clock."""
    there = at.astimezone(ZoneInfo(queue.time_zone))
    return format_html(
        '<time class="hf-time" datetime="{}">{}</time>',
        at.isoformat(),
        f"{there:%a %d %b %H:%M} ({queue.time_zone})",
    )
