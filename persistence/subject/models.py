"""The record that a customer's data was erased: what remains when everything else is gone."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ErasureRecord(models.Model):
    """One erasure. It is written in the transaction that deletes the rows, and holds nothing that tells who it was.

    ``subject_hash`` is the keyed hash of the customer's reference, by which the record is found again by whoever knows
    the reference. ``conversations`` are {id, turns, chain_head}: what the archive's objects are deleted by, and the
    proof of how much there was. Off-box objects go afterwards, and once more after ``last_pass_after``, when nobody can
    still be writing one; then ``finished_at`` is set. ``claims`` are the keys of objects put for events; ``late`` is
    {keys, events}: by what a worker's last words are found, should it have had an event in hand.
    """

    erasure_id = models.UUIDField(unique=True)
    domain = models.CharField(max_length=63)
    subject_hash = models.BinaryField(max_length=32)
    hash_version = models.PositiveSmallIntegerField()
    requested_by = models.CharField(max_length=170)
    requested_at = models.DateTimeField(db_default=Now())
    conversations = models.JSONField(default=list)
    reached = models.JSONField(default=dict)
    elsewhere = models.JSONField(default=list)
    claims = models.JSONField(default=list)
    late = models.JSONField(default=dict)
    objects_deleted = models.PositiveIntegerField(default=0)
    last_pass_after = models.DateTimeField()
    next_pass_at = models.DateTimeField(db_default=Now())
    failures = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=600, default="", blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "persistence"
        db_table = "persistence_erasure_record"
        verbose_name = "erasure"
        permissions = [
            ("export_subject", "Can export everything about a customer"),
            ("erase_subject", "Can erase everything about a customer"),
        ]
        indexes = [
            # Read by the task that deletes off-box objects.
            models.Index(
                fields=["next_pass_at"],
                condition=Q(finished_at__isnull=True),
                name="persistence_erasure_open",
            ),
            # Read by whoever asks whether a customer was erased.
            models.Index(fields=["domain", "subject_hash"], name="persistence_erasure_subject"),
        ]

    def __str__(self) -> str:
        return str(self.erasure_id)
