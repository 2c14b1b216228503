"""Customers' data: what was erased, and the way to a customer's data to export or erase it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import path, reverse
from django.utils.safestring import SafeString
from django.utils.timezone import localdate

from outbox.adminkit.readonly import Choice, ReadOnlyAdmin
from outbox.adminkit.show import badge, code, when
from persistence.admin.customers import ERASE, EXPORT, LOOK, SHOWN, FindForm, Found, Wanted, export_file
from persistence.admin.erasure_words import amounts, copies, figures, standing
from persistence.admin.lookups import uuid_or_none
from persistence.admin.scoped import OwnDomains
from persistence.errors import ErasureRefused, NotFound, PersistenceUnavailable
from persistence.http import deadline
from persistence.models import ErasureRecord
from persistence.subject.erase import erase
from persistence.subject.objects import SEPARATOR, finish

PATIENCE = 50  # seconds: less than the minute after which a proxy hangs up
TOO_LONG = (
    "Postgres did not confirm it in time. Below is what is there now. For a customer with very much data, ask an "
    "operator for manage.py subject, which has no time limit."
)


class Progress(Choice):
    title = "what to show"
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("all", "All, newest first"), ("open", "Copies still being deleted")]

    def narrow(self, queryset: QuerySet[ErasureRecord]) -> QuerySet[ErasureRecord]:
        return queryset.filter(finished_at__isnull=True) if self.value() == "open" else queryset


@admin.register(ErasureRecord)
class ErasureAdmin(OwnDomains, ReadOnlyAdmin):
    about = (
        "Everything that is kept about one customer: look at how much there is, hand it out, or erase it. "
        "Below are the erasures so far; they do not say who it was."
    )
    nothing_here = "Nothing was erased here yet. To find a customer's data, use the form above."
    nothing_found = "There is no erasure with this id. To look for a customer, use the form above."
    list_before_template = "persistence/admin/customer_find.html"
    list_display = ("requested", "domain_", "by", "much", "state", "elsewhere_")
    list_filter = (Progress,)
    search_fields = ("erasure_id",)
    search_help_text = "Id of an erasure"

    class Media:
        css = {"all": ["persistence/transcript.css", "persistence/customer.css"]}

    def get_urls(self) -> list[Any]:
        view, name = self.admin_site.admin_view, "persistence_erasurerecord_{}".format
        own = [
            path("customer/", view(self.customer_view), name=name("customer")),
            path("customer/export/", view(self.export_view), name=name("export")),
            path("customer/erase/", view(self.erase_view), name=name("erase")),
        ]
        return own + super().get_urls()

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Say yes also to whoever may export or erase: they have to see what, and what became of it."""
        return any(request.user.has_perm(name) for name in LOOK)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("subject_hash", "conversations", "claims", "late")

    def find(self, term: str) -> Q | None:
        erasure_id = uuid_or_none(term)
        return Q(erasure_id=erasure_id) if erasure_id else None

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        more = {"title": "Customers' data", "find_form": FindForm(request.user)}
        return super().changelist_view(request, more | (extra_context or {}))

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Show what an erasure reached, what it still has to delete, and what is in other hands."""
        record = self.looked_at(request, object_id)
        context = {
            "original": record,
            "record": record,
            "standing": standing(record),
            "reached": figures(record.reached),
            "errors": record.last_error.split(SEPARATOR),
            "conversations": record.conversations[:SHOWN],
            "elsewhere": record.elsewhere[:SHOWN],
        }
        return self.show(request, "persistence/admin/erasure.html", "A customer's data was erased", context)

    def customer_view(self, request: HttpRequest) -> HttpResponseBase:
        """Show what there is of a customer, and what can be done with it."""
        self.demand(request, "GET", LOOK)
        return self.page(request, FindForm(request.user, request.GET or None))

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """Hand out everything about a customer as one file, and write down that it was read."""
        self.demand(request, "POST", (EXPORT,))
        _, wanted = self.wanted(request)
        if (subject := wanted.subject()) is None:
            return HttpResponseRedirect(wanted.address)
        deadline.extend(PATIENCE)
        try:
            file = export_file(request.user, subject)
        except NotFound:  # erased meanwhile; the page says when
            return HttpResponseRedirect(wanted.address)
        except PersistenceUnavailable:
            return self.back(request, wanted, f"Nothing was handed out. {TOO_LONG}")
        except OSError as error:
            what = f"The file could not be written on this server: {error.strerror or error}."
            return self.back(
                request, wanted, f"Nothing was handed out. {what} Tell an operator, then try again."
            )
        response = FileResponse(file, as_attachment=True, filename=f"customer-{localdate().isoformat()}.zip")
        response["Content-Type"] = "application/zip"
        response["Cache-Control"] = "no-store"
        return response

    def erase_view(self, request: HttpRequest) -> HttpResponseBase:
        """Erase everything about a customer whose reference was typed once more, and show the record of it."""
        self.demand(request, "POST", (ERASE,))
        form, wanted = self.wanted(request)
        if request.POST.get("confirmation") != wanted.typed:
            return self.page(request, form, refused=True)
        if (subject := wanted.subject()) is None:
            return HttpResponseRedirect(wanted.address)
        deadline.extend(PATIENCE)
        try:
            record = erase(subject, by=f"user:{request.user.get_username()}", statement_seconds=PATIENCE)
        except ErasureRefused as error:
            return self.page(request, form, hindrances=error.hindrances, status=error.status)
        except NotFound:  # somebody was faster; the page says when
            return HttpResponseRedirect(wanted.address)
        except PersistenceUnavailable:
            return self.back(request, wanted, f"It is not certain that anything was erased. {TOO_LONG}")
        self.log_operated(request, [record.pk], "erased a customer's data")
        self.first_pass(record)
        self.message_user(request, "The customer's data was erased.", messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:persistence_erasurerecord_change", args=(record.pk,)))

    def first_pass(self, record: ErasureRecord) -> None:
        """Delete the copies off this machine now, if they let us; what remains is looked after by the task."""
        deadline.extend(PATIENCE)
        try:
            finish(record)
        except PersistenceUnavailable:
            return

    def page(
        self,
        request: HttpRequest,
        form: FindForm,
        *,
        refused: bool = False,
        hindrances: list[str] | None = None,
        status: int = 200,
    ) -> HttpResponse:
        """Draw the page about a customer, or the form where there is nothing to show.

        ``hindrances`` are what just stood in the way, which may be over by now; by default, those of this moment.
        """
        wanted = form.wanted
        subject = wanted.subject() if wanted else None
        user: Any = request.user
        found = Found.of(user, wanted, subject, hindrances) if wanted and subject else None
        context = {
            "find_form": form,
            "wanted": wanted,
            "found": found,
            "erasures": wanted.erasures() if wanted else [],
            "may_export": user.has_perm(EXPORT),
            "may_erase": user.has_perm(ERASE),
            "refused": refused,
        }
        return self.show(
            request, "persistence/admin/customer.html", "A customer's data", context, status=status
        )

    def show(
        self, request: HttpRequest, template: str, title: str, context: dict[str, Any], *, status: int = 200
    ) -> HttpResponse:
        """Draw one of this model's own pages; no copy of it is kept on the way."""
        request.current_app = self.admin_site.name
        around = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "media": self.media,
        }
        response = render(request, template, around | context, status=status)
        response["Cache-Control"] = "no-store"
        return response

    def demand(self, request: HttpRequest, method: str, permissions: tuple[str, ...]) -> None:
        """Raise PermissionDenied for another method, and for who has none of these permissions."""
        allowed = (method, "HEAD") if method == "GET" else (method,)
        if request.method not in allowed or not any(request.user.has_perm(name) for name in permissions):
            raise PermissionDenied

    def wanted(self, request: HttpRequest) -> tuple[FindForm, Wanted]:
        """Return who a button was pressed for. Raises Http404 also for a domain of others."""
        form = FindForm(request.user, request.POST)
        if (wanted := form.wanted) is None:
            raise Http404("There is no such customer, or none that you may see.")
        return form, wanted

    def back(self, request: HttpRequest, wanted: Wanted, words: str) -> HttpResponse:
        """Lead back to the page about the customer, and say there what happened."""
        self.message_user(request, words, messages.ERROR)
        return HttpResponseRedirect(wanted.address)

    @admin.display(description="erased")
    def requested(self, record: ErasureRecord) -> SafeString | str:
        return when(record.requested_at)

    @admin.display(description="domain")
    def domain_(self, record: ErasureRecord) -> SafeString:
        return code(record.domain)

    @admin.display(description="by")
    def by(self, record: ErasureRecord) -> SafeString:
        return code(record.requested_by)

    @admin.display(description="how much")
    def much(self, record: ErasureRecord) -> str:
        return amounts(record.reached)

    @admin.display(description="state")
    def state(self, record: ErasureRecord) -> SafeString:
        found = standing(record)
        return badge(found.word, found.colour)

    @admin.display(description="in other hands")
    def elsewhere_(self, record: ErasureRecord) -> str:
        return copies(record.elsewhere)
