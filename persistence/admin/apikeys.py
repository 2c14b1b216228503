"""API keys: who may post, and the one thing to do about it here."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from outbox.adminkit.readonly import ReadOnlyAdmin, selected_ids
from outbox.adminkit.show import badge, code, when
from persistence import apikeys
from persistence.admin.scoped import OwnDomains
from persistence.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(OwnDomains, ReadOnlyAdmin):
    about = (
        "Each key opens one domain of the API. It is shown once, when it is made: manage.py apikey create "
        "DOMAIN. To rotate, make a new one, change the callers over, then revoke the old one here."
    )
    nothing_here = "No API keys yet. Make one with: manage.py apikey create DOMAIN"
    list_display = ("prefix_", "domain_", "name_", "state", "created", "revoked")
    actions = ("revoke",)
    fields = ("prefix_", "domain_", "name_", "state", "created", "revoked")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("key_hash")

    @admin.action(description="Revoke: the key stops working for good", permissions=["operate"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        theirs = queryset.filter(pk__in=selected_ids(request)).values_list("pk", flat=True)
        revoked = [key_id for key_id in list(theirs) if apikeys.revoke(key_id)]
        if not revoked:
            self.message_user(request, "Nothing was revoked: it is revoked already.", messages.WARNING)
            return
        self.log_operated(request, revoked, "revoked")
        noun = "API key" if len(revoked) == 1 else "API keys"
        self.message_user(
            request,
            f"{len(revoked)} {noun} revoked for good: refused everywhere within seconds.",
            messages.SUCCESS,
        )

    @admin.display(description="prefix")
    def prefix_(self, key: ApiKey) -> SafeString:
        return code(f"hf_{key.prefix}_…")

    @admin.display(description="domain")
    def domain_(self, key: ApiKey) -> SafeString:
        return code(key.domain)

    @admin.display(description="name")
    def name_(self, key: ApiKey) -> SafeString:
        return code(key.name)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        return badge("revoked", "calm") if key.revoked_at else badge("valid", "good")

    @admin.display(description="created")
    def created(self, key: ApiKey) -> SafeString | str:
        return when(key.created_at)

    @admin.display(description="revoked")
    def revoked(self, key: ApiKey) -> SafeString | str:
        return when(key.revoked_at)
