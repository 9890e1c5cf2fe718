"""The configured plug-ins of a call, built once per configuration and process."""

from typing import Any

import msgspec

from bots.core import registry
from bots.core.params.declare import ParamSet
from bots.core.ports import BotConnector, SpeechToText, TextToSpeech, VoiceActivity
from bots.selectors import CallConfiguration, Configured

MAX_INSTANCES = 500
"""Configurations kept per process; beyond it the oldest are built anew when they are needed."""


class CallPlugins(msgspec.Struct, frozen=True, kw_only=True):
    """What one call talks to."""

    connector: BotConnector
    stt: SpeechToText | None
    tts: TextToSpeech | None
    vad: VoiceActivity


class PluginShelf:
    """Builds plug-ins and keeps them while their configuration stays the same."""

    def __init__(self) -> None:
        self._built: dict[tuple[str, str, str, str], tuple[tuple[ParamSet, ParamSet], object]] = {}
        """By kind, plug-in, provider and parameters without their secrets: the parameters and
        credentials in use, and the instance."""

    def of(self, configuration: CallConfiguration) -> CallPlugins:
        """The plug-ins that ``configuration`` names.

        Raises:
            LookupError: a plug-in is not installed here.
        """
        return CallPlugins(
            connector=self._get(configuration.connector),
            stt=self._get(configuration.stt) if configuration.stt else None,
            tts=self._get(configuration.tts) if configuration.tts else None,
            vad=self._get(configuration.vad),
        )

    # NB The registry is untyped by nature: a factory's product has the port of its kind.
    def _get(self, chosen: Configured) -> Any:
        plugin = registry.plugin(chosen.kind, chosen.plugin)
        key = (chosen.kind, chosen.plugin, chosen.provider, chosen.params.model_dump_json())
        wanted = (chosen.params, chosen.credentials)
        used, instance = self._built.get(key, (None, None))
        if instance is None or used != wanted:
            instance = plugin.factory(chosen.params, chosen.credentials)
            self._built.pop(key, None)
            if len(self._built) >= MAX_INSTANCES:
                del self._built[next(iter(self._built))]
            self._built[key] = (wanted, instance)
        return instance
