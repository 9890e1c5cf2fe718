"""People's ears at one call: audio for those who listen, levels for those who look.

Audio goes from the call straight to the sockets of this process: no channel layer, no database, no
log. Without listeners and without a meter a call pays one look at `Taps.on` for each piece.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING

from bots.core.audio import LPCM16_16K, AudioFormat, Converter, level_dbfs, mulaw_to_lpcm16
from calls.media.player import Listener as Ear

if TYPE_CHECKING:
    from calls.media.player import Sink

LISTENED = LPCM16_16K
"""Format in which both sides are heard."""
CALLER, BOT = 0, 1
SIDES = ("caller", "bot")
"""Names of the sides by their number."""

FRAME_BYTES = LISTENED.bytes_for_ms(100)
"""Samples in one frame for a listener, at most."""
WAITING_BYTES = LISTENED.bytes_for_ms(10_000)
"""Audio that waits for one listener: five seconds of both sides; the oldest goes first."""
DROPPED_FRAMES = 200
"""Frames that a listener may miss before it counts as too slow."""

METER_S = 10.0
"""How long levels are measured after somebody asked."""
SECOND_S = 1.0
SLOTS = 5
"""Levels in a second."""
_FLOOR_DBFS = -60.0


class TooSlow(Exception):
    """A listener took too little to follow the call."""


class Listener:
    """One person who listens; `frames` is for one task."""

    def __init__(self) -> None:
        self.dropped = 0
        """Frames that were given up because they were not taken in time."""
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._more = asyncio.Event()
        self._over = False

    def push(self, side: int, pcm: bytes) -> None:
        """More of what ``side`` says, in the format `LISTENED`."""
        for start in range(0, len(pcm), FRAME_BYTES):
            frame = bytes((side,)) + pcm[start : start + FRAME_BYTES]
            self._waiting.append(frame)
            self._waiting_bytes += len(frame)
        while self._waiting_bytes > WAITING_BYTES:
            self._waiting_bytes -= len(self._waiting.popleft())
            self.dropped += 1
        self._more.set()

    def end(self) -> None:
        """The call is over."""
        self._over = True
        self._more.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """Frames until the call is over: a byte with the side's number, then samples.

        Raises:
            TooSlow: `DROPPED_FRAMES` were missed.
        """
        while True:
            while self._waiting:
                frame = self._waiting.popleft()
                self._waiting_bytes -= len(frame)
                yield frame
                if self.dropped >= DROPPED_FRAMES:
                    raise TooSlow
            if self._over:
                return
            self._more.clear()
            await self._more.wait()


class Taps:
    """Where people listen to one call; ``caller`` and ``bot`` are the formats of its sides."""

    def __init__(self, *, caller: AudioFormat, bot: AudioFormat) -> None:
        self.on = False
        """Whether anybody wants the call's audio."""
        self._formats = (caller, bot)
        self._listeners: set[Listener] = set()
        self._converters: tuple[Converter, Converter] | None = None
        self._meter: _Meter | None = None
        self._over = False

    def push(self, side: int, audio: bytes) -> None:
        """More of what ``side`` says, in that side's format."""
        if self._converters is not None:
            pcm = self._converters[side].push(audio)
            for listener in self._listeners:
                listener.push(side, pcm)
        if self._meter is not None:
            coded = self._formats[side].encoding == "mulaw"
            self._meter.push(side, mulaw_to_lpcm16(audio) if coded else audio)

    @contextlib.contextmanager
    def listening(self) -> Iterator[Listener]:
        """One more person listens, for as long as the context lasts."""
        listener = Listener()
        if self._over:
            listener.end()
        self._listeners.add(listener)
        if self._converters is None:
            caller, bot = self._formats
            self._converters = Converter(caller, LISTENED), Converter(bot, LISTENED)
        self._settle()
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                self._converters = None
            self._settle()

    def measure(self, report: Callable[[list[int], list[int]], None]) -> None:
        """Tell how loud the caller and the bot are, every second for the next `METER_S`."""
        if self._over:
            return
        if self._meter is None:
            self._meter = _Meter(report, self._measured)
        self._meter.go_on()
        self._settle()

    def end(self) -> None:
        """The call is over."""
        self._over = True
        if self._meter is not None:
            self._meter.stop()
        for listener in self._listeners:
            listener.end()

    def sink(self, leg: "Sink") -> "Sink":
        """``leg`` with an ear at what is played to it."""
        return _TappedSink(leg, self)

    def _measured(self) -> None:
        self._meter = None
        self._settle()

    def _settle(self) -> None:
        self.on = bool(self._listeners) or self._meter is not None


class _Meter:
    """How loud each side is, in `SLOTS` parts of every second; the loudest piece of each counts."""

    def __init__(
        self, report: Callable[[list[int], list[int]], None], stopped: Callable[[], None]
    ) -> None:
        self._report = report
        self._stopped = stopped
        self._loop = asyncio.get_running_loop()
        self._until = 0.0
        self._levels = [[0] * SLOTS, [0] * SLOTS]
        self._began = self._loop.time()
        self._timer = self._loop.call_later(SECOND_S, self._tick)

    def go_on(self) -> None:
        self._until = self._loop.time() + METER_S

    def push(self, side: int, pcm: bytes) -> None:
        slot = min(SLOTS - 1, int((self._loop.time() - self._began) * SLOTS / SECOND_S))
        level = round(100 * max(0.0, 1 - level_dbfs(pcm) / _FLOOR_DBFS))
        self._levels[side][slot] = max(self._levels[side][slot], level)

    def stop(self) -> None:
        self._timer.cancel()
        self._stopped()

    def _tick(self) -> None:
        caller, bot = self._levels
        self._levels = [[0] * SLOTS, [0] * SLOTS]
        self._report(caller, bot)
        self._began = self._loop.time()
        if self._began >= self._until:
            self._stopped()
        else:
            self._timer = self._loop.call_later(SECOND_S, self._tick)


class _TappedSink:
    """The part of a leg that plays prompts, heard by `Taps` too."""

    def __init__(self, leg: "Sink", taps: Taps) -> None:
        self._leg = leg
        self._taps = taps
        self._heard_ms = leg.heard_ms if isinstance(leg, Ear) else None
        self.prompt_audio = leg.prompt_audio

    def play_start(self, utterance: int, *, text: str, interruptible: bool) -> None:
        self._leg.play_start(utterance, text=text, interruptible=interruptible)

    def play(self, utterance: int, audio: bytes) -> None:
        if self._taps.on:
            self._taps.push(BOT, audio)
        self._leg.play(utterance, audio)

    def play_stop(self, utterance: int, *, interrupted: bool) -> None:
        self._leg.play_stop(utterance, interrupted=interrupted)

    def heard_ms(self, utterance: int) -> float | None:
        return None if self._heard_ms is None else self._heard_ms(utterance)
