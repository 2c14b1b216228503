"""Summaries, the nights that made them, and what an operator thinks of them.

``SummaryItem`` is the claim: whoever holds it summarises, and nobody else can store.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from persistence.models import Conversation

OPEN_RUN = ("planning", "running")
OPEN_ITEM = ("pending", "working", "failed")


class DomainPolicy(models.Model):
    """How one domain is summarised. A domain without a row has the settings' values, and no recall."""

    domain = models.CharField(max_length=63, unique=True)
    summaries = models.BooleanField(default=True, help_text="Summarise this domain's conversations at all.")
    silence_hours = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="How long a conversation must have been silent. Empty: SUMMARY_SILENCE_HOURS.",
    )
    recall = models.BooleanField(default=False, help_text="Hand summaries to the assistant.")
    recall_changed_by = models.CharField(max_length=150, blank=True)
    recall_changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "summarization_domain_policy"
        verbose_name = "domain"

    def __str__(self) -> str:
        return self.domain


class SummaryRun(models.Model):
    """One night, or one call of ``manage.py summarize``. Its counts are final when it is ``finished`` or ``stopped``;
    until then they are its items'.
    """

    class Kind(models.TextChoices):
        NIGHTLY = "nightly"
        COMMAND = "command"

    class State(models.TextChoices):
        PLANNING = "planning"
        RUNNING = "running"
        FINISHED = "finished"
        STOPPED = "stopped"

    run_id = models.UUIDField(unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    night = models.DateField(null=True, blank=True)
    time_zone = models.CharField(max_length=63, blank=True)
    domain = models.CharField(max_length=63, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNING)
    stopped_because = models.CharField(max_length=40, blank=True)
    backend = models.CharField(max_length=20)
    model = models.CharField(max_length=200, blank=True)
    as_of = models.DateTimeField()
    started_at = models.DateTimeField(db_default=Now())
    planned_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    # Turns from here on may still belong to a conversation that is not silent for long enough: the next night looks
    # at them again. NULL for a run that looked at a selection only.
    unsettled_since = models.DateTimeField(null=True, blank=True)
    scanned_from = models.DateTimeField(null=True, blank=True)
    scanned_through = models.UUIDField(null=True, blank=True)
    candidates = models.PositiveIntegerField(default=0)
    chunks = models.PositiveIntegerField(default=0)
    group_id = models.CharField(max_length=40, blank=True)
    eligible = models.PositiveIntegerField(default=0)
    summarized = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    remaining = models.PositiveIntegerField(default=0)
    tokens_in = models.PositiveBigIntegerField(default=0)
    tokens_out = models.PositiveBigIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=14, decimal_places=6, default=0)
    seconds = models.FloatField(default=0)
    reasons = models.JSONField(default=dict)  # how many were skipped or failed, by reason

    class Meta:
        db_table = "summarization_run"
        verbose_name = "night"
        constraints = [
            # Two beats, one night: whoever inserts it first plans it.
            models.UniqueConstraint(
                fields=["night"], condition=Q(kind="nightly"), name="summarization_run_night_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="command", night__isnull=True) | Q(kind="nightly", night__isnull=False),
                name="summarization_run_nightly_has_a_night",
            ),
        ]
        indexes = [
            # Read each minute: what has begun and is not at its end.
            models.Index(
                fields=["id"], condition=Q(state__in=["planning", "running"]), name="summarization_run_open"
            ),
        ]

    def __str__(self) -> str:
        return f"night of {self.night}" if self.night else f"run …{str(self.run_id)[-6:]}"


class SummaryItem(models.Model):
    """What is to be done, or was done last, about one conversation. The row is the claim on it.

    ``to_seq`` is how far the conversation had come when it was planned. ``failures`` counts the nights on which this
    very stretch failed by itself, not by an outage; after the second it rests until something new is said. Figures
    are the last try's.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        WORKING = "working"
        DONE = "done"
        SKIPPED = "skipped"
        FAILED = "failed"

    conversation = models.OneToOneField(Conversation, models.PROTECT, primary_key=True, related_name="+")
    domain = models.CharField(max_length=63)
    run = models.ForeignKey(SummaryRun, models.SET_NULL, null=True, related_name="items", db_index=False)
    chunk = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    to_seq = models.PositiveBigIntegerField()
    claimed_by = models.UUIDField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    # How many workers in a row were lost while they held it: claims.MOST_RESCUES.
    rescues = models.PositiveSmallIntegerField(db_default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=60, blank=True)
    detail = models.TextField(blank=True)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "summarization_item"
        constraints = [
            models.CheckConstraint(
                condition=Q(state="working", claimed_by__isnull=False, claimed_until__isnull=False)
                | (~Q(state="working") & Q(claimed_by__isnull=True, claimed_until__isnull=True)),
                name="summarization_item_claimed_exactly_while_working",
            ),
        ]
        indexes = [
            # Read by claims, and by whoever looks for what is left of a run.
            models.Index(
                fields=["run", "chunk"],
                condition=Q(state__in=["pending", "working"]),
                name="summarization_item_open",
            ),
            # Read for a run's counts.
            models.Index(fields=["run", "state"], name="summarization_item_run"),
            # Read by the next night: what earlier ones left.
            models.Index(fields=["domain"], condition=Q(state__in=OPEN_ITEM), name="summarization_item_left"),
        ]

    def __str__(self) -> str:
        return f"{self.state}: conversation {self.conversation_id} up to {self.to_seq}"


class ConversationSummary(models.Model):
    """The current summary of a conversation: it covers turns ``from_seq`` to ``to_seq``.

    ``citations`` are the turns that it stands on, ascending; ``support`` has them statement by statement:
    ``{"problem": [1], "solution": [4], "topics": [[1], [6]], "open_questions": [[9]]}``, in the order of the lists.
    ``fallback_for`` names the backend that should have made it and could not; ``number`` counts the summaries that
    this conversation has had.
    """

    class Status(models.TextChoices):
        RESOLVED = "resolved"
        OPEN = "open"
        ESCALATED = "escalated"

    conversation = models.OneToOneField(Conversation, models.PROTECT, related_name="summary")
    domain = models.CharField(max_length=63)
    from_seq = models.PositiveBigIntegerField()
    to_seq = models.PositiveBigIntegerField()
    input_hash = models.BinaryField(max_length=32)
    problem = models.TextField(blank=True)
    solution = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status.choices)
    status_because = models.CharField(max_length=100)
    topics = models.JSONField(default=list)
    open_questions = models.JSONField(default=list)
    citations = models.JSONField(default=list)
    support = models.JSONField(default=dict)
    language = models.CharField(max_length=8)
    source_turn_count = models.PositiveIntegerField()
    redaction_version = models.PositiveSmallIntegerField()
    backend = models.CharField(max_length=20)
    model = models.CharField(max_length=200)
    prompt_version = models.CharField(max_length=40)
    fallback_for = models.CharField(max_length=20, blank=True)
    tokens_in = models.PositiveIntegerField(default=0)
    tokens_out = models.PositiveIntegerField(default=0)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, default=0)
    duration_ms = models.PositiveIntegerField(default=0)
    number = models.PositiveIntegerField(default=1)
    summarized_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "summarization_summary"
        verbose_name = "summary"
        verbose_name_plural = "summaries"
        permissions = [("sample_summaries", "Can judge summaries and switch recall on or off")]
        constraints = [
            models.CheckConstraint(
                condition=Q(from_seq__gte=1, to_seq__gte=models.F("from_seq")),
                name="summarization_summary_covers_something",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["resolved", "open", "escalated"]),
                name="summarization_summary_status_known",
            ),
        ]
        indexes = [
            # Read by the admin's list and by whoever draws a sample of a domain.
            models.Index(fields=["domain", "-summarized_at", "-id"], name="summarization_summary_domain"),
        ]

    def __str__(self) -> str:
        return f"summary of conversation {self.conversation_id}, turns {self.from_seq}–{self.to_seq}"


class SummaryRating(models.Model):
    """What a person who read a summary beside its transcript thought of it. ``input_hash`` says of which text."""

    summary = models.ForeignKey(ConversationSummary, models.PROTECT, related_name="ratings", db_index=False)
    domain = models.CharField(max_length=63)
    input_hash = models.BinaryField(max_length=32)
    backend = models.CharField(max_length=20)
    model = models.CharField(max_length=200)
    prompt_version = models.CharField(max_length=40)
    good = models.BooleanField()
    reason = models.CharField(max_length=500, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    username = models.CharField(max_length=150)
    rated_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "summarization_rating"
        verbose_name = "judgement"
        constraints = [
            # One person, one judgement of one text; a second one replaces it.
            models.UniqueConstraint(
                fields=["summary", "input_hash", "username"], name="summarization_rating_once"
            ),
            models.CheckConstraint(
                condition=Q(good=True) | ~Q(reason=""), name="summarization_rating_bad_has_a_reason"
            ),
        ]
        indexes = [
            # Read for the share of good ones, by what made them.
            models.Index(
                fields=["domain", "backend", "model", "prompt_version"], name="summarization_rating_of"
            ),
        ]

    def __str__(self) -> str:
        return f"{'good' if self.good else 'bad'}, by {self.username}"
