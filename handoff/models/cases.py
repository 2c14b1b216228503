"""The durable ticket, what happened to it, and each attempt to give a conversation to a human.

Rows are written by ``handoff.cases`` alone: every change moves ``version`` and adds its event in one transaction.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from handoff.models.queues import Queue
from persistence.models import Conversation

LIVE = ("pending_consent", "open", "in_progress", "waiting_customer")
ENDED = ("closed", "cancelled")
LIVE_ATTEMPT = ("requested", "queued", "accepted", "active")


class SupportCase(models.Model):
    """What was promised to a customer: a human looks at it. ``assignee`` is a login name, or ``desk:name``.

    ``attention_at`` is the earliest due time whose clock runs; NULL while the case waits for somebody else.
    """

    class Status(models.TextChoices):
        PENDING_CONSENT = "pending_consent", "waits for consent"
        OPEN = "open"
        IN_PROGRESS = "in_progress"
        WAITING_CUSTOMER = "waiting_customer", "waits for the customer"
        CLOSED = "closed"
        CANCELLED = "cancelled"

    class Priority(models.TextChoices):
        LOW = "low"
        NORMAL = "normal"
        HIGH = "high"
        URGENT = "urgent"

    case_id = models.UUIDField(unique=True)
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="cases", db_index=False)
    opening_turn = models.UUIDField(null=True, blank=True)
    domain = models.CharField(max_length=63)
    channel = models.CharField(max_length=64)
    customer_ref = models.CharField(max_length=200, null=True, blank=True)
    status = models.CharField(max_length=20, choices=Status.choices)
    priority = models.CharField(max_length=10, choices=Priority.choices, default=Priority.NORMAL)
    reason_codes = models.JSONField(default=list)
    reason_text = models.TextField(blank=True)
    assignee = models.CharField(max_length=150, blank=True)
    queue = models.ForeignKey(Queue, models.PROTECT, related_name="cases", db_index=False)
    version = models.PositiveIntegerField(default=1)
    event_seq = models.PositiveIntegerField(default=0)
    context_snapshot = models.JSONField(default=dict)
    idempotency_key = models.CharField(max_length=300, unique=True)
    follow_up_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="follow_ups", db_index=False
    )
    merged_into = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="merged", db_index=False
    )
    looping = models.BooleanField(default=False)
    reopened = models.PositiveSmallIntegerField(default=0)

    opened_at = models.DateTimeField(db_default=Now())
    first_due_at = models.DateTimeField(null=True, blank=True)
    next_due_at = models.DateTimeField(null=True, blank=True)
    resolution_due_at = models.DateTimeField(null=True, blank=True)
    attention_at = models.DateTimeField(null=True, blank=True)
    warn_at = models.DateTimeField(null=True, blank=True)
    breached_at = models.DateTimeField(null=True, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True)
    clock_started_at = models.DateTimeField(null=True, blank=True)
    next_started_at = models.DateTimeField(null=True, blank=True)
    first_responded_at = models.DateTimeField(null=True, blank=True)
    last_customer_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_as = models.CharField(max_length=20, blank=True)

    class Meta:
        db_table = "handoff_case"
        verbose_name = "support case"
        permissions = [("lead_supportcase", "Can assign, merge and cancel cases of others")]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=[*LIVE, *ENDED]), name="handoff_case_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=ENDED, closed_at__isnull=False)
                | Q(status__in=LIVE, closed_at__isnull=True),
                name="handoff_case_closed_at_exactly_when_ended",
            ),
            # One promise at a time: a conversation that is handed off again joins the case that is there.
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(status__in=LIVE), name="handoff_case_live_once"
            ),
        ]
        indexes = [
            # Read by the console's queue and the API: what is live, most urgent first.
            models.Index(
                fields=["domain", "attention_at", "id"],
                condition=Q(status__in=LIVE),
                name="handoff_case_attention",
            ),
            models.Index(
                fields=["attention_at", "id"], condition=Q(status__in=LIVE), name="handoff_case_attention_all"
            ),
            # Read by the agent's own list.
            models.Index(
                fields=["assignee", "attention_at", "id"],
                condition=Q(status__in=LIVE),
                name="handoff_case_assignee",
            ),
            # Read by the sweep: the next warning or breach, over all cases.
            models.Index(fields=["warn_at"], condition=Q(warn_at__isnull=False), name="handoff_case_warn"),
            # Read for follow-ups, and by the case page: the cases of a conversation, newest first.
            models.Index(fields=["conversation", "-id"], name="handoff_case_conversation"),
            # Read by the console for closed cases and by the dashboard's figures of a period.
            models.Index(
                fields=["domain", "-closed_at", "-id"],
                condition=Q(closed_at__isnull=False),
                name="handoff_case_ended",
            ),
            # Read by the console for closed cases of every domain, and by the search for what was closed just now.
            models.Index(
                fields=["-closed_at", "-id"],
                condition=Q(closed_at__isnull=False),
                name="handoff_case_ended_all",
            ),
            # Read by an agent's list of the cases that they served: few among many.
            models.Index(
                fields=["assignee", "-closed_at", "-id"],
                condition=Q(closed_at__isnull=False),
                name="handoff_case_ended_assignee",
            ),
            models.Index(fields=["domain", "-opened_at"], name="handoff_case_opened"),
            # Read by the API and the console's filter.
            models.Index(
                fields=["queue", "attention_at", "id"],
                condition=Q(status__in=LIVE),
                name="handoff_case_queue",
            ),
            # Read by the customer's other cases, export and erasure.
            models.Index(
                fields=["domain", "customer_ref"],
                condition=Q(customer_ref__isnull=False),
                name="handoff_case_customer",
            ),
            # Read by erasure and by the foreign keys: the cases that point to one that is deleted.
            models.Index(
                fields=["follow_up_of"],
                condition=Q(follow_up_of__isnull=False),
                name="handoff_case_follow_up",
            ),
            models.Index(
                fields=["merged_into"], condition=Q(merged_into__isnull=False), name="handoff_case_merged"
            ),
        ]

    def __str__(self) -> str:
        return str(self.case_id)

    @property
    def live(self) -> bool:
        """Say whether somebody still owes the customer something."""
        return self.status in LIVE


class CaseEvent(models.Model):
    """One thing that happened to a case. Append-only. ``text`` is what a person wrote, redacted; ``data`` the facts."""

    case = models.ForeignKey(SupportCase, models.PROTECT, related_name="events", db_index=False)
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40)
    actor = models.CharField(max_length=170)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict)
    turn_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "handoff_case_event"
        constraints = [
            # Read by the case page: what happened, in order.
            models.UniqueConstraint(fields=["case", "seq"], name="handoff_case_event_seq_once"),
            # Read by the gate: the case that a repeated request was answered with.
            models.UniqueConstraint(
                fields=["turn_id"],
                condition=Q(turn_id__isnull=False, kind__in=["opened", "asked_again"]),
                name="handoff_case_event_turn_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.actor}"


class Handoff(models.Model):
    """One attempt to give control of a conversation to a human."""

    handoff_id = models.UUIDField(unique=True)
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="handoffs", db_index=False)
    case = models.ForeignKey(SupportCase, models.PROTECT, related_name="handoffs")
    state = models.CharField(max_length=12)
    reason_code = models.CharField(max_length=30)
    requested_at = models.DateTimeField(db_default=Now())
    accept_due_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.CharField(max_length=150, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    from_seq = models.PositiveBigIntegerField()
    to_seq = models.PositiveBigIntegerField(null=True, blank=True)
    outcome = models.TextField(blank=True)

    class Meta:
        db_table = "handoff_handoff"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=[
                        *LIVE_ATTEMPT,
                        *("returned", "resolved", "user_ended", "timed_out", "failed", "cancelled"),
                    ]
                ),
                name="handoff_handoff_state_known",
            ),
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(state__in=LIVE_ATTEMPT), name="handoff_handoff_live_once"
            ),
        ]
        indexes = [
            # Read by the sweep: who has waited too long for an agent.
            models.Index(
                fields=["accept_due_at"],
                condition=Q(state__in=["queued", "accepted"], accept_due_at__isnull=False),
                name="handoff_handoff_accept_due",
            ),
            # Read by context and by the damping of loops: a conversation's attempts, newest first.
            models.Index(fields=["conversation", "-id"], name="handoff_handoff_conversation"),
        ]

    def __str__(self) -> str:
        return str(self.handoff_id)
