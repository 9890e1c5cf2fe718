"""Services with a cold start are asked before the first call, and what fails is left behind."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.core import registry
from bots.core.errors import Fault, ServiceError
from bots.core.ports import SynthesisRequest, TtsCapabilities
from bots.core.registry import NoParams
from bots.services.bots import bot_create
from bots.services.providers import provider_create
from calls.database import db
from calls.session import warm_up as warm_up_module
from calls.session.plugins import PluginShelf
from calls.session.warm_up import warm_up
from tests import plugins as _plugins  # noqa: F401 - registers the test plug-ins

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]

asked: list[str] = []


class _Cold:
    capabilities = TtsCapabilities(rates_hz=(8000, 16000), cold_start=True)

    def __init__(self, _params: NoParams, _credentials: NoParams) -> None:
        pass


@registry.register("tts", "cold", "Cold")
class ColdTts(_Cold):
    """Notes what it is asked."""

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        asked.append(f"{request.language} {request.rate_hz}")
        yield b"\x00\x00"


@registry.register("tts", "cold-broken", "Broken")
class BrokenTts(_Cold):
    """Fails."""

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        if request.text:
            raise ServiceError("tts:cold", Fault.SERVER, request.language)
        yield b""


@registry.register("tts", "cold-mute", "Mute")
class MuteTts(_Cold):
    """Has nothing to say."""

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        if not request.text:
            yield b""


@registry.register("tts", "cold-hung", "Hung")
class HungTts(_Cold):
    """Never answers."""

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        await asyncio.Event().wait()
        yield b""


def make_bot(name: str, plugin: str, **params: Any) -> None:
    tts = provider_create(name=f"{name}-tts", kind="tts", plugin=plugin)
    connector = provider_create(name=f"{name}-bot", kind="bot", plugin="table")
    bot_create(name=name, author="test", params=params, provider=connector, tts_provider=tts)


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    asked.clear()


async def test_a_cold_service_is_asked_in_the_bots_language_at_its_best_rate() -> None:
    await db(make_bot, "german", "cold", ttsLanguage="de-DE")
    await warm_up(PluginShelf())
    assert asked == ["de-DE 16000"]


@pytest.mark.parametrize("plugin", ["cold-broken", "cold-mute", "cold-hung"])
async def test_a_bot_whose_service_fails_keeps_no_other_from_being_prepared(
    plugin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if plugin == "cold-hung":
        monkeypatch.setattr(warm_up_module, "BOT_TIMEOUT_S", 0.5)
    await db(make_bot, "a-broken-one", plugin)
    await db(make_bot, "b-good-one", "cold")
    with capture_logs() as logs:
        await warm_up(PluginShelf())
    assert len(asked) == 1
    bad = [entry["bot"] for entry in logs if entry["event"] == "speech.not_warm"]
    assert bad == ([] if plugin == "cold-mute" else ["a-broken-one"])
    assert logs[-1]["event"] == "speech.warm"


async def test_a_warm_service_is_left_alone() -> None:
    await db(make_bot, "demo", "tones")
    await warm_up(PluginShelf())
    assert asked == []
