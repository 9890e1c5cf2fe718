"""The bot's voice: starts prompts, silences them, and records what the caller heard of each."""

from bots.core.activities import Activity
from calls.core import commands, events
from calls.core.outbox import Outbox
from calls.core.prompts import Playing, PromptQueue
from calls.core.transcript import heard_text, spoken_text


class Speaker:
    """Plays one prompt of the queue at a time."""

    def __init__(self, queue: PromptQueue, out: Outbox) -> None:
        self._queue = queue
        self._out = out
        self.turn_ended_at: float | None = None
        """When the caller's last turn ended; None once an answer is heard."""

    def play(
        self,
        text: str,
        *,
        language: str,
        voice: str,
        interruptible: bool,
        activity: Activity | None,
    ) -> None:
        """Start ``text``; the queue must be free (`PromptQueue.next` gave the item)."""
        playing = self._queue.play(text, interruptible=interruptible)
        self._out.emit(
            commands.Play(
                utterance=playing.utterance,
                text=text,
                language=language,
                voice=voice,
                interruptible=interruptible,
                activity=activity,
            )
        )

    def prepare(self, text: str, *, language: str, voice: str) -> None:
        """``text`` waits behind the prompt that plays: have it ready when its turn comes."""
        playing = self._queue.playing
        if playing is not None and not playing.stopping:
            self._out.emit(commands.Prepare(text=text, language=language, voice=voice))

    def interrupt(self) -> None:
        """The caller speaks: silence the bot if its prompt may be interrupted."""
        if self._queue.playing is not None and self._queue.playing.interruptible:
            self.silence()

    def silence(self) -> None:
        """Stop the prompt that plays and drop those that wait; actions stay queued."""
        self._queue.purge()
        playing = self._queue.playing
        if playing is not None and not playing.stopping:
            playing.stopping = True
            self._out.emit(commands.StopPlayback(playing.utterance))

    def started(self, event: events.PlaybackStarted, now: float) -> None:
        """The caller hears the prompt; the delay of the bot's turn is known."""
        playing = self._queue.current(event.utterance)
        if playing is None or playing.started_at is not None:
            return
        playing.started_at = now
        if self.turn_ended_at is not None:
            playing.delay_ms = max(0, round((now - self.turn_ended_at) * 1000))
            self.turn_ended_at = None
        self._out.emit(commands.ShowInterim("bot", spoken_text(playing.text)))

    def done(self, event: events.PlaybackDone, now: float) -> bool:
        """The prompt has ended; False when the event is about an older one."""
        playing = self._queue.current(event.utterance)
        if playing is None:
            return False
        self._queue.done()
        if playing.started_at is not None:
            self._out.emit(commands.ShowInterim("bot", ""))
        self._record(playing, event, now)
        return True

    def _record(self, playing: Playing, event: events.PlaybackDone, now: float) -> None:
        spoken = heard = spoken_text(playing.text)
        if event.interrupted:
            heard = heard_text(playing.text, heard_ms=event.heard_ms, total_ms=event.total_ms)
        if heard:
            self._out.emit(
                commands.RecordLine(
                    at=now if playing.started_at is None else playing.started_at,
                    side="bot",
                    kind="speech",
                    text=heard,
                    full_text=spoken if heard != spoken else "",
                    delay_ms=playing.delay_ms,
                )
            )
