"""What a test call is to do: the caller's steps in their order and how the call is set up."""

from datetime import datetime
from enum import Enum, auto
from typing import Literal
from uuid import UUID

import msgspec

from bots.core.activities import Json
from bots.core.audio import FRAME_MS, LPCM16_16K, AudioFormat, Converter, level_dbfs
from bots.protocols.ac_bot_api import MediaFormat

AXIS = LPCM16_16K
"""Format of the call's common time axis: what the caller says, hears and records."""
FRAME_BYTES = AXIS.bytes_for_ms(FRAME_MS)
"""Bytes of one frame on the axis."""
KEY_GAP = 0.2
"""Seconds from one key to the next, unless the plan says otherwise."""

_LOUDEST_TO_VOICE_DB = 30.0
_QUIETEST_VOICE_DBFS = -50.0


class Utterance(msgspec.Struct, frozen=True):
    """Something the caller says: ``pcm`` on the `AXIS`, in whole frames.

    The voice, as opposed to the silence around it, lasts from frame ``onset`` to frame ``offset``,
    both included.
    """

    label: str
    pcm: bytes
    onset: int
    offset: int

    @property
    def frames(self) -> int:
        """Length in frames of 20 ms."""
        return len(self.pcm) // FRAME_BYTES

    def on_wire(self, audio: AudioFormat) -> list[bytes]:
        """The frames in the format of a session, as many as on the axis."""
        converter = Converter(AXIS, audio)
        size = audio.bytes_for_ms(FRAME_MS)
        whole = converter.push(self.pcm) + converter.flush()
        return [whole[start : start + size] for start in range(0, len(whole), size)]


class Words(msgspec.Struct, frozen=True):
    """What the caller is to say; becomes an `Utterance` before the call begins."""

    label: str


class Digits(msgspec.Struct, frozen=True):
    """Keys the caller presses, ``0-9 * #``, one every ``gap`` seconds."""

    digits: str
    gap: float = KEY_GAP

    @property
    def label(self) -> str:
        """The digits as they are shown."""
        return self.digits


class Text(msgspec.Struct, frozen=True):
    """What the caller says in a text session."""

    label: str


Turn = Utterance | Words | Digits | Text


class Silence(msgspec.Struct, frozen=True):
    """The caller says nothing for so many seconds, whatever the bot does."""

    seconds: float


class Expect(msgspec.Struct, frozen=True):
    """The bot has to say ``text``, among other words, before the plan goes on."""

    text: str


class ExpectEnd(msgspec.Struct, frozen=True):
    """The other side has to end the call, with this reason code or these words in its reason."""

    reason: str

    def fits(self, reason_code: str, reason: str) -> bool:
        """Whether a call that ended so ended as expected."""
        wanted = self.reason.lower()
        return wanted == reason_code.lower() or wanted in reason.lower()


class HangUp(msgspec.Struct, frozen=True):
    """The caller hangs up at once, whatever the bot does."""


class Manner(Enum):
    """How the turns that follow are taken."""

    WAIT = auto()
    """When the bot has finished."""
    INTERRUPT = auto()
    """Over prompts that allow it; they have to stop."""
    TALK_OVER = auto()
    """Over any prompt, which may go on."""


Step = Turn | Silence | Expect | ExpectEnd | HangUp | Manner
Outcome = Literal["answered", "no-answer", "busy", "declined", "error"]
"""What becomes of a transfer or of an outbound call: reason codes of failure, and success."""


class CallPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One call. Times in seconds; ``epoch`` is the wall clock when the caller's clock shows 0."""

    conversation_id: UUID
    epoch: datetime
    bot: str
    caller: str = "+15550100"
    callee: str = "+15550199"
    language: str = "en-US"
    steps: tuple[Step, ...] = ()
    media_formats: tuple[MediaFormat, ...] = (
        MediaFormat.RAW_LPCM16,
        MediaFormat.RAW_LPCM16_8,
        MediaFormat.RAW_MULAW,
        MediaFormat.RAW_LPCM16_24,
    )
    text_session: bool = False
    patience: float = 10.0
    """How long an answer, an expectation or an expected end may take while the bot is quiet."""
    transfer: Outcome = "answered"
    ring: float = 0.0
    """How long it rings at the called party of an outbound call, until ``pick_up``."""
    pick_up: Outcome = "answered"
    start: Json = {}
    """Parameters of the ``start`` activity beside the usual ones."""
    cut_after: float | None = None
    timeout: float = 120.0
    frame_s: float = FRAME_MS / 1000
    """How often the caller decides what to do; other than 20 ms only in a text session."""
    recorded: bool = True
    """Whether what is said and heard is kept, and judged at the end."""

    @property
    def rings(self) -> bool:
        """Whether somebody is called who may take his time, or not answer at all."""
        return self.ring > 0 or self.pick_up != "answered"

    def expects_end(self, reason_code: str, reason: str) -> bool:
        """Whether the call is meant to end so."""
        return any(
            step.fits(reason_code, reason) for step in self.steps if isinstance(step, ExpectEnd)
        )


def silence(audio: AudioFormat) -> bytes:
    """One frame of silence."""
    return (b"\xff" if audio.encoding == "mulaw" else b"\0") * audio.bytes_for_ms(FRAME_MS)


def utterance(label: str, pcm: bytes) -> Utterance:
    """An utterance from samples on the `AXIS`; finds the voice by its level.

    Raises:
        ValueError: there is nothing to hear in ``pcm``.
    """
    pcm = pcm.ljust(-(-len(pcm) // FRAME_BYTES) * FRAME_BYTES, b"\0")
    levels = [
        level_dbfs(pcm[start : start + FRAME_BYTES]) for start in range(0, len(pcm), FRAME_BYTES)
    ]
    threshold = max(_QUIETEST_VOICE_DBFS, max(levels, default=-96.0) - _LOUDEST_TO_VOICE_DB)
    voiced = [frame for frame, level in enumerate(levels) if level >= threshold]
    if not voiced:
        raise ValueError("it is silent")
    return Utterance(label, pcm, voiced[0], voiced[-1])
