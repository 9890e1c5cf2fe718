"""A player with a source that does as it is told, and the caller's phone at the other end."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from bots.core.audio import LPCM16_8K, AudioFormat
from bots.core.errors import ServiceError
from calls.core.events import AudioReady, Event, PlaybackDone, PlaybackEnding, PlaybackStarted
from calls.media.player import Player

BYTES_PER_MS = 16
"""Of `LPCM16_8K`, the format of most of these tests."""

Piece = bytes | float | ServiceError
"""What a `Source` does next: give audio, take its time (seconds), fail."""


def audio(ms: float, *, start: int = 0) -> bytes:
    """Samples that differ from their neighbours."""
    samples = int(ms * BYTES_PER_MS / 2)
    return b"".join((start + n).to_bytes(2, "little") for n in range(samples))


class Source:
    """Gives what it was told to give and notes when it is closed."""

    def __init__(self, *pieces: Piece) -> None:
        self._pieces = pieces
        self.closed = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            for piece in self._pieces:
                if isinstance(piece, ServiceError):
                    raise piece
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                else:
                    yield piece
        finally:
            self.closed = True


class Phone:
    """A voice leg's play streams as the caller's side sees them."""

    def __init__(self, prompt_audio: AudioFormat = LPCM16_8K) -> None:
        self.prompt_audio = prompt_audio
        self.log: list[str] = []
        self.audio = b""
        self.most_ahead_ms = 0.0
        self._began: float | None = None

    def play_start(self, utterance: int, *, text: str, interruptible: bool) -> None:
        self.log.append(f"start {utterance} {text!r} interruptible={interruptible}")

    def play(self, utterance: int, audio: bytes) -> None:
        if self.log[-1] != f"audio {utterance}":
            self.log.append(f"audio {utterance}")
        now = asyncio.get_running_loop().time()
        self._began = now if self._began is None else self._began
        self.audio += audio
        ahead_ms = self.prompt_audio.ms_for_bytes(len(self.audio)) - (now - self._began) * 1000
        self.most_ahead_ms = max(self.most_ahead_ms, ahead_ms)

    def play_stop(self, utterance: int, *, interrupted: bool) -> None:
        self.log.append(f"stop {utterance} interrupted={interrupted}")


class Prompt:
    """One player with its source, its phone and what it reported.

    ``at_ms`` is how much was heard at each report; ``stop_at`` is the report at which it is stopped
    by whoever is told.
    """

    def __init__(
        self, *pieces: Piece, phone: Phone | None = None, stop_at: type[Event] | None = None
    ) -> None:
        self.phone = phone or Phone()
        self.source = Source(*pieces)
        self.reports: list[str] = []
        self.at_ms: dict[str, float] = {}
        self.heard_ms = self.total_ms = -1.0
        self._stop_at = stop_at
        self._loop = asyncio.get_running_loop()
        self.player = Player(
            self.phone,
            7,
            text="Hello.",
            interruptible=True,
            clock=self._loop.time,
            report=self._report,
        )
        self.task = self._loop.create_task(self.player.run(self.source.pieces(), LPCM16_8K))

    def _report(self, event: Event) -> None:
        match event:
            case AudioReady(7):
                what = "ready"
            case PlaybackStarted(7):
                what = "started"
            case PlaybackEnding(7):
                what = "ending"
            case PlaybackDone(utterance=7):
                what = "interrupted" if event.interrupted else "done"
                self.heard_ms, self.total_ms = event.heard_ms, event.total_ms
            case _:
                raise AssertionError(event)
        self.reports.append(what)
        self.at_ms[what] = self.player.heard_ms
        if self._stop_at is not None and isinstance(event, self._stop_at):
            self.task.cancel()
            self.player.stop()

    async def stop(self) -> None:
        """What the owner of a prompt does to silence it."""
        self.task.cancel()
        self.player.stop()
        await asyncio.wait([self.task])


def close_to(ms: float) -> Any:
    """``ms``, but for the moments that the loop itself takes."""
    return pytest.approx(ms, abs=0.5)
