"""Rules that hold in every conversation, whatever happens in whatever order."""

from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bots.core import activities
from bots.core.activities import Activity
from bots.core.agents import ReportName
from bots.core.errors import Fault
from bots.core.ports import BotCapabilities
from calls.core import commands, events, steering
from calls.core.dialout import MachineDetection
from calls.core.engine import Conversation
from calls.core.events import Event
from calls.core.phases import WITH_BOT, Phase
from calls.core.ports import LegCapabilities
from calls.core.vocabulary import Purpose, purpose
from tests.calls.core.driver import ANSWER_TIMEOUT_S, GRAIN_S, HANG_UP, Driver, Settings, name_of
from tests.calls.core.moves import (
    ACTIONS,
    ACTS,
    BOT_EVENTS,
    ENDS,
    FAILOVERS,
    LAST_ACTS,
    LEAVING,
    NOTIFIED,
    OUTCOMES,
    SPEAKING,
    VERDICTS,
)
from tests.calls.core.reader import START, configured, dialled, refused, says

pytestmark = pytest.mark.pure

BEFORE_TALKING = frozenset({Phase.JOINING, Phase.STARTING, Phase.RINGING})
MOST_STEPS_TO_THE_END = 150
"""Deadlines of the shortest timer (0.5 s) in the longest call (60 s), a transfer, the closing."""

start_rule = initialize(
    barge_in=st.booleans(),
    words=st.sampled_from([0, 1, 1, 2]),
    digits=st.sampled_from(["off", "single", "collected"]),
    digits_interrupt=st.booleans(),
    continuous=st.booleans(),
    user_timeout_s=st.sampled_from([0, 5]),
    asks=st.sampled_from(["nothing", "text", "file"]),
    give_up_s=st.sampled_from([0, 0, 7]),
    failover=st.sampled_from(sorted(FAILOVERS)),
    told=st.sampled_from([[], BOT_EVENTS, ["noUserInput", "conversationEnd"]]),
    begins=st.fixed_dictionaries(
        {"connectOnPrompt": st.booleans(), "welcomeMessage": st.sampled_from(["", "Welcome."])}
    ),
    audio=st.sampled_from([True, True, False]),
    announced=st.booleans(),
    joined=st.sampled_from([True, True, True, True, False]),
    dialout=st.sampled_from([None, None, None, "disabled", "detect", "disconnect"]),
    hears=st.booleans(),
    steps=st.integers(5, 30),
    player_answers=st.sampled_from([True, True, True, False]),
)


class ConversationRules(RuleBasedStateMachine):
    """Bot, caller, player, services and clock do what they like; `Driver` watches the engine."""

    @start_rule
    def a_call_arrives(
        self,
        *,
        barge_in: bool,
        words: int,
        digits: str,
        digits_interrupt: bool,
        continuous: bool,
        user_timeout_s: int,
        asks: str,
        give_up_s: int,
        failover: str,
        told: list[str],
        begins: dict[str, Any],
        audio: bool,
        announced: bool,
        joined: bool,
        dialout: MachineDetection | None,
        hears: bool,
        steps: int,
        player_answers: bool,
    ) -> None:
        detects = dialout not in (None, "disabled")
        continuous = continuous and not detects and not hears
        parameters = configured(
            bargeIn=barge_in,
            bargeInMinWordCount=words,
            sendDTMF=digits != "off",
            dtmfCollect=digits == "collected",
            bargeInOnDTMF=digits_interrupt,
            continuousASR=continuous,
            continuousASRDigits="" if digits == "single" else "#",
            userNoInputTimeoutMS=user_timeout_s * 1000,
            userNoInputRetries=1,
            userNoInputGiveUpTimeoutMS=user_timeout_s * 4000,
            botNoInputTimeoutMS=3000,
            botNoInputGiveUpTimeoutMS=give_up_s * 1000,
            sendEventsToBot=told,
            enableSpeechDetectionEvent=True,
            autoCallRecording=announced,
            failoverActivities={"general": FAILOVERS[failover]},
            maxCallDurationMS=60_000,
            **self.reminders(asks),
            **begins,
        )
        hears = hears and audio
        bot = BotCapabilities(hears=hears, speaks=hears)
        engine = Conversation(parameters, LegCapabilities(audio=audio), bot)
        self.driver = Driver(
            engine,
            Settings(
                audio=audio,
                user_timeout_s=user_timeout_s,
                give_up_s=give_up_s,
                digits_sent=digits != "off",
                digits_interrupt=digits_interrupt,
                words_to_interrupt=words,
                continuous=continuous and audio,
                hears=hears,
                outbound=dialout is not None,
                detects=detects,
            ),
        )
        self.one_by_one = digits == "single"
        self.steps_before_the_end = steps
        self.player_answers = player_answers
        arrival = events.CallArrived(start=START, announced=announced)
        if dialout is not None:
            arrival = dialled(dialout, answer_timeout_s=ANSWER_TIMEOUT_S)
        self.driver.feed(arrival)
        if joined:
            self.it_is_joined()

    def reminders(self, kind: str) -> dict[str, str]:
        """What is played for a silence."""
        texts = {
            "userNoInputSpeech": "Are you still there?",
            "botNoInputSpeech": "One moment.",
            "resumeRecognitionSpeech": "You may speak again.",
        }
        files = {
            "userNoInputUrl": "https://example.com/still-there.wav",
            "botNoInputUrl": "https://example.com/typing.wav",
        }
        return {"text": texts, "file": files}.get(kind, {})

    # --- joining ----------------------------------------------------------------------------------

    @precondition(lambda self: self.driver.engine.phase in BEFORE_TALKING)
    @rule()
    def joining(self) -> None:
        self.it_is_joined()
        if self.driver.ringing:
            self.driver.feed(events.CallStarted(START))

    def it_is_joined(self) -> None:
        self.driver.feed(events.BotJoined())
        if not self.driver.ringing:
            self.driver.feed(events.CallStarted(START))

    @precondition(lambda self: self.driver.ringing)
    @rule(answered=st.booleans(), reason_code=st.sampled_from(["busy", "no-answer", "error"]))
    def it_has_rung(self, answered: bool, reason_code: str) -> None:
        if answered or self.steps_before_the_end > 0:
            self.driver.feed(events.CallStarted(START))
        else:
            self.driver.feed(refused(reason_code))

    @rule(event=st.sampled_from([events.BotJoined(), events.CallArrived(start=START)]))
    def it_joins_again(self, event: Event) -> None:
        if self.driver.engine.phase is not Phase.JOINING:
            self.driver.feed(event)

    @precondition(lambda self: self.driver.ringing)
    @rule(event=st.sampled_from(ENDS))
    def something_ends_it_while_it_rings(self, event: Event) -> None:
        self.driver.feed(event)
        assert self.driver.ringing, "an end is an answer"

    # --- the bot ----------------------------------------------------------------------------------

    @rule(said=st.lists(st.sampled_from(SPEAKING), min_size=1, max_size=3))
    def the_bot_speaks(self, said: list[Activity]) -> None:
        for activity in said:
            self.the_bot_does(activity)

    @precondition(lambda self: self.steps_before_the_end < 0)
    @rule(activity=st.sampled_from(LEAVING), said=st.lists(st.sampled_from(SPEAKING), max_size=2))
    def the_bot_leaves_after_some_words(self, activity: Activity, said: list[Activity]) -> None:
        for each in [*said, activity, *said]:
            self.the_bot_does(each)

    @rule(activity=st.sampled_from([*ACTIONS, NOTIFIED]))
    def the_bot_acts(self, activity: Activity) -> None:
        self.the_bot_does(activity)

    def the_bot_does(self, activity: Activity) -> None:
        """The bot sends ``activity``; the driver is told what to expect of the queue."""
        expected = self.driver.expected
        if self.driver.engine.phase in WITH_BOT:
            said = activity.text or (activity.activity_params or {}).get("playUrlUrl")
            if purpose(activity) is Purpose.ABORT_PROMPTS:
                self.driver.expected = type(expected)(i for i in expected if i == HANG_UP)
            elif activity.event == "hangup":
                expected.append(HANG_UP)
            elif said and not self.driver.muted:
                expected.append(said)
        self.driver.feed(events.BotSpoke(activity))

    @rule(
        text=st.sampled_from(["Ten eleven twelve.", ""]),
        brought=st.sampled_from([None, {"bargeIn": True}, {"expectAnotherBotMessage": True}]),
    )
    def the_bot_streams(self, text: str, brought: dict[str, Any] | None) -> None:
        driver, stream = self.driver, len(self.driver.texts) + 1
        if not driver.muted:
            driver.expected.append(name_of(stream))
        driver.feed(events.BotStreamed(stream=stream, text=text, activity_params=brought))

    @precondition(lambda self: self.driver.texts)
    @rule(ago=st.integers(0, 2))
    def the_text_of_a_stream_is_known(self, ago: int) -> None:
        stream = max(1, len(self.driver.texts) - ago)
        text = f"{self.driver.texts[stream]} Thirteen fourteen".strip()
        self.driver.feed(events.StreamTextKnown(stream, text))

    @rule(name=st.sampled_from(["latency", "warning"]), note=st.sampled_from(["", "It is slow"]))
    def the_bot_reports(self, name: ReportName, note: str) -> None:
        over = self.driver.finish is not None
        reported = events.AgentReported(name=name, detail={"total_ms": 400}, note=note)
        produced = self.driver.feed(reported)
        recorded = [each for each in produced if isinstance(each, commands.RecordReport)]
        assert len(recorded) == (not over)

    @precondition(lambda self: self.driver.directed)
    @rule(problem=st.sampled_from(["", "It knows no such voice"]), ago=st.integers(0, 1))
    def the_bot_was_directed(self, problem: str, ago: int) -> None:
        number = self.driver.directed[max(0, len(self.driver.directed) - 1 - ago)]
        self.driver.feed(events.BotControlled(number=number, problem=problem))

    @rule()
    def the_bot_acknowledges(self) -> None:
        self.driver.feed(events.BotAcknowledged())

    # --- the caller -------------------------------------------------------------------------------

    @rule(event=st.sampled_from([events.VoiceStarted(), events.VoiceStopped()]))
    def the_callers_voice_changes(self, event: Event) -> None:
        self.driver.feed(event)

    @rule(text=st.sampled_from(["", "yes", "yes please"]), final=st.booleans())
    def the_caller_says_something(self, text: str, final: bool) -> None:
        driver, playing = self.driver, self.driver.playing
        enough = len(text.split()) >= driver.settings.words_to_interrupt
        free = playing is None or driver.stopping or not playing.interruptible
        detecting = driver.detecting  # then not all that is heard is a turn
        heard = driver.gate and driver.finish is None and not driver.gone
        counts = heard and final and text != "" and (enough or free)
        produced = driver.feed(events.CallerSaid(text=text, final=final))
        said = [
            command.activity
            for command in produced
            if isinstance(command, commands.SendToBot) and command.activity.kind == "message"
        ]
        assert len(said) <= 1, "the bot is told the same twice"
        if driver.settings.hears:
            assert not said, "the bot is told what it heard itself"
        elif not driver.settings.continuous and (not detecting or said):
            assert bool(said) == counts

    @rule()
    def the_callers_turn_is_complete(self) -> None:
        self.driver.feed(events.CallerCommitted())

    @rule(pressed=st.sampled_from(["1", "2", "34", "#", "5#6"]))
    def the_caller_presses_keys(self, pressed: str) -> None:
        self.driver.feed(
            events.DigitsPressed(pressed.replace("#", "") or "0" if self.one_by_one else pressed)
        )

    @rule()
    def the_caller_is_silent(self) -> None:
        self.driver.feed(events.CallerSilent())

    @rule()
    def the_voice_side_reports_something(self) -> None:
        self.driver.feed(events.VoiceSideReported(activities.event("agentConnected")))
        self.driver.feed(events.MetaDataSent("HTTP 503"))

    @rule(verdict=st.sampled_from(VERDICTS))
    def the_voice_side_knows_what_answered(self, verdict: Activity) -> None:
        self.driver.feed(events.VoiceSideReported(verdict))
        assert not self.driver.detecting or self.driver.engine.phase is not Phase.TALKING

    @precondition(lambda self: self.driver.engine.phase is Phase.TRANSFERRING)
    @rule(outcome=st.sampled_from(OUTCOMES))
    def the_transfer_is_decided(self, outcome: Event) -> None:
        self.driver.feed(outcome)

    @rule(said=st.lists(st.sampled_from(SPEAKING), max_size=3), heard=st.booleans())
    def a_whole_turn(self, said: list[Activity], heard: bool) -> None:
        for event in (
            events.VoiceStarted(),
            events.VoiceStopped(),
            events.CallerSaid(text="yes please", final=True, confidence=0.9),
        ):
            self.driver.feed(event)
        for activity in said:
            self.the_bot_does(activity)
        if heard and self.driver.playing is not None:
            self.driver.feed(events.AudioReady(self.driver.playing.utterance))
            self.driver.feed(events.PlaybackStarted(self.driver.playing.utterance))

    # --- a supervisor -----------------------------------------------------------------------------

    @rule(act=st.sampled_from(ACTS))
    def a_supervisor_steps_in(self, act: steering.Steering) -> None:
        self.step_in(act)

    @precondition(lambda self: self.steps_before_the_end < 0)
    @rule(act=st.sampled_from(LAST_ACTS))
    def a_supervisor_ends_it(self, act: steering.Steering) -> None:
        self.step_in(act)

    def step_in(self, act: steering.Steering) -> None:
        number = len(self.driver.acts) + 1
        over = self.driver.finish is not None
        self.driver.feed(events.SupervisorActed(number=number, by="anna", act=act))
        assert (number in self.driver.acts) != over, "a supervisor is not answered"

    # --- the player -------------------------------------------------------------------------------

    @precondition(lambda self: self.driver.playing is not None)
    @rule(
        report=st.sampled_from([events.AudioReady, events.PlaybackStarted, events.PlaybackEnding])
    )
    def the_prompt_is_heard(self, report: Any) -> None:
        assert self.driver.playing is not None
        self.driver.feed(report(self.driver.playing.utterance))

    @precondition(lambda self: self.driver.playing is not None)
    @rule(heard_ms=st.integers(0, 2500))
    def the_prompt_ends(self, heard_ms: int) -> None:
        self.driver.done(heard_ms=heard_ms, interrupted=self.driver.stopping)

    @rule()
    def the_player_has_time(self) -> None:
        while self.driver.playing is not None:
            self.driver.done(heard_ms=2000, interrupted=self.driver.stopping)

    @precondition(
        lambda self: (
            self.driver.playing is not None
            and (self.steps_before_the_end < 0 or isinstance(self.driver.playing, commands.PlayUrl))
        )
    )
    @rule(heard_ms=st.integers(0, 2500))
    def the_prompt_fails(self, heard_ms: int) -> None:
        playing = self.driver.playing
        assert playing is not None
        if isinstance(playing, commands.PlayUrl):
            failed: Event = events.PlayUrlFailed(
                utterance=playing.utterance, reason="HTTP 404", heard_ms=heard_ms
            )
        else:
            failed = events.ServiceFailed(
                service="tts", fault=Fault.SERVER, utterance=playing.utterance, heard_ms=heard_ms
            )
        self.driver.feed(failed)

    @rule(
        what=st.sampled_from(["ready", "started", "ending", "done", "failed", "no file"]),
        ago=st.integers(1, 3),
    )
    def a_report_comes_too_late(
        self, what: Literal["ready", "started", "ending", "done", "failed", "no file"], ago: int
    ) -> None:
        current = self.driver.playing
        utterance = (current.utterance if current else self.driver.last_utterance + 1) - ago
        late: dict[str, Event] = {
            "ready": events.AudioReady(utterance),
            "started": events.PlaybackStarted(utterance),
            "ending": events.PlaybackEnding(utterance),
            "done": events.PlaybackDone(utterance=utterance, heard_ms=900, total_ms=900),
            "failed": events.ServiceFailed(service="tts", fault=Fault.SERVER, utterance=utterance),
            "no file": events.PlayUrlFailed(utterance=utterance, reason="HTTP 404"),
        }
        assert self.driver.feed(late[what]) == []

    # --- time and the end -------------------------------------------------------------------------

    @rule(share=st.floats(0, 0.99))
    def time_passes(self, share: float) -> None:
        due = self.driver.engine.deadline
        if due is not None and due - self.driver.now > GRAIN_S:
            self.driver.now += share * (due - self.driver.now)
            assert self.driver.feed(events.DeadlinePassed()) == []

    @rule()
    def the_deadline_comes(self) -> None:
        self.driver.reach_deadline()

    @invariant()
    def a_step_is_done(self) -> None:
        self.steps_before_the_end -= 1

    @precondition(lambda self: self.steps_before_the_end < 0)
    @rule(event=st.sampled_from(ENDS))
    def something_ends_the_call(self, event: Event) -> None:
        self.driver.feed(event)

    def teardown(self) -> None:
        """Every conversation ends by itself when nobody does anything any more."""
        if not hasattr(self, "driver"):
            return
        for _ in range(MOST_STEPS_TO_THE_END):
            if self.driver.finish is not None:
                return
            if self.driver.stopping and self.player_answers:
                self.driver.done(heard_ms=100, interrupted=True)
            else:
                self.driver.reach_deadline()
        raise AssertionError("the conversation does not end")


TestConversationRules: Any = ConversationRules.TestCase
TestConversationRules.settings = settings(
    max_examples=300, stateful_step_count=30, deadline=None, database=None
)


@pytest.mark.parametrize("event", ENDS, ids=lambda event: type(event).__name__)
def test_nothing_happens_before_the_arrival_but_the_end(event: Event) -> None:
    engine = Conversation(configured(), LegCapabilities(audio=True))

    produced = engine.handle(event, 0.0)

    finished = [command for command in produced if isinstance(command, commands.Finish)]
    gone = isinstance(event, events.LegLost | events.CallerHungUp | events.EndRequested)
    assert len(finished) == gone
    assert engine.deadline is None


def test_how_often_the_caller_was_silent_in_a_row_is_known() -> None:
    values = {"userNoInputTimeoutMS": 3000, "userNoInputRetries": 2}
    engine = Conversation(configured(**values), LegCapabilities(audio=True))
    for event in (events.CallArrived(start=START), events.BotJoined(), says("Hello.")):
        engine.handle(event, 0.0)
    engine.handle(events.PlaybackDone(utterance=1, heard_ms=700, total_ms=700), 1.0)

    silences = []
    for due in (4.0, 7.0):
        engine.handle(events.DeadlinePassed(), due)
        silences.append(engine.no_inputs)
    engine.handle(events.CallerSaid(text="yes", final=True), 8.0)

    assert (silences, engine.no_inputs) == ([1, 2], 0)
