"""Rules that hold in every conversation, whatever happens in whatever order."""

from typing import Any, Literal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bots.core import activities
from bots.core.activities import Activity
from bots.core.errors import Fault
from calls.core import commands, events
from calls.core.engine import Conversation, Phase
from calls.core.events import Event
from calls.core.ports import LegCapabilities
from calls.core.vocabulary import Purpose, purpose
from tests.calls.core.driver import HANG_UP, NO_INPUT_PROMPT, Driver
from tests.calls.core.reader import START, configured

pytestmark = pytest.mark.pure

MOST_STEPS_TO_THE_END = 60
"""Deadlines of the shortest timer (5 s) in the longest call (60 s), and the closing."""

TEXTS = ["One two three four.", "<speak>Five <break/> six</speak>", "Seven", ""]
ACTIONS = [
    activities.event("config", session_params={"language": "de-DE"}),
    activities.event("config", activity_params={"nonsense": 1}),
    activities.event("transfer"),
    activities.event("abortPrompts"),
    activities.event("dance"),
]
LEAVING = [
    activities.event("hangup", activity_params={"hangupReason": HANG_UP}),
    activities.event("transfer", activity_params={"transferTarget": "tel:+15550100"}),
]
ENDS: list[Event] = [
    events.BotLeft(),
    events.LegLost(),
    events.TransferDone(succeeded=True),
    events.TransferDone(succeeded=False, reason="busy"),
    events.CallerHungUp(reason_code="client-disconnected", reason="Client Side"),
    events.CallerHungUp(reason_code="", reason=""),
    events.EndRequested(by="operator", reason_code="operator", reason="Stopped"),
    events.ServiceFailed(service="bot", fault=Fault.SERVER),
    events.ServiceFailed(service="stt", fault=Fault.TIMEOUT, detail="slow"),
]


class ConversationRules(RuleBasedStateMachine):
    """Bot, caller, player, services and clock do what they like; `Driver` watches the engine."""

    @initialize(
        barge_in=st.booleans(),
        digits=st.sampled_from(["off", "sent", "sent and interrupting"]),
        user_timeout_s=st.sampled_from([0, 5]),
        retries=st.integers(0, 2),
        asks=st.booleans(),
        give_up_s=st.sampled_from([0, 0, 7]),
        audio=st.sampled_from([True, True, False]),
        announced=st.booleans(),
        joined=st.sampled_from([True, True, True, True, False]),
        steps=st.integers(5, 30),
        player_answers=st.sampled_from([True, True, True, False]),
    )
    def a_call_arrives(
        self,
        *,
        barge_in: bool,
        digits: str,
        user_timeout_s: int,
        retries: int,
        asks: bool,
        give_up_s: int,
        audio: bool,
        announced: bool,
        joined: bool,
        steps: int,
        player_answers: bool,
    ) -> None:
        parameters = configured(
            bargeIn=barge_in,
            sendDTMF=digits != "off",
            bargeInOnDTMF=digits == "sent and interrupting",
            userNoInputTimeoutMS=user_timeout_s * 1000,
            userNoInputRetries=retries,
            userNoInputSpeech=NO_INPUT_PROMPT if asks else "",
            userNoInputSendEvent=not asks,
            botNoInputGiveUpTimeoutMS=give_up_s * 1000,
            maxCallDurationMS=60_000,
        )
        engine = Conversation(parameters, LegCapabilities(audio=audio))
        self.driver = Driver(
            engine,
            audio=audio,
            user_timeout_s=user_timeout_s,
            give_up_s=give_up_s,
            digits_interrupt=digits == "sent and interrupting",
        )
        self.steps_before_the_end = steps
        self.player_answers = player_answers
        self.driver.feed(events.CallArrived(start=START, announced=announced))
        if joined:
            self.it_is_joined()

    # --- joining ----------------------------------------------------------------------------------

    @precondition(lambda self: self.driver.engine.phase in (Phase.JOINING, Phase.STARTING))
    @rule()
    def joining(self) -> None:
        self.it_is_joined()

    def it_is_joined(self) -> None:
        self.driver.feed(events.BotJoined())
        self.driver.feed(events.CallStarted(START))

    @rule(event=st.sampled_from([events.BotJoined(), events.CallArrived(start=START)]))
    def it_joins_again(self, event: Event) -> None:
        if self.driver.engine.phase is not Phase.JOINING:
            self.driver.feed(event)

    # --- the bot ----------------------------------------------------------------------------------

    @rule(texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3))
    def the_bot_speaks(self, texts: list[str]) -> None:
        self.the_bot_says(texts)

    def the_bot_says(self, texts: list[str]) -> None:
        for text in texts:
            if text and self.driver.engine.phase is Phase.TALKING:
                self.driver.expected.append(text)
            self.driver.feed(events.BotSpoke(activities.message(text)))

    @precondition(lambda self: self.steps_before_the_end < 0)
    @rule(activity=st.sampled_from(LEAVING), texts=st.lists(st.sampled_from(TEXTS), max_size=2))
    def the_bot_leaves_after_some_words(self, activity: Activity, texts: list[str]) -> None:
        self.the_bot_says(texts)
        self.the_bot_does(activity)
        self.the_bot_says(texts)

    @rule(activity=st.sampled_from(ACTIONS))
    def the_bot_acts(self, activity: Activity) -> None:
        self.the_bot_does(activity)

    def the_bot_does(self, activity: Activity) -> None:
        if self.driver.engine.phase is Phase.TALKING:
            if purpose(activity) is Purpose.ABORT_PROMPTS:
                self.driver.expected = type(self.driver.expected)(
                    item for item in self.driver.expected if item == HANG_UP
                )
            elif activity.event == "hangup":
                self.driver.expected.append(HANG_UP)
        self.driver.feed(events.BotSpoke(activity))

    # --- the caller -------------------------------------------------------------------------------

    @rule(event=st.sampled_from([events.VoiceStarted(), events.VoiceStopped()]))
    def the_callers_voice_changes(self, event: Event) -> None:
        self.driver.feed(event)

    @rule(text=st.sampled_from(["", "yes please"]), final=st.booleans())
    def the_caller_says_something(self, text: str, final: bool) -> None:
        heard = self.driver.gate and self.driver.finish is None
        produced = self.driver.feed(events.CallerSaid(text=text, final=final))
        to_the_bot = any(isinstance(command, commands.SendToBot) for command in produced)
        assert to_the_bot == (heard and final and text != "")

    @rule(event=st.sampled_from([events.DigitsPressed("12"), events.CallerSilent()]))
    def the_caller_presses_keys_or_nothing(self, event: Event) -> None:
        self.driver.feed(event)

    @rule()
    def the_voice_side_reports_something(self) -> None:
        self.driver.feed(events.VoiceSideReported(activities.event("transferStatus")))

    @rule(texts=st.lists(st.sampled_from(TEXTS), max_size=3), heard=st.booleans())
    def a_whole_turn(self, texts: list[str], heard: bool) -> None:
        for event in (
            events.VoiceStarted(),
            events.VoiceStopped(),
            events.CallerSaid(text="yes please", final=True, confidence=0.9),
        ):
            self.driver.feed(event)
        self.the_bot_says(texts)
        if heard and self.driver.playing is not None:
            self.driver.feed(events.PlaybackStarted(self.driver.playing.utterance))

    # --- the player -------------------------------------------------------------------------------

    @precondition(lambda self: self.driver.playing is not None)
    @rule()
    def the_prompt_is_heard(self) -> None:
        assert self.driver.playing is not None
        self.driver.feed(events.PlaybackStarted(self.driver.playing.utterance))

    @precondition(lambda self: self.driver.playing is not None)
    @rule(heard_ms=st.integers(0, 2500))
    def the_prompt_ends(self, heard_ms: int) -> None:
        self.driver.done(heard_ms=heard_ms, interrupted=self.driver.stopping)

    @rule()
    def the_player_has_time(self) -> None:
        while self.driver.playing is not None:
            self.driver.done(heard_ms=2000, interrupted=self.driver.stopping)

    @precondition(lambda self: self.driver.playing is not None and self.steps_before_the_end < 0)
    @rule(heard_ms=st.integers(0, 2500))
    def the_prompt_fails(self, heard_ms: int) -> None:
        assert self.driver.playing is not None
        self.driver.feed(
            events.ServiceFailed(
                service="tts",
                fault=Fault.SERVER,
                utterance=self.driver.playing.utterance,
                heard_ms=heard_ms,
            )
        )

    @rule(what=st.sampled_from(["started", "done", "failed"]), ago=st.integers(1, 3))
    def a_report_comes_too_late(self, what: Literal["started", "done", "failed"], ago: int) -> None:
        current = self.driver.playing
        utterance = (current.utterance if current else self.driver.last_utterance + 1) - ago
        late: dict[str, Event] = {
            "started": events.PlaybackStarted(utterance),
            "done": events.PlaybackDone(utterance=utterance, heard_ms=900, total_ms=900),
            "failed": events.ServiceFailed(service="tts", fault=Fault.SERVER, utterance=utterance),
        }
        assert self.driver.feed(late[what]) == []

    # --- time and the end -------------------------------------------------------------------------

    @rule(share=st.floats(0, 0.99))
    def time_passes(self, share: float) -> None:
        if self.driver.engine.deadline is not None:
            self.driver.now += share * (self.driver.engine.deadline - self.driver.now)
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
