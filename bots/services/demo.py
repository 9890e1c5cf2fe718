"""The demonstration bot: complete, offline, and safe to seed at every start."""

import json
from pathlib import Path
from typing import Any

from django.db import transaction

from bots.core.registry import Kind
from bots.models import Bot, Provider
from bots.services.bots import bot_create, bot_update
from bots.services.providers import provider_create

SEED_AUTHOR = "demo seed"
DIALOGUE = Path(__file__).parents[1] / "demo" / "dialogue.json"

_PROVIDERS: tuple[tuple[str, Kind, str], ...] = (
    ("script", "bot", "script"),
    ("offline-stt", "stt", "pocketsphinx"),
    ("offline-tts", "tts", "offline"),
    ("webrtc", "vad", "webrtc"),
    ("sandbox", "carrier", "sandbox"),
)
_BASE_PARAMS: dict[str, Any] = {
    "language": "en-US",
    "bargeIn": True,
    "bargeInOnDTMF": True,
    "sendDTMF": True,
    "userNoInputTimeoutMS": 6000,
    "userNoInputRetries": 2,
    "userNoInputSendEvent": True,
    "dialoutCaller": "+12025550199",
}


@transaction.atomic
def seed_demo() -> None:
    """Create what is missing of the demo: five providers, base bot ``demo-base``, bot ``demo``.

    A bot that only this function has ever written follows the shipped version; one that anybody
    else has changed is left alone.

    Raises:
        ParameterError: a plug-in of the demo is not available, or the dialogue is malformed.
    """
    providers = {}
    for name, kind, plugin in _PROVIDERS:
        stored = Provider.objects.filter(name=name).first()
        providers[kind] = stored or provider_create(name=name, kind=kind, plugin=plugin)
    base = _seed(
        "demo-base",
        display_name="Demo base",
        is_base=True,
        provider=providers["bot"],
        stt_provider=providers["stt"],
        tts_provider=providers["tts"],
        vad_provider=providers["vad"],
        carrier_provider=providers["carrier"],
        params=_BASE_PARAMS,
    )
    _seed(
        "demo",
        display_name="Demo",
        base=base,
        params={"scriptDialogue": json.loads(DIALOGUE.read_text(encoding="utf-8"))},
    )


def _seed(name: str, **fields: Any) -> Bot:
    bot = Bot.objects.filter(name=name).first()
    if bot is None:
        return bot_create(name=name, author=SEED_AUTHOR, message="Seed the demo", **fields)
    untouched = not bot.revisions.exclude(author=SEED_AUTHOR).exists()
    if untouched and any(getattr(bot, field) != value for field, value in fields.items()):
        return bot_update(
            bot=bot,
            expected_revision=bot.revision,
            author=SEED_AUTHOR,
            message="Follow the shipped demo",
            **fields,
        )
    return bot
