"""What a test call is to do: the caller's turns and how the call is set up."""

from datetime import datetime
from uuid import UUID

import msgspec

from bots.core.audio import FRAME_MS, LPCM16_16K, AudioFormat, Converter, level_dbfs
from bots.protocols.ac_bot_api import MediaFormat

AXIS = LPCM16_16K
"""Format of the call's common time axis: what the caller says, hears and records."""
FRAME_BYTES = AXIS.bytes_for_ms(FRAME_MS)
"""Bytes of one frame on the axis."""

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


class Digits(msgspec.Struct, frozen=True):
    """Keys the caller presses, ``0-9 * #``, one after the other."""

    digits: str

    @property
    def label(self) -> str:
        """The digits as they are shown."""
        return self.digits


class Text(msgspec.Struct, frozen=True):
    """What the caller says in a text session."""

    label: str


Turn = Utterance | Digits | Text


class CallPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One call. Times in seconds; ``epoch`` is the wall clock when the caller's clock shows 0."""

    conversation_id: UUID
    epoch: datetime
    bot: str
    caller: str = "+15550100"
    callee: str = "+15550199"
    language: str = "en-US"
    turns: tuple[Turn, ...] = ()
    media_formats: tuple[MediaFormat, ...] = (
        MediaFormat.RAW_LPCM16,
        MediaFormat.RAW_LPCM16_8,
        MediaFormat.RAW_MULAW,
        MediaFormat.RAW_LPCM16_24,
    )
    text_session: bool = False
    interrupt: bool = False
    cut_after: float | None = None
    timeout: float = 120.0


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
