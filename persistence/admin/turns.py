"""Turns: one at a time, found by exactly its turn id or request id. Nobody scrolls through millions."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from outbox.adminkit.keyset import Keyset
from outbox.adminkit.readonly import ReadOnlyAdmin, searched
from outbox.adminkit.show import code, link, when
from persistence.access import record_reading
from persistence.admin.lookups import deliveries_of, event_of, turns_called
from persistence.admin.scoped import OwnDomains
from persistence.admin.transcript import shown
from persistence.models import Turn


@admin.register(Turn)
class TurnAdmin(OwnDomains, ReadOnlyAdmin):
    about = "One exchange. Look a turn up by its id or its request id, or read it inside its conversation."
    nothing_here = "Enter a turn id or a request id above. To browse, open a conversation."
    nothing_found = "There is no turn with this id or request id."
    list_display = ("id_", "request_id_", "domain_", "conversation_", "seq", "created")
    list_select_related = ("conversation",)
    keyset = Keyset(("turn_id",), descending=True)
    search_fields = ("turn_id",)
    search_help_text = "Turn id or request id, whole"

    class Media:
        css = {"all": ["persistence/transcript.css"]}

    def get_queryset(self, request: HttpRequest) -> Any:
        found = super().get_queryset(request).select_related("conversation")
        if request.resolver_match and request.resolver_match.url_name == "persistence_turn_changelist":
            return found.defer("messages", "metadata", "references") if searched(request) else found.none()
        return found

    def find(self, term: str) -> Q | None:
        return turns_called(term)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Show one turn with its facts, its digests and its deliveries."""
        turn = self.looked_at(request, object_id)
        record_reading(request.user, turn.conversation_id, page="turn", from_seq=turn.seq, to_seq=turn.seq)
        event = event_of(turn.conversation, turn)
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": f"Turn {turn.seq}",
            "opts": self.opts,
            "media": self.media,
            "original": turn,
            "conversation": turn.conversation,
            "item": shown(turn),
            "event": event,
            "deliveries": deliveries_of(event),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "persistence/admin/turn.html", context)

    @admin.display(description="turn")
    def id_(self, turn: Turn) -> SafeString:
        return code(turn.turn_id)

    @admin.display(description="request id")
    def request_id_(self, turn: Turn) -> SafeString:
        return code(turn.request_id)

    @admin.display(description="domain")
    def domain_(self, turn: Turn) -> SafeString:
        return code(turn.domain)

    @admin.display(description="conversation")
    def conversation_(self, turn: Turn) -> SafeString:
        public_id = code(turn.conversation.public_id)
        return link("persistence_conversation_change", turn.conversation_id, public_id)

    @admin.display(description="said")
    def created(self, turn: Turn) -> SafeString | str:
        return when(turn.created_at)
