"""The four groups that come with Holdfast, and what each may do. Which domains, is said per user (DomainAccess).

They belong to the release: every ``migrate`` makes them what is written here, so that a new page's permission reaches
the people it is meant for, and the admin does not let anybody edit them. For other powers, make a group of your own.
"""

from typing import Any

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.db import transaction

READ_TRANSCRIPTS = (
    *("persistence.view_conversation", "persistence.view_turn"),
    "summarization.view_conversationsummary",
)
AGENT = (
    *(
        "handoff.view_supportcase",
        "handoff.change_supportcase",
        "handoff.view_cannedreply",
        "handoff.view_queue",
    ),
    *READ_TRANSCRIPTS,
)
DESK = tuple(
    f"handoff.{may}_{what}" for what in ("cannedreply", "queue") for may in ("view", "add", "change")
)
# Whoever decides about recall reads what chance has drawn, and no other conversation.
SAMPLING = (
    "summarization.sample_summaries",
    "summarization.view_summaryrun",
    "summarization.view_domainpolicy",
)
OUTBOX = (
    *(
        f"outbox.view_{what}"
        for what in ("outboxevent", "delivery", "deliveryattempt", "lane", "destinationstate")
    ),
    *(f"outbox.change_{what}" for what in ("delivery", "lane", "destinationstate")),
)
GROUPS: dict[str, tuple[str, ...]] = {
    "agent": AGENT,
    "lead": (*AGENT, "handoff.lead_supportcase", *DESK, "handoff.delete_cannedreply", *SAMPLING),
    "operator": (
        *OUTBOX,
        *("handoff.view_endpoint", "handoff.add_endpoint", "handoff.change_endpoint"),
        *DESK,
        *SAMPLING,
        *(
            "summarization.change_summaryrun",
            "summarization.add_domainpolicy",
            "summarization.change_domainpolicy",
        ),
        *(
            f"persistence.{may}_{what}"
            for what in ("apikey", "parkedstatewrite")
            for may in ("view", "change")
        ),
    ),
    "privacy officer": (
        *("handoff.view_supportcase", "persistence.view_transcriptreading"),
        *READ_TRANSCRIPTS,
        *("persistence.view_erasurerecord", "persistence.export_subject", "persistence.erase_subject"),
    ),
}
APPS = ("outbox", "persistence", "summarization", "handoff")


def keep_groups(**_: Any) -> None:
    """Make the groups what ``GROUPS`` says; called after every migrate."""
    for label in APPS:  # Django makes permissions app by app, and some of these apps come after this one
        create_permissions(apps.get_app_config(label), verbosity=0)
    groups = apps.get_model("auth", "Group").objects
    with transaction.atomic():
        for name, permissions in GROUPS.items():
            group, _created = groups.get_or_create(name=name)
            group.permissions.set(found(permissions))


def found(names: tuple[str, ...]) -> list[Any]:
    """Return the permissions of these names (``app.codename``). Raises LookupError for one that does not exist."""
    permissions = apps.get_model("auth", "Permission").objects  # by name: this module loads before the models
    every = permissions.filter(content_type__app_label__in=APPS).select_related("content_type")
    known = {f"{one.content_type.app_label}.{one.codename}": one for one in every}
    if unknown := set(names) - known.keys():
        raise LookupError(f"There are no permissions {sorted(unknown)}: correct handoff.groups.")
    return [known[name] for name in names]
