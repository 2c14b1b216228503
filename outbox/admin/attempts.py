"""Attempts: every send to a destination that keeps a log of them, the newest first."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from outbox.admin.lookups import destination_names, uuid_or_none
from outbox.adminkit.keyset import Keyset
from outbox.adminkit.readonly import Choice, ReadOnlyAdmin
from outbox.adminkit.show import attempt_badge, code, plain_block, short, when
from outbox.models import DeliveryAttempt


class OfDestination(Choice):
    title = "destination"
    parameter_name = "destination"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "All destinations"), *((name, name) for name in destination_names())]

    def narrow(self, queryset: QuerySet[DeliveryAttempt]) -> QuerySet[DeliveryAttempt]:
        return queryset.filter(destination=self.value()) if self.value() else queryset


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    about = (
        "Every send, written down before it began. One without an end runs at this moment, or its worker died and "
        "another one took over."
    )
    nothing_here = "No sends yet. Destinations that speak to help desks and webhooks keep this log."
    list_display = (
        "started",
        "event",
        "destination_",
        "event_type",
        "key",
        "number",
        "state",
        "answer",
        "took",
    )
    list_filter = (OfDestination,)
    keyset = Keyset(("id",), descending=True)
    search_fields = ("event_id",)
    search_help_text = "Event id, case id, conversation id or ordering key"
    fields = (
        *("event_whole", "destination_", "event_type", "key", "number", "started", "took", "state"),
        *("status_code", "error", "excerpt_"),
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[DeliveryAttempt]:
        found = super().get_queryset(request)
        page = request.resolver_match
        on_list = page is not None and page.url_name == "outbox_deliveryattempt_changelist"
        return found.defer("excerpt") if on_list else found

    def find(self, term: str) -> Q | None:
        event_id = uuid_or_none(term)
        by_key = Q(ordering_key=str(event_id) if event_id else term)
        return by_key | Q(event_id=event_id) if event_id else by_key

    @admin.display(description="started")
    def started(self, attempt: DeliveryAttempt) -> SafeString | str:
        return when(attempt.started_at)

    @admin.display(description="event")
    def event(self, attempt: DeliveryAttempt) -> SafeString:
        return short(attempt.event_id)

    @admin.display(description="event")
    def event_whole(self, attempt: DeliveryAttempt) -> SafeString:
        return code(attempt.event_id)

    @admin.display(description="destination")
    def destination_(self, attempt: DeliveryAttempt) -> SafeString:
        return code(attempt.destination)

    @admin.display(description="ordering key")
    def key(self, attempt: DeliveryAttempt) -> SafeString:
        return code(attempt.ordering_key)

    @admin.display(description="outcome")
    def state(self, attempt: DeliveryAttempt) -> SafeString:
        return attempt_badge(attempt.outcome)

    @admin.display(description="answer")
    def answer(self, attempt: DeliveryAttempt) -> SafeString | str:
        said = " · ".join(str(part) for part in (attempt.status_code, attempt.error_code) if part)
        return code(said) if said else "–"

    @admin.display(description="error")
    def error(self, attempt: DeliveryAttempt) -> SafeString | str:
        return code(attempt.error_code) if attempt.error_code else "–"

    @admin.display(description="took")
    def took(self, attempt: DeliveryAttempt) -> str:
        return "–" if attempt.duration_ms is None else f"{attempt.duration_ms:,} ms"

    @admin.display(description="what the receiver said")
    def excerpt_(self, attempt: DeliveryAttempt) -> SafeString | str:
        return plain_block(attempt.excerpt) if attempt.excerpt else "–"
