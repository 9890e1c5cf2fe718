"""From a prompt's text to audio at the caller's ear: synthesis, conversion, pacing.

One `Player` is one prompt. It reports through two callbacks and never touches the conversation.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from bots.core.audio import AudioFormat, Converter
from bots.core.errors import Fault, ServiceError, first_service_error
from bots.core.ports import SynthesisRequest, TextToSpeech
from calls.media.pacer import Pacer

FIRST_AUDIO_TIMEOUT_S = 10.0
"""How long a synthesiser may take to its first audio, and between two pieces."""
MAX_PROMPT_MS = 600_000
"""Longest prompt that is held; a synthesiser that gives more is cut off there."""


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


class Heard(Protocol):
    """How a prompt ended, for `Player`'s ``on_done``."""

    def __call__(self, *, heard_ms: float, total_ms: float, interrupted: bool) -> None:
        """``heard_ms`` of ``total_ms`` reached the caller (``total_ms`` 0: not known)."""
        ...


class Player:
    """Plays one prompt; `run` is its task, `stop` silences it at once."""

    def __init__(
        self,
        sink: Sink,
        utterance: int,
        *,
        text: str,
        interruptible: bool,
        clock: Callable[[], float],
        on_started: Callable[[], None],
        on_done: Heard,
    ) -> None:
        self._sink: Sink | None = sink
        self._utterance = utterance
        self._text = text
        self._interruptible = interruptible
        self._clock = clock
        self._on_started = on_started
        self._on_done = on_done
        self._audio = sink.prompt_audio
        self._pacer = Pacer(self._audio)
        self._progress = asyncio.Event()
        self._opened = False
        self._closed = False
        self._over = False

    @property
    def heard_ms(self) -> float:
        """How much of the prompt the caller has heard by now."""
        return self._pacer.heard_ms(self._clock())

    async def run(self, tts: TextToSpeech, request: SynthesisRequest) -> None:
        """Synthesise and play to the end.

        Raises:
            ServiceError: the synthesiser failed or gave no audio; nothing more is sent.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._synthesise(tts, request))
                tasks.create_task(self._pace())
        except* ServiceError as failures:
            if not self._over:  # else the play stream may be the next prompt's
                self._over = True
                self._interrupt_stream()
            raise first_service_error(failures) from None
        self._finish(interrupted=False)

    def stop(self) -> None:
        """Silence the prompt now; its task is to be cancelled by the caller of this method."""
        if not self._over:
            self._finish(interrupted=True)

    def detach(self) -> None:
        """The connection went away: hold the prompt where the caller stopped hearing it."""
        self._pacer.rewind(self._clock())
        self._sink = None
        self._opened = self._closed = False

    def attach(self, sink: Sink) -> None:
        """A new connection: go on from there. It takes the same audio format."""
        self._sink = sink
        self._progress.set()

    async def _synthesise(self, tts: TextToSpeech, request: SynthesisRequest) -> None:
        converter = Converter(AudioFormat("lpcm16", request.rate_hz), self._audio)
        got_ms = 0.0
        async with aclosing(_with_deadline(tts.synthesise(request))) as pieces:
            async for pcm in pieces:
                audio = converter.push(pcm)
                got_ms += self._audio.ms_for_bytes(len(audio))
                self._feed(audio)
                if got_ms > MAX_PROMPT_MS:
                    break
        if not got_ms:
            raise ServiceError("tts", Fault.PROTOCOL, "no audio came for the prompt")
        self._pacer.push(converter.flush())
        self._pacer.complete()
        self._progress.set()

    def _feed(self, audio: bytes) -> None:
        self._pacer.push(audio)
        self._progress.set()

    async def _pace(self) -> None:
        while not self._pacer.finished(self._clock()):
            self._progress.clear()
            due = self._send_due()
            timeout_s = None if due is None else max(0.0, due - self._clock())
            try:
                async with asyncio.timeout(timeout_s):
                    await self._progress.wait()
            except TimeoutError:
                continue

    def _send_due(self) -> float | None:
        """Send what is due; answers when to look again (None: when something happens)."""
        if self._sink is None:
            return None
        audio = self._pacer.take(self._clock())
        if audio:
            if not self._opened:
                self._sink.play_start(
                    self._utterance, text=self._text, interruptible=self._interruptible
                )
                self._opened = True
                self._on_started()
            self._sink.play(self._utterance, audio)
        if self._pacer.sent_all and self._opened and not self._closed:
            self._closed = True
            self._sink.play_stop(self._utterance, interrupted=False)
        return self._pacer.next_due(self._clock())

    def _interrupt_stream(self) -> None:
        if self._sink is not None and self._opened:
            self._sink.play_stop(self._utterance, interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        self._over = True
        if interrupted:
            self._interrupt_stream()
        self._on_done(
            heard_ms=self.heard_ms,
            total_ms=self._pacer.total_ms,
            interrupted=interrupted,
        )


async def _with_deadline(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The pieces of a synthesis, each within its deadline."""
    async with aclosing(pieces):
        while True:
            try:
                async with asyncio.timeout(FIRST_AUDIO_TIMEOUT_S):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise ServiceError("tts", Fault.TIMEOUT, "no audio in time") from None
            yield piece
