"""What lies in the object store on behalf of events, and until when."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ClaimCheck(models.Model):
    """One object, put there for one event. The row is committed before the object exists and outlives it.

    ``url`` and ``expires_at`` are kept so that every try of the event carries the same body. ``sweeping_until`` is the
    lease of a sweeper that is deleting the object: nobody hands it out meanwhile.
    """

    event_id = models.UUIDField()
    key = models.CharField(max_length=300, unique=True)
    bytes = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    url = models.TextField()
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True, blank=True)
    sweeping_until = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "persistence"
        db_table = "persistence_claim_check"
        indexes = [
            # Read by erasure: what was stored on behalf of an event.
            models.Index(fields=["event_id"], name="persistence_claim_event"),
            # Read by the sweeper: what still lies there.
            models.Index(fields=["id"], condition=Q(deleted_at__isnull=True), name="persistence_claim_kept"),
            # Read by the sweeper, to forget rows whose object is long gone.
            models.Index(
                fields=["deleted_at"], condition=Q(deleted_at__isnull=False), name="persistence_claim_gone"
            ),
        ]

    def __str__(self) -> str:
        return self.key
