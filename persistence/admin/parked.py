"""Parked writes of session state: acknowledged by Redis, refused by Postgres, an operator's to decide."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from outbox.adminkit.readonly import ReadOnlyAdmin, selected_ids
from outbox.adminkit.show import code, json_block, veiled, when
from persistence.admin.scoped import OwnDomains
from persistence.models import ParkedStateWrite
from persistence.session import parked


@admin.register(ParkedStateWrite)
class ParkedWriteAdmin(OwnDomains, ReadOnlyAdmin):
    about = (
        "Changes of session state that Redis acknowledged and Postgres refused five times. Nothing waits for them: "
        "whatever came later was kept. Try them again once the reason is gone, or discard them."
    )
    nothing_here = "Nothing is parked. That is the good state: every acknowledged write was kept."
    nothing_found = "No parked write has this entry id."
    list_display = ("entry_", "domain_", "error", "attempts", "parked")
    search_fields = ("entry",)
    search_help_text = "Entry id, whole, such as 1763740000000-0"
    actions = ("retry", "discard")
    fields = ("entry_", "domain_", "error", "attempts", "parked", "content")
    readonly_fields = fields

    def find(self, term: str) -> Q | None:
        return Q(entry=term)

    @admin.action(description="Retry: what fails again stays parked", permissions=["operate"])
    def retry(self, request: HttpRequest, queryset: QuerySet[ParkedStateWrite]) -> None:
        ids = self.theirs(request, queryset)
        self.log_operated(request, ids, "tried again")
        done = parked.retry(ids=ids)
        words = f"{done.applied} applied, {done.failed} failed again and stay parked."
        self.message_user(request, words, messages.WARNING if done.failed else messages.SUCCESS)

    @admin.action(description="Discard: the writes are deleted for good", permissions=["operate"])
    def discard(self, request: HttpRequest, queryset: QuerySet[ParkedStateWrite]) -> None:
        ids = self.theirs(request, queryset)
        self.log_operated(request, ids, "discarded")
        done = parked.discard(ids=ids)
        self.message_user(request, f"{done} discarded for good.", messages.SUCCESS)

    def theirs(self, request: HttpRequest, queryset: QuerySet[ParkedStateWrite]) -> list[int]:
        """Return which of the ticked rows this user may act on."""
        return list(queryset.filter(pk__in=selected_ids(request)).values_list("pk", flat=True))

    @admin.display(description="entry")
    def entry_(self, found: ParkedStateWrite) -> SafeString:
        return code(found.entry)

    @admin.display(description="domain")
    def domain_(self, found: ParkedStateWrite) -> SafeString:
        return code(found.domain)

    @admin.display(description="parked")
    def parked(self, found: ParkedStateWrite) -> SafeString | str:
        return when(found.parked_at)

    @admin.display(description="what it would have written")
    def content(self, found: ParkedStateWrite) -> Any:
        return json_block(veiled(found.fields))
