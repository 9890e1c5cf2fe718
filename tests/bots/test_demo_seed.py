"""The demo, seeded with the plug-ins that the gateway ships."""

import json
from typing import Any

import pytest

from bots.core.errors import ParameterError
from bots.core.params.sections.outbound_calls import OutboundCalls
from bots.core.params.sections.timeouts import Timeouts
from bots.models import Bot, BotRevision, Provider
from bots.selectors import call_configuration
from bots.services import bot_update, provider_update, seed_demo
from bots.services.demo import DIALOGUE, SEED_AUTHOR

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def everything() -> list[Any]:
    rows: list[Any] = list(Bot.objects.order_by("pk").values())
    return [*rows, *BotRevision.objects.order_by("pk").values(), *Provider.objects.values()]


def update(name: str, author: str, **changes: Any) -> Bot:
    bot = Bot.objects.get(name=name)
    return bot_update(bot=bot, expected_revision=bot.revision, author=author, **changes)


def test_the_seeded_demo_takes_calls_with_speech_and_the_shipped_dialogue() -> None:
    seed_demo()
    found = call_configuration("demo")
    assert (found.connector.plugin, found.vad.plugin) == ("script", "webrtc")
    assert found.stt is not None
    assert found.tts is not None
    assert (found.stt.plugin, found.tts.plugin) == ("pocketsphinx", "offline")
    assert found.resolved[Timeouts].user_no_input_timeout_ms == 6000
    assert found.carrier is not None
    assert found.carrier.plugin == "sandbox"
    assert found.resolved[OutboundCalls].dialout_caller == "+12025550199"
    assert found.resolved[OutboundCalls].dialout_clients == ()
    assert found.resolved.origin("bargeIn").name == "base bot demo-base"
    assert found.resolved.origin("scriptDialogue").name == "bot demo"
    stored = Bot.objects.get(name="demo").params["scriptDialogue"]
    assert stored == json.loads(DIALOGUE.read_text(encoding="utf-8"))


def test_seeding_again_changes_nothing() -> None:
    seed_demo()
    before = everything()
    seed_demo()
    assert everything() == before


def test_what_an_operator_changed_stays() -> None:
    seed_demo()
    update("demo", "ann", params={"language": "en-GB"})
    update("demo-base", "ann", enabled=False)
    provider = Provider.objects.get(name="webrtc")
    provider_update(provider=provider, expected_revision=1, params={"voiceName": "eva"})
    before = everything()
    seed_demo()
    assert everything() == before


def test_a_demo_that_nobody_changed_follows_the_shipped_one() -> None:
    seed_demo()
    update("demo", SEED_AUTHOR, params={}, display_name="Demo of an older version")
    seed_demo()
    bot = Bot.objects.get(name="demo")
    assert (bot.display_name, list(bot.params)) == ("Demo", ["scriptDialogue"])
    assert bot.revisions.filter(number=3, message="Follow the shipped demo").exists()


def test_what_was_deleted_is_seeded_anew() -> None:
    seed_demo()
    Bot.objects.filter(name="demo").delete()
    seed_demo()
    assert call_configuration("demo").revision == 1


@pytest.mark.usefixtures("plugins")
def test_without_its_plugins_the_demo_is_refused_whole() -> None:
    with pytest.raises(ParameterError, match="no bot plug-in named 'script'"):
        seed_demo()
    assert not everything()
