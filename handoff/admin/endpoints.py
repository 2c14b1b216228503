"""Endpoints: the help desks and reply webhooks, what they are given, how they fare, and the switches for it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import CharField, OuterRef, Subquery, Value
from django.db.models.functions import Concat
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.timezone import now
from django.views.decorators.debug import sensitive_post_parameters
from unfold.admin import ModelAdmin

from handoff.admin import endpoint_secrets
from handoff.admin.endpoint_form import OPTION, SECRET, form_for, option_names, secret_names
from handoff.admin.endpoint_state import EndpointColumns, standing
from handoff.admin.guide import GUIDES, guide
from handoff.admin.probe import tested
from handoff.connectors.registry import CONNECTORS
from handoff.models import Endpoint
from handoff.secrets import SecretsUnreadable, seal
from outbox import operate
from outbox.models import DestinationState
from persistence.access import domains_of
from persistence.admin.scoped import OwnDomains

FIXED = ("slug", "purpose", "domain")  # the destination's name, and whose cases it hears of
SENDING = ("url", "queue", "max_in_flight", "active")
NO_STORE = "no-store, private"


@admin.register(Endpoint)
class EndpointAdmin(EndpointColumns, OwnDomains, ModelAdmin):
    list_display = ("destination_", "domain_", "connector_", "state", "secrets_", "changed")
    list_display_links = ("destination_",)
    ordering = ("slug",)
    actions = ("seal_again",)
    list_before_template = "handoff/desk/endpoints_about.html"
    change_form_outer_before_template = "handoff/desk/endpoint_state.html"
    change_form_outer_after_template = "handoff/desk/endpoint_after.html"
    readonly_fields = ("connector_", "options_")

    class Media:
        css = {"all": ["outbox/admin.css", "handoff/desk.css"]}

    # --- what is shown ---------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> Any:
        name = Concat(OuterRef("purpose"), Value(":"), OuterRef("slug"), output_field=CharField())
        states = DestinationState.objects.filter(destination=name)
        return (
            super()
            .get_queryset(request)
            .annotate(
                parked_reason=Subquery(states.values("parked_reason")[:1]),
                failures=Subquery(states.values("failures")[:1]),
            )
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # its links, its lanes and what it still has to get would lose their name: switch it off

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and not self.has_change_permission(request, obj):
            return [(None, {"fields": (*FIXED, "connector_", *SENDING, "options_")})]
        kind = self._kind(request, obj)
        options = tuple(OPTION + name for name in option_names(kind))
        secrets = tuple(SECRET + name for name in secret_names(kind))
        head = FIXED if obj is None else ("connector_", *FIXED)
        parts: list[Any] = [(None, {"fields": (*head, *SENDING)})]
        if options:
            parts.append((f"{guide(kind).title}: options", {"fields": options}))
        if secrets:
            parts.append(
                ("Secrets", {"fields": secrets, "description": "Kept encrypted; nothing shows them again."})
            )
        return parts

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is None else (*self.readonly_fields, *FIXED)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = form_for(self._kind(request, obj), domains_of(request.user))
        form = super().get_form(request, obj, change, **kwargs)
        if "url" in form.base_fields:
            form.base_fields["url"].help_text = f"Such as {guide(self._kind(request, obj)).address}"
        return form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        endpoint = context.get("original")
        context["guide"] = guide(self._kind(request, endpoint))
        if isinstance(endpoint, Endpoint):
            context |= standing(endpoint) | {"may_change": self.has_change_permission(request, endpoint)}
        return super().render_change_form(request, context, *args, **kwargs)

    def _kind(self, request: HttpRequest, endpoint: Endpoint | None) -> str:
        return endpoint.connector if endpoint else request.GET.get("connector", "")

    # --- what is done ----------------------------------------------------------------------------------------

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> Any:
        if object_id is None and request.GET.get("connector") not in CONNECTORS:
            return self._choose(request)
        return super().changeform_view(request, object_id, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        """Write the row, and let its destination follow the switch: what is off is parked, and loses nothing."""
        obj.connector, obj.options = form.kind, form.options
        if form.secrets is not None:
            obj.sealed_secrets = seal(form.secrets)
        obj.changed_at = now()
        super().save_model(request, obj, form, change)
        if not obj.active and (not change or "active" in form.changed_data):
            operate.park_destination(obj.destination, reason=f"switched off ({request.user.get_username()})")
        elif change and "active" in form.changed_data:
            operate.release_destination(obj.destination)
        if form.made:
            endpoint_secrets.let_see_once(request, obj.pk)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._secret_or(
            request, obj, super().response_add(request, obj, self._address("change", obj.pk))
        )

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self._secret_or(request, obj, super().response_change(request, obj))

    def _secret_or(self, request: HttpRequest, endpoint: Endpoint, response: HttpResponse) -> HttpResponse:
        to_show = request.session.get(endpoint_secrets.SHOW_ONCE) == endpoint.pk
        return HttpResponseRedirect(self._address("secret", endpoint.pk)) if to_show else response

    def get_urls(self) -> list[Any]:
        views = {
            "test": self.test_view,
            "secret": self.secret_view,
            "exchange": self.exchange_view,
            "end-previous": self.end_previous_view,
        }
        own = [
            path(f"<int:pk>/{name}/", self.admin_site.admin_view(view), name=f"handoff_endpoint_{name}")
            for name, view in views.items()
        ]
        return own + super().get_urls()

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Call the desk and say what came of it."""
        endpoint = self._posted(request, pk)
        works, words = tested(endpoint)
        self.message_user(
            request, f"Test of {endpoint}: {words}", messages.SUCCESS if works else messages.ERROR
        )
        return HttpResponseRedirect(self._address("change", pk))

    def exchange_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Make a new signing secret beside the present one, and show it once."""
        endpoint = self._posted(request, pk)
        try:
            endpoint_secrets.exchange(pk)
        except endpoint_secrets.PreviousKept as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(self._address("change", pk))
        self.log_change(request, endpoint, "exchanged the signing secret")
        endpoint_secrets.let_see_once(request, pk)
        return HttpResponseRedirect(self._address("secret", pk))

    def end_previous_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Forget the signing secret before the present one."""
        endpoint = self._posted(request, pk)
        try:
            ended = endpoint_secrets.end_previous(pk)
        except SecretsUnreadable as error:
            self.message_user(request, str(error), messages.ERROR)
        else:
            if ended:
                self.log_change(request, endpoint, "ended the previous signing secret")
            words = "The previous secret is forgotten; only the present one counts."
            self.message_user(request, words if ended else "There was no previous secret.", messages.SUCCESS)
        return HttpResponseRedirect(self._address("change", pk))

    def secret_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Show a new signing secret, the one time that it may be seen."""
        endpoint = self._own(request, pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Signing secret of {endpoint}",
            "opts": self.opts,
            "media": self.media,
            "endpoint": endpoint,
            "secret": endpoint_secrets.seen_now(request, pk),
        }
        response = TemplateResponse(request, "handoff/desk/secret_once.html", context)
        response["Cache-Control"] = NO_STORE
        return response

    @admin.action(description="Seal the secrets under the present SECRET_KEY", permissions=["change"])
    def seal_again(self, request: HttpRequest, queryset: Any) -> None:
        for endpoint in queryset:
            try:
                endpoint_secrets.seal_again(endpoint.pk)
            except SecretsUnreadable as error:
                self.message_user(request, f"{endpoint}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{endpoint}: sealed under the present key.", messages.SUCCESS)

    def _choose(self, request: HttpRequest) -> HttpResponseBase:
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Add an endpoint: which kind?",
            "opts": self.opts,
            "media": self.media,
            "kinds": [(name, guide(name)) for name in sorted(CONNECTORS, key=_as_in_the_guide)],
        }
        return TemplateResponse(request, "handoff/desk/endpoint_kinds.html", context)

    def _own(self, request: HttpRequest, pk: int) -> Endpoint:
        endpoint = self.get_object(request, str(pk))
        if endpoint is None:
            raise Http404("There is no such endpoint.")
        if not self.has_change_permission(request, endpoint):
            raise PermissionDenied
        return endpoint

    def _posted(self, request: HttpRequest, pk: int) -> Endpoint:
        if request.method != "POST":
            raise PermissionDenied
        return self._own(request, pk)

    def _address(self, page: str, pk: int) -> str:
        return reverse(f"admin:handoff_endpoint_{page}", args=(pk,))


def _as_in_the_guide(name: str) -> tuple[int, str]:
    order = list(GUIDES)
    return (order.index(name) if name in order else len(order), name)
