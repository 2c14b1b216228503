"""Summaries: the current one of each conversation, with the turns that it stands on and how it was made."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from outbox.adminkit.keyset import Keyset
from outbox.adminkit.links import Place, add_event_link, payload_of
from outbox.adminkit.readonly import Choice, ReadOnlyAdmin
from outbox.adminkit.show import badge, code, short, when
from outbox.models import OutboxEvent
from persistence.access import domains_of, record_reading
from persistence.admin.lookups import domains_with_customers, uuid_or_none
from persistence.admin.scoped import OwnDomains
from summarization import words
from summarization.event import EVENT_TYPE
from summarization.models import ConversationSummary, SummaryItem
from summarization.selectors import coverage, newer

PAGE = "summary"  # the name of this page in the record of who read what
DOMAINS_SHOWN = 50
NEWEST = Keyset(("summarized_at", "id"), descending=True)


class InDomain(Choice):
    title = "domain"
    parameter_name = "domain"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        domains = domains_of(request.user)
        found = domains_with_customers() if domains is None else domains
        return [("", "Every domain"), *((name, name) for name in found[:DOMAINS_SHOWN])]

    def narrow(self, queryset: QuerySet[ConversationSummary]) -> QuerySet[ConversationSummary]:
        return queryset.filter(domain=self.value()) if self.value() else queryset


class InStatus(Choice):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "Every status"), *ConversationSummary.Status.choices]

    def narrow(self, queryset: QuerySet[ConversationSummary]) -> QuerySet[ConversationSummary]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(ConversationSummary)
class SummaryAdmin(OwnDomains, ReadOnlyAdmin):
    about = (
        "What each conversation was about, as it stands now. Choose a domain to see what was summarised last on top; "
        "over all domains, the newest conversation comes first."
    )
    nothing_here = (
        "No summaries yet. They are made at night, from conversations that have been silent for a while."
    )
    nothing_found = "No summary of a conversation with this id, and none of a customer with this reference."
    list_display = ("conversation_", "domain_", "status_", "covers", "language", "maker", "cost", "made")
    list_select_related = ("conversation",)
    list_filter = (InDomain, InStatus)
    search_fields = ("id",)
    search_help_text = "Conversation or customer, whole"

    class Media:
        css = {"all": ["persistence/transcript.css", "summarization/summaries.css"]}

    def keyset_for(self, request: HttpRequest) -> Keyset:
        return NEWEST if request.GET.get("domain") else self.keyset

    def get_queryset(self, request: HttpRequest) -> Any:
        found = super().get_queryset(request).select_related("conversation")
        return found.defer("conversation__session_hash", "conversation__chain_head")

    def find(self, term: str) -> Q | None:
        if public_id := uuid_or_none(term):
            return Q(conversation__public_id=public_id)
        return Q(conversation__domain__in=domains_with_customers(), conversation__customer_ref=term)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> ConversationSummary | None:
        """Return the summary by its number, or by the id of its conversation."""
        if public_id := uuid_or_none(object_id):
            found: ConversationSummary | None = (
                self.get_queryset(request).filter(conversation__public_id=public_id).first()
            )
            return found
        return super().get_object(request, object_id, from_field)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Show the record. It quotes what was said, so it is written down who read it."""
        summary = self.looked_at(request, object_id)
        record_reading(
            request.user, summary.conversation_id, page=PAGE, from_seq=summary.from_seq, to_seq=summary.to_seq
        )
        conversation = summary.conversation
        context = {
            **self.admin_site.each_context(request),
            "title": "Summary",
            "opts": self.opts,
            "media": self.media,
            "original": summary,
            "summary": summary,
            "conversation": conversation,
            "status": self.status_(summary),
            "coverage": self.covers(summary),
            "statements": words.statements(summary),
            "made_by": words.made_by(summary),
            "item": (item := SummaryItem.objects.filter(pk=summary.conversation_id).first()),
            "detail": item.detail.rstrip(".") if item else "",  # the page's sentence goes on behind it
            "base": self.transcript(request, summary),
        }
        request.current_app = self.admin_site.name
        response = TemplateResponse(request, "summarization/admin/summary.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def transcript(self, request: HttpRequest, summary: ConversationSummary) -> str:
        """Return the address of the transcript, as far as a turn's number; "" for whoever may not read it."""
        if not request.user.has_perm("persistence.view_conversation"):
            return ""
        return reverse("admin:persistence_conversation_change", args=(summary.conversation_id,)) + "?"

    @admin.display(description="conversation")
    def conversation_(self, summary: ConversationSummary) -> SafeString:
        return short(summary.conversation.public_id)

    @admin.display(description="domain")
    def domain_(self, summary: ConversationSummary) -> SafeString:
        return code(summary.domain)

    @admin.display(description="status")
    def status_(self, summary: ConversationSummary) -> SafeString:
        return badge(summary.status, words.STATUSES.get(summary.status, "calm"))

    @admin.display(description="covers")
    def covers(self, summary: ConversationSummary) -> SafeString | str:
        stale = newer(summary)
        said = coverage(summary.from_seq, summary.to_seq, stale)
        return badge(said, "warn") if stale else said

    @admin.display(description="made by")
    def maker(self, summary: ConversationSummary) -> SafeString:
        name = format_html("<bdi>{}</bdi>", words.made_by(summary))
        if not summary.fallback_for:
            return name
        return format_html("{} {}", name, badge(f"for {summary.fallback_for}", "warn"))

    @admin.display(description="cost")
    def cost(self, summary: ConversationSummary) -> str:
        return f"${summary.cost_usd:.4f}" if summary.cost_usd else "–"

    @admin.display(description="made")
    def made(self, summary: ConversationSummary) -> SafeString | str:
        return when(summary.summarized_at)


def _summary_of(event: OutboxEvent) -> Place | None:
    public_id = uuid_or_none(str(payload_of(event).get("conversation_id", "")))
    if public_id is None:
        return None
    return "the conversation's summary", reverse(
        "admin:summarization_conversationsummary_change", args=(public_id,)
    )


add_event_link(EVENT_TYPE, _summary_of)
