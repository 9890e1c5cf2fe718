"""Real-time pacing of one prompt: how much to send now, and how much was heard.

Pure; the time is an argument, in seconds on any monotonic clock. At most ``lead_ms`` of audio is
ahead of the caller's ear, so at most that much is in flight when the prompt is stopped (Bot API
conformance checklist, side A, point 6).
"""

from bots.core.audio import AudioFormat
from calls.telemetry.frames import Frames

LEAD_MS = 200
CHUNK_MS = 40
MIN_MS = 20
"""Least audio that is sent while more is to come and the caller is about to run out of it."""
LATE_S = 0.02
"""Audio that comes longer than this after the caller had heard all that there was left a gap."""


class Pacer:
    """One prompt on its way to the caller; what is sent is counted in ``frames``."""

    def __init__(
        self, audio: AudioFormat, *, lead_ms: int = LEAD_MS, frames: Frames | None = None
    ) -> None:
        self._audio = audio
        self._frames = frames or Frames()
        self._room_s = (lead_ms - CHUNK_MS) / 1000
        """How far ahead of the ear the audio may be for one more chunk to fit."""
        self._in_flight_bytes = audio.bytes_for_ms(lead_ms + CHUNK_MS)
        self._chunk_bytes = audio.bytes_for_ms(CHUNK_MS)
        self._min_bytes = audio.bytes_for_ms(MIN_MS)
        self._waiting = bytearray()
        self._complete = False
        self._pushed_bytes = 0
        self._sent_bytes = 0
        self._in_flight = bytearray()
        """The end of what was sent, long enough to send again what was not heard."""
        self._ends_at = 0.0
        """When all that was sent will have been heard, if nothing more is sent."""

    @property
    def total_ms(self) -> float:
        """Length of the prompt; 0 while the synthesiser has not finished it."""
        return self._audio.ms_for_bytes(self._pushed_bytes) if self._complete else 0.0

    @property
    def sent_all(self) -> bool:
        """Whether the prompt is complete and all of it was sent."""
        return self._complete and not self._waiting

    def left_ms(self, now: float) -> float | None:
        """How much the caller has yet to hear at ``now``; None while the prompt is not complete."""
        if not self._complete:
            return None
        return self.waiting_ms + max(0.0, self._ends_at - now) * 1000

    @property
    def waiting_ms(self) -> float:
        """How much there is that was not sent."""
        return self._audio.ms_for_bytes(len(self._waiting))

    def push(self, audio: bytes) -> None:
        """More of the prompt."""
        self._waiting += audio
        self._pushed_bytes += len(audio)

    def complete(self) -> None:
        """Nothing more will be pushed."""
        self._complete = True

    def take(self, now: float) -> bytes:
        """The audio that is due at ``now``, in whole chunks as long as there are; may be empty."""
        out, ended_at = bytearray(), self._ends_at
        while (ready := self._ready()) is not None and ready[1] <= now:
            chunk = self._waiting[: ready[0]]
            del self._waiting[: ready[0]]
            out += chunk
            self._ends_at = max(now, self._ends_at) + self._audio.ms_for_bytes(len(chunk)) / 1000
        if out:
            self._frames.sent += 1
            if self._sent_bytes and now - ended_at > LATE_S:
                self._frames.late += 1
        self._sent_bytes += len(out)
        self._in_flight += out
        del self._in_flight[: -self._in_flight_bytes]
        return bytes(out)

    def next_due(self, now: float) -> float | None:
        """When `take` is worth calling again; None: only after the next `push` or `complete`."""
        if self.sent_all:
            return self._ends_at
        ready = self._ready()
        return None if ready is None else max(now, ready[1])

    def heard_ms(self, now: float) -> float:
        """How much of the prompt the caller has heard by ``now``."""
        in_flight_ms = max(0.0, self._ends_at - now) * 1000
        return max(0.0, self._audio.ms_for_bytes(self._sent_bytes) - in_flight_ms)

    def finished(self, now: float) -> bool:
        """Whether the caller has heard all of it."""
        return self.sent_all and now >= self._ends_at

    def rewind(self, now: float) -> None:
        """The connection went away at ``now``: what was sent but not heard is to be sent again."""
        unheard = self._audio.bytes_for_ms(max(0.0, self._ends_at - now) * 1000)
        lost = self._in_flight[len(self._in_flight) - min(unheard, len(self._in_flight)) :]
        self._waiting[:0] = lost
        self._sent_bytes -= len(lost)
        self._in_flight.clear()
        self._ends_at = now

    def _ready(self) -> tuple[int, float] | None:
        """How many bytes go out next, and when.

        A source that is no faster than real time never fills a chunk: what there is of it goes out
        as the caller runs out of audio.
        """
        waiting = len(self._waiting)
        if waiting >= self._chunk_bytes or (self._complete and waiting):
            return min(waiting, self._chunk_bytes), self._ends_at - self._room_s
        if waiting >= self._min_bytes:
            return self._min_bytes, self._ends_at - MIN_MS / 1000
        if waiting and self._sent_bytes:
            return waiting, self._ends_at
        return None
