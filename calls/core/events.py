"""What can happen to a conversation: the closed union that the engine takes.

Events are facts in the past tense. Utterance numbers are those of the engine's `Play` commands; an
event about an utterance that is no longer current is recognised and ignored by the engine.
"""

from typing import Literal

import msgspec

from bots.core.activities import Activity
from bots.core.errors import Fault


class CallArrived(msgspec.Struct, frozen=True, kw_only=True):
    """A call came in; ``start`` is the start activity as far as the voice side has told.

    ``announced``: the voice side will still send its own (`CallStarted`), which counts instead.
    """

    start: Activity
    announced: bool = False


class BotJoined(msgspec.Struct, frozen=True):
    """The bot is connected and ready for the ``start`` activity."""


class CallStarted(msgspec.Struct, frozen=True):
    """The voice side sent its ``start`` activity."""

    start: Activity


class BotSpoke(msgspec.Struct, frozen=True):
    """The bot sent one activity."""

    activity: Activity


class BotLeft(msgspec.Struct, frozen=True):
    """The bot closed its side of the conversation in order."""


class VoiceStarted(msgspec.Struct, frozen=True):
    """Voice activity detection heard the caller begin to speak."""


class VoiceStopped(msgspec.Struct, frozen=True):
    """Voice activity detection heard the caller stop."""


class CallerSaid(msgspec.Struct, frozen=True, kw_only=True):
    """Recognised speech, interim or final; final and empty means not understood."""

    text: str
    final: bool
    confidence: float | None = None


class DigitsPressed(msgspec.Struct, frozen=True):
    """One or more DTMF digits, ``0-9 * #``."""

    digits: str


class CallerSilent(msgspec.Struct, frozen=True):
    """The voice side's own no-input timer expired (text sessions: the peer runs that timer)."""


class VoiceSideReported(msgspec.Struct, frozen=True):
    """The voice side sent an event that is the bot's business, such as ``transferStatus``."""

    activity: Activity


class PlaybackStarted(msgspec.Struct, frozen=True):
    """The caller hears the first sample of ``utterance``."""

    utterance: int


class PlaybackDone(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of ``utterance`` will be heard any more.

    ``heard_ms`` of ``total_ms`` reached the caller (``total_ms`` 0: length unknown, all was heard).
    """

    utterance: int
    heard_ms: float
    total_ms: float
    interrupted: bool = False


class TransferDone(msgspec.Struct, frozen=True, kw_only=True):
    """The voice side carried the transfer out, or could not."""

    succeeded: bool
    reason: str = ""


class CallerHungUp(msgspec.Struct, frozen=True, kw_only=True):
    """The voice side ended the call, in its own words (section 6.11 of the Bot API)."""

    reason_code: str
    reason: str


class LegLost(msgspec.Struct, frozen=True):
    """The voice leg went away and did not come back within the grace period."""


class ServiceFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A service the call depends on failed beyond what its adapter could repair.

    ``utterance``: the prompt that failed, of which the caller heard ``heard_ms``.
    """

    service: Literal["bot", "stt", "tts"]
    fault: Fault
    detail: str = ""
    utterance: int | None = None
    heard_ms: float = 0.0


class EndRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on our side ends the call: an operator, a drain, a bug."""

    by: Literal["operator", "gateway"]
    reason_code: str
    reason: str


class DeadlinePassed(msgspec.Struct, frozen=True):
    """`Conversation.deadline` has come."""


Event = (
    CallArrived
    | BotJoined
    | CallStarted
    | BotSpoke
    | BotLeft
    | VoiceStarted
    | VoiceStopped
    | CallerSaid
    | DigitsPressed
    | CallerSilent
    | VoiceSideReported
    | PlaybackStarted
    | PlaybackDone
    | TransferDone
    | CallerHungUp
    | LegLost
    | ServiceFailed
    | EndRequested
    | DeadlinePassed
)
