"""Where a bot with the AudioCodes Bot API is, and how the gateway proves itself to it."""

import re
from functools import partial
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from yarl import URL

from bots.core.params.declare import BESIDE_CREDENTIALS, Param, ParamSet
from bots.core.texts import gettext_noop

_param = partial(Param, source="VoiceAI Connect")
_beside = partial(_param, levels=BESIDE_CREDENTIALS)

HTTP = ("http", "https")
SOCKET = ("ws", "wss")
_VISIBLE = re.compile(r"[\x21-\x7e]*")


def _address(value: str, schemes: tuple[str, ...]) -> str:
    try:
        target = URL(value)
        sound = not value or (target.scheme in schemes and bool(target.host))
        sound = sound and target.raw_user is None and target.raw_password is None
    except ValueError:
        sound = False
    if not sound or not value.isascii() or any(c <= " " or c == "\x7f" for c in value):
        raise ValueError(f"must be a URL that begins with {', '.join(f'{s}://' for s in schemes)}")
    return value


def _sendable(value: SecretStr) -> SecretStr:
    if not _VISIBLE.fullmatch(value.get_secret_value()):
        raise ValueError("must be visible ASCII characters without spaces and line ends")
    return value


BotAddress = Annotated[str, AfterValidator(lambda value: _address(value, HTTP + SOCKET))]
HttpAddress = Annotated[str, AfterValidator(lambda value: _address(value, HTTP))]


class AcApiParams(ParamSet):
    """Where a bot with the AudioCodes Bot API is, and which of its two modes it speaks."""

    SECTION: ClassVar[str] = "AudioCodes Bot API"

    bot_url: Annotated[
        BotAddress,
        _beside(
            help="Where conversations with the bot begin. It is set in the provider, since the "
            "provider's token is sent there: make one provider for each address."
        ),
    ] = Field("", alias="botURL", max_length=2000)
    ac_bot_api_type: Annotated[
        Literal["chat", "streaming"],
        _param(help="Bot API by HTTP requests (chat) or by a WebSocket (streaming)."),
    ] = Field("chat", alias="acBotApiType")
    direct_stt: Annotated[
        bool,
        _param(
            help="The bot recognises speech itself and gets the caller's audio.",
            needs=gettext_noop("acBotApiType streaming"),
        ),
    ] = Field(default=False, alias="directSTT")
    direct_tts: Annotated[
        bool,
        _param(
            help="The bot speaks itself and sends audio.",
            needs=gettext_noop("acBotApiType streaming"),
        ),
    ] = Field(default=False, alias="directTTS")
    bot_allow_self_signed_cert: Annotated[
        bool,
        _beside(
            help="Do not verify the bot's certificate: anybody on the way can read and change the "
            "talk and the token."
        ),
    ] = Field(default=False, alias="botAllowSelfSignedCert")
    oauth_token_url: Annotated[
        HttpAddress,
        _beside(
            help="Where access tokens for the bot are fetched with oauthClientId and "
            "oauthClientSecret (OAuth 2.0 client credentials); empty: no OAuth."
        ),
    ] = Field("", alias="oauthTokenUrl", max_length=2000)
    oauth_scope: Annotated[str, _beside(help="Scope to ask a token for; empty: none is named.")] = (
        Field("", alias="oauthScope", max_length=1000)
    )

    @model_validator(mode="after")
    def _fit_the_mode(self) -> Self:
        if self.ac_bot_api_type == "chat":
            if self.direct_stt or self.direct_tts:
                raise ValueError("directSTT and directTTS need acBotApiType streaming")
            if self.bot_url.lower().startswith("ws"):
                raise ValueError(
                    "botURL must begin with http:// or https://, or acBotApiType be streaming"
                )
        return self


class AcApiCredentials(ParamSet):
    """What the bot knows the gateway by: a permanent token, or a client of its OAuth server."""

    SECTION: ClassVar[str] = "AudioCodes Bot API credentials"

    token: Annotated[
        SecretStr,
        AfterValidator(_sendable),
        _param(help="Permanent bearer token; not used with oauthTokenUrl.", secret=True),
    ] = Field(SecretStr(""), alias="token", max_length=8000)
    oauth_client_id: Annotated[str, _param(help="Client id; for OAuth.")] = Field(
        "", alias="oauthClientId", max_length=500
    )
    oauth_client_secret: Annotated[
        SecretStr, _param(help="Client secret; for OAuth.", secret=True)
    ] = Field(SecretStr(""), alias="oauthClientSecret", max_length=2000)
