"""The shelf of configured plug-ins: what is built once, what anew."""

import asyncio
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec
import pytest
from pydantic import Field, SecretStr
from pytest_django import Settings

from bots.core import registry
from bots.core.catalogue import of
from bots.core.params.declare import Param, ParamSet
from bots.core.params.resolve import resolve
from bots.core.ports import BotCapabilities, SynthesisRequest
from bots.core.registry import NoParams
from bots.selectors import CallConfiguration, Configured
from calls.session import plugins as plugins_module
from calls.session.plugins import CallPlugins, PluginShelf, tts_store, voice_of
from calls.session.witness import WitnessedTts
from tests.plugins import TableParams, ToneTts, ToneVad


class Account(TableParams):
    """A table bot with a secret among its parameters."""

    SECTION: ClassVar[str] = "Account"
    pin: Annotated[SecretStr, Param(help="Its PIN.", secret=True)] = Field(
        SecretStr(""), alias="accountPin"
    )


class Key(ParamSet):
    """What a keyed bot signs in with."""

    SECTION: ClassVar[str] = "Keyed bot"
    key: Annotated[SecretStr, Param(help="Its key.", secret=True)] = Field(
        SecretStr(""), alias="keyedKey"
    )


@registry.register("bot", "keyed", "Keyed", params=TableParams, credentials=Key)
class KeyedBot:
    """Remembers how it was built."""

    def __init__(self, params: TableParams, credentials: Key) -> None:
        self.params = params
        self.credentials = credentials


def configuration(
    answer: str = "", key: str = "", plugin: str = "keyed", provider: str = "one"
) -> CallConfiguration:
    table = TableParams.model_validate({"tableAnswers": {"start": [answer]}})
    return CallConfiguration(
        bot_id=1,
        bot="demo",
        revision=1,
        resolved=resolve(of(()), []),
        connector=Configured(
            kind="bot",
            plugin=plugin,
            provider=provider,
            params=table,
            credentials=Key.model_validate({"keyedKey": key}),
        ),
        stt=None,
        tts=None,
        vad=Configured(
            kind="vad", plugin="tones", provider="", params=NoParams(), credentials=NoParams()
        ),
    )


def test_a_configuration_is_built_once_and_shared_by_its_calls() -> None:
    shelf = PluginShelf()
    first, second = shelf.of(configuration("Hi.")), shelf.of(configuration("Hi."))
    assert first.connector is second.connector
    assert isinstance(first.vad, ToneVad)
    assert (first.stt, first.tts) == (None, None)


def test_other_parameters_or_another_provider_are_built_beside_it() -> None:
    shelf = PluginShelf()
    chosen = [configuration("Hi."), configuration("Ho."), configuration("Hi.", provider="two")]
    assert len({id(shelf.of(each).connector) for each in chosen}) == 3


def test_a_rotated_credential_is_used_from_the_next_call_on() -> None:
    shelf = PluginShelf()
    shelf.of(configuration(key="old"))
    connector = shelf.of(configuration(key="new")).connector
    assert isinstance(connector, KeyedBot)
    assert connector.credentials.key.get_secret_value() == "new"
    assert shelf.of(configuration(key="new")).connector is connector


def test_parameters_that_differ_in_a_secret_only_are_not_mixed_up() -> None:
    shelf = PluginShelf()
    pins = []
    for pin in ("1234", "5678"):
        params = Account.model_validate({"accountPin": pin})
        chosen = configuration()
        connector = msgspec.structs.replace(chosen.connector, params=params)
        bot = shelf.of(msgspec.structs.replace(chosen, connector=connector)).connector
        assert isinstance(bot, KeyedBot)
        assert isinstance(bot.params, Account)
        pins.append(bot.params.pin.get_secret_value())
    assert pins == ["1234", "5678"]


def test_the_oldest_configuration_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins_module, "MAX_INSTANCES", 3)
    shelf = PluginShelf()
    first = shelf.of(configuration("1")).connector
    vad = shelf.of(configuration("1")).vad
    for answer in "234":
        shelf.of(configuration(answer))
    assert shelf.of(configuration("1")).connector is not first
    assert shelf.of(configuration("1")).vad is not vad


@registry.register("bot", "voiced", "Voiced", params=TableParams, credentials=Key)
class VoicedBot(KeyedBot):
    """Speaks for itself."""

    capabilities = BotCapabilities(speaks=True)


def test_callers_are_heard_and_spoken_to_by_services_or_by_the_bot() -> None:
    tones = Configured(
        kind="stt", plugin="tones", provider="", params=NoParams(), credentials=NoParams()
    )
    voiced = configuration(plugin="voiced")
    heard = msgspec.structs.replace(voiced, stt=tones)
    shelf = PluginShelf()
    for voice in (voice_of, shelf.voice_of):
        assert voice(voiced) == BotCapabilities(hears=False, speaks=True)
        assert voice(heard) == BotCapabilities(hears=True, speaks=True)
        assert voice(configuration(plugin="gone")) == BotCapabilities(hears=True, speaks=True)


def test_a_plug_in_that_is_not_installed_is_named() -> None:
    with pytest.raises(LookupError, match="'gone'"):
        PluginShelf().of(configuration(plugin="gone"))


def speaking(bot: str, provider: str = "voices") -> CallConfiguration:
    tts = Configured(
        kind="tts", plugin="tones", provider=provider, params=NoParams(), credentials=NoParams()
    )
    return msgspec.structs.replace(configuration(), bot=bot, tts=tts)


async def heard(plugins: CallPlugins, text: str) -> bytes:
    assert plugins.cached_tts is not None
    request = SynthesisRequest(text=text, language="en-US", rate_hz=16000)
    return b"".join([piece async for piece in plugins.cached_tts.synthesise(request)])


def test_the_prompts_of_a_provider_are_kept_for_all_bots(
    tmp_path: Path, settings: Settings
) -> None:
    settings.TTS_CACHE_DIR, settings.TTS_CACHE_HOURS = tmp_path / "cache", 24

    async def scenario() -> None:
        shelf = PluginShelf()
        hello = await heard(shelf.of(speaking("one")), "Hello.")
        assert await heard(shelf.of(speaking("two")), "Hello.") == hello
        await heard(shelf.of(speaking("one", "other-voices")), "Hello.")
        await shelf.close()

    asyncio.run(scenario())
    kept = [(holding.provider, holding.entries) for holding in tts_store().holdings()]
    assert kept == [("other-voices", 1), ("voices", 1)]


def test_nothing_is_kept_when_prompts_have_no_life(settings: Settings) -> None:
    settings.TTS_CACHE_HOURS = 0
    plugins = PluginShelf().of(speaking("one"))
    assert isinstance(plugins.tts, WitnessedTts)
    assert isinstance(plugins.tts.inner, ToneTts)
    assert plugins.cached_tts is plugins.tts


def test_calls_share_the_audio_files_of_their_process() -> None:
    shelf = PluginShelf()
    files = shelf.of(configuration()).files
    assert files is not None
    assert shelf.of(configuration()).files is files
