"""The navigation: the desk, what was said, its summaries, how it leaves the house, the settings.

Everybody sees what their permissions open, and nothing that would answer "forbidden".
"""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation. ``needs``: one of these permissions; none at all means everybody's."""

    title: str
    icon: str
    page: str
    needs: tuple[str, ...] = ()
    query: str = ""
    owner: str = ""  # of the queue's two entries, which is meant


SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Desk",
        (
            Entry(
                "Queue", "inbox", "handoff_supportcase_changelist", ("handoff.view_supportcase",), owner="all"
            ),
            Entry(
                *("My cases", "person", "handoff_supportcase_changelist", ("handoff.view_supportcase",)),
                query="?owner=me",
                owner="me",
            ),
            Entry("Dashboard", "monitoring", "index"),
        ),
    ),
    (
        "Conversations",
        (
            Entry(
                *("Conversations", "forum", "persistence_conversation_changelist"),
                ("persistence.view_conversation",),
            ),
            Entry("Turns", "chat", "persistence_turn_changelist", ("persistence.view_turn",)),
            Entry(
                *("Customers' data", "shield_person", "persistence_erasurerecord_changelist"),
                ("persistence.view_erasurerecord", "persistence.export_subject", "persistence.erase_subject"),
            ),
            Entry(
                *("Who read what", "visibility", "persistence_transcriptreading_changelist"),
                ("persistence.view_transcriptreading",),
            ),
        ),
    ),
    (
        "Summaries",
        (
            Entry(
                *("Summaries", "summarize", "summarization_conversationsummary_changelist"),
                ("summarization.view_conversationsummary",),
            ),
            Entry(
                "Nights", "bedtime", "summarization_summaryrun_changelist", ("summarization.view_summaryrun",)
            ),
            Entry(
                *("Sampling", "rule", "summarization_summaryrating_changelist"),
                ("summarization.sample_summaries",),
            ),
            Entry(
                "Domains",
                "domain",
                "summarization_domainpolicy_changelist",
                ("summarization.view_domainpolicy",),
            ),
        ),
    ),
    (
        "Delivery",
        (
            Entry(
                *("Destinations", "hub", "outbox_destinationstate_changelist"),
                ("outbox.view_destinationstate",),
            ),
            Entry("Deliveries", "send", "outbox_delivery_changelist", ("outbox.view_delivery",)),
            Entry(
                "Attempts", "history", "outbox_deliveryattempt_changelist", ("outbox.view_deliveryattempt",)
            ),
            Entry("Lanes", "swap_vert", "outbox_lane_changelist", ("outbox.view_lane",)),
            Entry("Events", "bolt", "outbox_outboxevent_changelist", ("outbox.view_outboxevent",)),
            Entry(
                *("Parked state writes", "pause_circle", "persistence_parkedstatewrite_changelist"),
                ("persistence.view_parkedstatewrite",),
            ),
        ),
    ),
    (
        "Settings",
        (
            Entry(
                "Endpoints", "settings_ethernet", "handoff_endpoint_changelist", ("handoff.view_endpoint",)
            ),
            Entry("Queues", "schedule", "handoff_queue_changelist", ("handoff.view_queue",)),
            Entry(
                "Canned replies",
                "quickreply",
                "handoff_cannedreply_changelist",
                ("handoff.view_cannedreply",),
            ),
            Entry("API keys", "key", "persistence_apikey_changelist", ("persistence.view_apikey",)),
            Entry("Users", "group", "auth_user_changelist", ("auth.view_user", "auth.change_user")),
            Entry("Groups", "groups", "auth_group_changelist", ("auth.view_group", "auth.change_group")),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sections that this user has something in, as Unfold draws them."""
    found: list[dict[str, Any]] = []
    for title, entries in SECTIONS:
        items = [item(request, entry) for entry in entries if may(request.user, entry)]
        if items:
            found.append({"title": title, "separator": bool(found), "items": items})
    return found


def may(user: Any, entry: Entry) -> bool:
    """Say whether the entry leads anywhere for this user."""
    return not entry.needs or any(user.has_perm(name) for name in entry.needs)


def item(request: HttpRequest, entry: Entry) -> dict[str, Any]:
    """Return one entry; it is active on its list and on the pages below."""
    address = reverse(f"admin:{entry.page}")
    here = request.path == address if entry.page == "index" else request.path.startswith(address)
    mine = "me" if request.GET.get("owner") == "me" else "all"
    return {
        "title": entry.title,
        "icon": entry.icon,
        "link": address + entry.query,
        "active": here and entry.owner in ("", mine),
    }
