"""The caller's mouth: the next 20 ms of the user stream, words or silence. Pure."""

import msgspec

from bots.core.audio import AudioFormat
from calls.testcall.plan import AXIS, FRAME_BYTES, Utterance, silence


class Spoken(msgspec.Struct, frozen=True):
    """One frame: as it goes on the wire, and on the axis of the recording."""

    wire: bytes
    pcm: bytes
    voice_began: bool = False
    voice_ended: bool = False


class Mouth:
    """Says one utterance at a time in the session's format."""

    def __init__(self, audio: AudioFormat) -> None:
        self._audio = audio
        self._silent = Spoken(silence(audio), silence(AXIS))
        self._utterance: Utterance | None = None
        self._wire: list[bytes] = []
        self._position = 0

    @property
    def speaking(self) -> bool:
        """Whether an utterance has not been said to its end."""
        return self._utterance is not None

    def say(self, utterance: Utterance) -> None:
        """Begin an utterance with the next frame."""
        self._utterance = utterance
        self._wire = utterance.on_wire(self._audio)
        self._position = 0

    def next_frame(self) -> Spoken:
        """The next 20 ms."""
        utterance, position = self._utterance, self._position
        if utterance is None:
            return self._silent
        start = position * FRAME_BYTES
        spoken = Spoken(
            wire=self._wire[position],
            pcm=utterance.pcm[start : start + FRAME_BYTES],
            voice_began=position == utterance.onset,
            voice_ended=position == utterance.offset,
        )
        self._position += 1
        if self._position == utterance.frames:
            self._utterance = None
        return spoken
