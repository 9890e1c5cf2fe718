"""The bot's voice in one call: at most one prompt at a time, spoken by us or by the voice side."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bots.core.activities import message
from bots.core.errors import ServiceError
from bots.core.ports import SynthesisRequest, TextToSpeech
from bots.core.ssml import reduce
from calls.core.commands import Play, Prepare
from calls.core.events import Event, PlaybackDone, PlaybackStarted, ServiceFailed
from calls.core.ports import VoiceLeg
from calls.core.transcript import spoken_text
from calls.media.ahead import Ahead
from calls.media.player import Player

MAX_AHEAD = 4
"""Waiting prompts that are synthesised ahead; the others are when it is their turn."""

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Voice:
    """Carries out `Prepare`, `Play` and `StopPlayback` on whatever leg the call has."""

    def __init__(
        self,
        tts: TextToSpeech | None,
        *,
        clock: Callable[[], float],
        report: Callable[[Event], None],
        spawn: Spawn,
    ) -> None:
        self._tts = tts
        self._clock = clock
        self._report = report
        self._spawn = spawn
        self._player: Player | None = None
        self._task: asyncio.Task[None] | None = None
        self._ahead: dict[SynthesisRequest, tuple[Ahead, asyncio.Task[None]]] = {}

    def prepare(self, command: Prepare, leg: VoiceLeg) -> None:
        """Begin to synthesise a prompt whose turn will come."""
        if self._tts is None or not leg.capabilities.audio or len(self._ahead) >= MAX_AHEAD:
            return
        request = self._request(command, self._tts, leg)
        if request not in self._ahead:
            ahead = Ahead(self._tts, request)
            self._ahead[request] = (ahead, self._spawn(ahead.run()))

    def play(self, command: Play, leg: VoiceLeg) -> None:
        """Speak a prompt; the one before it has ended."""
        if self._tts is None or not leg.capabilities.audio:
            self._hand_over(command, leg)
            return
        request = self._request(command, self._tts, leg)
        ahead, making = self._ahead.pop(request, (None, None))
        self._player = self._new_player(command, leg)
        self._task = self._spawn(
            self._run(self._player, ahead or self._tts, request, command.utterance)
        )
        if making is not None:
            # What is still being made of the prompt is of no use when it is over.
            self._task.add_done_callback(lambda _: making.cancel())

    def stop(self) -> None:
        """Silence the prompt at once; its `PlaybackDone` is reported before this returns.

        What was synthesised ahead is dropped too: the queue behind a stopped prompt is purged.
        """
        for _, task in self._ahead.values():
            task.cancel()
        self._ahead.clear()
        if self._task is not None:
            self._task.cancel()
        if self._player is not None:
            self._player.stop()

    def detach(self) -> None:
        """The leg went away: hold the prompt."""
        if self._player is not None:
            self._player.detach()

    def attach(self, leg: VoiceLeg) -> None:
        """Another leg: go on with the prompt."""
        if self._player is not None:
            self._player.attach(leg)

    def _request(
        self, command: Play | Prepare, tts: TextToSpeech, leg: VoiceLeg
    ) -> SynthesisRequest:
        rates_hz = tts.capabilities.rates_hz
        rate_hz = leg.prompt_audio.rate_hz
        return SynthesisRequest(
            text=reduce(command.text, tts.capabilities.ssml),
            language=command.language,
            rate_hz=rate_hz if rate_hz in rates_hz else max(rates_hz),
            voice=command.voice,
        )

    def _new_player(self, command: Play, leg: VoiceLeg) -> Player:
        utterance = command.utterance

        def done(*, heard_ms: float, total_ms: float, interrupted: bool) -> None:
            self._report(
                PlaybackDone(
                    utterance=utterance,
                    heard_ms=heard_ms,
                    total_ms=total_ms,
                    interrupted=interrupted,
                )
            )

        return Player(
            leg,
            utterance,
            text=spoken_text(command.text),
            interruptible=command.interruptible,
            clock=self._clock,
            on_started=lambda: self._report(PlaybackStarted(utterance)),
            on_done=done,
        )

    def _hand_over(self, command: Play, leg: VoiceLeg) -> None:
        """The voice side speaks: for us the prompt is over once it has it."""
        leg.send(command.activity or message(command.text))
        self._report(PlaybackStarted(command.utterance))
        self._report(PlaybackDone(utterance=command.utterance, heard_ms=0, total_ms=0))

    async def _run(
        self, player: Player, tts: TextToSpeech, request: SynthesisRequest, utterance: int
    ) -> None:
        try:
            await player.run(tts, request)
        except ServiceError as error:
            self._report(
                ServiceFailed(
                    service="tts",
                    fault=error.fault,
                    detail=error.detail,
                    utterance=utterance,
                    heard_ms=player.heard_ms,
                )
            )
