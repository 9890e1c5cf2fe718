"""How the engine reads and writes activities (Bot API reference, "Activities in detail")."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any

from bots.core import activities
from bots.core.activities import Activity, Json
from calls.core import recording
from calls.core.commands import Answerer, EndedBy
from calls.core.events import CallerSaid, TransferDone

BOT_LEFT = activities.event("hangup", activity_params={"hangupReason": "The bot left"})
"""What a bot that closes its side without a word is taken to have said."""

PLAY_FINISHED = activities.event("playFinished")
"""The documented event; its fields are not."""

WAYS_OF_SPEAKING = frozenset({"language", "ttsLanguage", "voiceName", "disableTtsCache"})
"""Parameters that decide how a message sounds and where its sound comes from."""

LEAVING = frozenset({"hangup", "transfer", "handover"})
OWN_ARGUMENTS = LEAVING | recording.EVENTS | {"senddtmf", "sendmetadata"}
"""Events whose activityParams are arguments of the event, not settings."""

_HANGUP_ARGUMENTS = frozenset({"hangupReason", "hangupSipHeaders"})
_DIGITS = re.compile(r"[0-9*#]{1,20}")
_ENDED_BY: dict[str, EndedBy] = {
    **dict.fromkeys(("no-answer", "busy", "declined"), "caller"),
    "client-disconnected": "caller",
    "bot-disconnected": "bot",
    "transferred": "bot",
}


class Purpose(Enum):
    """What an activity of the bot wants."""

    MESSAGE = auto()
    PLAY_URL = auto()
    LEAVING = auto()
    """A hang-up or a transfer; done when the prompts queued before it have been played."""
    ACTION = auto()
    """Anything else that is done in its turn: settings, digits, metadata, recording."""
    ABORT_PROMPTS = auto()
    UNKNOWN = auto()

    @property
    def answers(self) -> bool:
        """Whether the bot has answered the caller with it."""
        return self in (Purpose.MESSAGE, Purpose.PLAY_URL, Purpose.LEAVING)


_EVENTS = {
    "playurl": Purpose.PLAY_URL,
    "abortprompts": Purpose.ABORT_PROMPTS,
    **dict.fromkeys(LEAVING, Purpose.LEAVING),
    **dict.fromkeys(
        {"config", "expectanotherbotmessage", "senddtmf", "sendmetadata", *recording.EVENTS},
        Purpose.ACTION,
    ),
}


def purpose(activity: Activity) -> Purpose:
    """What the bot wants with ``activity``."""
    if activity.kind == "message":
        return Purpose.MESSAGE
    return _EVENTS.get(activity.event, Purpose.UNKNOWN)


def describe(activity: Activity) -> str:
    """``activity`` in a few words without its content, for a note."""
    name = (activity.name or "without a name")[:60]
    return f"the event {name}" if activity.kind == "event" else f"the type {activity.type[:60]}"


# --- to the bot -----------------------------------------------------------------------------------


def caller_message(said: Sequence[CallerSaid], language: str, *, continuous: bool) -> Activity:
    """The caller's words as the bot receives them (6.4); ``continuous``: with ``recognitions``.

    The confidence of several utterances is that of the least sure one.
    """
    known = [each.confidence for each in said if each.confidence is not None]
    parameters: Json = {"confidence": min(known)} if known else {}
    if continuous or len(said) > 1:
        parameters["recognitions"] = [_recognition(each) for each in said]
    elif said[0].recognition_output is not None:
        parameters["recognitionOutput"] = said[0].recognition_output
    text = " ".join(each.text for each in said)
    return activities.message(text, language=language, parameters=parameters or None)


def hypothesis(said: CallerSaid) -> Activity:
    """The documented ``speechHypothesis`` event."""
    return activities.event("speechHypothesis", value=_recognition(said))


def _recognition(said: CallerSaid) -> Json:
    fields = {
        "text": said.text,
        "confidence": said.confidence,
        "stability": said.stability,
        "recognitionOutput": said.recognition_output,
    }
    return {name: value for name, value in fields.items() if value is not None}


def digits(pressed: str) -> Activity:
    """The documented ``DTMF`` event."""
    return activities.event("DTMF", value=pressed)


def no_user_input(count: int) -> Activity:
    """The documented ``noUserInput`` event; ``value`` counts the expiries from 1."""
    return activities.event("noUserInput", value=count)


def voice_activity(*, voice: bool) -> Activity:
    """The documented ``voiceDetected`` or ``silenceDetected`` event."""
    return activities.event("voiceDetected" if voice else "silenceDetected")


def play_url_failed(url: str, reason: str, *, self_generated: bool) -> Activity:
    """The documented ``playUrlFailed`` event (6.5)."""
    value = {"playUrlUrl": url, "reason": reason, "selfGenerated": self_generated}
    return activities.event("playUrlFailed", value=value)


def transfer_status(done: TransferDone) -> Activity:
    """The documented ``transferStatus`` event (6.7)."""
    value = {"status": "answered" if done.succeeded else "failed"}
    if not done.succeeded:
        value["reasonCode"] = done.reason_code or "error"
    if done.reason:
        value["reason"] = done.reason
    return activities.event("transferStatus", value=value)


def machine_detection(detected: Answerer) -> Activity:
    """Our event ``machineDetection``: AudioCodes' own is not documented (8.5)."""
    return activities.event("machineDetection", value={"detected": detected})


def conversation_end(reason_code: str, reason: str) -> Activity:
    """The documented ``conversationEnd`` event."""
    return activities.event("conversationEnd", value={"reasonCode": reason_code, "reason": reason})


# --- from the bot ---------------------------------------------------------------------------------


def bot_result(activity: Activity) -> dict[str, object] | None:
    """What the bot attached to its hang-up beyond the reason: the result a dialer asks for."""
    result = {
        name: value
        for name, value in (activity.activity_params or {}).items()
        if name not in _HANGUP_ARGUMENTS
    }
    return result or None


def hang_up_headers(activity: Activity) -> tuple[Json, ...]:
    """The SIP headers for the end of the call; what is not a name with a value is left out."""
    given = activity.parameter("hangupSipHeaders")
    headers = given if isinstance(given, list) else []
    return tuple(
        {"name": str(header["name"]), "value": str(header["value"])}
        for header in headers
        if isinstance(header, dict) and {"name", "value"} <= header.keys()
    )


def digits_to_send(activity: Activity) -> str | None:
    """The digits of ``sendDtmf``: 1 to 20 of ``0-9 * #``; None when it holds none or others.

    Bots in the field write ``dtmf`` or ``digits`` for ``dtmfDigits``, or put them into the value.
    """
    for name in ("dtmfDigits", "dtmf", "digits"):
        if (given := activity.parameter(name)) is not None:
            break
    else:
        given = activity.value
    text = str(given) if isinstance(given, str | int) else ""
    return text if _DIGITS.fullmatch(text) else None


def metadata(activity: Activity) -> Any:
    """The metadata of ``sendMetaData``, which some bots put into activityParams."""
    return activity.value if activity.value is not None else activity.activity_params


def ended_by(reason_code: str) -> tuple[EndedBy, str]:
    """Who ended the call, by the voice side's reason code; an empty code counts as an error."""
    return _ENDED_BY.get(reason_code, "gateway"), reason_code or "error"
