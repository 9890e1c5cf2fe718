"""Python hooks: an operator's own code that follows calls and acts in them.

A module named in ``HOOKS_MODULES`` registers handlers::

    from calls.hooks import ConversationText, Session, function, on

    @on("conversation_text")
    async def listen(session: Session, event: ConversationText) -> None:
        if event.role == "user" and "human" in event.content.lower():
            await session.transfer("sip:queue@example.com")

    @function("get_order_status")
    async def order_status(session: Session, order_id: str) -> str:
        return await look_up(order_id)

They run in a thread of their own: a slow handler delays other handlers, never the call.
"""

from calls.hooks.happenings import (
    AgentAudioDone,
    AgentConnected,
    AgentThinking,
    ConversationText,
    Error,
    EventName,
    FunctionCall,
    FunctionCallRequest,
    FunctionCallResponse,
    InboundActivity,
    InjectionRefused,
    Latency,
    PlaybackDone,
    SessionEnd,
    SessionStart,
    Updated,
    UserStartedSpeaking,
    Warning,
)
from calls.hooks.registration import function, on
from calls.hooks.session import Refused, Session

__all__ = [
    "AgentAudioDone",
    "AgentConnected",
    "AgentThinking",
    "ConversationText",
    "Error",
    "EventName",
    "FunctionCall",
    "FunctionCallRequest",
    "FunctionCallResponse",
    "InboundActivity",
    "InjectionRefused",
    "Latency",
    "PlaybackDone",
    "Refused",
    "Session",
    "SessionEnd",
    "SessionStart",
    "Updated",
    "UserStartedSpeaking",
    "Warning",
    "function",
    "on",
]
