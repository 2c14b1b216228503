"""The outbox in the admin: look at everything, act through ``outbox.operate`` only."""

from outbox.admin.attempts import DeliveryAttemptAdmin
from outbox.admin.deliveries import DeliveryAdmin
from outbox.admin.destinations import DestinationAdmin
from outbox.admin.events import EventAdmin
from outbox.admin.lanes import LaneAdmin

__all__ = ["DeliveryAdmin", "DeliveryAttemptAdmin", "DestinationAdmin", "EventAdmin", "LaneAdmin"]
