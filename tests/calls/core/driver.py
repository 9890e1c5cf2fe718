"""A driver that watches: carries out the engine's commands as the session would and checks each.

It knows what the voice side and the player know (what plays, whether the gate is open, which
report is owed) and what a bot may expect of the queue, never what is inside the engine.
"""

from collections import deque

from calls.core import commands, events
from calls.core.closing import HANG_UP_TIMEOUT_S, STOP_TIMEOUT_S, TRANSFER_TIMEOUT_S
from calls.core.commands import CallState, Command
from calls.core.engine import RECOGNITION_TIMEOUT_S, Conversation
from calls.core.events import Event
from calls.core.transcript import spoken_text

NO_INPUT_PROMPT = "Are you still there?"
HANG_UP = "(hang-up)"
"""Stands for the bot's hang-up in `Driver.expected`, where its prompts are texts."""


class Driver:
    """Feeds one conversation and fails on the first command or state that is wrong."""

    def __init__(
        self,
        engine: Conversation,
        *,
        audio: bool,
        user_timeout_s: float,
        give_up_s: float,
        digits_interrupt: bool,
    ) -> None:
        self.engine = engine
        self.now = 0.0
        self.playing: commands.Play | None = None
        self.stopping = False
        self.gate = False
        self.joined = False
        self.closing = False
        self.hang_ups = 0
        self.finish: commands.Finish | None = None
        self.shown: CallState | None = None
        self.last_utterance = 0
        self.expected: deque[str] = deque()
        """The bot's prompts and hang-up that were neither played nor purged yet, in order."""
        self._audio = audio
        self._user_timeout_s = user_timeout_s
        self._give_up_s = give_up_s
        self._digits_interrupt = digits_interrupt
        self._result_due: float | None = None
        self._reported: commands.Play | None = None
        self._cut = False

    # --- what happens -----------------------------------------------------------------------------

    def feed(self, event: Event) -> list[Command]:
        """Let ``event`` happen now; carry out and check what the engine answers."""
        over = self.finish is not None
        if isinstance(event, events.BotJoined):
            self.joined = True
        self._before(event)
        produced = self.engine.handle(event, self.now)
        assert not (over and produced), "commands after the end"
        for command in produced:
            assert self.finish is None, "commands after Finish"
            self._carry_out(command)
        self._reported = None
        self.check()
        return produced

    def _before(self, event: Event) -> None:
        match event:
            case events.PlaybackDone() | events.ServiceFailed():
                if self.playing is not None and event.utterance == self.playing.utterance:
                    self._reported, self.playing, self.stopping = self.playing, None, False
                    self._cut = (
                        isinstance(event, events.PlaybackDone)
                        and event.interrupted
                        and event.heard_ms < event.total_ms
                    )
            case events.DigitsPressed() if self.playing is not None and self._digits_interrupt:
                self._purge()
            case events.VoiceStopped() if self.shown == "caller speaking":
                self._result_due = self.now + RECOGNITION_TIMEOUT_S
            case events.VoiceStarted() | events.CallerSaid():
                self._caller_speaks(event)

    def _caller_speaks(self, event: events.VoiceStarted | events.CallerSaid) -> None:
        if isinstance(event, events.VoiceStarted) or event.final:
            self._result_due = None
        words = isinstance(event, events.VoiceStarted) or event.text
        if words and self.gate and self.playing is not None and self.playing.interruptible:
            self._purge()

    def done(self, *, heard_ms: float, interrupted: bool) -> None:
        """The player reports the end of the prompt that plays."""
        assert self.playing is not None
        self.feed(
            events.PlaybackDone(
                utterance=self.playing.utterance,
                heard_ms=heard_ms,
                total_ms=2000,
                interrupted=interrupted,
            )
        )

    def reach_deadline(self) -> None:
        """Wait until the engine is due and tell it."""
        if self.engine.deadline is not None:
            self.now = max(self.now, self.engine.deadline)
            self._result_due = None
            self.feed(events.DeadlinePassed())

    # --- what the engine wants --------------------------------------------------------------------

    def _carry_out(self, command: Command) -> None:
        match command:
            case commands.Play():
                self._play(command)
            case commands.StopPlayback(utterance):
                assert self.playing is not None
                assert self.playing.utterance == utterance, "stopped what does not play"
                assert not self.stopping, "stopped twice"
                self.stopping = True
                self._purge()
            case commands.Listen(on):
                assert on != self.gate, "the gate is switched to what it is"
                self.gate = on
            case commands.SendToBot():
                assert self.joined, "the bot is told something before it joined"
                assert not self.closing, "the bot is told something after the call was closed"
            case commands.HangUp():
                self._hang_up(command)
            case commands.TransferCall():
                assert not self.closing
                self.closing = True
            case commands.RecordLine(side="bot"):
                self._bot_line(command)
            case commands.RecordLine(side="caller", kind="speech"):
                assert not self.closing
            case commands.ShowState(state):
                assert state != self.shown, "the same state is shown again"
                self.shown = state
            case commands.Finish():
                self.finish = command

    def _play(self, command: commands.Play) -> None:
        assert self.playing is None, "two prompts play at once"
        assert self.joined
        assert not self.closing
        assert command.utterance > self.last_utterance, "an utterance number was used again"
        self.last_utterance = command.utterance
        self.playing, self.stopping = command, False
        if command.text != NO_INPUT_PROMPT:
            assert self.expected, "a prompt is played that was purged"
            assert self.expected.popleft() == command.text, "the bot's order was not kept"

    def _hang_up(self, command: commands.HangUp) -> None:
        self.hang_ups += 1
        assert self.hang_ups == 1, "hung up twice"
        if command.reason == HANG_UP:
            assert self.playing is None, "hung up in the middle of a prompt"
            assert self.expected[0] == HANG_UP, "hung up before the prompts in front were played"
        self.closing = True

    def _purge(self) -> None:
        self.expected = deque(item for item in self.expected if item == HANG_UP)

    def _bot_line(self, line: commands.RecordLine) -> None:
        assert self._reported is not None, "a prompt is recorded before it has ended"
        words = spoken_text(self._reported.text).split()
        heard = line.text.split()
        assert heard, "an empty line is recorded"
        assert heard == words[: len(heard)], "what was heard is not the beginning of the prompt"
        assert (line.full_text != "") == (heard != words)
        assert heard != words or not self._cut, "a prompt that was cut off is recorded whole"

    # --- what must hold after every event ---------------------------------------------------------

    def check(self) -> None:
        """The rules of `calls.core.engine` and what follows from the state that is shown."""
        assert self.engine.listening == self.gate
        if self.finish is not None:
            assert self.engine.deadline is None
            return
        assert self.engine.deadline is not None, "a wait without a deadline"
        assert self.engine.deadline >= self.now, "a deadline was missed"
        speaks = self.playing is not None and not self.stopping and not self.closing
        assert (self.shown == "bot speaking") == speaks
        self._check_gate()
        self._check_waits(self.engine.deadline - self.now)

    def _check_gate(self) -> None:
        if self.playing is not None:
            talking = self.shown not in ("connecting", "closing")
            assert self.gate == (talking and self.playing.interruptible)
        elif self.shown == "listening":
            assert self.gate, "it is the caller's turn and nobody listens"
        if self.shown in ("connecting", "closing"):
            assert not self.gate

    def _check_waits(self, wait_s: float) -> None:
        """Nobody is waited for longer than their parameter says (with a grain of rounding)."""
        grain_s = 1e-6
        if self.shown == "listening" and self.playing is None and self._audio:
            assert wait_s <= (self._user_timeout_s or wait_s) + grain_s
        if self.shown == "thinking":
            assert wait_s <= (self._give_up_s or wait_s) + grain_s
        if self.shown == "closing":
            assert wait_s <= max(HANG_UP_TIMEOUT_S, STOP_TIMEOUT_S, TRANSFER_TIMEOUT_S) + grain_s
        if self.shown == "caller speaking" and self._result_due is not None:
            assert self.now + wait_s <= self._result_due + grain_s
