"""The caller's side of a conversation: from voice, results and keys to turns.

Turn-taking is that of product description 6.3.5 (continuous ASR), 6.3.9 (barge-in), 6.4 (DTMF) and
6.6 (the caller's timers).
"""

from bots.core.activities import Activity
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.continuous_asr import ContinuousAsr
from bots.core.params.sections.dtmf import Dtmf
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts
from calls.core import commands, events, vocabulary
from calls.core.bot import BotSide
from calls.core.continuous_asr import Collection, Recognised
from calls.core.floor import Floor, Utterance
from calls.core.keypad import Keypad
from calls.core.notices import Notices
from calls.core.outbox import Outbox
from calls.core.prompts import PromptQueue
from calls.core.scopes import Scopes
from calls.core.speaker import Speaker
from calls.core.timeouts import NoInput, Timer, Timers

UTTERANCE_TIMEOUT_S = 60.0
"""How long the caller's voice may last without a result: longer, it is noise."""


class CallerSide:
    """Hears the caller and hands complete turns to the bot's side.

    ``audio``: False for a text session, whose peer collects and waits itself. ``heard_by_bot``: the
    bot recognises speech itself and need not be told it; it also decides what belongs together.
    """

    def __init__(
        self,
        *,
        params: Scopes,
        out: Outbox,
        timers: Timers,
        floor: Floor,
        queue: PromptQueue,
        speaker: Speaker,
        notices: Notices,
        bot: BotSide,
        audio: bool,
        heard_by_bot: bool = False,
    ) -> None:
        self.recognition_timeouts = 0
        """How often in a row the recogniser gave no result."""
        self._params = params
        self._out = out
        self._timers = timers
        self._floor = floor
        self._queue = queue
        self._speaker = speaker
        self._notices = notices
        self._bot = bot
        self._audio = audio
        self._heard_by_bot = heard_by_bot
        self._keypad = Keypad(params, timers, self._deliver_digits)
        self._collection = Collection()
        self._no_input = NoInput()
        self._give_up_at: float | None = None
        self._give_up_in: float | None = None
        """What is left of the wait while it pauses, in seconds."""
        self._superseded = False
        """The final result that is still to come was counted as its interim text stood."""

    @property
    def _collects(self) -> bool:
        """Several utterances go to the bot as one message (continuous ASR)."""
        ours = self._audio and not self._heard_by_bot
        return ours and self._params[ContinuousAsr].continuous_asr

    # --- voice ------------------------------------------------------------------------------------

    def voice_started(self, _event: events.VoiceStarted, now: float) -> None:
        """The caller began to speak."""
        if not self._floor.listening:
            return
        self._superseded = False
        self._floor.voice_began(now)
        self._timers.start(Timer.RECOGNITION, now + UTTERANCE_TIMEOUT_S)
        self._timers.stop(Timer.COLLECTION)
        if self._params[BargeIn].barge_in_min_word_count <= 1:
            self._speaker.interrupt(now)
        self._notices.voice_began(now)

    def voice_stopped(self, _event: events.VoiceStopped, now: float) -> None:
        """The caller fell silent, so long ago as it takes to be sure."""
        silence_ms = 0 if self._heard_by_bot else self._params[Speech].speech_silence_ms
        ended_at = now - silence_ms / 1000
        self._notices.voice_ended(ended_at, now)
        if not self._floor.caller_speaks:
            return  # the result was there first
        self._floor.voice_ended(ended_at, now)
        limit_ms = self._params[Timeouts].stt_response_timeout_ms
        self._timers.start(Timer.RECOGNITION, now + limit_ms / 1000)

    # --- speech -----------------------------------------------------------------------------------

    def said(self, event: events.CallerSaid, now: float) -> None:
        """The recogniser's word, interim or final."""
        if not self._floor.listening:
            return
        late, self._superseded = self._superseded, False
        if not event.final:
            self._interim(event, now)
            return
        if late:
            return
        utterance = self._floor.utterance_over() or Utterance(now)
        if not self._floor.caller_speaks:
            self._timers.stop(Timer.RECOGNITION)
        self._out.emit(commands.ShowInterim("caller", ""))
        self._collection.hypothesis = ""
        if event.text:
            self.recognition_timeouts = 0
        if event.text and self._may_interrupt(event.text):
            self._speaker.interrupt(now)
            self._collect(Recognised(utterance, event, now))
            self._await_more(now)
        elif event.text:
            words = "The caller said too few words to interrupt the bot"
            self._out.note(now, f"{words}: {event.text}")
        else:
            self._await_more(now)

    def _interim(self, event: events.CallerSaid, now: float) -> None:
        if event.text:
            self._timers.stop(Timer.USER_INPUT)
            if self._may_interrupt(event.text):
                self._speaker.interrupt(now)
        self._out.emit(commands.ShowInterim("caller", event.text))
        self._notices.hypothesis(event)
        if event.text and self._collects:
            self._collection.hypothesis = event.text
            limit_ms = self._params[ContinuousAsr].continuous_asr_hypothesis_timeout_ms
            self._timers.start(Timer.COLLECTION, now + limit_ms / 1000)

    def _may_interrupt(self, text: str) -> bool:
        """Whether ``text`` has enough words for what it does to a prompt."""
        playing = self._queue.playing
        if playing is None or playing.stopping or not playing.interruptible:
            return True
        return len(text.split()) >= self._params[BargeIn].barge_in_min_word_count

    def _collect(self, recognised: Recognised) -> None:
        said = recognised.said
        self._out.caller(recognised.utterance.began_at, "speech", said.text, said.confidence)
        self._collection.add(recognised)
        self._heard()

    def _await_more(self, now: float) -> None:
        """The turn is complete, unless the caller may go on (continuous ASR)."""
        if not self._collects:
            self._complete(now)
        elif self._floor.caller_speaks:
            return
        elif not self._collection:
            self._collection.submitted = False  # the key ended noise, not the turn to come
        elif self._collection.submitted:
            self._complete(now)
        else:
            limit_ms = self._params[ContinuousAsr].continuous_asr_timeout_in_ms
            self._timers.start(Timer.COLLECTION, now + limit_ms / 1000)

    def collection_expired(self, now: float) -> None:
        """The caller has been silent long enough: the turn is complete."""
        interim = self._collection.hypothesis
        if interim:
            self._superseded = True
            self._out.emit(commands.ShowInterim("caller", ""))
            utterance = self._floor.utterance_over() or Utterance(now)
            said = events.CallerSaid(text=interim, final=True)
            self._collect(Recognised(utterance, said, now))
        self._floor.forget_caller()
        self._timers.stop(Timer.RECOGNITION)
        self._complete(now)

    def _complete(self, now: float) -> None:
        """What was collected goes to the bot, behind digits that were pressed before it."""
        self._timers.stop(Timer.COLLECTION)
        digits_first = not self._words_first()
        collected = self._collection.take()
        if not collected:
            return
        if digits_first:
            self._keypad.flush(now)
        speech = self._params[Speech]
        activity = vocabulary.caller_message(
            [each.said for each in collected],
            speech.stt_language or speech.language,
            continuous=self._params[ContinuousAsr].continuous_asr,
        )
        last = collected[-1]
        self._take_turn(None if self._heard_by_bot else activity, last.utterance, last.at, now)

    def committed(self, utterance: Utterance, now: float) -> None:
        """The bot heard a whole turn, whose text is not known."""
        self._out.emit(commands.ShowInterim("caller", ""))
        self._floor.forget_caller()
        self._timers.stop(Timer.RECOGNITION, Timer.USER_INPUT)
        self._heard()
        self._take_turn(None, utterance, now, now)

    def _take_turn(
        self, activity: Activity | None, utterance: Utterance, known_at: float, now: float
    ) -> None:
        stopped_at = known_at if utterance.ended_at is None else utterance.ended_at
        decided_at = known_at if utterance.decided_at is None else utterance.decided_at
        self._bot.take_turn(
            activity,
            commands.RecordTurn(
                turn=self._bot.turns + 1,
                kind="speech",
                caller_stopped_at=stopped_at,
                end_decided_at=max(stopped_at, decided_at),
                final_text_at=max(stopped_at, decided_at, known_at),
                sent_to_bot_at=now,
            ),
        )

    def _words_first(self) -> bool:
        """Whether words were collected before the first of the digits was pressed."""
        return bool(self._collection) and self._collection.began_at <= self._keypad.began_at

    def recognition_expired(self, now: float) -> None:
        """The recogniser gave no result in time: what the caller said is lost."""
        if self._floor.voice_is_over and not self._heard_by_bot:
            self.recognition_timeouts += 1
        self._floor.forget_caller()
        self._await_more(now)

    def gate_shut(self, now: float, *, deliver: bool) -> None:
        """The caller is no longer listened to: what was said so far counts, if the bot is there."""
        self._floor.forget_caller()
        self._timers.stop(Timer.RECOGNITION)
        self._notices.voice_ended(now, now)
        if not deliver:
            self._collection.take()
        self._complete(now)

    # --- keys -------------------------------------------------------------------------------------

    def pressed(self, event: events.DigitsPressed, now: float) -> None:
        """The caller pressed keys."""
        interrupts = self._params[BargeIn].barge_in_on_dtmf
        playing = self._queue.playing
        more = self._queue.prompts_wait
        heard = not self._audio or (self._floor.typing and playing is None)
        if not heard and not self._floor.takes_input(playing, barge_in=interrupts, more=more):
            whose = "while the bot spoke" if playing is not None else "in the bot's turn"
            self._out.note(now, f"Digits were pressed {whose}; they were ignored")
            return
        if interrupts:
            self._speaker.silence(now)
        self._out.caller(now, "dtmf", event.digits)
        submits = any(self._submits(digit) for digit in event.digits)
        if submits or self._params[Dtmf].send_dtmf:  # other keys reach nobody
            self._heard()
            self._timers.stop(Timer.USER_INPUT)
        if self._audio:
            for digit in event.digits:
                self._press(digit, now)
        elif self._params[Dtmf].send_dtmf:
            self._deliver_digits(event.digits, now, now)

    def _press(self, digit: str, now: float) -> None:
        if self._submits(digit):
            if self._floor.caller_speaks:
                self._collection.submitted = True
                return
            if self._collection:
                self._complete(now)
                self._keypad.flush(now)
                return
        if self._params[Dtmf].send_dtmf:
            self._keypad.press(digit, now)
            if self._keypad.collecting and self._words_first():
                self._timers.stop(Timer.COLLECTION)  # they go together, words first

    def _submits(self, digit: str) -> bool:
        """Whether ``digit`` says that what was collected is complete."""
        asr = self._params[ContinuousAsr]
        collects = asr.continuous_asr and not self._heard_by_bot
        return collects and digit in asr.continuous_asr_digits

    def acknowledged(self, now: float) -> None:
        """The bot has the digit that was sent, or has had its time."""
        self._keypad.acknowledged(now)

    def digits_expired(self, now: float) -> None:
        """No further digit came."""
        self._keypad.flush(now)

    def _deliver_digits(self, digits: str, pressed_at: float, now: float) -> None:
        if self._words_first():
            self._complete(now)
        as_text = self._params[Dtmf].send_dtmf_as_text
        speech = self._params[Speech]
        said = [events.CallerSaid(text=digits, final=True)]
        language = speech.stt_language or speech.language
        activity = (
            vocabulary.caller_message(said, language, continuous=False)
            if as_text
            else vocabulary.digits(digits)
        )
        self._bot.take_turn(
            activity,
            commands.RecordTurn(
                turn=self._bot.turns + 1,
                kind="dtmf",
                caller_stopped_at=pressed_at,
                end_decided_at=pressed_at,
                final_text_at=pressed_at,
                sent_to_bot_at=now,
            ),
        )

    def _heard(self) -> None:
        """There was input: the waits for it count from the beginning."""
        self._no_input.heard()
        self._give_up_at = self._give_up_in = None

    # --- silence ----------------------------------------------------------------------------------

    @property
    def no_inputs(self) -> int:
        """How often in a row the caller gave no input in time."""
        return self._no_input.count

    def silent(self) -> str | None:
        """The caller gave no input in time; answers why to give up, when it is time to."""
        limits = self._params[Timeouts]
        used_up = self._no_input.expired(limits.user_no_input_retries)
        if used_up:
            reason = f"The caller gave no input, {self._no_input.count} times"
            return None if limits.user_no_input_give_up_timeout_ms else reason
        notice = vocabulary.no_user_input(self._no_input.count)
        if limits.user_no_input_send_event or self._notices.wants("noUserInput"):
            self._bot.tell(notice)
        self._bot.remind(limits.user_no_input_speech, limits.user_no_input_url)
        return None

    def settle(self, now: float, *, talking: bool) -> None:
        """The caller is waited for exactly while it is their turn and they are silent."""
        limits = self._params[Timeouts]
        waiting = (
            talking
            and self._audio
            and self._queue.idle
            and not self._floor.caller_speaks
            and not self._collection
            and not self._keypad.collecting
            and not self._floor.bot_is_awaited
        )
        if not waiting:
            self._timers.stop(Timer.USER_INPUT, Timer.USER_GIVE_UP)
            self._pause(now)
            return
        if limits.user_no_input_timeout_ms:
            self._timers.wait(Timer.USER_INPUT, now + limits.user_no_input_timeout_ms / 1000)
        else:
            self._timers.stop(Timer.USER_INPUT)
        self._await_in_all(now, limits.user_no_input_give_up_timeout_ms / 1000)

    def _await_in_all(self, now: float, limit_s: float) -> None:
        if not limit_s:
            self._timers.stop(Timer.USER_GIVE_UP)
            return
        if self._give_up_in is not None:
            self._give_up_at, self._give_up_in = now + self._give_up_in, None
        elif self._give_up_at is None:
            self._give_up_at = now + limit_s
        self._timers.wait(Timer.USER_GIVE_UP, max(now, self._give_up_at))

    def _pause(self, now: float) -> None:
        """What the bot says or owes is no silence of the caller; our reminders are part of it."""
        playing = self._queue.playing
        bots_turn = self._floor.bot_is_awaited or (playing is not None and playing.by_bot)
        if bots_turn and self._give_up_at is not None and self._give_up_in is None:
            self._give_up_in = max(0.0, self._give_up_at - now)
