"""What can happen to a conversation: the closed union that the engine takes.

Events are facts in the past tense. Utterance numbers are those of the engine's `Play` commands; an
event about an utterance that is no longer current is recognised and ignored by the engine.
"""

from typing import Literal

import msgspec

from bots.core.activities import Activity, Json
from bots.core.agents import ReportName
from bots.core.errors import Fault
from calls.core.dialout import DialoutOrder
from calls.core.steering import Steering


class CallArrived(msgspec.Struct, frozen=True, kw_only=True):
    """A call came in; ``start`` is the start activity as far as the voice side has told.

    ``announced``: the voice side will still send its own (`CallStarted`), which counts instead.
    """

    start: Activity
    announced: bool = False
    sip_headers: dict[str, tuple[str, ...]] = {}
    """Headers of the call's INVITE by name, repeated ones in order; empty when there is no SIP."""
    dialout: DialoutOrder | None = None
    """An outbound call: it is placed once the bot is there, and `CallStarted` means answered."""


class BotJoined(msgspec.Struct, frozen=True):
    """The bot is connected and ready for the ``start`` activity."""


class CallStarted(msgspec.Struct, frozen=True):
    """The voice side sent its ``start`` activity."""

    start: Activity


class BotSpoke(msgspec.Struct, frozen=True):
    """The bot sent one activity."""

    activity: Activity


class BotStreamed(msgspec.Struct, frozen=True, kw_only=True):
    """The bot begins to speak by audio of its own, play stream ``stream``; ``text`` may follow."""

    stream: int
    text: str = ""
    activity_params: Json | None = None


class StreamTextKnown(msgspec.Struct, frozen=True):
    """What play stream ``stream`` says, as far as it is known by now."""

    stream: int
    text: str


class CallerCommitted(msgspec.Struct, frozen=True):
    """A bot that hears the caller itself holds the turn for complete, with or without a text."""


class AgentReported(msgspec.Struct, frozen=True, kw_only=True):
    """The bot told something about its own work (`bots.core.ports.AgentReport`)."""

    name: ReportName
    detail: Json
    note: str = ""


class BotControlled(msgspec.Struct, frozen=True, kw_only=True):
    """`ControlBot` of a supervisor's act came to its end; ``problem`` is empty when it was done."""

    number: int
    detail: str = ""
    problem: str = ""


class BotAcknowledged(msgspec.Struct, frozen=True):
    """The bot confirmed that it has an activity that was sent to it, in the order of sending.

    Only bots that confirm at all (a request with a response) report this.
    """


class BotLeft(msgspec.Struct, frozen=True):
    """The bot closed its side of the conversation in order."""


class VoiceStarted(msgspec.Struct, frozen=True):
    """Voice activity detection heard the caller begin to speak."""


class VoiceStopped(msgspec.Struct, frozen=True):
    """Voice activity detection heard the caller stop."""


class CallerSaid(msgspec.Struct, frozen=True, kw_only=True):
    """Recognised speech, interim or final; final and empty means not understood.

    ``confidence`` and ``stability`` (interim only) are 0 to 1; ``recognition_output`` is the raw
    result of the recogniser.
    """

    text: str
    final: bool
    confidence: float | None = None
    stability: float | None = None
    recognition_output: Json | None = None


class DigitsPressed(msgspec.Struct, frozen=True):
    """One or more DTMF digits, ``0-9 * #``."""

    digits: str


class CallerSilent(msgspec.Struct, frozen=True):
    """The voice side's own no-input timer expired (text sessions: the peer runs that timer)."""


class VoiceSideReported(msgspec.Struct, frozen=True):
    """The voice side sent an event that is the bot's business, such as ``transferStatus``."""

    activity: Activity


class AudioReady(msgspec.Struct, frozen=True):
    """The first audio of ``utterance`` has come from the synthesiser, the cache or the file."""

    utterance: int


class PlaybackStarted(msgspec.Struct, frozen=True):
    """The caller hears the first sample of ``utterance``."""

    utterance: int


class PlaybackEnding(msgspec.Struct, frozen=True):
    """A few tenths of a second of ``utterance`` are left (product description 6.3.9, note 5)."""

    utterance: int


class PlaybackDone(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing of ``utterance`` will be heard any more.

    ``heard_ms`` of ``total_ms`` reached the caller. ``total_ms`` 0: the length is not known, as of
    a play stream that was stopped before the bot had ended it; if not interrupted, all was heard.
    """

    utterance: int
    heard_ms: float
    total_ms: float
    interrupted: bool = False


class TransferDone(msgspec.Struct, frozen=True, kw_only=True):
    """The voice side carried the transfer out, or could not.

    ``reason_code``: ``no-answer``, ``busy``, ``declined`` or ``error`` (Bot API, 6.7).
    """

    succeeded: bool
    reason: str = ""
    reason_code: str = ""


class CallerHungUp(msgspec.Struct, frozen=True, kw_only=True):
    """The voice side ended the call, in its own words (section 6.11 of the Bot API)."""

    reason_code: str
    reason: str


class LegLost(msgspec.Struct, frozen=True):
    """The voice leg went away and did not come back within the grace period."""


class LegResumed(msgspec.Struct, frozen=True):
    """The voice leg had gone away and came back within the grace period."""


class ServiceFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A service the call depends on failed beyond what its adapter could repair.

    ``utterance``: the prompt that failed, of which the caller heard ``heard_ms``.
    """

    service: Literal["bot", "stt", "tts"]
    fault: Fault
    detail: str = ""
    utterance: int | None = None
    heard_ms: float = 0.0


class PlayUrlFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The audio file of ``utterance`` could not be had or played; ``heard_ms`` of it was heard."""

    utterance: int
    reason: str
    heard_ms: float = 0.0


class MetaDataSent(msgspec.Struct, frozen=True):
    """`PostMetaData` was carried out; ``problem`` says why it failed, empty when it did not."""

    problem: str = ""


class EndRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on our side ends the call: an operator, a drain, a bug."""

    by: Literal["operator", "gateway"]
    reason_code: str
    reason: str
    cause: str = ""


class SupervisorActed(msgspec.Struct, frozen=True, kw_only=True):
    """A person steps in; ``number`` is that of the answering `ReportOutcome` commands."""

    number: int
    by: str
    act: Steering


class DeadlinePassed(msgspec.Struct, frozen=True):
    """`Conversation.deadline` has come."""


Event = (
    CallArrived
    | BotJoined
    | CallStarted
    | BotSpoke
    | BotStreamed
    | StreamTextKnown
    | CallerCommitted
    | AgentReported
    | BotControlled
    | BotAcknowledged
    | BotLeft
    | VoiceStarted
    | VoiceStopped
    | CallerSaid
    | DigitsPressed
    | CallerSilent
    | VoiceSideReported
    | AudioReady
    | PlaybackStarted
    | PlaybackEnding
    | PlaybackDone
    | TransferDone
    | CallerHungUp
    | LegLost
    | LegResumed
    | ServiceFailed
    | PlayUrlFailed
    | MetaDataSent
    | EndRequested
    | SupervisorActed
    | DeadlinePassed
)
