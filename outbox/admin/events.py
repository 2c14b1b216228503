"""Events: what happened, with the deliveries of it."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from outbox.admin.lookups import uuid_or_none
from outbox.adminkit.keyset import Keyset
from outbox.adminkit.links import event_link
from outbox.adminkit.readonly import ReadOnlyAdmin
from outbox.adminkit.show import code, json_block, veiled, when
from outbox.models import Delivery, OutboxEvent

DELIVERIES_SHOWN = 100


@admin.register(OutboxEvent)
class EventAdmin(ReadOnlyAdmin):
    about = "What happened, once. Events are pruned some time after their last delivery arrived."
    nothing_here = "No events. They appear with the first turn and are pruned after their delivery."
    list_display = ("id_", "event_type", "key", "ordering_seq", "created")
    keyset = Keyset(("event_id",), descending=True)  # UUID version 7: the newest first
    search_fields = ("event_id",)
    search_help_text = "Event id or idempotency key, whole"
    fields = (
        *("id_", "event_type", "schema_version", "key", "ordering_seq", "about_", "idempotency"),
        *("created", "payload_", "headers_"),
    )
    readonly_fields = fields
    change_form_outer_after_template = "outbox/admin/event_deliveries.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        found = super().get_queryset(request)
        page = request.resolver_match
        on_list = page is not None and page.url_name == "outbox_outboxevent_changelist"
        return found.defer("payload", "headers") if on_list else found

    def find(self, term: str) -> Q | None:
        event_id = uuid_or_none(term)
        by_key = Q(idempotency_key=term)
        return by_key | Q(event_id=event_id) if event_id else by_key

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        event = context.get("original")
        if isinstance(event, OutboxEvent):
            found = Delivery.objects.filter(event_id=event.event_id).select_related("lane").order_by("id")
            context["deliveries"] = list(found[:DELIVERIES_SHOWN])
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description="event")
    def id_(self, event: OutboxEvent) -> SafeString:
        return code(event.event_id)

    @admin.display(description="ordering key")
    def key(self, event: OutboxEvent) -> SafeString:
        return code(event.ordering_key)

    @admin.display(description="tells about")
    def about_(self, event: OutboxEvent) -> SafeString | str:
        if place := event_link(event):
            return format_html('<a class="hf-link" href="{}">{}</a>', place[1], place[0])
        return "–"

    @admin.display(description="idempotency key")
    def idempotency(self, event: OutboxEvent) -> SafeString | str:
        return code(event.idempotency_key) if event.idempotency_key else "–"

    @admin.display(description="created")
    def created(self, event: OutboxEvent) -> SafeString | str:
        return when(event.created_at)

    @admin.display(description="payload, texts veiled")
    def payload_(self, event: OutboxEvent) -> SafeString:
        return json_block(veiled(event.payload))

    @admin.display(description="headers")
    def headers_(self, event: OutboxEvent) -> SafeString:
        return json_block(event.headers)
