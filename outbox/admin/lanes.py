"""Lanes: which conversations are held, which are with a worker, which sleep."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from outbox import operate
from outbox.admin.lookups import STUCK, by_destination, destination_names, many, uuid_or_none
from outbox.adminkit.keyset import Keyset
from outbox.adminkit.readonly import Choice, ReadOnlyAdmin, searched, selected_ids
from outbox.adminkit.show import badge, code, when
from outbox.models import ASLEEP, Delivery, Lane

# Each order is the one that the choice's own index keeps (outbox.models says which).
ORDERS = {
    "parked": Keyset(("destination", "id")),
    "leased": Keyset(("destination", "leased_until", "id")),
    "due": Keyset(("destination", "due_at", "id")),
    "asleep": Keyset(("id",), descending=True),
    "all": Keyset(("id",), descending=True),
}
BY_KEY = Keyset(("destination", "ordering_key"))
OPEN_SHOWN = 50


class Shown(Choice):
    title = "what to show"
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("parked", "Parked: needs an operator"),
            ("leased", "Leased to a worker"),
            ("due", "Awake: due now or later"),
            ("asleep", "Asleep"),
            ("all", "All, newest first"),
        ]

    def narrow(self, queryset: QuerySet[Lane]) -> QuerySet[Lane]:
        match self.value():
            case "parked":
                return queryset.exclude(parked_reason="")
            case "leased":
                return queryset.filter(leased_until__isnull=False)
            case "due":
                return queryset.filter(due_at__lt=ASLEEP)
            case "asleep":
                return queryset.filter(due_at=ASLEEP, parked_reason="")
        return queryset


class OfDestination(Choice):
    title = "destination"
    parameter_name = "destination"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "All destinations"), *((name, name) for name in destination_names())]

    def narrow(self, queryset: QuerySet[Lane]) -> QuerySet[Lane]:
        return queryset.filter(destination=self.value()) if self.value() else queryset


@admin.register(Lane)
class LaneAdmin(ReadOnlyAdmin):
    about = (
        "One destination's queue for one conversation, sent in order. "
        "A parked lane keeps everything and sends nothing."
    )
    nothing_here = "Nothing here. Under “Parked” that is the good state: no conversation is held back."
    list_display = ("key", "destination_", "state", "due", "leased", "rescues", "token")
    list_filter = (Shown, OfDestination)
    search_fields = ("ordering_key",)
    search_help_text = "Conversation id or ordering key, whole"
    actions = ("park", "release")
    fields = ("key", "destination_", "state", "reason", "due", "leased", "rescues", "token")
    readonly_fields = fields
    change_form_outer_after_template = "outbox/admin/lane_open.html"

    def keyset_for(self, request: HttpRequest) -> Keyset:
        if searched(request):
            return BY_KEY
        shown = request.GET.get("show", "parked")
        if shown in ("all", "asleep") and request.GET.get("destination"):
            return BY_KEY
        return ORDERS.get(shown, ORDERS["parked"])

    def find(self, term: str) -> Q | None:
        found = uuid_or_none(term)
        keys = {term, str(found)} if found else {term}
        return Q(destination__in=destination_names(), ordering_key__in=keys)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        lane = context.get("original")
        if isinstance(lane, Lane):
            waiting = Delivery.objects.filter(lane=lane).order_by("seq", "id")
            context["stuck"] = list(waiting.filter(status__in=STUCK)[:OPEN_SHOWN])
            context["pending"] = list(waiting.filter(status=Delivery.Status.PENDING)[:OPEN_SHOWN])
            context["open_shown"] = OPEN_SHOWN
            context["may_operate"] = self.has_operate_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.action(description="Park: send nothing, keep everything", permissions=["operate"])
    def park(self, request: HttpRequest, _queryset: QuerySet[Lane]) -> None:
        reason = f"parked by {request.user.get_username()}"
        done = self.operated(
            request, lambda name, which: operate.park_lanes(name, which, reason=reason), "parked"
        )
        words = f"{many(done, 'lane', 'lanes')} parked; nothing is sent until you release them, all is kept."
        self.report(request, done, words, "Nothing was parked: what you chose is parked already.")

    @admin.action(description="Release: go on, past what is dead or parked", permissions=["operate"])
    def release(self, request: HttpRequest, _queryset: QuerySet[Lane]) -> None:
        done = self.operated(request, operate.release_lanes, "released")
        words = (
            f"{many(done, 'lane', 'lanes')} released: the conversation goes on with what is pending. "
            "What was dead or parked was passed over and stays visible as released."
        )
        self.report(request, done, words, "Nothing was released: none of what you chose is parked.")

    def operated(self, request: HttpRequest, act: Any, word: str) -> int:
        """Run one of ``outbox.operate``'s functions for the ticked lanes; return how many it changed."""
        ids = selected_ids(request)
        lanes = Lane.objects.filter(pk__in=ids).values_list("destination", "pk")
        done = sum(act(name, operate.Which(ids=found)) for name, found in by_destination(lanes).items())
        if done:
            self.log_operated(request, ids, word)
        return done

    def report(self, request: HttpRequest, done: int, words: str, nothing: str) -> None:
        self.message_user(request, words if done else nothing, messages.SUCCESS if done else messages.WARNING)

    @admin.display(description="conversation")
    def key(self, lane: Lane) -> SafeString:
        return code(lane.ordering_key)

    @admin.display(description="destination")
    def destination_(self, lane: Lane) -> SafeString:
        return code(lane.destination)

    @admin.display(description="state")
    def state(self, lane: Lane) -> SafeString:
        if lane.parked_reason:
            return badge("parked", "warn")
        if lane.leased_until:
            return badge("leased", "busy")
        return badge("asleep") if is_asleep(lane) else badge("awake", "good")

    @admin.display(description="why it is parked")
    def reason(self, lane: Lane) -> SafeString | str:
        return code(lane.parked_reason) if lane.parked_reason else "–"

    @admin.display(description="due")
    def due(self, lane: Lane) -> SafeString | str:
        return "asleep" if is_asleep(lane) else when(lane.due_at)

    @admin.display(description="leased until")
    def leased(self, lane: Lane) -> SafeString | str:
        return when(lane.leased_until)


def is_asleep(lane: Lane) -> bool:
    """Say whether the lane is due at 'infinity', which the driver hands over as the last year there is."""
    return lane.due_at.year == 9999
