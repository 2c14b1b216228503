"""Conversations, their turns, the keys that open the API, and who may read and did read what.

Rows are written by ``persistence_record_turn`` (migration 0002), by ``archive restore`` and by ``apikeys`` alone.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from persistence.claim_check.models import ClaimCheck as ClaimCheck
from persistence.ladder.models import ProcessFigures as ProcessFigures
from persistence.ladder.models import ProcessHour as ProcessHour
from persistence.session.models import ParkedStateWrite as ParkedStateWrite
from persistence.session.models import SessionState as SessionState
from persistence.session.models import StateCheckpoint as StateCheckpoint
from persistence.subject.models import ErasureRecord as ErasureRecord


class Conversation(models.Model):
    """One customer session on one channel of one domain. Its row is the lock that serialises its turns."""

    class Control(models.TextChoices):
        BOT = "bot"
        QUEUED = "queued"
        HUMAN = "human"
        CLOSED = "closed"

    public_id = models.UUIDField(unique=True)
    domain = models.CharField(max_length=63)
    channel = models.CharField(max_length=64)
    session_hash = models.BinaryField(max_length=32)
    hash_version = models.PositiveSmallIntegerField()
    customer_ref = models.CharField(max_length=200, null=True, blank=True)
    control = models.CharField(max_length=10, choices=Control.choices, default=Control.BOT)
    control_epoch = models.PositiveIntegerField(default=0)
    last_seq = models.PositiveBigIntegerField(default=0)
    chain_head = models.BinaryField(max_length=32)
    last_turn_at = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(db_default=Now())
    archived_through_seq = models.PositiveBigIntegerField(default=0)

    class Meta:
        db_table = "persistence_conversation"
        constraints = [
            # Read by record_turn. A closed conversation frees its session: the customer's next word opens a new one.
            models.UniqueConstraint(
                fields=["session_hash", "hash_version"],
                condition=~Q(control="closed"),
                name="persistence_conversation_live_session_once",
            ),
            models.CheckConstraint(
                condition=Q(control__in=["bot", "queued", "human", "closed"]),
                name="persistence_conversation_control_known",
            ),
        ]
        indexes = [
            # Read by recall, export and erasure: everything of one customer.
            models.Index(
                fields=["domain", "customer_ref"],
                condition=Q(customer_ref__isnull=False),
                name="persistence_conv_customer",
            ),
            # Read by the admin's list, for whoever sees some domains only.
            models.Index(fields=["domain", "-id"], name="persistence_conv_domain"),
        ]

    def __str__(self) -> str:
        return str(self.public_id)


class Turn(models.Model):
    """One exchange, as it was said, redacted. Append-only: no update, no delete outside erasure."""

    turn_id = models.UUIDField(primary_key=True)
    conversation = models.ForeignKey(Conversation, models.PROTECT, related_name="turns", db_index=False)
    seq = models.PositiveBigIntegerField()
    domain = models.CharField(max_length=63)
    request_id = models.CharField(max_length=200)
    fingerprint = models.BinaryField(max_length=32)
    customer_ref = models.CharField(max_length=200, null=True, blank=True)
    messages = models.JSONField()
    confidence = models.FloatField(null=True, blank=True)
    escalated = models.BooleanField(default=False)
    reason_codes = models.JSONField(default=list)
    references = models.JSONField(default=list)
    error_code = models.CharField(max_length=100, null=True, blank=True)
    model = models.CharField(max_length=200, null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    tokens_in = models.PositiveIntegerField(null=True, blank=True)
    tokens_out = models.PositiveIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict)
    redaction_version = models.PositiveSmallIntegerField()
    control = models.CharField(max_length=10)
    control_epoch = models.PositiveIntegerField()
    salt = models.BinaryField(max_length=16)
    content_digest = models.BinaryField(max_length=32)
    prev_digest = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "persistence_turn"
        constraints = [
            # Read by history, the archive and verify: a conversation's turns in the order said.
            models.UniqueConstraint(fields=["conversation", "seq"], name="persistence_turn_seq_once"),
            # Read by record_turn: a retry finds the turn that it asked for before.
            models.UniqueConstraint(fields=["domain", "request_id"], name="persistence_turn_request_once"),
        ]

    def __str__(self) -> str:
        return f"turn {self.seq} of conversation {self.conversation_id}"


class ApiKey(models.Model):
    """A key of one domain. Only its SHA-256 rests here; the key itself was shown once."""

    domain = models.CharField(max_length=63)
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    key_hash = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "persistence_apikey"
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.domain} · {self.name} ({self.prefix}…)"


class DomainAccess(models.Model):
    """A user may see one domain. Superusers see all; everybody else sees only what is named here."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="domain_access")
    domain = models.CharField(max_length=63)

    class Meta:
        db_table = "persistence_domain_access"
        verbose_name = "access to a domain"
        verbose_name_plural = "access to domains"
        constraints = [
            models.UniqueConstraint(fields=["user", "domain"], name="persistence_domain_access_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.domain}"


class TranscriptReading(models.Model):
    """Somebody looked at what a customer said. Append-only; kept when the user is gone, by the name they had."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="readings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    username = models.CharField(max_length=150)
    page = models.CharField(max_length=40)
    from_seq = models.PositiveBigIntegerField()
    to_seq = models.PositiveBigIntegerField()
    read_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "persistence_transcript_reading"

    def __str__(self) -> str:
        return f"{self.username} read {self.from_seq}–{self.to_seq} of conversation {self.conversation_id}"
