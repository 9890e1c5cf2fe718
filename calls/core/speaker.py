"""The bot's voice: starts prompts, silences them, and records what the caller heard of each."""

from bots.core.params.sections.audio_files import AudioFiles
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts
from calls.core import commands, events
from calls.core.outbox import Outbox
from calls.core.prompts import AudioFile, Playing, Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.stopwatch import Stopwatch
from calls.core.timeouts import Timer, Timers
from calls.core.transcript import UNKNOWN_TEXT, file_text, heard_text, spoken_text
from calls.core.vocabulary import WAYS_OF_SPEAKING

STOP_TIMEOUT_S = 1.0
"""The player's report of a stopped prompt; it is in this process and answers at once."""


class Speaker:
    """Plays one prompt of the queue at a time."""

    def __init__(
        self,
        queue: PromptQueue,
        out: Outbox,
        *,
        params: Scopes,
        timers: Timers,
        stopwatch: Stopwatch,
        audio: bool,
    ) -> None:
        self._queue = queue
        self._out = out
        self._params = params
        self._timers = timers
        self._stopwatch = stopwatch
        self._audio = audio

    def play(self, prompt: Prompt, now: float) -> None:
        """Start ``prompt``; the queue must be free (`PromptQueue.next` gave it).

        The parameters in force say which file a ``playUrl`` means, and how a text is spoken.
        """
        url, speech = prompt.url, self._params[Speech]
        if prompt.activity is not None and prompt.activity.kind != "message":
            url = self._params[AudioFiles].play_url_url
            if not url:
                self._out.note(now, "The bot asked for playUrl without playUrlUrl; ignored")
        interruptible = self._params[BargeIn].barge_in and not prompt.configured
        if prompt.stream is not None:
            self._play_stream(prompt, prompt.stream, interruptible=interruptible)
        elif url:
            self._play_file(prompt, url, interruptible=interruptible)
        elif spoken_text(prompt.text):
            playing = self._queue.play(
                prompt.text, interruptible=interruptible, by_bot=prompt.by_bot, act=prompt.act
            )
            self._out.emit(
                commands.Play(
                    utterance=playing.utterance,
                    text=prompt.text,
                    language=speech.tts_language or speech.language,
                    voice=speech.voice_name,
                    interruptible=interruptible,
                    cache=not speech.disable_tts_cache,
                    activity=prompt.activity,
                )
            )
        if self._audio and self._queue.playing is not None:
            limit_ms = self._params[Timeouts].tts_response_timeout_ms
            self._timers.start(Timer.FIRST_AUDIO, now + limit_ms / 1000)

    def _play_file(self, prompt: Prompt, url: str, *, interruptible: bool) -> None:
        files = self._params[AudioFiles]
        text = (prompt.activity is not None and files.play_url_alt_text) or file_text(url)
        playing = self._queue.play(
            text,
            interruptible=interruptible,
            by_bot=prompt.by_bot,
            file=AudioFile(url, files.play_url_failure_handling),
            act=prompt.act,
        )
        self._out.emit(
            commands.PlayUrl(
                utterance=playing.utterance,
                url=url,
                media_format=files.play_url_media_format,
                cache=files.play_url_caching or prompt.activity is None or prompt.configured,
                text=text,
                interruptible=interruptible,
                activity=prompt.activity,
            )
        )

    def _play_stream(self, prompt: Prompt, stream: int, *, interruptible: bool) -> None:
        playing = self._queue.play(
            prompt.text, interruptible=interruptible, by_bot=prompt.by_bot, stream=stream
        )
        self._out.emit(
            commands.PlayStream(
                utterance=playing.utterance,
                stream=stream,
                text=prompt.text,
                interruptible=interruptible,
            )
        )

    def text_known(self, event: events.StreamTextKnown, _now: float) -> None:
        """What a play stream says, be it that it plays or waits."""
        playing = self._queue.text_known(event.stream, event.text)
        if playing is not None and playing.started_at is not None:
            self._out.emit(commands.ShowInterim("bot", spoken_text(event.text)))

    def prepare(self, prompt: Prompt) -> None:
        """Have a message that must wait ready, unless it will be spoken in another way."""
        playing, activity = self._queue.playing, prompt.activity
        if playing is None or playing.stopping or not self._audio or not prompt.text:
            return
        brought = activity.activity_params if activity is not None else None
        if WAYS_OF_SPEAKING & (brought or {}).keys() or self._queue.sets(WAYS_OF_SPEAKING):
            return
        speech = self._params.lasting[Speech]
        language = speech.tts_language or speech.language
        cache = not speech.disable_tts_cache
        prepare = commands.Prepare(
            text=prompt.text, language=language, voice=speech.voice_name, cache=cache
        )
        self._out.emit(prepare)

    def interrupt(self, now: float) -> None:
        """The caller speaks: silence the bot if its prompt may be interrupted."""
        if self._queue.playing is not None and self._queue.playing.interruptible:
            self.silence(now)

    def silence(self, now: float) -> None:
        """Stop the prompt that plays and drop those that wait; actions stay queued."""
        self._queue.purge()
        self.stop(now)

    def stop(self, now: float) -> None:
        """Stop the prompt that plays; those that wait follow."""
        playing = self._queue.playing
        self._timers.stop(Timer.FIRST_AUDIO)
        if playing is None:
            return
        self._timers.wait(Timer.STOPPING, now + STOP_TIMEOUT_S)
        if not playing.stopping:
            playing.stopping = True
            self._out.emit(commands.StopPlayback(playing.utterance))

    def ready(self, event: events.AudioReady, now: float) -> None:
        """The prompt's first audio exists."""
        playing = self._queue.current(event.utterance)
        if playing is not None:
            self._timers.stop(Timer.FIRST_AUDIO)
            if playing.by_bot and not playing.stopping:
                self._stopwatch.audio_ready(now)

    def started(self, event: events.PlaybackStarted, now: float) -> None:
        """The caller hears the prompt; the delay of the bot's turn is known."""
        playing = self._queue.current(event.utterance)
        if playing is None or playing.started_at is not None:
            return
        playing.started_at = now
        self._timers.stop(Timer.FIRST_AUDIO)
        if playing.by_bot and not playing.stopping:  # else it is no answer to who stopped it
            playing.delay_ms = self._stopwatch.audio_sent(now)
        self._out.emit(commands.ShowInterim("bot", spoken_text(playing.text)))

    def ending(self, event: events.PlaybackEnding, _now: float) -> None:
        """The prompt is about to end."""
        playing = self._queue.current(event.utterance)
        if playing is not None and not playing.stopping:
            playing.ending = True

    def done(self, event: events.PlaybackDone, now: float) -> Playing | None:
        """The prompt that has ended; None when the event is about an older one."""
        playing = self._queue.current(event.utterance)
        if playing is None:
            return None
        playing.interrupted, playing.heard_ms = event.interrupted, event.heard_ms
        self._queue.done()
        self._timers.stop(Timer.FIRST_AUDIO, Timer.STOPPING)
        if playing.started_at is not None:
            self._out.emit(commands.ShowInterim("bot", ""))
        if playing.by_bot:
            self._stopwatch.playback_ended(now)
        self._record(playing, event, now)
        return playing

    def _record(self, playing: Playing, event: events.PlaybackDone, now: float) -> None:
        words_known = playing.file is None and spoken_text(playing.text) != ""
        spoken = heard = spoken_text(playing.text) or UNKNOWN_TEXT
        if not event.heard_ms and (event.interrupted or playing.stream is not None):
            heard = ""
        elif event.interrupted and words_known:  # of others, all or nothing counts
            heard = heard_text(playing.text, heard_ms=event.heard_ms, total_ms=event.total_ms)
        if heard:
            self._out.emit(
                commands.RecordLine(
                    at=now if playing.started_at is None else playing.started_at,
                    side="bot" if playing.act is None else "operator",
                    kind="speech",
                    text=heard,
                    full_text=spoken if heard != spoken else "",
                    delay_ms=playing.delay_ms,
                )
            )
