"""The page of one case: everything an agent needs to serve one customer, and the buttons to do it with."""

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.timezone import now as clock

from handoff.admin import actions, summary, words
from handoff.admin.actions import Outcome
from handoff.admin.live import changed_since, fragment, number_in
from handoff.admin.queue import CaseQueue, Row
from handoff.admin.sent import Sent, ordering_keys, sent
from handoff.admin.timeline import EVENTS, Happened, Thread, events_of, thread
from handoff.models import CannedReply, CaseEvent, Queue, SupportCase
from outbox.adminkit.show import badge
from persistence.access import may_see, record_reading
from persistence.admin.lookups import uuid_or_none

OTHERS, CANNED, COLLEAGUES = 20, 200, 300
PAGE = "case"  # the name of this page in the record of who read what


@dataclass(frozen=True, slots=True)
class Shown:
    """A case with what its page is drawn from."""

    case: SupportCase
    row: Row
    events: list[CaseEvent]
    can: frozenset[str]

    @classmethod
    def of(cls, case: SupportCase, user: Any) -> "Shown":
        """Return the case with its events, in words."""
        return cls(case, Row.of(case, clock()), events_of(case), actions.possible(case, user))


@admin.register(SupportCase)
class CaseAdmin(CaseQueue):
    """Cases in the admin. What changes one goes through ``handoff.cases``; nothing here writes a case."""

    class Media:
        css = {"all": ["persistence/transcript.css", "summarization/summaries.css", "handoff/console.css"]}
        js = ["handoff/console.js"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("live/", view(self.live_rows), name="handoff_supportcase_live_rows"),
            path("<path:object_id>/live/", view(self.live_case), name="handoff_supportcase_live"),
            path("<path:object_id>/act/", view(self.act), name="handoff_supportcase_act"),
            path("<path:object_id>/canned/", view(self.canned), name="handoff_supportcase_canned"),
        ]
        return own + super().get_urls()

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> SupportCase | None:
        """Return the case by its number or by its id, or None where there is none that this user may see."""
        found: QuerySet[SupportCase] = SupportCase.objects.select_related(
            "conversation__summary", "queue", "follow_up_of", "merged_into"
        )
        if known := uuid_or_none(object_id):
            case = found.filter(case_id=known).first()
        elif object_id.isascii() and object_id.isdecimal() and len(object_id) < 19:
            case = found.filter(pk=int(object_id)).first()
        else:
            case = None
        return case if case is not None and may_see(request.user, case.domain) else None

    def case_or_404(self, request: HttpRequest, object_id: str) -> SupportCase:
        """Return the case. Raises PermissionDenied, and Http404 also for a case of another domain."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        case = self.get_object(request, object_id)
        if case is None:
            raise Http404("There is no such case, or none that you may see.")
        return case

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Show the case with its newest turns, or those around ``?turn=``."""
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        return self.page(request, self.case_or_404(request, object_id), asked=number_in(request.GET, "turn"))

    def page(
        self,
        request: HttpRequest,
        case: SupportCase,
        *,
        asked: int | None = None,
        outcome: Outcome | None = None,
    ) -> HttpResponse:
        """Draw the whole page. The reading is written down before anything is shown."""
        shown = Shown.of(case, request.user)
        found = thread(case.conversation, shown.events, asked)
        self.record(request, case, found)
        context = {
            **self.admin_site.each_context(request),
            "title": words.title(case.customer_ref),
            "opts": self.opts,
            "media": self.media,
            "is_fullwidth": "1",
            "asked": asked,
            "outcome": outcome,
            "request_id": (outcome and outcome.request_id) or actions.fresh(),
            "drafts": outcome.drafts if outcome else {},
            "canned": CannedReply.objects.filter(domain=case.domain).order_by("title").only("title")[:CANNED],
            **self.head(shown, request),
            **self.side(shown, request),
            "thread": found,
        }
        request.current_app = self.admin_site.name
        status = outcome.status if outcome else 200
        response = render(request, "handoff/admin/case.html", context, status=status)
        response["Cache-Control"] = "no-store"
        return response

    def record(self, request: HttpRequest, case: SupportCase, found: Thread) -> None:
        """Write down which turns this user is about to be shown."""
        if found.last >= found.first:
            record_reading(
                request.user, case.conversation_id, page=PAGE, from_seq=found.first, to_seq=found.last
            )

    def head(self, shown: Shown, request: HttpRequest) -> dict[str, Any]:
        """Return what stands above the thread and changes while the page is open."""
        case = shown.case
        said, colour = words.CONTROLS.get(case.conversation.control, (case.conversation.control, "calm"))
        mine = case.assignee == request.user.get_username()
        return {
            "case": case,
            "row": shown.row,
            "can": shown.can,
            "control": badge(said, colour),
            "mine": mine,
            "theirs": bool(case.assignee) and not mine,
        }

    def side(self, shown: Shown, request: HttpRequest) -> dict[str, Any]:
        """Return what stands beside the thread: summary, facts, history, other cases, deliveries."""
        case = shown.case
        snapshot = case.context_snapshot if isinstance(case.context_snapshot, dict) else {}
        log: Sent = sent(case)
        panel = summary.panel(case)
        return {
            "panel": panel,
            "may_summarise": summary.may_summarise(case, panel, request.user),
            "customer": snapshot.get("customer") or {},
            "trigger": snapshot.get("trigger") or {},
            "history": [Happened.of(event) for event in reversed(shown.events)],
            "history_cut": len(shown.events) == EVENTS,
            "others": [Row.of(other, clock()) for other in other_cases(case)],
            "sent": log,
            "may_redrive": request.user.has_perm("outbox.change_delivery"),
            "priorities": SupportCase.Priority.values,
            "queues": Queue.objects.filter(domain=case.domain).order_by("name")[:COLLEAGUES],
            "colleagues": colleagues(case) if "assign" in shown.can else [],
        }

    def live_case(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Answer with what has changed since the reader's state, or 304; asked every few seconds."""
        case = self.case_or_404(request, object_id)
        if (unchanged := changed_since(request, case)) is not None:
            return unchanged
        return self.update(request, case)

    def update(
        self, request: HttpRequest, case: SupportCase, *, outcome: Outcome | None = None
    ) -> HttpResponse:
        """Draw the parts of the page that change, and what is new in the thread."""
        shown = Shown.of(case, request.user)
        found, response = fragment(
            request,
            case,
            shown.events,
            self.head(shown, request) | self.side(shown, request) | {"outcome": outcome},
        )
        self.record(request, case, found)
        response["X-Case"] = str(case.pk)
        if outcome is not None:
            response.status_code = outcome.status
        return response

    def act(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Do what the pressed button says, then show the case; with everything typed where it was not done."""
        case = self.case_or_404(request, object_id)
        if request.method != "POST" or not self.has_operate_permission(request):
            raise PermissionDenied
        form = {name: str(value) for name, value in request.POST.items()}
        outcome = self.outcome(request, case, form)
        if outcome.ok:
            self.log_operated(request, [case.pk], form.get("act", "redrive"))
        if request.headers.get("X-Live"):
            return self.update(request, self.case_or_404(request, object_id), outcome=outcome)
        if not outcome.ok or outcome.drafts:
            return self.page(request, self.case_or_404(request, object_id), outcome=outcome)
        self.message_user(request, outcome.said, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:handoff_supportcase_change", args=(case.pk,)))

    def outcome(self, request: HttpRequest, case: SupportCase, form: dict[str, str]) -> Outcome:
        """Perform one act. Raises PermissionDenied for one that the user may never do."""
        if delivery := number_in(form, "redrive"):
            if not request.user.has_perm("outbox.change_delivery"):
                raise PermissionDenied
            return actions.redrive(delivery, ordering_keys(case))
        step = form.get("act", "")
        if step == summary.ACT:
            return summary.summarise(case, request.user, form)
        if step in actions.LEAD and not request.user.has_perm("handoff.lead_supportcase"):
            raise PermissionDenied
        return actions.perform(case, request.user, form)

    def canned(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Answer with a canned reply of the case's domain, its variables filled in, as plain text."""
        case = self.case_or_404(request, object_id)
        found = CannedReply.objects.filter(domain=case.domain, pk=number_in(request.GET, "id") or 0).first()
        if found is None:
            raise Http404("There is no such canned reply.")
        user = request.user
        text = words.fill(
            found.text,
            customer=case.customer_ref or "",
            agent=(user.get_full_name() if isinstance(user, User) else "") or user.get_username(),
            case=str(case.case_id),
        )
        return HttpResponse(text, content_type="text/plain; charset=utf-8")


def other_cases(case: SupportCase) -> list[SupportCase]:
    """Return the other cases of the customer, or of the conversation where nobody knows who it is; newest first."""
    same = Q(conversation_id=case.conversation_id)
    if case.customer_ref:
        same |= Q(domain=case.domain, customer_ref=case.customer_ref)
    found = SupportCase.objects.filter(same).exclude(pk=case.pk).select_related("queue")
    return list(found.defer("context_snapshot").order_by("-id")[:OTHERS])


def colleagues(case: SupportCase) -> list[str]:
    """Return the login names of those who may see the case's domain."""
    access = Q(domain_access__domain=case.domain) | Q(is_superuser=True)
    found = User.objects.filter(access, is_active=True, is_staff=True).order_by("username").distinct()
    return list(found.values_list("username", flat=True)[:COLLEAGUES])
