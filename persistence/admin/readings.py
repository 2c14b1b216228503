"""Who read which transcript: for privacy officers, newest first."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from outbox.adminkit.readonly import ReadOnlyAdmin
from outbox.adminkit.show import code, link, when
from persistence.admin.lookups import uuid_or_none
from persistence.admin.scoped import OwnDomains
from persistence.models import TranscriptReading


@admin.register(TranscriptReading)
class ReadingAdmin(OwnDomains, ReadOnlyAdmin):
    about = (
        "Every time somebody was shown what a customer said: who, when, and which turns. "
        "Written before the page is shown, and never changed."
    )
    nothing_here = "Nobody has read a transcript of your domains yet."
    nothing_found = "No reading by a user of this name, and none of a conversation with this id."
    domain_field = "conversation__domain"
    list_display = ("read", "who", "conversation_", "turns", "page_", "domain_")
    list_select_related = ("conversation",)
    search_fields = ("id",)
    search_help_text = "Conversation id or user name, whole"
    fields = list_display
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        shown = ("public_id", "domain")
        return (
            super()
            .get_queryset(request)
            .select_related("conversation")
            .only(
                "read_at", "username", "from_seq", "to_seq", "page", *(f"conversation__{it}" for it in shown)
            )
        )

    def find(self, term: str) -> Q | None:
        if public_id := uuid_or_none(term):
            return Q(conversation__public_id=public_id)
        # By the user's key, which is indexed; of users who are gone the name is kept, and read in the list.
        readers = get_user_model().objects.filter(username=term).values_list("pk", flat=True)
        return Q(user_id__in=list(readers))

    @admin.display(description="read")
    def read(self, reading: TranscriptReading) -> SafeString | str:
        return when(reading.read_at)

    @admin.display(description="by")
    def who(self, reading: TranscriptReading) -> SafeString:
        return format_html("<bdi>{}</bdi>", reading.username)

    @admin.display(description="conversation")
    def conversation_(self, reading: TranscriptReading) -> SafeString:
        public_id = code(reading.conversation.public_id)
        return link("persistence_conversation_change", reading.conversation_id, public_id)

    @admin.display(description="turns")
    def turns(self, reading: TranscriptReading) -> str:
        one = reading.from_seq == reading.to_seq
        return f"{reading.from_seq:,}" if one else f"{reading.from_seq:,}–{reading.to_seq:,}"

    @admin.display(description="page")
    def page_(self, reading: TranscriptReading) -> str:
        return reading.page

    @admin.display(description="domain")
    def domain_(self, reading: TranscriptReading) -> SafeString:
        return code(reading.conversation.domain)
