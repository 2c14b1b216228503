"""The agents' console in Django's admin: the queue, the page of a case, and what stands around them."""

from handoff.admin import customers, dashboard
from handoff.admin.case import CaseAdmin
from handoff.admin.endpoints import EndpointAdmin
from handoff.admin.queues import CannedReplyAdmin, QueueAdmin

__all__ = ["CannedReplyAdmin", "CaseAdmin", "EndpointAdmin", "QueueAdmin", "customers", "dashboard"]
