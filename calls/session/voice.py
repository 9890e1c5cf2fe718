"""The bot's voice in one call: at most one prompt at a time, played by us or by the voice side."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Protocol, assert_never

import structlog

from bots.core.activities import Activity, event, message
from bots.core.audio import AudioFormat
from bots.core.errors import ServiceError
from bots.core.params.resolve import Resolved
from bots.core.params.sections.timeouts import Timeouts
from bots.core.ports import SynthesisRequest, TextToSpeech
from bots.core.ssml import reduce
from calls.core.commands import DropStream, Play, PlayStream, PlayUrl, Prepare, StopPlayback
from calls.core.events import (
    Event,
    PlaybackDone,
    PlaybackStarted,
    PlayUrlFailed,
    ServiceFailed,
)
from calls.core.ports import VoiceLeg
from calls.core.transcript import spoken_text
from calls.media.ahead import Ahead
from calls.media.decoding import AudioFileError
from calls.media.player import Player, Sink
from calls.media.spoken import has_sound, has_words, in_time
from calls.media.streams import PlayStreams
from calls.session.taps import Taps
from calls.telemetry.frames import Frames

log = structlog.get_logger(__name__)

MAX_AHEAD = 4
"""Waiting prompts that are synthesised ahead; the others are when it is their turn."""

Speech = Prepare | Play | PlayUrl | PlayStream | DropStream | StopPlayback
"""The commands that a `Voice` carries out."""
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Files(Protocol):
    """Where the samples of audio files come from (`calls.media.files.AudioFiles`)."""

    def pieces(
        self, *, url: str, media_format: str, cache: bool, rate_hz: int
    ) -> AsyncGenerator[bytes, None]:
        """Samples, ``lpcm16`` at ``rate_hz``; raises `AudioFileError`."""
        ...


class Voice:
    """Carries out the commands of `Speech` on whatever leg the call has.

    ``cached`` is ``tts`` with a memory (`calls.media.ttscache.CachedTts`). ``streams`` is what a
    bot with a voice says. ``taps`` hear what is played, ``frames`` counts it.
    """

    def __init__(
        self,
        tts: TextToSpeech | None,
        *,
        clock: Callable[[], float],
        report: Callable[[Event], None],
        spawn: Spawn,
        cached: TextToSpeech | None = None,
        files: Files | None = None,
        streams: PlayStreams | None = None,
        taps: Taps | None = None,
        frames: Frames | None = None,
    ) -> None:
        self._tts = tts
        self._cached = cached or tts
        self._files = files
        self._streams = streams
        self._taps = taps
        self._frames = frames or Frames()
        self._clock = clock
        self._report = report
        self._spawn = spawn
        self._player: Player | None = None
        self._task: asyncio.Task[None] | None = None
        self._ahead: dict[tuple[SynthesisRequest, bool], tuple[Ahead, asyncio.Task[None]]] = {}
        self._timeout_s = Timeouts().tts_response_timeout_ms / 1000
        self._detached = False

    def use(self, parameters: Resolved) -> None:
        """``parameters`` are in force for the prompts that are yet to be played."""
        self._timeout_s = parameters[Timeouts].tts_response_timeout_ms / 1000

    def carry_out(self, command: Speech, leg: VoiceLeg) -> None:
        """Do what the conversation wants said or silenced."""
        match command:
            case Prepare():
                self.prepare(command, leg)
            case Play():
                self.play(command, leg)
            case PlayUrl():
                self.play_url(command, leg)
            case PlayStream():
                self.play_stream(command, leg)
            case DropStream(number):
                self._over(number, heard_ms=0, interrupted=True)
            case StopPlayback():
                self.stop()
            case _:
                assert_never(command)

    def prepare(self, command: Prepare, leg: VoiceLeg) -> None:
        """Begin to synthesise a prompt whose turn will come."""
        tts = self._cached if command.cache else self._tts
        if tts is None or not leg.capabilities.audio or len(self._ahead) >= MAX_AHEAD:
            return
        request = _request(command, tts, leg)
        if has_sound(request.text) and (request, command.cache) not in self._ahead:
            ahead = Ahead(tts.synthesise(request))
            self._ahead[request, command.cache] = (ahead, self._spawn(ahead.run()))

    def play(self, command: Play, leg: VoiceLeg) -> None:
        """Speak a prompt; the one before it has ended. A text without sound has been heard."""
        utterance = command.utterance
        tts = self._cached if command.cache else self._tts
        if tts is None or not leg.capabilities.audio:
            self._hand_over(utterance, command.activity or message(command.text), leg)
            return
        request = _request(command, tts, leg)
        if not has_sound(request.text):
            self._report(PlaybackDone(utterance=utterance, heard_ms=0, total_ms=0))
            return
        ahead, making = self._ahead.pop((request, command.cache), (None, None))
        pieces = in_time(
            tts.synthesise(request) if ahead is None else ahead.pieces(),
            self._timeout_s,
            may_be_silent=not has_words(request.text),
        )
        player = self._player_of(command, spoken_text(command.text), leg)
        task = self._start(player, command.utterance, pieces, _pcm(request.rate_hz))
        if making is not None:
            # What is still being made of the prompt is of no use when it is over.
            task.add_done_callback(lambda _: making.cancel())

    def play_url(self, command: PlayUrl, leg: VoiceLeg) -> None:
        """Play an audio file; the prompt before it has ended."""
        if self._files is None or not leg.capabilities.audio:
            arguments = {
                "playUrlUrl": command.url,
                "playUrlMediaFormat": command.media_format,
                "playUrlAltText": command.text,
            }
            activity = command.activity or event("playUrl", activity_params=arguments)
            self._hand_over(command.utterance, activity, leg)
            return
        rate_hz = leg.prompt_audio.rate_hz
        pieces = self._files.pieces(
            url=command.url,
            media_format=command.media_format,
            cache=command.cache,
            rate_hz=rate_hz,
        )
        player = self._player_of(command, command.text, leg)
        self._start(player, command.utterance, pieces, _pcm(rate_hz))

    def play_stream(self, command: PlayStream, leg: VoiceLeg) -> None:
        """Play what the bot says itself; the prompt before it has ended."""
        stream = self._streams.get(command.stream) if self._streams is not None else None
        if stream is None:
            self._report(PlaybackDone(utterance=command.utterance, heard_ms=0, total_ms=0))
            return

        def report(event: Event) -> None:
            if isinstance(event, PlaybackDone):
                self._over(command.stream, heard_ms=event.heard_ms, interrupted=event.interrupted)
            self._report(event)

        player = self._player_of(command, command.text, leg, report)
        pieces = stream.pieces(lambda: player.heard_ms, player.feed)
        self._start(player, command.utterance, pieces, stream.source)

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
        """The leg went away: hold the prompt, and those that follow."""
        self._detached = True
        if self._player is not None:
            self._player.detach()

    def attach(self, leg: VoiceLeg) -> None:
        """Another leg: go on with the prompt."""
        self._detached = False
        if self._player is not None:
            self._player.attach(self._tapped(leg))

    def _hand_over(self, utterance: int, activity: Activity, leg: VoiceLeg) -> None:
        """The voice side plays it: for us the prompt is over once it has it."""
        leg.send(activity)
        self._report(PlaybackStarted(utterance))
        self._report(PlaybackDone(utterance=utterance, heard_ms=0, total_ms=0))

    def _over(self, stream: int, *, heard_ms: float, interrupted: bool) -> None:
        if self._streams is not None:
            self._streams.over(stream, heard_ms=heard_ms, interrupted=interrupted)

    def _player_of(
        self,
        command: Play | PlayUrl | PlayStream,
        text: str,
        leg: VoiceLeg,
        report: Callable[[Event], None] | None = None,
    ) -> Player:
        player = Player(
            self._tapped(leg),
            command.utterance,
            text=text,
            interruptible=command.interruptible,
            clock=self._clock,
            report=report or self._report,
            frames=self._frames,
        )
        if self._detached:
            player.detach()
        return player

    def _start(
        self,
        player: Player,
        utterance: int,
        pieces: AsyncGenerator[bytes, None],
        source: AudioFormat,
    ) -> asyncio.Task[None]:
        self._player = player
        self._task = self._spawn(self._run(player, utterance, pieces, source))
        return self._task

    def _tapped(self, leg: VoiceLeg) -> Sink:
        return leg if self._taps is None else self._taps.sink(leg)

    async def _run(
        self,
        player: Player,
        utterance: int,
        pieces: AsyncGenerator[bytes, None],
        source: AudioFormat,
    ) -> None:
        try:
            await player.run(pieces, source)
        except AudioFileError as error:
            log.warning("audio_file.failed", reason=error.reason)
            self._report(
                PlayUrlFailed(utterance=utterance, reason=error.reason, heard_ms=player.heard_ms)
            )
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


def _request(command: Play | Prepare, tts: TextToSpeech, leg: VoiceLeg) -> SynthesisRequest:
    rates_hz = tts.capabilities.rates_hz
    rate_hz = leg.prompt_audio.rate_hz
    return SynthesisRequest(
        text=reduce(command.text, tts.capabilities.ssml),
        language=command.language,
        rate_hz=rate_hz if rate_hz in rates_hz else max(rates_hz),
        voice=command.voice,
    )


def _pcm(rate_hz: int) -> AudioFormat:
    return AudioFormat("lpcm16", rate_hz)
