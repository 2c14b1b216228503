"""Nights: how far each one came, what it cost, what failed, and the button that stops it."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import now as clock

from outbox.adminkit.keyset import AFTER, BEFORE, Keyset
from outbox.adminkit.readonly import ReadOnlyAdmin
from outbox.adminkit.show import badge, when
from outbox.templatetags.outbox_admin import duration
from persistence.admin.scoped import own_domains
from summarization.models import OPEN_RUN, SummaryItem, SummaryRun
from summarization.night.run import stop
from summarization.progress import Progress, progress

FAILED_SHOWN = 50
BY_CONVERSATION = Keyset(("conversation_id",))
STATES = {"planning": "busy", "running": "busy", "finished": "good", "stopped": "warn"}
STOPPED = {
    "operator": "An operator stopped it.",
    "stalled": "The demo did not wait for it any longer.",
    "interrupted": "It was interrupted where it was started.",
    "budget_usd": "Its budget in money left no room for another conversation (SUMMARY_BUDGET_USD).",
    "budget_tokens": "Its budget in tokens left no room for another conversation (SUMMARY_BUDGET_TOKENS).",
    "budget_minutes": "Its time was over (SUMMARY_BUDGET_MINUTES).",
}


@admin.register(SummaryRun)
class RunAdmin(ReadOnlyAdmin):
    about = "Each night, and each call of manage.py summarize, with what came of it. The newest comes first."
    nothing_here = "No night yet. The first one begins at the time that SUMMARY_TIME says."
    list_display = ("run_", "state_", "progress_", "failed_", "remaining_", "cost", "started", "took")

    class Media:
        css = {"all": ["persistence/transcript.css", "summarization/summaries.css"]}

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "summarization_summaryrun_{}".format
        own = [
            path("<int:run_pk>/live/", view(self.live), name=name("live")),
            path("<int:run_pk>/stop/", view(self.stop), name=name("stop")),
        ]
        return own + super().get_urls()

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponseBase:
        """Show the night with what failed in the user's own domains."""
        run = self.looked_at(request, object_id)
        failed = SummaryItem.objects.filter(own_domains(request.user), run=run, state="failed")
        page = BY_CONVERSATION.page(failed.select_related("conversation"), request.GET, FAILED_SHOWN)
        context = {
            **self.admin_site.each_context(request),
            "title": str(run).capitalize(),
            "opts": self.opts,
            "media": self.media,
            "original": run,
            "is_fullwidth": "1",
            **standing(run),
            "may_stop": self.has_operate_permission(request),
            "failed": page.rows,
            "pages": [
                (name, place) for name, place in ((BEFORE, page.previous), (AFTER, page.next)) if place
            ],
            "may_read": request.user.has_perm("summarization.view_conversationsummary"),
        }
        request.current_app = self.admin_site.name
        return render(request, "summarization/admin/run.html", context)

    def live(self, request: HttpRequest, run_pk: int) -> HttpResponseBase:
        """Answer with how far the night is by now; asked every few seconds by an open page."""
        run = self.looked_at(request, str(run_pk))
        response = render(request, "summarization/admin/run_live.html", standing(run))
        response["Cache-Control"] = "no-store"
        return response

    def stop(self, request: HttpRequest, run_pk: int) -> HttpResponseBase:
        """Stop the night: nothing more is begun, what is being summarised now is still kept."""
        if request.method != "POST" or not self.has_operate_permission(request):
            raise PermissionDenied
        if stop(run_pk, "operator"):
            self.log_operated(request, [run_pk], "stopped")
            said = "Stopped. What is being summarised now is still kept; the next night takes up the rest."
            self.message_user(request, said, messages.SUCCESS)
        else:
            self.message_user(request, "Nothing was done: it has ended already.", messages.WARNING)
        return HttpResponseRedirect(reverse("admin:summarization_summaryrun_change", args=(run_pk,)))

    @admin.display(description="night")
    def run_(self, run: SummaryRun) -> SafeString:
        of = format_html(" <bdi>{}</bdi>", run.domain) if run.domain else ""
        return format_html("{}{}", str(run), of)

    @admin.display(description="state")
    def state_(self, run: SummaryRun) -> SafeString:
        return badge(run.state, STATES.get(run.state, "calm"))

    @admin.display(description="summarised")
    def progress_(self, run: SummaryRun) -> str:
        found = counted(run)
        return f"{found.summarized:,} of {found.of - found.skipped:,}"

    @admin.display(description="failed")
    def failed_(self, run: SummaryRun) -> SafeString | str:
        failed = counted(run).failed
        return badge(f"{failed:,}", "bad") if failed else "0"

    @admin.display(description="remaining")
    def remaining_(self, run: SummaryRun) -> SafeString | str:
        left = counted(run).remaining
        return badge(f"{left:,}", "warn" if run.state == "stopped" else "busy") if left else "0"

    @admin.display(description="cost")
    def cost(self, run: SummaryRun) -> str:
        spent = counted(run).cost_usd
        return dollars(spent) if spent else "–"

    @admin.display(description="began")
    def started(self, run: SummaryRun) -> SafeString | str:
        return when(run.started_at)

    @admin.display(description="took")
    def took(self, run: SummaryRun) -> str:
        return duration(lasted(run).total_seconds())


def counted(run: SummaryRun) -> Progress:
    """Return how far a run of the list has come; its items are counted once for all columns."""
    kept = vars(run)
    if "counted" not in kept:
        kept["counted"] = progress(run)
    found: Progress = kept["counted"]
    return found


def standing(run: SummaryRun) -> dict[str, Any]:
    """Return what the changing part of a night's page is drawn from."""
    found = progress(run)
    return {
        "run": run,
        "open": run.state in OPEN_RUN,
        "state": badge(run.state, STATES.get(run.state, "calm")),
        "progress": found,
        "seconds": lasted(run).total_seconds(),
        "budgets": budgets(run, found),
        "what_to_do": what_to_do(run, found),
    }


def lasted(run: SummaryRun) -> timedelta:
    """Return how long the run took, or has taken so far."""
    return (run.finished_at or clock()) - run.started_at


def budgets(run: SummaryRun, found: Progress) -> list[tuple[str, str]]:
    """Return what was spent of each budget that is set, in words."""
    spent = [
        ("Money", dollars(found.cost_usd), settings.SUMMARY_BUDGET_USD, "${:.2f}"),
        ("Tokens", f"{found.tokens_in + found.tokens_out:,}", settings.SUMMARY_BUDGET_TOKENS, "{:,}"),
        ("Minutes", f"{lasted(run).total_seconds() / 60:.0f}", settings.SUMMARY_BUDGET_MINUTES, "{:.0f}"),
    ]
    return [
        (name, f"{so_far} of {shape.format(most)}" if most else f"{so_far}, no limit")
        for name, so_far, most, shape in spent
    ]


def dollars(cost: Decimal) -> str:
    """Return an amount to the cent; where that would be next to nothing, to the hundredth of a cent."""
    return f"${cost:.4f}" if 0 < cost < Decimal("0.1") else f"${cost:.2f}"


def what_to_do(run: SummaryRun, found: Progress) -> str:
    """Return what remains and what becomes of it, in a sentence or two."""
    if run.state == "planning":
        return "It is being planned: conversations that have been silent long enough are looked for."
    if run.state == "running":
        return f"{found.remaining:,} of {found.of:,} remain." if found.remaining else "It is about to end."
    said = [STOPPED.get(run.stopped_because, run.stopped_because)] if run.state == "stopped" else []
    if found.remaining:
        many = f"{found.remaining:,} conversation{'s remain' if found.remaining > 1 else ' remains'}"
        how = ", or raise the budget" if "budget" in run.stopped_because else ""
        said.append(f"{many}; the next night takes up the rest. To go on now, run manage.py summarize{how}.")
    if found.failed:
        said.append(
            f"{found.failed:,} failed and have a summary taken from the words themselves. The next night tries again; "
            "what has failed on two nights, outages not counted, rests until something new is said."
        )
    return " ".join(said) or "Nothing remains."
