"""The registered speech plug-ins with their default parameters, and speech to feed them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bots.core import registry
from bots.core.ports import SynthesisRequest, TextToSpeech
from bots.speech import spoken
from bots.workers.pool import close_pools

registry.discover(["bots.speech"])


def _shipped(kind: registry.Kind) -> list[str]:
    """The plug-ins that come with the gateway; other tests register some of their own."""
    found = (p for p in registry.plugins(kind) if p.factory.__module__.startswith("bots."))
    return [plugin.name for plugin in found]


STT = _shipped("stt")
TTS = _shipped("tts")
VAD = _shipped("vad")

_said: dict[tuple[str, int], bytes] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that names a kind runs for every plug-in of that kind."""
    for kind, names in (("stt", STT), ("tts", TTS), ("vad", VAD)):
        if kind in metafunc.fixturenames:
            metafunc.parametrize(kind, names, indirect=True)


def configured(kind: registry.Kind, name: str) -> Any:
    plugin = registry.plugin(kind, name)
    return plugin.factory(plugin.params(), plugin.credentials())


@pytest.fixture
async def workers() -> AsyncIterator[None]:
    """The processes that plug-ins start end with the test."""
    yield
    await close_pools()


@pytest.fixture
def stt(request: pytest.FixtureRequest, workers: None) -> Any:
    return configured("stt", request.param)


@pytest.fixture
def tts(request: pytest.FixtureRequest, workers: None) -> Any:
    return configured("tts", request.param)


@pytest.fixture
def vad(request: pytest.FixtureRequest) -> Any:
    return configured("vad", request.param)


@pytest.fixture
def voice(workers: None) -> TextToSpeech:
    """Speaks the callers' words."""
    found: TextToSpeech = configured("tts", "offline")
    return found


async def said(voice: TextToSpeech, text: str, rate_hz: int) -> bytes:
    """``text`` in the callers' voice, which always says it alike."""
    if (text, rate_hz) not in _said:
        request = SynthesisRequest(text=text, language="en-US", rate_hz=rate_hz)
        _said[text, rate_hz] = await spoken(voice, request)
    return _said[text, rate_hz]
