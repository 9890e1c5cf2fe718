"""From a prompt's samples to audio at the caller's ear: conversion and pacing.

One `Player` is one prompt. Where its samples come from is the affair of others; it tells how far
the caller has heard it by the events of `calls.core.events` and never touches the conversation.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol, runtime_checkable

from bots.core.audio import AudioFormat, Converter
from bots.core.errors import GatewayError
from calls.core.events import AudioReady, Event, PlaybackDone, PlaybackEnding, PlaybackStarted
from calls.media.pacer import Pacer
from calls.telemetry.frames import Frames

MAX_PROMPT_MS = 600_000
"""Most of a prompt that waits to be sent; a source that gives more is cut off there."""
ENDING_MS = 300
"""How much of a prompt is left, at most, when `PlaybackEnding` is reported."""


class Sink(Protocol):
    """Where a prompt's audio goes; the part of a voice leg that a player needs."""

    prompt_audio: AudioFormat

    def play_start(self, utterance: int, *, text: str, interruptible: bool) -> None:
        """Open the play stream."""
        ...

    def play(self, utterance: int, audio: bytes) -> None:
        """Send audio."""
        ...

    def play_stop(self, utterance: int, *, interrupted: bool) -> None:
        """Close the play stream."""
        ...


@runtime_checkable
class Listener(Protocol):
    """A sink that knows how far its listener is, who hears later than the pacer assumes."""

    def heard_ms(self, utterance: int) -> float | None:
        """How much of ``utterance`` was heard by now; None when it was never told."""
        ...


class Player:
    """Plays one prompt; `run` is its task, `stop` silences it at once.

    ``report`` is called at once and in this order, each at most once: `AudioReady`,
    `PlaybackStarted`, `PlaybackEnding`, `PlaybackDone`; nothing follows `PlaybackDone`.
    """

    def __init__(
        self,
        sink: Sink,
        utterance: int,
        *,
        text: str,
        interruptible: bool,
        clock: Callable[[], float],
        report: Callable[[Event], None],
        frames: Frames | None = None,
    ) -> None:
        self._sink: Sink | None = sink
        self._told_ms = _told_by(sink)
        self._utterance = utterance
        self._text = text
        self._interruptible = interruptible
        self._clock = clock
        self._report = report
        self._audio = sink.prompt_audio
        self._pacer = Pacer(self._audio, frames=frames)
        self._converter: Converter | None = None
        self._progress = asyncio.Event()
        self._failure: GatewayError | None = None
        self._fed = False
        self._started = False
        self._opened = False
        self._closed = False
        self._ending = False
        self._over = False

    @property
    def heard_ms(self) -> float:
        """How much of the prompt the caller has heard by now."""
        assumed = self._pacer.heard_ms(self._clock())
        told = None if self._told_ms is None else self._told_ms(self._utterance)
        return assumed if told is None else min(assumed, told)

    async def run(self, pieces: AsyncGenerator[bytes, None], source: AudioFormat) -> None:
        """Play ``pieces``, in format ``source``, to the end; pieces may be of any size.

        Audio in the format of the sink reaches it as it is. A prompt without a sample has been
        heard as soon as that is known.

        Raises:
            GatewayError: what ``pieces`` raised; nothing more is sent or reported.
        """
        async with asyncio.TaskGroup() as tasks:
            self._converter = Converter(source, self._audio)
            tasks.create_task(self._fetch(pieces, self._converter))
            tasks.create_task(self._pace())
        if self._failure is not None:
            self._over = True
            self._interrupt_stream()
            raise self._failure
        self._finish(interrupted=False)

    def feed(self, pcm: bytes) -> bool:
        """Take more of the prompt at once, after all pieces that `run` has taken.

        False: it has to come as a piece, because too much waits or nothing has come that way yet.
        """
        if self._converter is None or not self._fed or self._pacer.waiting_ms > MAX_PROMPT_MS:
            return False
        self._pacer.push(self._converter.push(pcm))
        if self._send_due() is not None:
            self._progress.set()
        return True

    def stop(self) -> None:
        """Silence the prompt now; its task is to be cancelled by the caller of this method."""
        if not self._over:
            self._finish(interrupted=True)

    def detach(self) -> None:
        """The connection went away: hold the prompt where the caller stopped hearing it."""
        self._pacer.rewind(self._clock())
        self._sink = self._told_ms = None
        self._opened = self._closed = False

    def attach(self, sink: Sink) -> None:
        """A new connection: go on from there. It takes the same audio format."""
        self._sink = sink
        self._told_ms = _told_by(sink)
        self._progress.set()

    async def _fetch(self, pieces: AsyncGenerator[bytes, None], converter: Converter) -> None:
        try:
            async with aclosing(pieces):
                await self._convert(pieces, converter)
        except GatewayError as error:
            self._failure = error
        else:
            self._pacer.complete()
        self._progress.set()

    async def _convert(self, pieces: AsyncGenerator[bytes, None], converter: Converter) -> None:
        async for pcm in pieces:
            if pcm and not self._fed:
                self._fed = True
                self._tell(AudioReady(self._utterance))
            audio = converter.push(pcm)
            self._pacer.push(audio)
            self._progress.set()
            if self._pacer.waiting_ms > MAX_PROMPT_MS:
                break
            # A source that has everything at hand would let no other call have its turn.
            await asyncio.sleep(0)
        self._pacer.push(converter.flush())

    async def _pace(self) -> None:
        loop, wake = asyncio.get_running_loop(), self._progress.set
        while self._failure is None and not self._pacer.finished(self._clock()):
            self._progress.clear()
            due = self._send_due()
            alarm = None if due is None else loop.call_later(due - self._clock(), wake)
            try:
                await self._progress.wait()
            finally:
                if alarm is not None:
                    alarm.cancel()

    def _send_due(self) -> float | None:
        """Send what is due; answers when to look again (None: when something happens)."""
        if self._sink is None or self._over:  # a stop may precede the end of this task
            return None
        now = self._clock()
        audio = self._pacer.take(now)
        if audio:
            self._send(audio, self._sink)
        if self._pacer.sent_all:
            self._close_stream()
        if audio and not self._started:
            self._started = True
            self._tell(PlaybackStarted(self._utterance))
        left_ms = self._pacer.left_ms(now)
        if left_ms is not None and left_ms <= ENDING_MS and not self._ending:
            self._ending = True
            self._tell(PlaybackEnding(self._utterance))
        return self._pacer.next_due(now)

    def _send(self, audio: bytes, sink: Sink) -> None:
        if not self._opened:
            self._opened = True
            sink.play_start(self._utterance, text=self._text, interruptible=self._interruptible)
        sink.play(self._utterance, audio)

    def _tell(self, event: Event) -> None:
        if not self._over:  # whoever is told may stop the prompt
            self._report(event)

    def _close_stream(self) -> None:
        if self._sink is not None and self._opened and not self._closed:
            self._closed = True
            self._sink.play_stop(self._utterance, interrupted=False)

    def _interrupt_stream(self) -> None:
        if self._sink is not None and self._opened:
            self._sink.play_stop(self._utterance, interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        if interrupted:
            self._interrupt_stream()
        else:
            self._close_stream()  # its source may have ended after all was heard
        done = PlaybackDone(
            utterance=self._utterance,
            # What was not cut off is heard to its end, if a little later.
            heard_ms=self.heard_ms if interrupted else self._pacer.heard_ms(self._clock()),
            total_ms=self._pacer.total_ms,
            interrupted=interrupted,
        )
        self._over = True
        self._report(done)


def _told_by(sink: Sink) -> Callable[[int], float | None] | None:
    """Who knows how far the listener is; asked once, because such a check takes long."""
    return sink.heard_ms if isinstance(sink, Listener) else None
