"""Changing the configuration: every write to bots, providers, routes and API clients.

A change is checked against everything that inherits from it before it is stored, in the same
transaction and under the same locks, and leaves a `bots.models.BotRevision`.
"""

from bots.services.bots import (
    BotFields,
    bot_create,
    bot_restore,
    bot_update,
    mint_voice_token,
)
from bots.services.bulk import bots_pause, bots_set
from bots.services.checks import StaleRevision
from bots.services.clients import api_client_create, api_client_update
from bots.services.demo import seed_demo
from bots.services.impact import Impact, bot_preview
from bots.services.lifecycle import bot_clone, bot_delete, bot_pause, bot_usage
from bots.services.outbound import dialout_allow, dialout_disallow
from bots.services.providers import provider_create, provider_delete, provider_update
from bots.services.rotation import Rotation, rotate_secrets
from bots.services.routes import (
    RouteFields,
    route_create,
    route_delete,
    route_move,
    route_update,
)

__all__ = [
    "BotFields",
    "Impact",
    "Rotation",
    "RouteFields",
    "StaleRevision",
    "api_client_create",
    "api_client_update",
    "bot_clone",
    "bot_create",
    "bot_delete",
    "bot_pause",
    "bot_preview",
    "bot_restore",
    "bot_update",
    "bot_usage",
    "bots_pause",
    "bots_set",
    "dialout_allow",
    "dialout_disallow",
    "mint_voice_token",
    "provider_create",
    "provider_delete",
    "provider_update",
    "rotate_secrets",
    "route_create",
    "route_delete",
    "route_move",
    "route_update",
    "seed_demo",
]
