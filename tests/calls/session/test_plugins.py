"""The shelf of configured plug-ins: what is built once, what anew."""

from typing import Annotated, ClassVar

import msgspec
import pytest
from pydantic import Field, SecretStr

from bots.core import registry
from bots.core.catalogue import of
from bots.core.params.declare import Param, ParamSet
from bots.core.params.resolve import resolve
from bots.core.registry import NoParams
from bots.selectors import CallConfiguration, Configured
from calls.session import plugins as plugins_module
from calls.session.plugins import PluginShelf
from tests.plugins import TableParams, ToneVad


class Account(TableParams):
    """A table bot with a secret among its parameters."""

    SECTION: ClassVar[str] = "Account"
    pin: Annotated[SecretStr, Param(help="Its PIN.", secret=True)] = Field(
        SecretStr(""), alias="accountPin"
    )


class Key(ParamSet):
    """What a keyed bot signs in with."""

    SECTION: ClassVar[str] = "Keyed bot"
    key: Annotated[str, Param(help="Its key.", secret=True)] = Field("", alias="keyedKey")


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
    assert connector.credentials.key == "new"
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


def test_a_plug_in_that_is_not_installed_is_named() -> None:
    with pytest.raises(LookupError, match="'gone'"):
        PluginShelf().of(configuration(plugin="gone"))
