"""The rows of this room: configuration, people, API clients, what others are to be told."""

from bots.models.clients import ApiClient, ClientUsage, IdempotentAnswer, MintedToken
from bots.models.configuration import MAX_DEPTH, SLUG, Bot, BotRevision, Provider, Route
from bots.models.conformance import ConformanceRun
from bots.models.deliveries import Delivery, Destination
from bots.models.people import AuditEvent, Member

__all__ = [
    "MAX_DEPTH",
    "SLUG",
    "ApiClient",
    "AuditEvent",
    "Bot",
    "BotRevision",
    "ClientUsage",
    "ConformanceRun",
    "Delivery",
    "Destination",
    "IdempotentAnswer",
    "Member",
    "MintedToken",
    "Provider",
    "Route",
]
