"""Bots that speak the AudioCodes Bot API, as VoiceAI Connect and Live Hub talk to them."""

from bots.connectors.ac_api.chat import ChatConnector
from bots.connectors.ac_api.health import check_health
from bots.connectors.ac_api.params import AcApiCredentials, AcApiParams
from bots.connectors.ac_api.requests import SERVICE, Requests
from bots.connectors.ac_api.streaming import StreamingConnector
from bots.core import registry
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotConnector, BotConversation, BotSession, Checkable
from bots.oauth import Bearer, ClientCredentials


def requests_to(params: AcApiParams, credentials: AcApiCredentials) -> Requests:
    """The way to the bot, with what the gateway proves itself with."""
    client = None
    if params.oauth_token_url:
        client = ClientCredentials(
            token_url=params.oauth_token_url,
            client_id=credentials.oauth_client_id,
            client_secret=credentials.oauth_client_secret,
            scope=params.oauth_scope,
        )
    bearer = Bearer(SERVICE, token=credentials.token, client=client)
    return Requests(bearer.headers, verify_tls=not params.bot_allow_self_signed_cert)


@registry.register(
    "bot",
    "ac-api",
    "AudioCodes Bot API",
    summary="Any bot that VoiceAI Connect or Live Hub can talk to by the AudioCodes Bot API, by "
    "HTTP requests (chat) or a WebSocket (streaming).",
    params=AcApiParams,
    credentials=AcApiCredentials,
)
class AcApiConnector:
    """A `BotConnector` in the mode that the parameters say."""

    def __init__(self, params: AcApiParams, credentials: AcApiCredentials) -> None:
        self._url = params.bot_url
        self._requests = requests_to(params, credentials)
        self._connector = self._chosen(params)
        self.capabilities = self._connector.capabilities

    def _chosen(self, params: AcApiParams) -> BotConnector:
        if params.ac_bot_api_type == "chat":
            return ChatConnector(self._url, self._requests)
        return StreamingConnector(
            url=self._url,
            authorise=self._requests.authorise,
            hears=params.direct_stt,
            speaks=params.direct_tts,
            verify_tls=self._requests.verify_tls,
        )

    async def open(self, conversation: BotConversation) -> BotSession:
        """Join ``conversation``; see `ChatConnector` and `StreamingConnector`.

        Raises:
            ServiceError: the bot cannot be joined, or nobody has said where it is.
        """
        self._see_address()
        return await self._connector.open(conversation)

    async def check(self) -> dict[str, str]:
        """Ask the bot how it is, in streaming mode over its socket; see `check_health`.

        Raises:
            ServiceError: it cannot be reached or does not accept the gateway.
        """
        self._see_address()
        if isinstance(self._connector, Checkable):
            return await self._connector.check()
        return await check_health(self._url, self._requests)

    def phrases(self) -> tuple[str, ...]:
        """What callers are expected to say."""
        return self._connector.phrases()

    def _see_address(self) -> None:
        if not self._url:
            raise ServiceError(SERVICE, Fault.INVALID_REQUEST, "botURL is not set in the provider")
