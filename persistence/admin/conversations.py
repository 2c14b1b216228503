"""Conversations: found by what a person has in hand, read as a transcript."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from outbox.adminkit.readonly import ReadOnlyAdmin
from outbox.adminkit.show import badge, code, when
from persistence.access import record_reading
from persistence.admin.lookups import domains_with_customers, turns_called, uuid_or_none
from persistence.admin.scoped import OwnDomains
from persistence.admin.transcript import transcript_page
from persistence.models import Conversation, Turn

CONTROLS = {"bot": "busy", "queued": "warn", "human": "good", "closed": "calm"}


@admin.register(Conversation)
class ConversationAdmin(OwnDomains, ReadOnlyAdmin):
    about = "One customer session on one channel of one domain. The newest conversation comes first."
    nothing_here = "No conversations yet. The first one appears with the first turn that is posted."
    nothing_found = "There is no conversation with this id, and no turn, request or customer either."
    list_display = ("id_", "domain_", "channel_", "control_", "last_seq", "archived", "last_turn", "customer")
    search_fields = ("public_id",)
    search_help_text = "Conversation, turn, request or customer"

    class Media:
        css = {"all": ["persistence/transcript.css"]}

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("session_hash", "chain_head")

    def find(self, term: str) -> Q | None:
        turns = Turn.objects.filter(turns_called(term)).values_list("conversation_id", flat=True)
        found = Q(pk__in=list(turns[: self.list_per_page])) | Q(
            domain__in=domains_with_customers(), customer_ref=term
        )
        public_id = uuid_or_none(term)
        return found | Q(public_id=public_id) if public_id else found

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Show the transcript page that ``?turn=`` is on, or the first one."""
        conversation = self.looked_at(request, object_id)
        asked = request.GET.get("turn", "")
        turn = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None
        page = transcript_page(conversation, turn or 1)
        if page.turns:
            record_reading(
                request.user, conversation.pk, page="conversation", from_seq=page.first, to_seq=page.last
            )
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": f"Conversation {conversation.public_id}",
            "opts": self.opts,
            "media": self.media,
            "original": conversation,
            "conversation": conversation,
            "control_badge": self.control_(conversation),
            "page": page,
            "asked": turn,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "persistence/admin/conversation.html", context)

    @admin.display(description="conversation")
    def id_(self, conversation: Conversation) -> SafeString:
        return code(conversation.public_id)

    @admin.display(description="domain")
    def domain_(self, conversation: Conversation) -> SafeString:
        return code(conversation.domain)

    @admin.display(description="channel")
    def channel_(self, conversation: Conversation) -> SafeString:
        return code(conversation.channel)

    @admin.display(description="control")
    def control_(self, conversation: Conversation) -> SafeString:
        return badge(conversation.control, CONTROLS.get(conversation.control, "calm"))

    @admin.display(description="archived through")
    def archived(self, conversation: Conversation) -> SafeString:
        behind = conversation.archived_through_seq < conversation.last_seq
        return badge(str(conversation.archived_through_seq), "warn" if behind else "good")

    @admin.display(description="last turn")
    def last_turn(self, conversation: Conversation) -> SafeString | str:
        return when(conversation.last_turn_at)

    @admin.display(description="customer")
    def customer(self, conversation: Conversation) -> SafeString | str:
        return code(conversation.customer_ref) if conversation.customer_ref else "–"
