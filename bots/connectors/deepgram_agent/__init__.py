"""Deepgram Voice Agent: a bot that hears, thinks and speaks itself.

`link` reaches Deepgram, `session` carries a call over one connection or several,
`bots.protocols.deepgram_agent` knows what the messages mean.
"""

from bots.connectors.deepgram_agent.accounts import SERVICE, account
from bots.connectors.deepgram_agent.call_functions import CallFunctions
from bots.connectors.deepgram_agent.controls import CONTROLS
from bots.connectors.deepgram_agent.link import Link, closed
from bots.connectors.deepgram_agent.params import (
    DeepgramAgentCredentials,
    DeepgramAgentParams,
    hidden,
    named_secrets,
)
from bots.connectors.deepgram_agent.session import AgentSession
from bots.connectors.deepgram_agent.setup import USUAL, Setup, Timing
from bots.core import registry
from bots.core.audio import LPCM16_16K
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotCapabilities, BotConversation
from bots.functions import Tools
from bots.protocols.deepgram_agent.machine import AgentClient


@registry.register(
    "bot",
    "deepgram-agent",
    "Deepgram Voice Agent",
    summary="An agent that hears, thinks and speaks at Deepgram, with a language model and a voice "
    "of your choice. Needs an API key; no recogniser and no synthesiser.",
    params=DeepgramAgentParams,
    credentials=DeepgramAgentCredentials,
    defaults={
        "bargeIn": True,
        "sendDTMF": True,
        "bargeInOnDTMF": True,
        "botNoInputGiveUpTimeoutMS": 20_000,
    },
    controls=CONTROLS,
)
class DeepgramAgentConnector:
    """A `BotConnector` whose conversations take place at Deepgram."""

    capabilities = BotCapabilities(hears=True, speaks=True)

    def __init__(
        self,
        params: DeepgramAgentParams,
        credentials: DeepgramAgentCredentials,
        timing: Timing = USUAL,
    ) -> None:
        self._params = params
        key = credentials.key.get_secret_value()
        secrets = named_secrets(credentials.secrets)
        self._has_key = bool(key)
        self._setup = Setup(
            params=params,
            settings=params.settings(),
            secrets=secrets,
            functions=CallFunctions(params),
            tools=Tools(params),
            timing=timing,
        )
        self._link = Link(
            params.url,
            key,
            account(params.url, key),
            params.connect_timeout_ms / 1000,
            hidden(secrets),
        )

    async def open(self, conversation: BotConversation) -> AgentSession:
        """Connect and set the agent up for ``conversation``; it is ready to talk.

        Raises:
            ServiceError: Deepgram does not take the call; the detail says why.
        """
        if conversation.caller_audio is None or conversation.prompt_audio is None:
            detail = "A voice agent needs a call with audio"
            raise ServiceError(SERVICE, Fault.INVALID_REQUEST, detail)
        self._check_key()
        self._link.account.enter(self._params.concurrency)
        session = AgentSession(self._setup, self._link, conversation)
        try:
            await session.begin()
        except BaseException:
            self._link.account.leave()
            raise
        return session

    async def check(self) -> dict[str, str]:
        """Have Deepgram apply the settings and leave; answers the id of the request.

        Raises:
            ServiceError: as `open`.
        """
        self._check_key()
        conversation = BotConversation(
            conversation_id="connection-test", bot="connection-test", language="en-US"
        )
        client = AgentClient(LPCM16_16K)
        settings = self._setup.first_message(conversation, LPCM16_16K, LPCM16_16K, greet=False)
        socket, request_id = await self._link.opened(client, settings, lambda report: None)
        await closed(socket)
        return {"request": request_id}

    def phrases(self) -> tuple[str, ...]:
        """None: no recogniser of ours is asked."""
        return ()

    def _check_key(self) -> None:
        if not self._has_key:
            detail = "Deepgram needs an API key; set deepgramKey in the provider"
            raise ServiceError(SERVICE, Fault.AUTHENTICATION, detail)
