"""Deliveries: what waits for an operator first, then what waits for its time."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from outbox import operate
from outbox.admin.lookups import (
    STUCK,
    by_destination,
    destination_names,
    lanes_of,
    many,
    uuid_or_none,
)
from outbox.adminkit.keyset import Keyset
from outbox.adminkit.readonly import Choice, ReadOnlyAdmin, searched, selected_ids
from outbox.adminkit.show import code, link, short, status_badge, when
from outbox.models import Delivery, DeliveryAttempt

# Both partial indexes are on (lane, seq, id), and the primary key keeps the newest first.
BY_LANE, NEWEST = Keyset(("lane_id", "seq", "id")), Keyset(("id",), descending=True)

ATTEMPTS_SHOWN = 50


def attempts_of(delivery: Delivery) -> list[DeliveryAttempt]:
    """Return the last sends of this event to this destination, the newest first, redriven deliveries included."""
    found = DeliveryAttempt.objects.filter(
        event_id=delivery.event_id, destination=delivery.lane.destination
    ).order_by("-number")
    return list(found[:ATTEMPTS_SHOWN])


class Shown(Choice):
    title = "what to show"
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("stuck", "Needs an operator"), ("pending", "Pending"), ("all", "All, newest first")]

    def narrow(self, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        if self.value() == "stuck":
            return queryset.filter(status__in=STUCK)
        return queryset.filter(status=Delivery.Status.PENDING) if self.value() == "pending" else queryset


class StuckDestination(Choice):
    """Offered for what is stuck only: those are few, and no index leads from a destination to the others."""

    title = "destination"
    parameter_name = "destination"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        if request.GET.get("show", "stuck") != "stuck":
            return []
        return [("", "All destinations"), *((name, name) for name in destination_names())]

    def narrow(self, queryset: QuerySet[Delivery]) -> QuerySet[Delivery]:
        return queryset.filter(lane__destination=self.value()) if self.value() else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    about = (
        "One event on its way to one destination. "
        "What is dead or parked holds its conversation back until somebody acts."
    )
    nothing_here = (
        "Nothing here. Under “Needs an operator” that is the good state: everything is on its way or done."
    )
    list_display = (
        "event_id_",
        "state",
        "destination",
        "conversation",
        "seq",
        "attempts",
        "last_error",
        "at",
    )
    list_filter = (Shown, StuckDestination)
    search_fields = ("event_id",)
    search_help_text = "Event id, conversation id or ordering key"
    actions = ("redrive",)
    fields = ("event_link_", "state", "lane_link", "seq", "attempts", "next_time", "last_error", "settled")
    readonly_fields = fields
    change_form_outer_after_template = "outbox/admin/delivery_after.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        # A statement of its own for the lanes: joined, the planner may walk all lanes to merge them in.
        return super().get_queryset(request).prefetch_related("lane")

    def keyset_for(self, request: HttpRequest) -> Keyset:
        everything = request.GET.get("show") == "all" and not searched(request)
        return NEWEST if everything else BY_LANE

    def find(self, term: str) -> Q | None:
        if (event_id := uuid_or_none(term)) is None:
            return self.of_key(term)
        return Q(event_id=event_id) | self.of_key(str(event_id))

    def of_key(self, ordering_key: str) -> Q:
        """Return what is open in the lanes of this key; what is settled has no index by lane."""
        lanes = list(lanes_of(ordering_key).values_list("pk", flat=True))
        return Q(lane_id__in=lanes, status="pending") | Q(lane_id__in=lanes, status__in=STUCK)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        found: Model | None = context.get("original")
        stuck = isinstance(found, Delivery) and found.status in STUCK
        context["may_redrive"] = stuck and self.has_operate_permission(request)
        if isinstance(found, Delivery):
            context |= {"attempts": attempts_of(found), "attempts_shown": ATTEMPTS_SHOWN}
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description="Redrive: try again, at the old place in the order", permissions=["operate"])
    def redrive(self, request: HttpRequest, _queryset: QuerySet[Delivery]) -> None:
        ids = selected_ids(request)
        stuck = list(
            Delivery.objects.filter(pk__in=ids, status__in=STUCK).values_list("lane__destination", "pk")
        )
        redriven = sum(
            operate.redrive(name, operate.Which(ids=found)) for name, found in by_destination(stuck).items()
        )
        if not redriven:
            self.message_user(
                request,
                "Nothing was redriven: none of what you chose is dead or parked. Everything is kept.",
                messages.WARNING,
            )
            return
        self.log_operated(request, [pk for _, pk in stuck], "redriven")
        words = f"{many(redriven, 'delivery', 'deliveries')} redriven; their conversations go on in order."
        if other := len(ids) - redriven:
            words += f" {many(other, 'was', 'were')} left alone: not dead or parked."
        self.message_user(request, words, messages.SUCCESS)

    @admin.display(description="event")
    def event_id_(self, delivery: Delivery) -> SafeString:
        return short(delivery.event_id)

    @admin.display(description="event")
    def event_link_(self, delivery: Delivery) -> SafeString:
        return link("outbox_outboxevent_change", delivery.event_id, code(delivery.event_id))

    @admin.display(description="status")
    def state(self, delivery: Delivery) -> SafeString:
        return status_badge(delivery.status)

    @admin.display(description="destination")
    def destination(self, delivery: Delivery) -> SafeString:
        return code(delivery.lane.destination)

    @admin.display(description="conversation")
    def conversation(self, delivery: Delivery) -> SafeString:
        return link("outbox_lane_change", delivery.lane_id, code(delivery.lane.ordering_key))

    @admin.display(description="lane")
    def lane_link(self, delivery: Delivery) -> SafeString:
        return link("outbox_lane_change", delivery.lane_id, code(delivery.lane))

    @admin.display(description="next attempt")
    def next_time(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.next_at if delivery.status == Delivery.Status.PENDING else None)

    @admin.display(description="last error")
    def last_error(self, delivery: Delivery) -> SafeString | str:
        return code(delivery.last_error_code) if delivery.last_error_code else "–"

    @admin.display(description="next try or settled")
    def at(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.settled_at or delivery.next_at)

    @admin.display(description="settled")
    def settled(self, delivery: Delivery) -> SafeString | str:
        return when(delivery.settled_at)
