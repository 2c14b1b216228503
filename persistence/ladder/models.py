"""What each process measures of itself, for ``manage.py ladder``. Only ``reporter`` writes it."""

from django.db import models
from django.db.models.functions import Now


class ProcessFigures(models.Model):
    """One process that reports: when it ran, as what, and how many session states it held in its memory.

    ``ended_at`` is set by a process that ended in order; one that was killed is known by an old ``seen_at``.
    """

    process_id = models.UUIDField(primary_key=True)
    role = models.CharField(max_length=10)
    backend = models.CharField(max_length=20)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    states_held = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(db_default=Now())
    seen_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        app_label = "persistence"
        db_table = "persistence_process_figures"
        verbose_name = "process"
        verbose_name_plural = "processes"

    def __str__(self) -> str:
        return f"{self.role} {self.pid} on {self.host}"


class ProcessHour(models.Model):
    """What one process measured in one hour, by its own clock. Rewritten as a whole at each report.

    ``counts`` is {kind: {seconds, buckets: {number: count}}, events: {name: count}}. The two others are what Postgres
    says it has worked on this database since its statistics began, in seconds, at the hour's first and last report.
    """

    process = models.ForeignKey(ProcessFigures, models.CASCADE, related_name="hours", db_index=False)
    hour = models.DateTimeField()
    counts = models.JSONField(default=dict)
    database_first = models.FloatField(null=True, blank=True)
    database_last = models.FloatField(null=True, blank=True)

    class Meta:
        app_label = "persistence"
        db_table = "persistence_process_hour"
        constraints = [
            models.UniqueConstraint(fields=["process", "hour"], name="persistence_process_hour_once"),
        ]
        indexes = [
            # Read by the ladder, for its window, and by whoever deletes what is old.
            models.Index(fields=["hour"], name="persistence_process_hour_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.process_id} at {self.hour}"
