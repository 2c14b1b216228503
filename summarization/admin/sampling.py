"""Sampling: people judge summaries that chance has drawn, and decide whether the assistant is given them."""

import math
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from persistence.access import domains_of, may_see, record_reading
from persistence.admin.lookups import domains_with_turns
from persistence.admin.scoped import NO_DOMAIN
from persistence.errors import PersistenceUnavailable
from summarization.admin.sample import address_of, drawn_summary, sample
from summarization.models import ConversationSummary, SummaryRating
from summarization.policy import TooFewJudged, policy_of, switch_recall
from summarization.rating import (
    ReasonMissing,
    SummaryHasChanged,
    Verdict,
    in_force,
    rate,
    verdict_on,
    verdicts,
)
from summarization.sampling import AMONG, DAYS, draw

MAY = "summarization.sample_summaries"
PAGE = "sampling"  # the name of this page in the record of who read what
LOW = 0.8  # a share of good ones that may lie below this is warned of; it forbids nothing
REASONS = 20
GONE = "This summary is not there any more: it was made anew, or erased. Your judgement was not kept; here is another."


@admin.register(SummaryRating)
class RatingAdmin(ModelAdmin):
    """The sampling pages stand in the place of a list of ratings: nobody edits what somebody else thought."""

    class Media:
        css = {"all": ["outbox/admin.css", "persistence/transcript.css", "summarization/summaries.css"]}

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "summarization_summaryrating_{}".format
        return [
            path("", view(self.overview), name=name("changelist")),
            path("draw/", view(self.draw), name=name("draw")),
            path("sample/", view(self.sample), name=name("sample")),
            path("recall/", view(self.recall), name=name("recall")),
        ]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MAY)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def overview(self, request: HttpRequest) -> HttpResponseBase:
        """Show how the summaries of a domain were judged, and the switch of recall."""
        self.allow(request, "GET", "HEAD")
        domains = self.domains(request)
        if not domains:
            messages.warning(request, NO_DOMAIN)
            return self.page(request, "sampling", {"title": "Sampling"})
        domain = request.GET.get("domain", domains[0])
        self.allow_domain(request, domain)
        return self.page(request, "sampling", {"title": "Sampling", "domains": domains, **figures(domain)})

    def draw(self, request: HttpRequest) -> HttpResponseBase:
        """Lead to a summary of the domain that nobody has judged."""
        self.allow(request, "POST")
        domain = request.POST.get("domain", "")
        self.allow_domain(request, domain)
        return self.next(request, domain)

    def next(self, request: HttpRequest, domain: str, *, but: int = 0) -> HttpResponseRedirect:
        """Lead to another summary, or back to the figures where none is left."""
        found = draw(domain, in_force(), but=but)
        if found is not None:
            return HttpResponseRedirect(address_of(request.user, found))
        other = "other " if but else ""
        messages.info(request, f"No {other}summary of the last {DAYS} days is left to be judged here.")
        return HttpResponseRedirect(overview_address(domain))

    def sample(self, request: HttpRequest) -> HttpResponseBase:
        """Show a drawn summary beside its transcript; take the judgement and lead to the next one."""
        self.allow(request, "GET", "HEAD", "POST")
        drawn = request.GET.get("drawn", "")
        summary = drawn_summary(request.user, drawn)
        if summary is None:
            raise Http404("No such summary was drawn for you, or it was erased.")
        if request.method == "POST":
            return self.judged(request, summary, drawn)
        return self.pair(request, summary, drawn)

    def judged(self, request: HttpRequest, summary: ConversationSummary, drawn: str) -> HttpResponseBase:
        """Keep a judgement. What was typed is never lost."""
        verdict, reason = request.POST.get("verdict", ""), request.POST.get("reason", "")
        if verdict == "skip":
            return self.next(request, summary.domain, but=summary.pk)
        if verdict not in ("good", "bad"):
            raise PermissionDenied
        try:
            text = bytes.fromhex(request.POST.get("text", "")[:64])
            rate(
                summary.pk, text, good=verdict == "good", reason=reason.replace("\x00", ""), user=request.user
            )
        except ReasonMissing:
            refused = "Nothing was kept yet: say in a few words what is bad about it, then press Bad again."
            return self.pair(request, summary, drawn, refused=refused, reason=reason)
        except PersistenceUnavailable:
            refused = "The database did not confirm it, so it may not have been kept. Press the button again."
            return self.pair(request, summary, drawn, refused=refused, reason=reason)
        except (SummaryHasChanged, ValueError):
            messages.warning(request, GONE)
            return self.next(request, summary.domain)
        return self.next(request, summary.domain, but=summary.pk)

    def pair(
        self,
        request: HttpRequest,
        summary: ConversationSummary,
        drawn: str,
        *,
        refused: str = "",
        reason: str = "",
    ) -> HttpResponseBase:
        """Draw the page. The reading is written down before anything is shown."""
        asked = request.GET.get("turn", "")
        turn = int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 19 else None
        found = sample(summary, drawn, turn)
        record_reading(
            request.user,
            summary.conversation_id,
            page=PAGE,
            from_seq=found.window.first,
            to_seq=found.window.last,
        )
        more = {"title": "Is this summary good?", "sample": found, "asked": turn, "refused": refused}
        more |= {"reason": reason, "domain": summary.domain, "needed": settings.RECALL_SAMPLE}
        more |= {"verdict": shown(verdict_on(in_force(), verdicts(summary.domain)))}
        return self.page(request, "sample", more, status=422 if refused else 200)

    def recall(self, request: HttpRequest) -> HttpResponseBase:
        """Switch recall, for one domain, on or off."""
        self.allow(request, "POST")
        domain, on = request.POST.get("domain", ""), request.POST.get("recall") == "on"
        self.allow_domain(request, domain)
        try:
            changed = switch_recall(domain, on=on, by=request.user.get_username())
        except TooFewJudged as error:
            messages.error(request, f"Recall stays off: {error}")
            return HttpResponseRedirect(overview_address(domain))
        if changed:
            said = f"Recall was switched {'on' if on else 'off'}"
            LogEntry.objects.log_actions(request.user.pk or 0, [policy_of(domain)], CHANGE, said)
        messages.success(request, f"Recall is {'on' if on else 'off'} for domain {domain}.")
        return HttpResponseRedirect(overview_address(domain))

    def page(
        self, request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
    ) -> HttpResponseBase:
        """Draw one of the pages."""
        request.current_app = self.admin_site.name
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}
        name = f"summarization/admin/{template}.html"
        response = render(request, name, shared | {"is_fullwidth": "1"} | context, status=status)
        response["Cache-Control"] = "no-store"
        return response

    def domains(self, request: HttpRequest) -> list[str]:
        """Return the domains that this user may judge."""
        found = domains_of(request.user)
        return domains_with_turns() if found is None else found

    def allow(self, request: HttpRequest, *methods: str) -> None:
        """Raise PermissionDenied for whoever may not judge, and for a wrong method."""
        if request.method not in methods or not self.has_view_permission(request):
            raise PermissionDenied

    def allow_domain(self, request: HttpRequest, domain: str) -> None:
        """Raise Http404 for a domain that is not this user's."""
        if not domain or "\x00" in domain or not may_see(request.user, domain):
            raise Http404("There is no such domain, or none that you may see.")


def overview_address(domain: str) -> str:
    """Return the address of a domain's figures."""
    return reverse("admin:summarization_summaryrating_changelist") + "?" + urlencode({"domain": domain})


def figures(domain: str) -> dict[str, Any]:
    """Return how a domain's summaries were judged, and how recall stands."""
    found, maker = verdicts(domain), in_force()
    current = verdict_on(maker, found)
    bad = SummaryRating.objects.filter(domain=domain, good=False).order_by("-rated_at", "-id")
    return {
        "domain": domain,
        "policy": policy_of(domain),
        "current": shown(current),
        "others": [shown(one) for one in found if one.maker != maker],
        "needed": settings.RECALL_SAMPLE,
        "missing": max(0, settings.RECALL_SAMPLE - current.judged),
        "warn": current.interval[0] < LOW,
        "low": f"{100 * LOW:.0f}",
        "bad": bad[:REASONS],
        "days": DAYS,
        "among": AMONG,
    }


def shown(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict in words and as lengths of a bar."""
    low, high = verdict.interval
    return {
        "maker": verdict.maker,
        "judged": verdict.judged,
        "good": verdict.good,
        "share": f"{100 * verdict.share:.0f}",
        "low": f"{math.floor(100 * low)}",  # outwards, so that it never seems narrower than it is
        "high": f"{math.ceil(100 * high)}",
        "left": f"{100 * low:.1f}",
        "width": f"{100 * (high - low):.1f}",
        "mark": f"{100 * verdict.share:.1f}",
    }
