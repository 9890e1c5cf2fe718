"""What a call begins with: its names in log lines, what its bot knows of it, its first event."""

from typing import Any
from uuid import UUID

from bots.core.activities import event
from bots.core.params.sections.speech import Speech
from bots.core.ports import BotConversation
from bots.selectors import CallConfiguration
from calls.core.events import CallArrived
from calls.core.ports import CallStart, VoiceLeg


def names_of(call_id: UUID, start: CallStart, configuration: CallConfiguration) -> dict[str, Any]:
    """What every log line about the call bears, whoever's task writes it."""
    return {
        "call": str(call_id),
        "conversation_id": start.conversation_id,
        "bot": configuration.bot,
        "channel": start.channel,
        "config_revision": configuration.revision,
        "trace_id": call_id.hex,
        "span_id": call_id.hex[16:],
    }


def conversation_of(
    call_id: UUID, start: CallStart, configuration: CallConfiguration, leg: VoiceLeg
) -> BotConversation:
    """The call as its bot may know it."""
    audio = leg.capabilities.audio
    return BotConversation(
        conversation_id=start.conversation_id,
        call_id=str(call_id),
        bot=configuration.bot,
        language=configuration.resolved[Speech].language,
        caller=start.caller,
        callee=start.callee,
        caller_audio=leg.caller_audio if audio else None,
        prompt_audio=leg.prompt_audio if audio else None,
    )


def arrival_of(start: CallStart) -> CallArrived:
    """The first event, with the ``start`` activity of a voice side that sends none."""
    told = {
        "vaigConversationId": start.conversation_id,
        "caller": start.caller,
        "callee": start.callee,
    }
    return CallArrived(
        start=event("start", parameters=told),
        announced=start.announced,
        sip_headers=start.sip_headers,
        dialout=start.dialout,
    )
