"""Conversations, turns, API keys and who read what, in the admin: read-only, readable, fast at a million turns."""

from persistence.admin.apikeys import ApiKeyAdmin
from persistence.admin.conversations import ConversationAdmin
from persistence.admin.parked import ParkedWriteAdmin
from persistence.admin.readings import ReadingAdmin
from persistence.admin.subjects import ErasureAdmin
from persistence.admin.turns import TurnAdmin

__all__ = [
    "ApiKeyAdmin",
    "ConversationAdmin",
    "ErasureAdmin",
    "ParkedWriteAdmin",
    "ReadingAdmin",
    "TurnAdmin",
]
