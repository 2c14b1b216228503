"""The queue: what needs somebody next stands first, and each row says why."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.timezone import now as clock

from handoff import search
from handoff.admin import words
from handoff.admin.attention import ByAttention
from handoff.admin.filters import FILTERS, own_domains, shows_ended
from handoff.models import SupportCase
from outbox.adminkit.keyset import Keyset
from outbox.adminkit.readonly import KeysetList, ReadOnlyAdmin, searched
from outbox.adminkit.show import badge
from persistence.admin.lookups import domains_with_customers, uuid_or_none

LIVE, ENDED, FOUND = (
    ByAttention(),
    Keyset(("closed_at", "id"), descending=True),
    Keyset(("id",), descending=True),
)
FOUND_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """One case of the queue, in words."""

    case: SupportCase
    colour: str
    sla: SafeString
    status: SafeString
    priority: SafeString
    attention: str
    reasons: str

    @classmethod
    def of(cls, case: SupportCase, now: datetime) -> "Row":
        """Return the case as the queue and the case's own page show it."""
        colour = words.sla_colour(case.attention_at, case.warn_at, case.closed_at is not None, now)
        return cls(
            case=case,
            colour=colour,
            sla=badge(*words.SLA[colour]),
            status=badge(*words.STATUSES.get(case.status, (case.status, "calm"))),
            priority=badge(case.priority, words.PRIORITIES.get(case.priority, "calm")),
            attention=words.attention(case, now),
            reasons=words.reasons(case.reason_codes),
        )


class QueueList(KeysetList):
    """The rows in words, and the filters apart: two in sight, the others as boxes."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.estimate_text = (
            "the newest first" if searched(request) or shows_ended(request) else "what is due first"
        )
        now = clock()
        self.rows = [Row.of(case, now) for case in self.result_list]

    @property
    def boxes(self) -> Iterator[dict[str, Any]]:
        """Yield the filters that are drawn as boxes: name, title, what is chosen, and the options."""
        for spec in self.filter_specs:
            if getattr(spec, "as_select", False):
                yield {
                    "name": spec.parameter_name,
                    "title": spec.title,
                    "value": spec.value(),
                    "options": spec.lookup_choices,
                }

    @property
    def tabs(self) -> list[Any]:
        """Return the filters that are drawn as rows of links."""
        return [spec for spec in self.filter_specs if not getattr(spec, "as_select", False)]

    @property
    def narrowed(self) -> bool:
        """Say whether any filter is chosen that an agent may have forgotten about."""
        return any(self.params.values())


class CaseQueue(ReadOnlyAdmin):
    """The changelist; ``handoff.admin.case`` adds the page of one case."""

    about = ""
    nothing_here = "Nobody waits here."
    nothing_found = "No case has these words or this id, or none that you may see."
    list_display = ("case_id",)
    list_filter = FILTERS
    list_before_template = "handoff/admin/queue_filters.html"
    search_fields = ("case_id",)
    search_help_text = "Case, conversation, customer, or words"
    actions = None

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QueueList]:
        return QueueList

    def get_queryset(self, request: HttpRequest) -> QuerySet[SupportCase]:
        return super().get_queryset(request).filter(own_domains(request)).prefetch_related("queue")

    def keyset_for(self, request: HttpRequest) -> Keyset:
        if searched(request):
            return FOUND
        return ENDED if shows_ended(request) else LIVE

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by what a person has in hand: an id or a customer as a whole, or words that were said."""
        term = search_term.strip()
        if not term:
            return queryset.defer("context_snapshot"), False
        found = set(_newest(search.having(queryset, term)))
        found |= set(_newest(queryset.filter(domain__in=domains_with_customers(), customer_ref=term)))
        if known := uuid_or_none(term):
            found |= set(_newest(queryset.filter(case_id=known)))
            found |= set(_newest(queryset.filter(conversation__public_id=known)))
        return queryset.filter(pk__in=found).defer("context_snapshot"), False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        found: HttpResponseBase = super().changelist_view(request, extra_context)
        found["Cache-Control"] = "no-store"
        return found

    def live_rows(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the rows alone, or 304 where they read as they did; asked every few seconds."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        listed = self.get_changelist_instance(request)
        context = {"cl": listed, "request": request}
        response = TemplateResponse(request, "handoff/admin/queue_rows.html", context).render()
        return unless_same(request, response)


def unless_same(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return the response with a tag of its content, or 304 for a reader who has that already."""
    tag = f'"{hashlib.blake2b(response.content, digest_size=12).hexdigest()}"'
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponseNotModified()
    response["ETag"], response["Cache-Control"] = tag, "no-store"
    return response


def _newest(found: QuerySet[SupportCase]) -> list[int]:
    return list(found.order_by("-id").values_list("pk", flat=True)[:FOUND_MOST])
