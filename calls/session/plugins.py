"""The configured plug-ins of a call, built once per configuration and process."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from django.conf import settings

from bots.core import registry
from bots.core.params.declare import ParamSet
from bots.core.ports import BotCapabilities, BotConnector, SpeechToText, TextToSpeech, VoiceActivity
from bots.net import outbound
from bots.selectors import CallConfiguration, Configured
from calls.media.files import AudioFiles
from calls.media.ttscache import CachedTts, TtsCache, speaker_of
from calls.media.ttsstore import TtsStore
from calls.session.witness import WitnessedStt, WitnessedTts

MAX_INSTANCES = 500
"""Configurations kept per process; beyond it the oldest are built anew when they are needed."""


class CallPlugins(msgspec.Struct, frozen=True, kw_only=True):
    """What one call talks to; ``cached_tts`` is ``tts`` with a memory."""

    connector: BotConnector
    stt: SpeechToText | None
    tts: TextToSpeech | None
    vad: VoiceActivity
    cached_tts: TextToSpeech | None = None
    files: AudioFiles | None = None
    """Without it, the voice side has to play audio files itself."""


def tts_store() -> TtsStore:
    """The store of synthesised prompts that the settings describe."""
    return TtsStore(
        settings.TTS_CACHE_DIR,
        life_s=settings.TTS_CACHE_HOURS * 3600,
        max_bytes=settings.TTS_CACHE_MB * 1_000_000,
    )


class PluginShelf:
    """Builds plug-ins and keeps them while their configuration stays the same.

    Also keeps what calls have prompts from: the cache of synthesis, and audio files.
    """

    def __init__(self) -> None:
        self._tts_cache = TtsCache(tts_store()) if settings.TTS_CACHE_HOURS else None
        self._files = AudioFiles(outbound())
        self._built: dict[tuple[str, str, str, str], tuple[tuple[ParamSet, ParamSet], object]] = {}
        """By kind, plug-in, provider and parameters without their secrets: the parameters and
        credentials in use, and the instance."""

    def of(self, configuration: CallConfiguration) -> CallPlugins:
        """The plug-ins that ``configuration`` names.

        Raises:
            LookupError: a plug-in is not installed here.
        """
        stt, tts = configuration.stt, configuration.tts
        voice = WitnessedTts(self._get(tts), tts.provider) if tts else None
        return CallPlugins(
            connector=self._get(configuration.connector),
            stt=WitnessedStt(self._get(stt), stt.provider) if stt else None,
            tts=voice,
            vad=self._get(configuration.vad),
            cached_tts=self._cached(voice, configuration),
            files=self._files,
        )

    def voice_of(self, configuration: CallConfiguration) -> BotCapabilities:
        """As the function `voice_of`."""
        return _voice(configuration, partial(self._get, configuration.connector))

    def carrier(self, configuration: CallConfiguration) -> Any:
        """Who places outbound calls of ``configuration``, a `calls.dialout.port.Carrier`.

        Raises:
            LookupError: nobody does, or the plug-in is not installed here.
        """
        if configuration.carrier is None:
            raise LookupError(f"bot {configuration.bot} has no carrier for outbound calls")
        return self._get(configuration.carrier)

    async def close(self) -> None:
        """End what goes on without a call; safe to call twice."""
        await self._files.close()

    def _cached(
        self, tts: TextToSpeech | None, configuration: CallConfiguration
    ) -> TextToSpeech | None:
        chosen = configuration.tts
        if tts is None or chosen is None or self._tts_cache is None:
            return tts
        speaker = speaker_of(
            bot=configuration.bot,
            plugin=chosen.plugin,
            provider=chosen.provider,
            params=chosen.params,
        )
        return CachedTts(self._tts_cache, tts, speaker)

    # NB The registry is untyped by nature: a factory's product has the port of its kind.
    def _get(self, chosen: Configured) -> Any:
        key = (chosen.kind, chosen.plugin, chosen.provider, chosen.params.model_dump_json())
        wanted = (chosen.params, chosen.credentials)
        used, instance = self._built.get(key, (None, None))
        if instance is None or used != wanted:
            instance = _built(chosen)
            self._built.pop(key, None)
            if len(self._built) >= MAX_INSTANCES:
                del self._built[next(iter(self._built))]
            self._built[key] = (wanted, instance)
        return instance


def voice_of(configuration: CallConfiguration) -> BotCapabilities:
    """Whether callers can be heard and spoken to, by speech services or by the bot itself.

    A plug-in that is not installed here counts as able: opening the call says what is wrong.
    """
    return _voice(configuration, partial(_built, configuration.connector))


def needs_audio(configuration: CallConfiguration) -> bool:
    """Whether the bot hears or speaks itself, so that a text chat with it is refused."""
    try:
        own: BotCapabilities = _built(configuration.connector).capabilities
    except LookupError:
        return False
    return own.hears or own.speaks


def _voice(configuration: CallConfiguration, connector: Callable[[], Any]) -> BotCapabilities:
    hears, speaks = configuration.stt is not None, configuration.tts is not None
    if hears and speaks:
        return BotCapabilities(hears=True, speaks=True)
    try:
        own: BotCapabilities = connector().capabilities
    except LookupError:
        return BotCapabilities(hears=True, speaks=True)
    return BotCapabilities(hears=hears or own.hears, speaks=speaks or own.speaks)


def _built(chosen: Configured) -> Any:
    return registry.plugin(chosen.kind, chosen.plugin).factory(chosen.params, chosen.credentials)
