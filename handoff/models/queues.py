"""Where cases wait, with the hours in which people come to them."""

from django.db import models


class Queue(models.Model):
    """One team's cases in one domain. A queue that is named by a handoff and not known yet is opened with defaults.

    ``hours`` is a calendar as ``handoff.sla.calendar`` reads it; empty means open day and night. ``budgets`` may
    replace the minutes that ``handoff.sla.clocks`` allows, by priority.
    """

    domain = models.CharField(max_length=63)
    name = models.SlugField(max_length=63)
    title = models.CharField(max_length=100, blank=True)
    hours = models.CharField(max_length=500, blank=True)
    time_zone = models.CharField(max_length=63, default="UTC")
    country = models.CharField(
        max_length=2, blank=True, help_text="Whose public holidays are kept, such as PT."
    )
    subdivision = models.CharField(max_length=10, blank=True)
    budgets = models.JSONField(default=dict, blank=True)
    accept_minutes = models.PositiveIntegerField(
        default=15,
        help_text="After so many minutes without an agent, control goes back to the assistant. 0: never.",
    )
    consent_required = models.BooleanField(default=False)

    class Meta:
        db_table = "handoff_queue"
        constraints = [
            models.UniqueConstraint(fields=["domain", "name"], name="handoff_queue_domain_name_once"),
        ]

    def __str__(self) -> str:
        return self.title or self.name


class CannedReply(models.Model):
    """A text that agents send often. ``{{ customer }}``, ``{{ agent }}`` and ``{{ case }}`` are filled in."""

    domain = models.CharField(max_length=63)
    title = models.CharField(max_length=100)
    text = models.TextField(max_length=10_000)

    class Meta:
        db_table = "handoff_canned_reply"
        verbose_name_plural = "canned replies"
        constraints = [
            models.UniqueConstraint(
                fields=["domain", "title"], name="handoff_canned_reply_domain_title_once"
            ),
        ]

    def __str__(self) -> str:
        return self.title
