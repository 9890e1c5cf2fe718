"""A driver that watches: carries out the engine's commands as the session would and checks each.

It knows what the voice side and the player know (what plays, whether the gate is open, which
report is owed), the phase the engine shows, and what a bot may expect of the queue; never what is
inside the engine.
"""

from collections import deque

import msgspec

from calls.core import commands, events
from calls.core.closing import (
    ANSWER_MARGIN_S,
    HANG_UP_TIMEOUT_S,
    RINGING_TIMEOUT_S,
    TRANSFER_TIMEOUT_S,
)
from calls.core.commands import CallState, Command
from calls.core.engine import Conversation
from calls.core.events import Event
from calls.core.phases import Phase
from calls.core.speaker import STOP_TIMEOUT_S
from calls.core.transcript import UNKNOWN_TEXT, spoken_text

HANG_UP = "(hang-up)"
"""Stands for the bot's hang-up in `Driver.expected`, where its prompts are texts."""
A_PERSON = "A person speaks."
"""What a supervisor has said to the caller."""
A_FILE_OF_A_CLIENT = "https://example.com/sent.wav"
OURS = frozenset(
    {
        "Are you still there?",
        "https://example.com/still-there.wav",
        "One moment.",
        "https://example.com/typing.wav",
        "You may speak again.",
        "Welcome.",
        A_PERSON,
        A_FILE_OF_A_CLIENT,
    }
)
"""Prompts of the gateway and of supervisors, which no bot sent."""
FAILOVER = ("We are sorry.", "https://example.com/sorry.wav")
"""What is said when a service has failed, in order."""
ANSWER_TIMEOUT_S = 20
TTS_TIMEOUT_S = 10.0
DIGIT_TIMEOUT_S = 2.0
"""The acknowledgement of a digit, and the pause between two that are collected."""
GRAIN_S = 1e-6


Prompt = commands.Play | commands.PlayUrl | commands.PlayStream
"""What is at the caller's ear."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the driver must know of the call's parameters; 0 is no timer."""

    audio: bool
    user_timeout_s: float = 0
    give_up_s: float = 0
    stt_timeout_s: float = 8
    digits_sent: bool = False
    digits_interrupt: bool = False
    words_to_interrupt: int = 1
    continuous: bool = False
    hears: bool = False
    """The bot recognises the caller itself."""
    outbound: bool = False
    detects: bool = False
    """It is to be found out what answers."""


class Driver:
    """Feeds one conversation and fails on the first command or state that is wrong."""

    def __init__(self, engine: Conversation, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.now = 0.0
        self.playing: Prompt | None = None
        self.stopping = False
        self.ending = False
        self.gate = False
        self.joined = False
        self.gone = False
        """The bot has left or failed; it is told nothing more."""
        self.accepted = False
        """There is somebody who hears: the call was taken, or answered."""
        self.placed = False
        self.known = False
        """What answered was reported."""
        self.moving = False
        """A transfer was ordered and its outcome is not known."""
        self.hung_up = False
        self.finish: commands.Finish | None = None
        self.shown: CallState | None = None
        self.last_utterance = 0
        self.expected: deque[str] = deque()
        """The bot's prompts and hang-up that were neither played nor purged yet, in order."""
        self.turns: list[commands.RecordTurn] = []
        self.muted = False
        self.acts: dict[int, str] = {}
        """What came last of each supervisor's act, by its number."""
        self.accepted_digits = ""
        self.told_digits = ""
        self.streams: dict[int, str] = {}
        """What became of each play stream of the bot: waits, played or dropped."""
        self.texts: dict[int, str] = {}
        self.directed: list[int] = []
        """The supervisors' acts that the bot was directed by."""
        self._unsure = 0
        """How many of the expected may have been purged: whether words of the caller came too late
        to interrupt anything is the affair of the engine alone when the bot hears them."""
        self._failover = list(FAILOVER)
        self._interim = False
        """Interim text was heard that no final result has replaced yet (continuous ASR)."""
        self._late = False
        """That text went to the bot as it stood; its final result is not to be told again."""
        self._result_due: float | None = None
        self._audio_due: float | None = None
        self._stop_due: float | None = None
        self._late_alone = False
        """A file or a supervisor's line that is late is stopped; what waits behind it is not."""
        self._reported: Prompt | None = None
        self._cut = False

    @property
    def ringing(self) -> bool:
        """An outbound call was placed and not answered yet."""
        return self.placed and not self.accepted

    @property
    def detecting(self) -> bool:
        """Everything is listened to, because it is not known what answered."""
        return self.settings.detects and self.accepted and not self.known

    # --- what happens -----------------------------------------------------------------------------

    def feed(self, event: Event) -> list[Command]:
        """Let ``event`` happen now; carry out and check what the engine answers."""
        over = self.finish is not None
        self.joined = self.joined or isinstance(event, events.BotJoined)
        self.gone = self.gone or isinstance(event, events.BotLeft)
        must_stop, late = self._before(event), self._is_late(event)
        produced = self.engine.handle(event, self.now)
        assert not (late and produced), "a late result is told again"
        assert not (over and produced), "commands after the end"
        for command in produced:
            assert self.finish is None, "commands after Finish"
            self._carry_out(command)
        self._follow_interim(event, produced)
        assert self.stopping or not must_stop, "the caller spoke and the prompt goes on"
        self._reported = None
        if self.finish is None:
            assert "waits" not in self.streams.values() or self.expected, "a stream was forgotten"
        self.check()
        return produced

    def _before(self, event: Event) -> bool:
        """Take note of ``event``; True when it must silence the prompt that plays."""
        match event:
            case events.PlaybackDone() | events.ServiceFailed() | events.PlayUrlFailed():
                self._playback_over(event)
            case events.AudioReady(utterance) | events.PlaybackStarted(utterance):
                if self.playing is not None and utterance == self.playing.utterance:
                    self._audio_due = None
            case events.PlaybackEnding(utterance) if self.playing is not None:
                self.ending = self.ending or utterance == self.playing.utterance
            case events.VoiceStopped() if self.shown == "caller speaking":
                self._result_due = self.now + self.settings.stt_timeout_s
            case events.VoiceStarted() | events.CallerSaid():
                return self._caller_speaks(event)
            case events.CallerCommitted() | events.BotSpoke() if self.settings.hears:
                self._result_due = None
            case events.BotStreamed() | events.StreamTextKnown():
                self._bot_streams(event)
            case events.TransferDone():
                self.moving = False
        return False

    def _bot_streams(self, event: events.BotStreamed | events.StreamTextKnown) -> None:
        if isinstance(event, events.BotStreamed):
            assert event.stream not in self.streams, "numbers do not repeat"
            if self.finish is None:
                self.streams[event.stream] = "waits"
            if self.settings.hears:
                self._result_due = None
        self.texts[event.stream] = event.text
        if isinstance(self.playing, commands.PlayStream) and self.playing.stream == event.stream:
            self.playing = msgspec.structs.replace(self.playing, text=event.text)

    def _playback_over(
        self, event: events.PlaybackDone | events.ServiceFailed | events.PlayUrlFailed
    ) -> None:
        if self.playing is None or event.utterance != self.playing.utterance:
            return
        self._reported = self.playing
        self._forget()
        self._cut = (
            isinstance(event, events.PlaybackDone)
            and event.interrupted
            and event.heard_ms < event.total_ms
        )

    def _forget(self) -> None:
        """Nothing plays."""
        self.playing = None
        self.stopping = self.ending = False
        self._audio_due = self._stop_due = None

    def _caller_speaks(self, event: events.VoiceStarted | events.CallerSaid) -> bool:
        if self.settings.hears or isinstance(event, events.VoiceStarted) or event.final:
            self._result_due = None
        if not self.gate or self.playing is None or not self.playing.interruptible:
            return False
        if self._is_late(event):
            return False
        if self.settings.hears and isinstance(event, events.CallerSaid):
            self._unsure = len(self.expected) if self.stopping else 0
            return False
        if isinstance(event, events.VoiceStarted):
            interrupts = self.settings.words_to_interrupt <= 1
        else:
            words = len(event.text.split())
            enough = self.stopping or words >= self.settings.words_to_interrupt
            interrupts = words > 0 and enough
        if interrupts:
            self._purge()
        return interrupts

    def _is_late(self, event: Event) -> bool:
        return (
            not self.detecting
            and self._late
            and self.gate
            and isinstance(event, events.CallerSaid)
            and event.final
        )

    def _follow_interim(self, event: Event, produced: list[Command]) -> None:
        told = [
            command.activity
            for command in produced
            if isinstance(command, commands.SendToBot)
            and (command.activity.kind == "message" or command.activity.name == "DTMF")
        ]
        if isinstance(event, events.DeadlinePassed) and told and self._interim:
            self._late = any(activity.kind == "message" for activity in told)
        elif isinstance(event, events.VoiceStarted | events.CallerSaid) and self.gate:
            self._late = False
        shut = any(isinstance(command, commands.Listen) for command in produced)
        said = (c for c in produced if isinstance(c, commands.RecordLine) and c.side == "caller")
        if told or shut or any(said):
            self._interim = False
        elif isinstance(event, events.CallerSaid) and not event.final and event.text:
            self._interim = self.settings.continuous and self.settings.audio and self.gate

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
            self._late_alone = (
                (not isinstance(self.playing, commands.Play) or self._a_person_speaks)
                and self._audio_due is not None
                and self.now + GRAIN_S >= self._audio_due
            )
            self._result_due = None
            if self._audio_due is not None and self.now + GRAIN_S >= self._audio_due:
                self._audio_due = None
            if self._stop_due is not None and self.now + GRAIN_S >= self._stop_due:
                self._forget()  # the player does not report in time: its prompt counts as over
            self.feed(events.DeadlinePassed())
            self._late_alone = False

    @property
    def _a_person_speaks(self) -> bool:
        return self.playing is not None and self.playing.text == A_PERSON

    # --- what the engine wants --------------------------------------------------------------------

    def _carry_out(self, command: Command) -> None:
        match command:
            case commands.AcceptCall():
                assert not self.accepted, "accepted twice"
                assert not self.placed, "placed twice"
                assert self.joined
                self.placed = self.settings.outbound
                self.accepted = not self.placed
            case commands.ReportAnswer():
                assert self.ringing, "answered without ringing, or twice"
                self.accepted = True
            case commands.ReportMachine():
                assert self.detecting, "reported without being asked, or twice"
                self.known = True
            case commands.Play() | commands.PlayUrl() | commands.PlayStream():
                self._play(command)
            case commands.DropStream(stream):
                assert self.streams.get(stream) == "waits", "a stream has two ends, or none began"
                self.streams[stream] = "dropped"
                self.expected = deque(each for each in self.expected if each != name_of(stream))
            case commands.ControlBot(number=number):
                assert self.joined, "a bot that is not there is directed"
                assert not self.gone, "a bot that has left is directed"
                assert self.acts[number] == "accepted", "the bot is directed by nobody"
                self.directed.append(number)
            case commands.StopPlayback(utterance):
                assert self.playing is not None
                assert self.playing.utterance == utterance, "stopped what does not play"
                assert not self.stopping, "stopped twice"
                self.stopping, self._audio_due = True, None
                self._stop_due = self.now + STOP_TIMEOUT_S
                if not self._late_alone:
                    self._purge()
            case commands.Listen(on):
                assert on != self.gate, "the gate is switched to what it is"
                assert self.accepted or not on, "a caller is heard before the call was taken"
                self.gate = on
            case commands.SendToVoiceSide():
                assert self.accepted, "the voice side is told something before it was accepted"
            case commands.SendToBot(activity):
                self._tell_bot(activity.name or activity.text or "", activity.value)
            case commands.HangUp() | commands.TransferCall():
                self._leave(command)
            case commands.RecordLine():
                self._line(command)
            case commands.RecordTurn():
                self._turn(command)
            case commands.ShowState(state):
                assert state != self.shown, "the same state is shown again"
                self.shown = state
            case commands.RecordAct():
                self.muted = command.muted
                aborted = "abortPrompts" in command.detail.get("activities", ())
                moved = command.name == "transfer"
                if command.muted or moved or aborted or command.detail.get("interrupt"):
                    self._purge()
            case commands.ReportOutcome(number=number, outcome=outcome):
                first = outcome.status == "accepted" or number not in self.acts
                assert first or self.acts[number] == "accepted", "an act has two ends"
                self.acts[number] = outcome.status
            case commands.Finish():
                self.finish = command
                assert "accepted" not in self.acts.values(), "an act has no end"
                assert "waits" not in self.streams.values(), "a stream has no end"

    def _play(self, command: Prompt) -> None:
        assert self.playing is None, "two prompts play at once"
        assert self.joined
        assert self.accepted
        assert not self.moving, "a prompt is played to a caller who is being moved"
        assert not self.hung_up
        assert command.utterance > self.last_utterance, "an utterance number was used again"
        self.last_utterance = command.utterance
        self.playing = command
        self._audio_due = self.now + TTS_TIMEOUT_S if self.settings.audio else None
        said = self._name(command)
        if self.engine.phase is Phase.FAILING:
            assert said in self._failover, "more than the failover's prompts follows a failure"
            del self._failover[: self._failover.index(said) + 1]
        elif said not in OURS:
            self._skip_purged(said)
            assert self.expected, "a prompt is played that was purged"
            assert self.expected.popleft() == said, "the bot's order was not kept"

    def _name(self, command: Prompt) -> str:
        if isinstance(command, commands.PlayStream):
            assert self.streams[command.stream] == "waits", "a stream is played that was not there"
            assert command.text == self.texts[command.stream], "the text of a stream is out of date"
            self.streams[command.stream] = "played"
            return name_of(command.stream)
        return command.url if isinstance(command, commands.PlayUrl) else command.text

    def _skip_purged(self, said: str) -> None:
        while self._unsure and self.expected and self.expected[0] != said:
            self._unsure -= 1
            if self.expected[0] != HANG_UP:
                self.expected.popleft()
        self._unsure = max(0, self._unsure - 1)

    def _tell_bot(self, told: str, value: object) -> None:
        assert self.joined, "the bot is told something before it joined"
        if told == "conversationEnd":
            return
        assert not self.gone, "a bot that has left is told something"
        assert not self.hung_up, "the bot is told something after the call was closed"
        if told == "DTMF":
            self.told_digits += str(value)
            accepted = self.accepted_digits
            assert accepted.startswith(self.told_digits), "digits were lost, or told twice"

    def _leave(self, command: commands.HangUp | commands.TransferCall) -> None:
        assert not self.hung_up, "more follows a hang-up"
        assert not self.moving or isinstance(command, commands.HangUp)
        if isinstance(command, commands.TransferCall):
            assert self.accepted
            self.moving = True
            return
        if command.reason == HANG_UP and not self.ringing:
            self._skip_purged(HANG_UP)
            assert self.playing is None, "hung up in the middle of a prompt"
            assert self.expected[0] == HANG_UP, "hung up before the prompts in front were played"
        self.hung_up, self.moving = True, False

    def _purge(self) -> None:
        self.expected = deque(item for item in self.expected if item == HANG_UP)

    # --- the records ------------------------------------------------------------------------------

    def _line(self, line: commands.RecordLine) -> None:
        if line.side in ("bot", "operator") and line.kind == "speech":
            self._bot_line(line)
        elif line.side == "caller":
            assert not self.hung_up
            assert self.accepted
            if line.kind == "dtmf":
                self._digits_accepted(line.text)

    def _digits_accepted(self, digits: str) -> None:
        if self.settings.digits_interrupt:
            self._purge()
        if self.settings.digits_sent:  # "#" submits; in a text session the peer sees to that
            self.accepted_digits += digits.replace("#", "") if self.settings.audio else digits

    def _bot_line(self, line: commands.RecordLine) -> None:
        assert self._reported is not None, "a prompt is recorded before it has ended"
        words = (spoken_text(self._reported.text) or UNKNOWN_TEXT).split()
        known = not isinstance(self._reported, commands.PlayUrl) and words != [UNKNOWN_TEXT]
        heard = line.text.split()
        assert heard, "an empty line is recorded"
        assert heard == words[: len(heard)], "what was heard is not the beginning of the prompt"
        assert (line.full_text != "") == (heard != words)
        if known:
            assert heard != words or not self._cut, "a prompt that was cut off is recorded whole"
        else:
            assert heard == words, "part of a file is recorded, though its words are not known"

    def _turn(self, turn: commands.RecordTurn) -> None:
        assert turn.turn == len(self.turns) + 1, "a turn was lost, or told twice"
        times = [moment for name, moment in _moments(turn) if moment is not None]
        assert times == sorted(times), "time goes back within a turn"
        assert times[-1] <= self.now + GRAIN_S
        reached = [moment is not None for name, moment in _moments(turn)]
        assert reached == sorted(reached, reverse=True), "a time is missing between two others"
        self.turns.append(turn)

    # --- what must hold after every event ---------------------------------------------------------

    def check(self) -> None:
        """The rules of `calls.core.engine` and what follows from the state that is shown."""
        assert self.engine.listening == self.gate
        if self.finish is not None:
            assert self.engine.deadline is None
            assert self.engine.turns == self.finish.turns
            assert len(self.turns) == self.finish.turns, "a turn was never told"
            return
        assert self.engine.deadline is not None, "a wait without a deadline"
        assert self.engine.deadline >= self.now, "a deadline was missed"
        speaks = self.playing is not None and not self.stopping and not self.hung_up
        assert (self.shown == "bot speaking") == speaks
        self._check_gate()
        self._check_waits(self.engine.deadline - self.now)

    def _check_gate(self) -> None:
        if self.engine.phase is not Phase.TALKING or not self.accepted:
            assert not self.gate, "a caller is heard who is not talked with"
        elif not self.settings.audio:
            assert self.gate, "what the voice side of a text session sends is passed over"
        elif self.detecting:
            assert self.gate, "what a machine says is passed over"
        elif self.playing is not None:
            early = self.gate and self.ending
            assert early or self.gate == self.playing.interruptible
        elif self.shown == "listening":
            assert self.gate, "it is the caller's turn and nobody listens"

    def _check_waits(self, wait_s: float) -> None:
        """Nobody is waited for longer than their parameter says (with a grain of rounding)."""
        limits: list[float] = []
        settings, audio = self.settings, self.settings.audio
        if self.shown == "listening" and self.playing is None and audio and not self.muted:
            limits.append(settings.user_timeout_s)
        if self.shown == "ringing":
            limits.append(ANSWER_TIMEOUT_S + ANSWER_MARGIN_S)
        if self.stopping:
            limits.append(STOP_TIMEOUT_S)
        if self.shown == "thinking" and self.playing is None and not self.muted:
            limits.append(settings.give_up_s)
        if self.shown == "closing" and self.engine.phase is not Phase.FAILING:
            limits.append(max(HANG_UP_TIMEOUT_S, TRANSFER_TIMEOUT_S))
        if self.shown == "transferring":
            limits.append(RINGING_TIMEOUT_S)
        waits = not self.gone and self.told_digits != self.accepted_digits
        if self.engine.phase is Phase.TALKING and waits:
            limits.append(DIGIT_TIMEOUT_S)
        if self.shown == "caller speaking" and self._result_due is not None:
            limits.append(self._result_due - self.now)
        if self.shown == "bot speaking" and self._audio_due is not None:
            limits.append(self._audio_due - self.now)
        assert all(wait_s <= limit + GRAIN_S for limit in limits if limit)


def name_of(stream: int) -> str:
    """What stands for a play stream in `Driver.expected`."""
    return f"stream {stream}"


def _moments(turn: commands.RecordTurn) -> list[tuple[str, float | None]]:
    """The times of ``turn`` in their order."""
    return [(name, at) for name, at in msgspec.structs.asdict(turn).items() if name.endswith("_at")]
