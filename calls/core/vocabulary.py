"""How the engine reads and writes activities (Bot API reference, "Activities in detail")."""

from enum import Enum, auto

from bots.core import activities
from bots.core.activities import Activity, Json
from calls.core.commands import EndedBy

BOT_LEFT = activities.event("hangup", activity_params={"hangupReason": "The bot left"})
"""What a bot that closes its side without a word is taken to have said."""

WAYS_OF_SPEAKING = frozenset({"language", "ttsLanguage", "voiceName"})
"""Parameters that decide how a message sounds."""

_LEAVING = frozenset({"hangup", "transfer", "handover"})
_HANGUP_ARGUMENTS = frozenset({"hangupReason", "hangupSipHeaders"})
_ENDED_BY: dict[str, EndedBy] = {
    "client-disconnected": "caller",
    "bot-disconnected": "bot",
    "transferred": "bot",
}


class Purpose(Enum):
    """What an activity of the bot wants."""

    MESSAGE = auto()
    LEAVING = auto()
    """A hang-up or a transfer; done when the prompts queued before it have been played."""
    CONFIG = auto()
    """Settings; in force when the prompts queued before them have been played."""
    ABORT_PROMPTS = auto()
    UNKNOWN = auto()

    @property
    def answers(self) -> bool:
        """Whether the bot has answered the caller with it."""
        return self in (Purpose.MESSAGE, Purpose.LEAVING)


_OTHER_EVENTS = {"config": Purpose.CONFIG, "abortprompts": Purpose.ABORT_PROMPTS}


def purpose(activity: Activity) -> Purpose:
    """What the bot wants with ``activity``."""
    if activity.kind == "message":
        return Purpose.MESSAGE
    if activity.event in _LEAVING:
        return Purpose.LEAVING
    return _OTHER_EVENTS.get(activity.event, Purpose.UNKNOWN)


def describe(activity: Activity) -> str:
    """``activity`` in a few words without its content, for a note."""
    name = (activity.name or "without a name")[:60]
    return f"the event {name}" if activity.kind == "event" else f"the type {activity.type[:60]}"


def caller_message(text: str, confidence: float | None, language: str) -> Activity:
    """The caller's words as the bot receives them; ``confidence`` 0 to 1 when known."""
    parameters: Json | None = None if confidence is None else {"confidence": confidence}
    return activities.message(text, language=language, parameters=parameters)


def digits(pressed: str) -> Activity:
    """The documented ``DTMF`` event."""
    return activities.event("DTMF", value=pressed)


def no_user_input(count: int) -> Activity:
    """The documented ``noUserInput`` event; ``value`` counts the expiries from 1."""
    return activities.event("noUserInput", value=count)


def hang_up_reason(activity: Activity) -> str:
    """Why the bot hangs up, in its own words."""
    return str(activity.parameter("hangupReason") or "The bot hung up")


def bot_result(activity: Activity) -> dict[str, object] | None:
    """What the bot attached to its hang-up beyond the reason: the result a dialer asks for."""
    result = {
        name: value
        for name, value in (activity.activity_params or {}).items()
        if name not in _HANGUP_ARGUMENTS
    }
    return result or None


def ended_by(reason_code: str) -> tuple[EndedBy, str]:
    """Who ended the call, by the voice side's reason code; an empty code counts as an error."""
    return _ENDED_BY.get(reason_code, "gateway"), reason_code or "error"
