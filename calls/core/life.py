"""From arrival to end: in which phase a call is, and every way in which it ends.

A call ends because somebody hung up, because it was moved, or because something failed; then the
activities configured for the failure come first (product description 6.5).
"""

from collections.abc import Callable

from bots.core import activities
from bots.core.activities import Activity
from bots.core.errors import Fault
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.failover import Failover
from calls.core import commands, events, transfer, vocabulary
from calls.core.actions import Actions
from calls.core.bot import BotSide
from calls.core.closing import (
    FAILOVER_TIMEOUT_S,
    HANG_UP_TIMEOUT_S,
    RINGING_TIMEOUT_S,
    TRANSFER_TIMEOUT_S,
    Cause,
    Closing,
    Ending,
    failure,
)
from calls.core.commands import FailingService
from calls.core.notices import Notices
from calls.core.outbox import Outbox
from calls.core.phases import BEFORE_CLOSING, WITH_BOT, Phase
from calls.core.prompts import Action, AudioFile, Playing, Prompt, PromptQueue
from calls.core.scopes import Scopes
from calls.core.speaker import Speaker
from calls.core.stopwatch import Stopwatch
from calls.core.timeouts import Timer, Timers
from calls.core.vocabulary import Purpose
from calls.core.wording import clean

MAX_DETAIL_CHARACTERS = 300
_SERVICE_NAMES: dict[FailingService, str] = {
    "bot": "bot",
    "stt": "recogniser",
    "tts": "synthesiser",
    "channel": "voice side",
}


class Life:
    """The phase of one call, and its end."""

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        timers: Timers,
        queue: PromptQueue,
        speaker: Speaker,
        bot: BotSide,
        notices: Notices,
        actions: Actions,
        stopwatch: Stopwatch,
        last_words: Callable[[], None],
    ) -> None:
        self.phase = Phase.NEW
        self.accepted = False
        self._params = params
        self._out = out
        self._timers = timers
        self._queue = queue
        self._speaker = speaker
        self._bot = bot
        self._notices = notices
        self._actions = actions
        self._stopwatch = stopwatch
        self._last_words = last_words
        """Called when nothing more will happen in the call, before `Finish`."""
        self._closing = Closing()
        self._failed: Ending | None = None
        """How the call ends when the activities for a failure have been carried out."""
        self._failed_meanwhile: tuple[str, Ending] | None = None
        """What failed while the call was being moved; it matters if the caller comes back."""
        self._mover: tuple[str, int] | None = None
        """The supervisor who has the call moved, and the number of that act."""
        self._moves: list[tuple[int, str]] = []
        self._sender = ""
        """Who sent the transfer that is under way in the bot's place."""

    def accept(self) -> None:
        """Take the call, if it was not taken yet."""
        if not self.accepted:
            self._out.emit(commands.AcceptCall())
            self.connected()

    def ring(self) -> None:
        """Have an outbound call placed; `connected` follows when it is answered."""
        self.phase = Phase.RINGING
        self._out.emit(commands.AcceptCall())

    def connected(self) -> None:
        """There is somebody who hears."""
        self.accepted = True
        self._actions.connected()

    # --- failures -----------------------------------------------------------------------------

    def service_failed(self, event: events.ServiceFailed, now: float) -> None:
        """A service failed beyond repair; if it was about a prompt, that one has ended."""
        if event.utterance is not None:
            cut = _cut(event.utterance, event.heard_ms)
            playing = self._speaker.done(cut, now)
            if playing is None:
                return
            if playing.act is not None:  # a line that cannot be spoken is no reason to hang up
                playing.failed = True
                self._report(event.service, event.fault, event.detail)
                return
        self.broken(event.service, event.fault, event.detail, now)

    def broken(self, service: FailingService, fault: Fault, detail: str, now: float) -> None:
        """Report that ``service`` failed, and do what is configured for that.

        Of a bot, which may be of several parts, the record of the call says what failed.
        """
        self._report(service, fault, detail)
        if service == "bot":
            self._bot.present = False
        said = clean(detail, MAX_DETAIL_CHARACTERS) if service == "bot" else ""
        reason = f"The {_SERVICE_NAMES[service]} failed: {said or fault}"
        self.fail(service, failure(f"{service}:{fault}", reason), now)

    def _report(self, service: FailingService, fault: Fault, detail: str) -> None:
        self._out.emit(commands.ReportFault(service=service, fault=fault, detail=detail))

    def play_url_failed(self, event: events.PlayUrlFailed, now: float) -> None:
        """An audio file could not be played: do what the bot or the administrator chose (6.5)."""
        playing = self._speaker.done(_cut(event.utterance, event.heard_ms), now)
        if playing is not None and playing.file is not None:
            self._file_failed(playing, playing.file, event.reason, now)

    def _file_failed(self, playing: Playing, file: AudioFile, why: str, now: float) -> None:
        reason = f"The audio file could not be played: {why}"
        self._out.note(now, reason)
        playing.failed = True
        handling = file.failure_handling
        if handling == "notify-bot" and self.phase is Phase.TALKING:
            ours = not playing.by_bot
            self._bot.tell(vocabulary.play_url_failed(file.url, why, self_generated=ours))
            if playing.by_bot:
                self._bot.asked()
        elif handling == "disconnect" and playing.by_bot:
            self.fail("general", failure(Cause.PLAY_URL, reason), now)

    def no_audio(self, now: float) -> None:
        """Nothing of the prompt that plays can be heard in time: its synthesis or file failed."""
        playing = self._queue.playing
        self._speaker.stop(now)
        if playing is not None and playing.file is not None:
            playing.late = True  # it has failed as soon as the player reports its end
        elif playing is not None and playing.stream is not None:
            self._out.note(now, "The bot began to speak, but no audio came in time")
            self._report("bot", Fault.TIMEOUT, "no audio for a play stream")
            self._bot.asked()  # whoever waits for its answer still does
        elif playing is not None and playing.act is not None:
            playing.failed = True
            self._report("tts", Fault.TIMEOUT, "no audio for a supervisor's line")
        else:
            self.broken("tts", Fault.TIMEOUT, "no audio for a prompt", now)

    def fail(self, cause: str, ending: Ending, now: float) -> None:
        """The conversation cannot go on: carry out what is configured for that, then end it.

        ``cause`` is one of the lists of ``failoverActivities``. A second failure meanwhile is
        passed over: the next activity follows.
        """
        if self.phase is Phase.JOINING or (self.phase in WITH_BOT and not self.accepted):
            self.hang_up(ending, now)  # unanswered, so that the voice side can try elsewhere
        elif self.phase is Phase.TRANSFERRING:
            self._failed_meanwhile = self._failed_meanwhile or (cause, ending)
        elif self.phase in WITH_BOT:
            self.phase = Phase.FAILING
            self._failed = ending
            self._timers.keep(Timer.MAX_DURATION)
            self._timers.wait(Timer.MAX_DURATION, now + FAILOVER_TIMEOUT_S)
            self._queue.clear()
            self._speaker.stop(now)
            for activity in self._params[Failover].failover_activities.activities(cause):
                prompt = vocabulary.purpose(activity) in (Purpose.MESSAGE, Purpose.PLAY_URL)
                text = activity.text or ""
                self._queue.add(
                    Prompt(text=text, activity=activity, configured=True)
                    if prompt
                    else Action(activity)
                )

    def settle(self, now: float) -> None:
        """After every event: a call that failed ends when its activities are carried out.

        One that is over finishes when nothing is to be learnt of its last prompt any more.
        """
        if self.phase is Phase.FAILING and self._queue.idle and self._failed is not None:
            self.hang_up(self._failed, now)
        elif self.phase is Phase.ENDING and self._queue.playing is None:
            self._conclude(now)

    # --- moving -------------------------------------------------------------------------------

    def transfer(self, activity: Activity, now: float, by: str = "") -> None:
        """Move the call as ``activity`` asks; ``by`` sent it in the bot's place."""
        asked = transfer.asked_for(activity, self._params)
        if asked is None:
            self._out.note(now, "The bot asked for a transfer without transferTarget; ignored")
            return
        self.accept()
        self._out.note(now, f"Transfer to {asked.target}")
        self._sender = by
        if asked.notify and self._failed is None:
            self.phase = Phase.TRANSFERRING
            self._timers.start(Timer.VOICE_SIDE, now + RINGING_TIMEOUT_S)
        else:
            ending = _transferred(by, asked.reason)
            if self._failed is not None:
                reason = f"{self._failed.reason}; transferred to {asked.target}"
                ending = Ending("gateway", "transferred", reason, self._failed.cause)
            self._close(ending, now + TRANSFER_TIMEOUT_S)
        self._out.emit(asked.command())

    def move(self, target: str, by: str, number: int, now: float) -> None:
        """Move the call as the supervisor ``by`` asks by act ``number``; if that fails, it goes on.

        The voice side is asked to report the outcome, whatever is configured for the bot.
        """
        wanted = {"transferTarget": target, "transferNotifications": True}
        asked = transfer.asked_for(
            activities.event("transfer", activity_params=wanted), self._params
        )
        if asked is None:
            self._moves.append((number, "there is no target"))
            return
        self._mover = by, number
        self._speaker.silence(now)
        self.phase = Phase.TRANSFERRING
        self._timers.start(Timer.VOICE_SIDE, now + RINGING_TIMEOUT_S)
        self._out.emit(asked.command())

    def take_moves(self) -> list[tuple[int, str]]:
        """What came of supervisors' transfers since the last call: act and problem, if any."""
        taken, self._moves = self._moves, []
        return taken

    def transfer_done(self, event: events.TransferDone, now: float) -> None:
        """The voice side's word on a transfer; a bot that stayed gets it too (6.7)."""
        if self.phase is Phase.CLOSING:
            self._closed_by_transfer(event, now)
        elif self.phase is Phase.TRANSFERRING or (self.phase is Phase.TALKING and event.succeeded):
            if self._mover is None:
                self._bot.tell(vocabulary.transfer_status(event))
            self._timers.stop(Timer.VOICE_SIDE)
            self._moved(event, now)

    def _closed_by_transfer(self, event: events.TransferDone, now: float) -> None:
        """The bot has gone, but a caller who could not be moved is still there."""
        if event.succeeded or not self._closing.transferring:
            self.end(now)
            return
        ending = self._closing.transfer_failed(event.reason or event.reason_code)
        if self._failed is not None:
            self.hang_up(ending, now)
        else:
            self._closing.ending = None
            self.phase = Phase.TALKING
            self.fail("channel", ending, now)

    def _moved(self, event: events.TransferDone, now: float) -> None:
        mover, self._mover = self._mover, None
        problem = event.reason or event.reason_code
        if mover is not None:
            self._moves.append((mover[1], "" if event.succeeded else problem or "error"))
        if event.succeeded:
            self._closing.ending = _transferred(mover[0] if mover is not None else self._sender)
            self.end(now)
            return
        self._out.note(now, f"The transfer failed: {problem}")
        self.phase = Phase.TALKING
        if self._failed_meanwhile is not None:
            self.fail(*self._failed_meanwhile, now)
        elif mover is None:
            self._bot.asked()

    # --- the end ------------------------------------------------------------------------------

    def bot_hangs_up(self, activity: Activity, now: float, by: str = "") -> None:
        """The bot's ``hangup``, one that ``by`` sent, or the one configured for a failure."""
        self._closing.bot_result = vocabulary.bot_result(activity)
        configured = self._params[CallControl].hangup_reason
        reason = str(activity.parameter("hangupReason") or configured)
        ending = Ending("bot", "bot-disconnected", reason or "The bot hung up")
        if by:
            ending = Ending("operator", "bot-disconnected", reason or f"Ended by {by}")
        if self._failed is not None:
            ending = failure(self._failed.cause, reason or self._failed.reason)
        self.hang_up(ending, now, vocabulary.hang_up_headers(activity))

    def hang_up(
        self, ending: Ending, now: float, sip_headers: tuple[dict[str, object], ...] = ()
    ) -> None:
        """End the call at the voice side, whose word is awaited."""
        self._close(ending, now + HANG_UP_TIMEOUT_S)
        self._speaker.silence(now)
        configured = self._params[CallControl].hangup_sip_headers
        self._out.emit(
            commands.HangUp(
                reason_code=ending.reason_code,
                reason=ending.reason,
                sip_headers=sip_headers or tuple(header.model_dump() for header in configured),
            )
        )

    def _close(self, ending: Ending, due: float) -> None:
        """Nothing more is said or heard; only the voice side's word is awaited, until ``due``."""
        self.phase = Phase.CLOSING
        self._closing.ending = ending
        self._queue.clear()
        self._timers.keep(Timer.MAX_DURATION)
        self._timers.start(Timer.VOICE_SIDE, due)

    def caller_hung_up(self, event: events.CallerHungUp, now: float) -> None:
        """The voice side ended the call."""
        self._closing.voice_side_ended(event.reason_code, event.reason)
        self.end(now)

    def leg_lost(self, _event: events.LegLost, now: float) -> None:
        """The voice side went away without a word."""
        self._closing.leg_lost()
        self.end(now)

    def end_requested(self, event: events.EndRequested, now: float) -> None:
        """Somebody on our side ends the call."""
        ending = Ending(event.by, event.reason_code, event.reason, event.cause)
        if self.phase in BEFORE_CLOSING:
            self.hang_up(ending, now)
        elif self.phase is Phase.NEW:  # a call that nobody knows of yet has nobody to wait for
            self.hang_up(ending, now)
            self.end(now)

    def end(self, now: float) -> None:
        """The call is over: settle what was heard of the last prompt, then finish."""
        if self.phase is Phase.ENDING:
            return
        self._queue.clear()
        self._timers.clear()
        self._speaker.silence(now)
        self.phase = Phase.ENDING

    def playback_done(self, event: events.PlaybackDone, now: float) -> None:
        """A prompt has ended, or its file was stopped because it was late."""
        playing = self._speaker.done(event, now)
        if playing is None:
            return
        if playing.late and playing.file is not None:
            self._file_failed(playing, playing.file, "no audio in time", now)
        elif self.phase is Phase.TALKING and playing.act is None:
            self._notices.send(vocabulary.PLAY_FINISHED)

    def voice_side_silent(self, now: float) -> None:
        """What the voice side should have confirmed was not in time."""
        if self.phase is Phase.TRANSFERRING:
            silence = "the voice side did not report the outcome"
            unknown = events.TransferDone(succeeded=False, reason=silence, reason_code="error")
            self.transfer_done(unknown, now)
        elif self._closing.transferring:  # the caller may be left on a dead line
            unconfirmed = "the voice side did not confirm it"
            self.hang_up(self._closing.transfer_failed(unconfirmed), now)
        else:
            self.end(now)

    def player_silent(self, now: float) -> None:
        """The player did not report a prompt that was stopped: nothing of it counts as heard."""
        self.playback_done(_cut(self._queue.last_utterance, 0), now)

    def _conclude(self, now: float) -> None:
        self.phase = Phase.ENDED
        self._timers.clear()
        self._stopwatch.close()
        self._last_words()
        finish = self._closing.finish(now, self._bot.turns, self._actions.recordings)
        self._notices.send(vocabulary.conversation_end(finish.reason_code, finish.reason))
        self._out.show("ended")
        self._out.emit(finish)


def _transferred(by: str, reason: str = "") -> Ending:
    """The call was moved by ``by``; empty: the bot."""
    reason = reason or f"Transferred by {by or 'the bot'}"
    return Ending("operator" if by else "bot", "transferred", reason)


def _cut(utterance: int, heard_ms: float) -> events.PlaybackDone:
    """A prompt that broke off after ``heard_ms``; its length is not known."""
    return events.PlaybackDone(utterance=utterance, heard_ms=heard_ms, total_ms=0, interrupted=True)
