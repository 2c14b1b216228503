"""The addresses of the outbox's admin pages, and rows that make them worth looking at."""

from django.db import connection

from outbox.models import Delivery, Lane, OutboxEvent

LISTS = {
    "delivery": ("stuck", "pending", "all"),
    "lane": ("parked", "leased", "due", "asleep", "all"),
}
DELIVERIES, LANES = "/admin/outbox/delivery/", "/admin/outbox/lane/"
EVENTS, DESTINATIONS = "/admin/outbox/outboxevent/", "/admin/outbox/destinationstate/"
EVERY_LIST = [f"/admin/outbox/{model}/?show={show}" for model, shows in LISTS.items() for show in shows]
MODELS = ("delivery", "lane", "outboxevent", "destinationstate")


def kill(**which):
    """Let the pending deliveries of these lanes be dead, and their lanes parked, as a relay that gave up does."""
    lanes = list(Lane.objects.filter(**which).values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_delivery SET status = 'dead', settled_at = now(), attempts = 3, last_error_code = 'http_500'"
            " WHERE lane_id = ANY (%s) AND status = 'pending'",
            [lanes],
        )
        cursor.execute(
            "UPDATE outbox_lane SET due_at = 'infinity', parked_reason = 'dead: http_500' WHERE id = ANY (%s)",
            [lanes],
        )


def every_page():
    """The address of every page there is for the rows that exist now."""
    for model, found in (("delivery", Delivery), ("lane", Lane), ("outboxevent", OutboxEvent)):
        yield from (f"/admin/outbox/{model}/{row.pk}/change/" for row in found.objects.all())
    yield from EVERY_LIST
    yield from (EVENTS, DESTINATIONS, "/admin/", "/admin/outbox/")
