"""What a browser and the gateway say to each other in a test call; pure.

Text frames are JSON objects whose kind is in ``t``. Binary frames are audio, `RATE_HZ` 16-bit
little-endian mono samples: as they are towards the gateway, behind the number of their utterance
(`ADDRESS_BYTES`, little-endian) towards the browser. See ``docs/reference/browser-voice.md``.
"""

import struct
from typing import Annotated, Any, Literal

import msgspec

RATE_HZ = 16_000
FRAME_MS = 20
"""Length of a frame of the caller's audio; longer ones are taken up to `MAX_AUDIO_BYTES`."""
MAX_AUDIO_BYTES = 6_400
"""Longest audio frame towards the gateway: 200 ms."""
MAX_TEXT_CHARS = 8_192
"""Longest text frame towards the gateway."""
MAX_SAID_CHARS = 2_000
ADDRESS_BYTES = 4

_address = struct.Struct("<I")

Number = Annotated[str, msgspec.Meta(max_length=64)]


# --- browser to gateway ---------------------------------------------------------------------------


class Call(msgspec.Struct, frozen=True, kw_only=True, tag="call", tag_field="t"):
    """Place the call; the first frame unless it is `Resume`.

    Without ``audio`` it is a text chat. ``caller`` empty: the person's name. ``callee`` empty: the
    bot's.
    """

    audio: bool = True
    caller: Number = ""
    callee: Number = ""


class Resume(msgspec.Struct, frozen=True, kw_only=True, tag="resume", tag_field="t"):
    """Go on with a call whose socket was lost; lines after number ``since`` are told again."""

    token: Annotated[str, msgspec.Meta(max_length=1_024)]
    since: int = 0


class Say(msgspec.Struct, frozen=True, kw_only=True, tag="say", tag_field="t"):
    """What the caller writes in a text chat."""

    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SAID_CHARS)]


class Press(msgspec.Struct, frozen=True, kw_only=True, tag="dtmf", tag_field="t"):
    """DTMF digits."""

    digits: Annotated[str, msgspec.Meta(pattern=r"^[0-9*#]{1,32}\Z")]


class Played(msgspec.Struct, frozen=True, kw_only=True, tag="played", tag_field="t"):
    """How much of ``utterance`` has left the loudspeaker, in milliseconds."""

    utterance: int
    ms: Annotated[float, msgspec.Meta(ge=0)]


class TransferOutcome(msgspec.Struct, frozen=True, kw_only=True, tag="transferred", tag_field="t"):
    """What the tester lets become of the transfer that the bot asked for."""

    outcome: Literal["answered", "no-answer", "busy", "declined"]


class HangUp(msgspec.Struct, frozen=True, tag="hangup", tag_field="t"):
    """The caller hangs up."""


class Ping(msgspec.Struct, frozen=True, kw_only=True, tag="ping", tag_field="t"):
    """Answered at once by `Pong` with the same ``at``."""

    at: float


FromBrowser = Call | Resume | Say | Press | Played | TransferOutcome | HangUp | Ping

read = msgspec.json.Decoder(FromBrowser).decode
"""The message in a text frame; raises `msgspec.DecodeError`."""


def resumed_in(text: str) -> str:
    """The token of a `Resume`; empty for any other text."""
    if len(text) > MAX_TEXT_CHARS:
        return ""
    try:
        message = read(text)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return message.token if isinstance(message, Resume) else ""


# --- gateway to browser ---------------------------------------------------------------------------


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag="accepted", tag_field="t"):
    """The bot takes the call (again). ``token`` resumes it, ``grace_ms`` after a loss at most."""

    call: str
    bot: str
    token: str
    audio: bool
    grace_ms: int
    rate_hz: int = RATE_HZ


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag="refused", tag_field="t"):
    """There is no call; the socket closes."""

    reason: str


class Play(msgspec.Struct, frozen=True, kw_only=True, tag="play", tag_field="t"):
    """Audio of ``utterance`` follows; ``text`` is what it says."""

    utterance: int
    text: str
    interruptible: bool


class Stop(msgspec.Struct, frozen=True, kw_only=True, tag="stop", tag_field="t"):
    """No more audio of ``utterance`` comes; ``flush``: drop at once what was not played."""

    utterance: int
    flush: bool


class Heard(msgspec.Struct, frozen=True, kw_only=True, tag="heard", tag_field="t"):
    """What the recogniser made of the caller's speech."""

    text: str
    final: bool
    confidence: float | None = None


class Voice(msgspec.Struct, frozen=True, kw_only=True, tag="voice", tag_field="t"):
    """The caller was heard to begin or stop to speak."""

    speaking: bool


class State(msgspec.Struct, frozen=True, kw_only=True, tag="state", tag_field="t"):
    """What the conversation is doing, see ``CallState``."""

    state: str


class Line(msgspec.Struct, frozen=True, kw_only=True, tag="line", tag_field="t"):
    """A final line of the transcript; the fields are those of ``LiveLine``, ``n`` its number."""

    n: int
    offset_ms: int
    side: str
    kind: str
    text: str
    full_text: str
    confidence: float | None
    delay_ms: int | None


class Interim(msgspec.Struct, frozen=True, kw_only=True, tag="interim", tag_field="t"):
    """A line in progress; empty text takes it away."""

    side: str
    text: str


class Turn(msgspec.Struct, frozen=True, kw_only=True, tag="turn", tag_field="t"):
    """The times of a turn that has ended, in milliseconds from the start of the call."""

    times: dict[str, Any]


class TransferAsked(msgspec.Struct, frozen=True, kw_only=True, tag="transfer", tag_field="t"):
    """The bot wants the caller moved; answered by `TransferOutcome`."""

    target: str
    reason: str


class Told(msgspec.Struct, frozen=True, kw_only=True, tag="activity", tag_field="t"):
    """An activity for the voice side, such as ``config`` or the bot's own event."""

    name: str
    arguments: dict[str, Any]


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended", tag_field="t"):
    """The call is over; audio that was sent before is still to be played. The socket closes."""

    ended_by: str
    reason_code: str
    reason: str


class Pong(msgspec.Struct, frozen=True, kw_only=True, tag="pong", tag_field="t"):
    """The answer to `Ping`."""

    at: float


ToBrowser = (
    Accepted
    | Refused
    | Play
    | Stop
    | Heard
    | Voice
    | State
    | Line
    | Interim
    | Turn
    | TransferAsked
    | Told
    | Ended
    | Pong
)

_encode = msgspec.json.Encoder().encode


def write(message: ToBrowser) -> str:
    """``message`` as a text frame."""
    return _encode(message).decode()


def addressed(utterance: int, audio: bytes) -> bytes:
    """Audio of ``utterance`` as a binary frame."""
    return _address.pack(utterance & 0xFFFF_FFFF) + audio


# --- bounds ---------------------------------------------------------------------------------------
