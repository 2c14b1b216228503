"""Destinations: one page with the figures of each, and the switches an operator needs."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name

from outbox import operate, selectors
from outbox.admin.lookups import many
from outbox.admin.redrive import RangeForm
from outbox.adminkit.readonly import ReadOnlyAdmin
from outbox.adminkit.show import badge, code, when
from outbox.models import DestinationState


@admin.register(DestinationState)
class DestinationAdmin(ReadOnlyAdmin):
    fields = ("destination_", "state", "failures", "open", "parked_reason", "last_error_code", "changed")
    readonly_fields = fields

    def get_urls(self) -> list[Any]:
        redrive = self.admin_site.admin_view(self.redrive_view)
        return [path("redrive/", redrive, name="outbox_destinationstate_redrive"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Show every destination's figures; a POST runs one of the switches and comes back."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method == "POST":
            return self.operate(request)
        standing = selectors.status()
        context = {
            **self.admin_site.each_context(request),
            **(extra_context or {}),
            "title": "Destinations",
            "opts": self.opts,
            "media": self.media,
            "destinations": [
                (name, standing[name], *read_state(standing[name])) for name in sorted(standing)
            ],
            "may_operate": self.has_operate_permission(request),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "outbox/admin/destinations.html", context)

    def redrive_view(self, request: HttpRequest) -> HttpResponseBase:
        """Count what got stuck within a range of time (GET), and redrive it (POST)."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        given = request.POST or request.GET
        form = RangeForm(sorted(selectors.status()), given or None)
        valid = form.is_bound and form.is_valid()
        if valid and request.method == "POST":
            level, words = redriven(form.redrive(), form.cleaned_data["destination"])
            self.message_user(request, words, level)
            self.log_operated(request, [form.cleaned_data["destination"]], words)
            return HttpResponseRedirect(reverse("admin:outbox_destinationstate_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Redrive a range of time",
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "count": form.count() if valid else None,
            "limit": operate.LIMIT,
            "zone": get_current_timezone_name(),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "outbox/admin/redrive.html", context)

    def operate(self, request: HttpRequest) -> HttpResponse:
        """Run the switch that was pressed, through ``outbox.operate``, and say what happened."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        name = request.POST.get("destination", "")
        if name not in selectors.status():
            self.message_user(request, "There is no such destination; nothing was changed.", messages.ERROR)
            return HttpResponseRedirect(request.path)
        level, words = self.switch(request, name)
        self.message_user(request, words, level)
        self.log_operated(request, [name], words)
        return HttpResponseRedirect(request.path)

    def switch(self, request: HttpRequest, name: str) -> tuple[int, str]:
        """Do it and return the message's level and words."""
        match request.POST.get("do"):
            case "park":
                who = request.user.get_username()
                reason = " ".join(request.POST.get("reason", "").replace("\x00", "").split())
                operate.park_destination(name, reason=f"{reason or 'parked'} ({who})")
                return (
                    messages.SUCCESS,
                    f"{name} is parked: nothing is sent to it, all is kept until you release it.",
                )
            case "release" if operate.release_destination(name):
                return messages.SUCCESS, f"{name} is released: it is called again at once."
            case "release":
                return messages.WARNING, f"{name} was neither parked nor resting; nothing was changed."
            case "redrive":
                return redriven(operate.redrive(name), name)
        return messages.ERROR, "That button does nothing; nothing was changed."

    @admin.display(description="destination")
    def destination_(self, state: DestinationState) -> SafeString:
        return code(state.destination)

    @admin.display(description="state")
    def state(self, state: DestinationState) -> SafeString:
        if state.parked_reason:
            return badge("parked", "warn")
        return badge("failing", "bad") if state.failures else badge("ok", "good")

    @admin.display(description="rests until")
    def open(self, state: DestinationState) -> SafeString | str:
        return when(state.open_until)

    @admin.display(description="changed")
    def changed(self, state: DestinationState) -> SafeString | str:
        return when(state.changed_at)


def read_state(figures: dict[str, Any]) -> tuple[str, str, str]:
    """Return the state's word, its colour and the reason behind it."""
    word, _, reason = str(figures["state"]).partition(": ")
    return word, {"ok": "good", "resting": "bad", "parked": "warn"}.get(word, "calm"), reason


def redriven(done: int, name: str) -> tuple[int, str]:
    """Return the message's level and words for so many redriven deliveries."""
    if not done:
        return messages.WARNING, f"Nothing is dead or parked for {name}; nothing was changed."
    more = " There may be more: press again." if done >= operate.LIMIT else ""
    words = f"{many(done, 'delivery', 'deliveries')} redriven; their conversations go on in order."
    return messages.SUCCESS, words + more
