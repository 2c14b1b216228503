"""How each domain is summarised. Recall is shown here, and switched on the sampling page alone."""

from typing import Any

from django.contrib import admin
from django.core.validators import MaxValueValidator
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from outbox.adminkit.show import badge, code, when
from persistence.access import domains_of
from persistence.admin.domains import DomainForm
from persistence.admin.scoped import OwnDomains
from summarization.admin.sampling import overview_address
from summarization.models import DomainPolicy

A_YEAR = 24 * 365  # hours; as far as SUMMARY_SILENCE_HOURS goes


@admin.register(DomainPolicy)
class DomainPolicyAdmin(OwnDomains, ModelAdmin):
    """A domain that is not in the list is summarised as the settings say, and its summaries are not recalled."""

    form = DomainForm
    fields = ("domain", "summaries", "silence_hours", "recall_")
    readonly_fields = ("recall_",)
    about = (
        "How each domain is summarised. One that is not in this list is summarised as the settings say, and its "
        "summaries are not recalled."
    )
    nothing_here = (
        "No domain has rules of its own: all are summarised as the settings say, and recall is off in each."
    )
    list_before_template = "outbox/admin/views.html"
    sortable_by = ()
    list_display = ("domain_", "summaries_", "silence_", "recall_")
    ordering = ("domain",)

    class Media:
        css = {"all": ["outbox/admin.css", "summarization/summaries.css"]}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # it says who switched recall

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = type("PolicyForm", (self.form,), {"domains": domains_of(request.user)})
        return super().get_form(request, obj, change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is None else ("domain", *self.readonly_fields)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "silence_hours":
            field.validators.append(MaxValueValidator(A_YEAR))
        return field

    @admin.display(description="domain")
    def domain_(self, policy: DomainPolicy) -> SafeString:
        return code(policy.domain)

    @admin.display(description="summaries")
    def summaries_(self, policy: DomainPolicy) -> SafeString:
        return badge("made", "good") if policy.summaries else badge("not made", "calm")

    @admin.display(description="silent for")
    def silence_(self, policy: DomainPolicy) -> str:
        return "as the settings say" if policy.silence_hours is None else f"{policy.silence_hours:,} h"

    @admin.display(description="recall")
    def recall_(self, policy: DomainPolicy) -> SafeString:
        state = badge("on", "good") if policy.recall else badge("off", "calm")
        by = ""
        if policy.recall_changed_at:
            by = format_html("by <bdi>{}</bdi>, {}", policy.recall_changed_by, when(policy.recall_changed_at))
        if not policy.pk:
            return format_html("{} It is switched on the sampling page.", state)
        sampling = format_html('<a class="hf-link" href="{}">sampling</a>', overview_address(policy.domain))
        return format_html("{} {} · {}", state, by, sampling)
