"""The bot's voice in one call: at most one prompt at a time, spoken by us or by the voice side."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bots.core.activities import message
from bots.core.errors import ServiceError
from bots.core.ports import SynthesisRequest, TextToSpeech
from bots.core.ssml import reduce
from calls.core.commands import Play
from calls.core.events import Event, PlaybackDone, PlaybackStarted, ServiceFailed
from calls.core.ports import VoiceLeg
from calls.core.transcript import spoken_text
from calls.media.player import Player

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Voice:
    """Carries out `Play` and `StopPlayback` on whatever leg the call has."""

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

    def play(self, command: Play, leg: VoiceLeg) -> None:
        """Speak a prompt; the one before it has ended."""
        if self._tts is None or not leg.capabilities.audio:
            self._hand_over(command, leg)
            return
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

        self._player = Player(
            leg,
            utterance,
            text=spoken_text(command.text),
            interruptible=command.interruptible,
            clock=self._clock,
            on_started=lambda: self._report(PlaybackStarted(utterance)),
            on_done=done,
        )
        self._task = self._spawn(self._run(self._player, self._tts, command, leg))

    def stop(self) -> None:
        """Silence the prompt at once; its `PlaybackDone` is reported before this returns."""
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

    def _hand_over(self, command: Play, leg: VoiceLeg) -> None:
        """The voice side speaks: for us the prompt is over once it has it."""
        leg.send(command.activity or message(command.text))
        self._report(PlaybackStarted(command.utterance))
        self._report(PlaybackDone(utterance=command.utterance, heard_ms=0, total_ms=0))

    async def _run(self, player: Player, tts: TextToSpeech, command: Play, leg: VoiceLeg) -> None:
        capabilities = tts.capabilities
        rate_hz = leg.prompt_audio.rate_hz
        if rate_hz not in capabilities.rates_hz:
            rate_hz = max(capabilities.rates_hz)
        request = SynthesisRequest(
            text=reduce(command.text, capabilities.ssml),
            language=command.language,
            rate_hz=rate_hz,
            voice=command.voice,
        )
        try:
            await player.run(tts, request)
        except ServiceError as error:
            self._report(
                ServiceFailed(
                    service="tts",
                    fault=error.fault,
                    detail=error.detail,
                    utterance=command.utterance,
                    heard_ms=player.heard_ms,
                )
            )
