"""What can be set for a bot with the AudioCodes Bot API, and where."""

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from bots.connectors.ac_api import AcApiConnector
from bots.connectors.ac_api.params import AcApiCredentials, AcApiParams
from bots.core import catalogue, registry
from bots.core.params.declare import Level
from bots.core.ports import BotCapabilities

pytestmark = pytest.mark.pure

PLUGIN = registry.plugin("bot", "ac-api")
BOT = "https://bot.example/hook?key=1"
SOCKET = "wss://bot.example/call"


def connector(**params: Any) -> AcApiConnector:
    return AcApiConnector(AcApiParams.model_validate(params), AcApiCredentials())


@pytest.mark.parametrize("name", ["botURL", "oauthTokenUrl"])
@pytest.mark.parametrize(
    "url",
    [
        "bot.example",
        "ftp://bot.example/",
        "http://",
        "http:///path",
        "http://user:word@bot.example/",
        "http://bot.example/\r\nX: 1",
        "http://bot.example/ two",
        "http://bot.example/ä",
        "http://[bot/",
        "http://bot.example/\0",
    ],
)
def test_an_address_that_is_none_is_refused(name: str, url: str) -> None:
    with pytest.raises(ValidationError, match=f"{name}\n.*must be a URL that begins with http"):
        AcApiParams.model_validate({name: url})


def test_tokens_are_fetched_by_http() -> None:
    with pytest.raises(ValidationError, match="oauthTokenUrl"):
        AcApiParams(oauthTokenUrl="wss://login.example/token")


@pytest.mark.parametrize("name", ["botURL", "oauthTokenUrl", "oauthScope"])
def test_what_leads_the_token_elsewhere_is_set_beside_it(name: str) -> None:
    known = catalogue.of([PLUGIN])
    assert known.problems(Level.PROVIDER, {name: BOT}) == {}
    assert "cannot be set in a bot" in known.problems(Level.BOT, {name: BOT})[name]


def test_whether_a_certificate_is_verified_is_not_for_a_bot_to_say() -> None:
    known = catalogue.of([PLUGIN])
    assert known.problems(Level.BOT, {"botAllowSelfSignedCert": True})


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"botURL": BOT, "directSTT": True}, "need acBotApiType streaming"),
        ({"botURL": BOT, "directTTS": True}, "need acBotApiType streaming"),
        ({"botURL": SOCKET}, "must begin with http:// or https://, or acBotApiType be streaming"),
        ({"botURL": SOCKET.upper()}, "must begin with http:// or https://"),
    ],
)
def test_parameters_fit_the_mode(params: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        AcApiParams.model_validate(params)


@pytest.mark.parametrize(("hears", "speaks"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_streaming_bot_hears_and_speaks_as_configured(hears: int, speaks: int) -> None:
    line = connector(
        botURL=SOCKET, acBotApiType="streaming", directSTT=bool(hears), directTTS=bool(speaks)
    )
    assert line.capabilities == BotCapabilities(hears=bool(hears), speaks=bool(speaks))


def test_a_chat_bot_does_neither() -> None:
    assert connector(botURL=BOT).capabilities == BotCapabilities()


@pytest.mark.parametrize("token", ["two words", "line\n", "bell\7", "ümlaut", "nul\0"])
def test_a_token_that_cannot_be_sent_is_refused_without_showing_it(token: str) -> None:
    problems = _credential_problems({"token": SecretStr(token)})
    assert problems == {"token": "must be visible ASCII characters without spaces and line ends"}


def _credential_problems(values: dict[str, Any]) -> dict[str, str]:
    from bots import credentials

    return credentials.known(PLUGIN).problems(Level.PROVIDER, values)
