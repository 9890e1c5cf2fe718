"""What the engine wants done: the closed union that the driver carries out, in order."""

from typing import Any, Literal

import msgspec

from bots.core.activities import Activity, Json
from bots.core.agents import ReportName
from bots.core.errors import Fault
from bots.core.params.resolve import Resolved
from calls.core.steering import Outcome

EndedBy = Literal["caller", "bot", "gateway", "operator"]
CallState = Literal[
    "connecting",
    "ringing",
    "bot speaking",
    "listening",
    "caller speaking",
    "thinking",
    "transferring",
    "closing",
    "ended",
]
Answerer = Literal["human", "machine"]
FailingService = Literal["bot", "stt", "tts", "channel"]


class OpenBot(msgspec.Struct, frozen=True):
    """Connect the bot; answered by `BotJoined` or `ServiceFailed`."""


class AcceptCall(msgspec.Struct, frozen=True):
    """Tell the voice side that the call is taken; an outbound one: have it placed."""


class UseParameters(msgspec.Struct, frozen=True):
    """The bot changed parameters: these are in force from here on, for recogniser and voice too."""

    parameters: Resolved


class SendToBot(msgspec.Struct, frozen=True):
    """Deliver an activity to the bot, after those sent before."""

    activity: Activity


class ControlBot(msgspec.Struct, frozen=True, kw_only=True):
    """Direct the bot as act ``number`` of a supervisor says; answered by `BotControlled`."""

    number: int
    message: Json


class Prepare(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt waits its turn behind another: its audio may be made ready; `Play` follows later.

    Nothing answers it, and `StopPlayback` takes it back.
    """

    text: str
    language: str
    voice: str
    cache: bool = True


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """Speak a prompt; answered by `PlaybackStarted` and `PlaybackDone`, or by `ServiceFailed`."""

    utterance: int
    text: str
    language: str
    voice: str
    interruptible: bool
    cache: bool = True
    """Whether the synthesised audio may come from the cache and be kept in it."""
    activity: Activity | None = None
    """The bot's own message, for a voice side that speaks it itself."""


class PlayUrl(msgspec.Struct, frozen=True, kw_only=True):
    """Play an audio file; answered like `Play`, but by `PlayUrlFailed` when it fails.

    ``media_format`` is the Bot API's name of what the file is said to hold; ``cache``: the file may
    be kept for later calls. ``text`` is what the transcript shows.
    """

    utterance: int
    url: str
    media_format: str
    cache: bool
    text: str
    interruptible: bool
    activity: Activity | None = None
    """The bot's own activity, for a voice side that plays it itself."""


class PlayStream(msgspec.Struct, frozen=True, kw_only=True):
    """Play the bot's own audio, play stream ``stream``; answered like `Play`."""

    utterance: int
    stream: int
    text: str
    interruptible: bool


class DropStream(msgspec.Struct, frozen=True):
    """Play stream ``stream`` will never be played: nobody needs what comes of it."""

    stream: int


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


class PostMetaData(msgspec.Struct, frozen=True, kw_only=True):
    """Send the bot's metadata to ``url`` by HTTP POST; answered by `MetaDataSent`."""

    url: str
    metadata: Any
    timeout_ms: int


class HangUp(msgspec.Struct, frozen=True, kw_only=True):
    """End the call at the voice side, or refuse it when it was not accepted yet.

    ``sip_headers``, each with ``name`` and ``value``, go into the message that ends it.
    """

    reason_code: str
    reason: str
    sip_headers: tuple[Json, ...] = ()


class RecordLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the transcript, final: what was said, or heard of what was played.

    ``at``, on the engine's clock, is when it began to be heard. ``full_text`` is set when the
    caller cut the prompt off; then ``text`` is only what was heard. ``delay_ms`` (bot lines): from
    the end of the caller's turn to the first audio.
    """

    at: float
    side: Literal["caller", "bot", "operator", "system"]
    kind: Literal["speech", "dtmf", "event"]
    text: str
    full_text: str = ""
    confidence: float | None = None
    delay_ms: int | None = None


class RecordTurn(msgspec.Struct, frozen=True, kw_only=True):
    """When what happened in one turn, on the engine's clock in seconds; never decreasing.

    The times cut the silence that the caller heard into segments that sum to it: end of speech
    decided, recognised, collected (continuous ASR, DTMF), answered by the bot, synthesised, sent.
    None: it did not come to that.
    """

    turn: int
    kind: Literal["speech", "dtmf"]
    caller_stopped_at: float
    end_decided_at: float
    final_text_at: float
    sent_to_bot_at: float
    bot_answered_at: float | None = None
    audio_ready_at: float | None = None
    audio_sent_at: float | None = None
    playback_ended_at: float | None = None
    agent: dict[str, int] | None = None
    """Milliseconds a voice agent says it took: any of `bots.core.agents.LATENCIES`."""


class ShowInterim(msgspec.Struct, frozen=True):
    """Interim text for the live page; never stored. Empty text takes the line away."""

    side: Literal["caller", "bot"]
    text: str


class ShowState(msgspec.Struct, frozen=True):
    """What the conversation is doing now, for the live page."""

    state: CallState


class RecordAct(msgspec.Struct, frozen=True, kw_only=True):
    """A supervisor stepped in: for the events of the call and the live page.

    ``name`` and ``detail`` are those of the act, without words of the conversation. ``muted``:
    whether the caller hears nothing of the bot from here on.
    """

    by: str
    name: str
    detail: Json
    muted: bool


class RecordReport(msgspec.Struct, frozen=True, kw_only=True):
    """The bot told something about its own work; ``detail`` is as large as the bot made it."""

    name: ReportName
    detail: Json


class ReportOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """Tell the supervisor of act ``number`` what came of it; first that it was accepted, or not."""

    number: int
    outcome: Outcome


class ReportAnswer(msgspec.Struct, frozen=True):
    """The callee answered the outbound call."""


class ReportMachine(msgspec.Struct, frozen=True, kw_only=True):
    """What answered the outbound call, and how long after the answer that was clear."""

    detected: Answerer
    after_ms: int


class ReportFault(msgspec.Struct, frozen=True, kw_only=True):
    """Tell operations that a service failed."""

    service: FailingService
    fault: Fault
    detail: str = ""


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The conversation is over; always the last command. Close bot, recogniser, leg and the CDR.

    ``reason_code`` is one of the Bot API's (section 6.11). ``cause`` names the timer or fault that
    ended the call, such as ``user-no-input`` or ``tts:timeout``; empty when it ended in order.
    """

    at: float
    ended_by: EndedBy
    reason_code: str
    reason: str
    turns: int
    cause: str = ""
    bot_result: dict[str, object] | None = None
    recordings: tuple[str, ...] = ()
    """Ids of the recording sessions of the call."""


Command = (
    OpenBot
    | AcceptCall
    | UseParameters
    | SendToBot
    | SendToVoiceSide
    | Prepare
    | ControlBot
    | Play
    | PlayUrl
    | PlayStream
    | DropStream
    | StopPlayback
    | Listen
    | TransferCall
    | PostMetaData
    | HangUp
    | RecordLine
    | RecordTurn
    | ShowInterim
    | ShowState
    | RecordAct
    | RecordReport
    | ReportOutcome
    | ReportAnswer
    | ReportMachine
    | ReportFault
    | Finish
)
