"""Help desks and webhooks: where they are, what they call our cases, and what they have told us."""

from django.db import models
from django.db.models.functions import Now

from handoff.models.cases import SupportCase
from handoff.models.queues import Queue


class Endpoint(models.Model):
    """One configured help desk, reply webhook or summary webhook. Its outbox destination is ``<purpose>:<slug>``.

    ``sealed_secrets`` holds the secrets encrypted (``handoff.secrets``); nothing shows them again.
    """

    class Purpose(models.TextChoices):
        HELPDESK = "helpdesk", "help desk: hears of cases"
        REPLIES = "replies", "reply webhook: carries agents' replies to the customer"
        SUMMARIES = "summaries", "summary webhook: hears of new summaries"

    slug = models.SlugField(max_length=63, unique=True)
    purpose = models.CharField(max_length=10, choices=Purpose.choices, default=Purpose.HELPDESK)
    domain = models.CharField(max_length=63)
    queue = models.ForeignKey(
        Queue,
        models.SET_NULL,
        null=True,
        blank=True,
        help_text="Only cases of this queue. Empty: of all queues.",
    )
    connector = models.CharField(max_length=30)
    url = models.CharField(max_length=500)
    options = models.JSONField(default=dict, blank=True)
    sealed_secrets = models.BinaryField(default=b"", editable=False)
    active = models.BooleanField(default=True)
    max_in_flight = models.PositiveSmallIntegerField(default=4)
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "handoff_endpoint"
        indexes = [
            # Read by every transaction that tells somebody something.
            models.Index(fields=["domain", "purpose"], name="handoff_endpoint_domain"),
        ]

    def __str__(self) -> str:
        return self.destination

    @property
    def destination(self) -> str:
        """Return the name of its outbox destination."""
        return f"{self.purpose}:{self.slug}"


class ExternalLink(models.Model):
    """What a help desk calls one of our cases. ``heard_at``: the desk's time of the newest status that was applied."""

    case = models.ForeignKey(SupportCase, models.PROTECT, related_name="links")
    endpoint = models.ForeignKey(Endpoint, models.PROTECT, related_name="links", db_index=False)
    external_id = models.CharField(max_length=200)
    external_url = models.CharField(max_length=500, blank=True)
    heard_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "handoff_external_link"
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "case"], name="handoff_external_link_case_once"),
            models.UniqueConstraint(fields=["endpoint", "external_id"], name="handoff_external_link_id_once"),
        ]

    def __str__(self) -> str:
        return f"{self.endpoint_id} · {self.external_id}"


class InboundReceipt(models.Model):
    """Something that a desk told us and that was applied. A second telling of the same changes nothing."""

    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="receipts", db_index=False)
    delivery_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    outcome = models.CharField(max_length=40)
    received_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "handoff_inbound_receipt"
        constraints = [
            models.UniqueConstraint(
                fields=["endpoint", "delivery_id"], name="handoff_inbound_receipt_delivery_once"
            ),
        ]
        indexes = [
            # Read by the prune: receipts older than any sender tries again.
            models.Index(fields=["received_at"], name="handoff_inbound_receipt_age"),
        ]

    def __str__(self) -> str:
        return self.delivery_id
