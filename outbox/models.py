"""The outbox tables: event, lane and delivery, and the small state a destination needs.

An event says what happened, once. Each destination gets one narrow delivery of it. The deliveries of one destination
and ordering key share a lane, which is leased and fenced as a whole: the claim touches lanes only.
Rows are written by ``outbox_enqueue`` (migration 0002), ``claim``, ``settle``, ``upkeep``, ``operate`` and
``attempts`` alone.
"""

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Cast, Now

ASLEEP = Cast(Value("infinity"), models.DateTimeField())


class OutboxEvent(models.Model):
    """What happened, once. Never updated. Receivers deduplicate by ``event_id`` (UUID version 7)."""

    event_id = models.UUIDField(primary_key=True)
    event_type = models.CharField(max_length=100)
    schema_version = models.PositiveSmallIntegerField(default=1)
    ordering_key = models.CharField(max_length=200)
    ordering_seq = models.BigIntegerField()
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    payload = models.JSONField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbox_event"
        constraints = [
            # Read by enqueue: a second event with the same key is the first one.
            models.UniqueConstraint(
                fields=["idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="outbox_event_idempotency_key_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"


class Lane(models.Model):
    """One destination's queue for one ordering key. Leased by one worker at a time; ``token`` fences the others.

    ``due_at`` is 'infinity' while the lane sleeps. A lane with a ``parked_reason`` waits for an operator and is never
    woken by new events. Lanes are never deleted: a deleted lane would restart its token and let a zombie settle.
    """

    destination = models.CharField(max_length=100)
    ordering_key = models.CharField(max_length=200)
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    token = models.BigIntegerField(default=0)
    rescues = models.PositiveSmallIntegerField(default=0)
    parked_reason = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        db_table = "outbox_lane"
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "ordering_key"], name="outbox_lane_destination_ordering_key_once"
            ),
        ]
        indexes = [
            # Read by claim. Sleeping and parked lanes are not in it, so a dead backlog costs the claim nothing.
            models.Index(
                fields=["destination", "due_at"],
                condition=Q(due_at__lt=ASLEEP),
                name="outbox_lane_due",
            ),
            # Read by rescue, by the cap on lanes in flight and by status.
            models.Index(
                fields=["destination", "leased_until"],
                condition=Q(leased_until__isnull=False),
                name="outbox_lane_leased",
            ),
            # Read by claim for lanes whose worker died, which are tried one at a time.
            models.Index(
                fields=["destination", "due_at"], condition=Q(rescues__gt=0), name="outbox_lane_rescued"
            ),
            # Read by status and by the admin's list of what waits for an operator.
            models.Index(
                fields=["destination", "id"], condition=~Q(parked_reason=""), name="outbox_lane_parked"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.destination} · {self.ordering_key}"


class Delivery(models.Model):
    """One event on its way to one destination. Replaying adds a delivery; history is never rewritten."""

    class Status(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        DEAD = "dead", "dead: gave up, waits for an operator"
        PARKED = "parked", "parked: waits for an operator"
        RELEASED = "released", "released: skipped by an operator or by the destination's rule"
        REDRIVEN = "redriven", "redriven: a newer delivery carries the event"

    lane = models.ForeignKey(Lane, models.PROTECT, related_name="deliveries", db_index=False)
    event = models.ForeignKey(OutboxEvent, models.PROTECT, related_name="deliveries")
    seq = models.BigIntegerField()
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    last_error_code = models.CharField(max_length=100, default="", blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "outbox_delivery"
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "delivered", "dead", "parked", "released", "redriven"]),
                name="outbox_delivery_status_known",
            ),
            models.CheckConstraint(
                condition=Q(status="pending", settled_at__isnull=True)
                | ~Q(status="pending") & Q(settled_at__isnull=False),
                name="outbox_delivery_settled_exactly_when_not_pending",
            ),
        ]
        indexes = [
            # Read by claim (a lane's pending deliveries in order), by settle (its next head) and by reconcile.
            models.Index(
                fields=["lane", "seq", "id"], condition=Q(status="pending"), name="outbox_delivery_pending"
            ),
            # Read by redrive, release and the admin: what waits for an operator is rare, so the index is tiny.
            models.Index(
                fields=["lane", "seq", "id"],
                condition=Q(status__in=["dead", "parked"]),
                name="outbox_delivery_stuck",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} → lane {self.lane_id}"


class DeliveryAttempt(models.Model):
    """One send of one event to one destination. Without an ``outcome`` it runs now, or its worker died.

    No foreign key: the log outlives the event, which is pruned soon after its last delivery arrived.
    """

    event_id = models.UUIDField()
    event_type = models.CharField(max_length=100)
    ordering_key = models.CharField(max_length=200)
    destination = models.CharField(max_length=100)
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=20, default="", blank=True)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=100, default="", blank=True)
    excerpt = models.TextField(default="", blank=True)

    class Meta:
        db_table = "outbox_delivery_attempt"
        verbose_name = "delivery attempt"
        constraints = [
            # Read by begin and by the delivery's page; it makes two workers that begin at once take two numbers.
            models.UniqueConstraint(
                fields=["event_id", "destination", "number"], name="outbox_delivery_attempt_number_once"
            ),
        ]
        indexes = [
            # Read by the delivery log of one case or conversation.
            models.Index(fields=["ordering_key", "id"], name="outbox_attempt_key"),
            # Read by the admin's list of one destination.
            models.Index(fields=["destination", "id"], name="outbox_attempt_destination"),
            # Read by prune.
            models.Index(fields=["started_at"], name="outbox_attempt_started"),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} → {self.destination}, attempt {self.number}"


class DestinationState(models.Model):
    """The breaker of one destination, shared by every worker. No row means: closed, nothing has ever failed."""

    destination = models.CharField(primary_key=True, max_length=100)
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True, blank=True)
    parked_reason = models.CharField(max_length=200, default="", blank=True)
    last_error_code = models.CharField(max_length=100, default="", blank=True)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "outbox_destination_state"
        verbose_name = "destination"

    def __str__(self) -> str:
        return self.destination


class Counter(models.Model):
    """A figure that only grows, kept where every worker and every scrape can reach it. Flushed about once a second."""

    destination = models.CharField(max_length=100)
    name = models.CharField(max_length=120)
    value = models.FloatField(default=0)

    class Meta:
        db_table = "outbox_counter"
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "name"], name="outbox_counter_destination_name_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.destination}.{self.name}"
