"""What every session of one configured agent has in common."""

from collections.abc import Mapping, Sequence

import msgspec

from bots.connectors.deepgram_agent.accounts import SERVICE
from bots.connectors.deepgram_agent.call_functions import CallFunctions
from bots.connectors.deepgram_agent.params import DeepgramAgentParams
from bots.core.activities import Json
from bots.core.audio import AudioFormat
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotConversation
from bots.functions import Tools
from bots.protocols.deepgram_agent.form import WholeSettings
from bots.protocols.deepgram_agent.messages import Settings
from bots.protocols.deepgram_agent.settings import settings


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """How long a session waits for what, in seconds."""

    keep_alive_s: float = 8.0
    """Deepgram ends a session from which nothing comes for 10 to 15 s."""
    tick_s: float = 0.5
    """How often it is looked whether something is due."""
    stall_s: float = 5.0
    """Audio of an utterance that has paused so long is at its end."""
    age_s: float = 115 * 60.0
    """Deepgram ends sessions after two hours; from here on another takes over in a pause."""
    steady_s: float = 20.0
    """A session that broke sooner than this is not worth another one."""
    farewell_s: float = 3.0
    """How long an agent that is about to leave may take to begin its last words."""
    confirm_s: float = 8.0
    refuse_s: float = 1.0
    """How long Deepgram may take to refuse a message that it never confirms."""


USUAL = Timing()


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent is set up."""

    params: DeepgramAgentParams
    settings: WholeSettings
    secrets: Mapping[str, Json]
    functions: CallFunctions
    tools: Tools
    timing: Timing = USUAL

    def first_message(
        self,
        conversation: BotConversation,
        heard: AudioFormat,
        spoken: AudioFormat,
        *,
        history: Sequence[Json] = (),
        greet: bool = True,
    ) -> Settings:
        """What a session begins with.

        Raises:
            ServiceError: the settings name a secret that the provider does not have.
        """
        try:
            return settings(
                self.settings,
                heard=heard,
                spoken=spoken,
                secrets=self.secrets,
                values=values(conversation),
                functions=self.functions.offered(),
                history=history,
                greet=greet,
            )
        except LookupError as error:
            detail = f"Deepgram was not asked: {error.args[0]} (deepgramSecrets)"
            raise ServiceError(SERVICE, Fault.INVALID_REQUEST, detail) from None


def values(conversation: BotConversation) -> dict[str, str]:
    """What texts are filled in with."""
    return {
        "caller": sound(conversation.caller),
        "callee": sound(conversation.callee),
        "conversationId": sound(conversation.conversation_id),
        "bot": conversation.bot,
        "language": conversation.language,
    }


def sound(text: str) -> str:
    """``text`` without halves of surrogate pairs, which cannot be sent."""
    return text.encode(errors="replace").decode()
