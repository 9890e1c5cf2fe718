"""The rows of this room: configuration, people, API clients."""

from bots.models.clients import ApiClient
from bots.models.configuration import MAX_DEPTH, SLUG, Bot, BotRevision, Provider, Route
from bots.models.people import AuditEvent, Member

__all__ = [
    "MAX_DEPTH",
    "SLUG",
    "ApiClient",
    "AuditEvent",
    "Bot",
    "BotRevision",
    "Member",
    "Provider",
    "Route",
]
