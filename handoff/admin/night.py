"""The dashboard's line about the last night of summaries."""

from typing import Any

from django.urls import reverse

from outbox.adminkit.show import badge
from summarization.admin.runs import STATES, what_to_do
from summarization.models import OPEN_RUN, SummaryRun
from summarization.progress import progress

NIGHTS = "summarization.view_summaryrun"


def last_night(user: Any) -> dict[str, Any] | None:
    """Return how the last night went, in words; None where there was none, or where it is not this user's business."""
    if not user.has_perm(NIGHTS):
        return None
    run = SummaryRun.objects.filter(kind=SummaryRun.Kind.NIGHTLY).order_by("-id").first()
    if run is None:
        return None
    return {
        "name": str(run).capitalize(),
        "link": reverse("admin:summarization_summaryrun_change", args=(run.pk,)),
        "state": badge(run.state, STATES.get(run.state, "calm")),
        "open": run.state in OPEN_RUN,
        "progress": (found := progress(run)),
        "said": what_to_do(run, found),
    }
