"""The rows of this room: configuration, people, API clients."""

from bots.models.clients import ApiClient
from bots.models.configuration import SLUG, Bot, BotRevision, Provider, Route
from bots.models.people import AuditEvent, Member

__all__ = [
    "SLUG",
    "ApiClient",
    "AuditEvent",
    "Bot",
    "BotRevision",
    "Member",
    "Provider",
    "Route",
]
