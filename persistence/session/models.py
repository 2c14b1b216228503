"""Session state in Postgres: the store of level 0, what stands in for Redis, and where level 3 is written behind."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SessionState(models.Model):
    """The state of one session. Written by the functions of migration 0010, and behind.

    ``previous`` is the version that this one followed, 0 for none: by it a subscriber sees what it missed. ``cleared``
    is what remains of a state that was cleared, so that an older copy cannot come back. ``unhealed`` was written while
    Redis was out, and Redis is still to be told.
    """

    session_hash = models.BinaryField(max_length=32, unique=True)
    domain = models.CharField(max_length=63)
    channel = models.CharField(max_length=64)
    state = models.CharField(max_length=64)
    confidence = models.FloatField(null=True, blank=True)
    turn_id = models.UUIDField(null=True, blank=True)
    version = models.PositiveBigIntegerField()
    previous = models.PositiveBigIntegerField(db_default=0)
    redaction_version = models.PositiveSmallIntegerField()
    data = models.JSONField(default=dict)
    cleared = models.BooleanField(default=False)
    unhealed = models.BooleanField(default=False)
    updated_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        app_label = "persistence"
        db_table = "persistence_session_state"
        # No index on expires_at: it moves with every turn, and an index on it would end HOT updates. The sweep walks
        # the primary key once a minute instead, over a table that holds the sessions of the last hour.
        indexes = [
            # Read by the healer: what Redis is still to be told.
            models.Index(fields=["id"], condition=Q(unhealed=True), name="persistence_state_unhealed"),
        ]

    def __str__(self) -> str:
        return f"{self.state} at {self.version}"


class StateCheckpoint(models.Model):
    """How far the write-behind of a domain has come, committed with what it wrote."""

    domain = models.CharField(max_length=63, unique=True)
    last_entry = models.CharField(max_length=40)
    applied = models.PositiveBigIntegerField(default=0)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "persistence"
        db_table = "persistence_state_checkpoint"

    def __str__(self) -> str:
        return f"{self.domain} through {self.last_entry}"


class ParkedStateWrite(models.Model):
    """A write that could not be applied in five attempts. An operator looks, and tries it again or discards it."""

    domain = models.CharField(max_length=63)
    entry = models.CharField(max_length=40)
    fields = models.JSONField(default=dict)
    attempts = models.PositiveSmallIntegerField()
    error = models.CharField(max_length=300)
    parked_at = models.DateTimeField(db_default=Now())

    class Meta:
        app_label = "persistence"
        db_table = "persistence_parked_state_write"
        verbose_name = "parked state write"
        constraints = [
            # A worker that died between parking and taking the entry off the stream parks it again.
            models.UniqueConstraint(fields=["domain", "entry"], name="persistence_parked_write_once"),
        ]

    def __str__(self) -> str:
        return f"{self.domain} {self.entry}"
