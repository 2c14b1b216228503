"""Support cases, the queues they wait in, and the help desks they are told to."""

from handoff.models.cases import CaseEvent, Handoff, SupportCase
from handoff.models.desks import Endpoint, ExternalLink, InboundReceipt
from handoff.models.queues import CannedReply, Queue
from handoff.models.search import CaseText

__all__ = [
    "CannedReply",
    "CaseEvent",
    "CaseText",
    "Endpoint",
    "ExternalLink",
    "Handoff",
    "InboundReceipt",
    "Queue",
    "SupportCase",
]
