"""What the engine wants done: the closed union that the driver carries out, in order."""

from typing import Literal

import msgspec

from bots.core.activities import Activity
from bots.core.errors import Fault

EndedBy = Literal["caller", "bot", "gateway", "operator"]
CallState = Literal[
    "connecting", "bot speaking", "listening", "caller speaking", "thinking", "closing", "ended"
]


class OpenBot(msgspec.Struct, frozen=True):
    """Connect the bot; answered by `BotJoined` or `ServiceFailed`."""


class AcceptCall(msgspec.Struct, frozen=True):
    """Tell the voice side that the call is taken."""


class SendToBot(msgspec.Struct, frozen=True):
    """Deliver an activity to the bot, after those sent before."""

    activity: Activity


class Prepare(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt waits its turn behind another: its audio may be made ready; `Play` follows later.

    Nothing answers it, and `StopPlayback` takes it back.
    """

    text: str
    language: str
    voice: str


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """Speak a prompt; answered by `PlaybackStarted` and `PlaybackDone`, or by `ServiceFailed`."""

    utterance: int
    text: str
    language: str
    voice: str
    interruptible: bool
    activity: Activity | None = None
    """The bot's own message, for a voice side that speaks it itself."""


class StopPlayback(msgspec.Struct, frozen=True):
    """Silence ``utterance`` at once; `PlaybackDone` with ``interrupted`` follows."""

    utterance: int


class Listen(msgspec.Struct, frozen=True):
    """Open or close the gate between the caller's audio and the recogniser."""

    on: bool


class TransferCall(msgspec.Struct, frozen=True, kw_only=True):
    """Move the call; answered by `TransferDone` or by the voice side's end of call.

    ``activity`` is the bot's own, for a voice side that takes activities.
    """

    target: str
    reason: str
    activity: Activity


class SendToVoiceSide(msgspec.Struct, frozen=True):
    """Hand the bot's settings to a voice side that recognises and speaks itself."""

    activity: Activity


class HangUp(msgspec.Struct, frozen=True, kw_only=True):
    """End the call at the voice side, or refuse it when it was not accepted yet."""

    reason_code: str
    reason: str


class RecordLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the transcript, final: what was said, or heard of what was played.

    ``at``, on the engine's clock, is when it began to be heard. ``full_text`` is set when the
    caller cut the prompt off; then ``text`` is only what was heard. ``delay_ms`` (bot lines): from
    the end of the caller's turn to the first audio.
    """

    at: float
    side: Literal["caller", "bot", "system"]
    kind: Literal["speech", "dtmf", "event"]
    text: str
    full_text: str = ""
    confidence: float | None = None
    delay_ms: int | None = None


class ShowInterim(msgspec.Struct, frozen=True):
    """Interim text for the live page; never stored. Empty text takes the line away."""

    side: Literal["caller", "bot"]
    text: str


class ShowState(msgspec.Struct, frozen=True):
    """What the conversation is doing now, for the live page."""

    state: CallState


class ReportFault(msgspec.Struct, frozen=True, kw_only=True):
    """Tell operations that a service failed."""

    service: Literal["bot", "stt", "tts"]
    fault: Fault
    detail: str = ""


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The conversation is over; always the last command. Close bot, recogniser, leg and the CDR."""

    at: float
    ended_by: EndedBy
    reason_code: str
    reason: str
    turns: int
    bot_result: dict[str, object] | None = None


Command = (
    OpenBot
    | AcceptCall
    | SendToBot
    | SendToVoiceSide
    | Prepare
    | Play
    | StopPlayback
    | Listen
    | TransferCall
    | HangUp
    | RecordLine
    | ShowInterim
    | ShowState
    | ReportFault
    | Finish
)
