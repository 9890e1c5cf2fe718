"""What the caller does when."""

from typing import Any

import pytest

from bots.protocols.ac_bot_api import MediaFormat, PlayStarted
from calls.testcall.flow import GREETING_SECONDS, INTERRUPT_AFTER_MS, Act, Flow, Met
from calls.testcall.plan import Digits, Expect, ExpectEnd, HangUp, Manner, Silence, Step, Text
from calls.testcall.playback import Prompt

pytestmark = pytest.mark.pure

PATIENCE = 10.0
ONE, TWO = Text("one"), Text("two")


def prompt(*, heard_ms: float, barge_in: bool = True) -> Prompt:
    started = PlayStarted(
        stream_id="p", media_format=MediaFormat.RAW_LPCM16, alt_text=None, activity_params=None
    )
    heard = Prompt(started, arrived_at=0.0, barge_in=barge_in)
    heard.heard_ms = heard_ms
    return heard


def act(flow: Flow, now: float, *, busy: bool = False, heard: Prompt | None = None) -> Act:
    return flow.next_act(now, busy=busy, prompt=heard)


def flow_of(*steps: Step) -> Flow:
    flow = Flow(steps, patience=PATIENCE)
    flow.begin(0.0)
    return flow


def greeted(*steps: Step) -> Flow:
    """At 0.2 s the bot greets, which is over at 1.0 s at the latest."""
    flow = flow_of(*steps)
    assert flow.bot_spoke(0.1, 0.2, "Hello there.")
    return flow


def told(text: str, first: int, last: int, **fields: Any) -> list[Met]:
    return [Met(text=text, first=first, last=last, **({"told": True} | fields))]


def test_the_caller_waits_for_the_greeting_then_for_quiet() -> None:
    flow = flow_of(ONE)
    assert act(flow, GREETING_SECONDS - 0.1) is Act.WAIT
    assert flow.bot_spoke(4.9, 4.95, "")
    assert act(flow, 5.0, busy=True) is Act.WAIT
    assert act(flow, 5.5) is Act.WAIT
    assert act(flow, 5.61) is Act.SPEAK
    assert flow.step is ONE


def test_a_bot_that_does_not_greet_is_not_waited_for_twice() -> None:
    flow = flow_of(ONE)
    assert act(flow, GREETING_SECONDS) is Act.STOP_WAITING
    assert act(flow, GREETING_SECONDS) is Act.SPEAK


def test_an_answer_is_a_prompt_that_came_after_the_turn() -> None:
    flow = greeted(ONE, TWO)
    flow.turn_begun()
    flow.caller_done(3.0)
    assert not flow.bot_spoke(2.9, 3.1, "")
    assert act(flow, 4.0) is Act.WAIT
    assert flow.bot_spoke(4.0, 4.1, "")
    assert not flow.bot_spoke(4.5, 4.6, "")
    assert act(flow, 5.0) is Act.WAIT
    assert act(flow, 5.3) is Act.SPEAK


def test_the_caller_hangs_up_when_all_is_said_and_answered() -> None:
    flow = greeted(ONE)
    flow.caller_done(1.0)
    assert flow.step is None
    assert act(flow, 1.0 + PATIENCE - 0.1) is Act.WAIT
    assert act(flow, 1.0 + PATIENCE) is Act.STOP_WAITING
    assert act(flow, 1.0 + PATIENCE) is Act.HANG_UP


@pytest.mark.parametrize("manner", [Manner.INTERRUPT, Manner.TALK_OVER])
def test_an_impatient_caller_speaks_into_the_prompt(manner: Manner) -> None:
    flow = greeted(manner, ONE)
    early, late = prompt(heard_ms=INTERRUPT_AFTER_MS - 20), prompt(heard_ms=INTERRUPT_AFTER_MS)
    assert act(flow, 0.5, busy=True, heard=early) is Act.WAIT
    assert act(flow, 0.9, busy=True, heard=late) is Act.SPEAK_OVER
    assert flow.manner is manner


def test_only_who_talks_over_anything_speaks_where_barge_in_is_off() -> None:
    off = prompt(heard_ms=900, barge_in=False)
    interrupting, talking = greeted(Manner.INTERRUPT, ONE), greeted(Manner.TALK_OVER, ONE)
    assert act(interrupting, 1.0, busy=True, heard=off) is Act.WAIT
    assert act(talking, 1.0, busy=True, heard=off) is Act.SPEAK_OVER


@pytest.mark.parametrize(
    ("steps", "heard"),
    [
        ((ONE,), prompt(heard_ms=900)),
        ((Manner.INTERRUPT,), prompt(heard_ms=900)),
        ((Manner.INTERRUPT, ONE), None),
        ((Manner.INTERRUPT, Manner.WAIT, ONE), prompt(heard_ms=900)),
    ],
    ids=["patient", "nothing to say", "nothing heard", "patient again"],
)
def test_no_interruption(steps: tuple[Step, ...], heard: Prompt | None) -> None:
    assert act(greeted(*steps), 1.0, busy=True, heard=heard) is Act.WAIT


def test_the_caller_does_not_interrupt_what_is_no_answer_yet() -> None:
    flow = greeted(ONE, Manner.INTERRUPT, TWO)
    flow.caller_done(1.0)
    assert act(flow, 1.1, busy=True, heard=prompt(heard_ms=900)) is Act.WAIT


def test_who_talks_over_the_bot_may_be_ignored() -> None:
    flow = greeted(Manner.TALK_OVER, ONE, TWO)
    assert act(flow, 1.0, busy=True, heard=prompt(heard_ms=900)) is Act.SPEAK_OVER
    flow.caller_done(2.0)
    assert act(flow, 2.0) is Act.WAIT
    assert act(flow, 2.7) is Act.SPEAK


def test_a_silence_lasts_whatever_the_bot_does_and_no_answer_is_due_behind_it() -> None:
    flow = greeted(ONE, Silence(12.0), TWO)
    flow.caller_done(1.0)
    assert act(flow, 1.0) is Act.WAIT
    assert flow.bot_spoke(6.0, 6.0, "Are you still there?")
    assert act(flow, 12.9, busy=True) is Act.WAIT
    assert flow.left == [Silence(12.0), TWO]
    assert act(flow, 13.0) is Act.WAIT
    assert flow.left == [TWO]
    assert act(flow, 13.6) is Act.SPEAK


def test_a_call_may_begin_with_silence() -> None:
    flow = flow_of(Silence(1.0), ONE)
    assert act(flow, 0.9) is Act.WAIT
    assert act(flow, 1.0) is Act.SPEAK


def test_hanging_up_waits_for_nobody() -> None:
    flow = flow_of(HangUp())
    assert act(flow, 0.0, busy=True, heard=prompt(heard_ms=20)) is Act.HANG_UP


@pytest.mark.parametrize("text", ["Hello there", "there", "HELLO", "hello, there!"])
def test_an_expectation_is_met_by_words_in_a_prompt(text: str) -> None:
    flow = greeted(Expect(text), ONE)
    assert flow.met(0.2, busy=False) == told(text, 0, 0)
    assert flow.met(0.2, busy=False) == []
    assert flow.step is ONE


def test_an_expectation_may_span_prompts_and_uses_up_what_came_before() -> None:
    flow = greeted(Expect("there we are"), Expect("hello"), Expect("now"))
    flow.bot_spoke(1.0, 1.0, "We are open.")
    flow.bot_spoke(2.0, 2.0, "And now?")
    assert flow.met(2.0, busy=False) == told("there we are", 0, 1)
    assert flow.step == Expect("hello")
    flow.bot_spoke(3.0, 3.0, "Hello now.")
    assert flow.met(3.0, busy=False) == [*told("hello", 3, 3)]
    assert flow.step == Expect("now")


def test_what_the_bot_said_before_a_turn_meets_no_expectation_behind_it() -> None:
    flow = greeted(ONE, Expect("hello"))
    flow.turn_begun()
    flow.caller_done(2.0)
    assert flow.met(2.0, busy=False) == []
    flow.bot_spoke(2.5, 2.5, "Hello again.")
    assert flow.met(2.5, busy=False) == told("hello", 1, 1)


def test_what_the_bot_is_still_saying_does_not_count() -> None:
    flow = greeted(Expect("hello"), HangUp())
    flow.bot_spoke(1.0, 1.0, "Still speaking.")
    assert flow.met(1.0, busy=True) == told("hello", 0, 0)
    flow = greeted(Expect("hello"), HangUp())
    assert flow.met(0.3, busy=True) == []
    assert flow.met(0.4, busy=False) == told("hello", 0, 0)


@pytest.mark.parametrize(
    "steps",
    [
        (Expect("hello"), Manner.INTERRUPT, ONE),
        (Expect("hello"), Expect("there"), Manner.TALK_OVER, ONE),
    ],
)
def test_what_the_bot_is_saying_counts_for_who_is_about_to_interrupt(
    steps: tuple[Step, ...],
) -> None:
    assert flow_of(*steps).met(0.3, busy=True) == []
    assert greeted(*steps).met(0.3, busy=True) != []


@pytest.mark.parametrize("step", [Expect("goodbye"), ExpectEnd("error")])
def test_what_is_expected_may_take_as_long_as_patience_lasts_while_the_bot_is_quiet(
    step: Step,
) -> None:
    flow = greeted(step)
    assert act(flow, 5.0, busy=True) is Act.WAIT
    assert act(flow, 5.0 + PATIENCE - 0.1) is Act.WAIT
    assert act(flow, 5.0 + PATIENCE) is Act.GIVE_UP
    flow.skip(15.0)
    assert act(flow, 15.0) is Act.HANG_UP


def test_a_prompt_without_text_meets_an_expectation_when_the_bot_has_finished() -> None:
    flow = flow_of(Expect("hello"), ONE)
    flow.bot_spoke(0.1, 0.2, "")
    flow.bot_spoke(0.3, 0.4, "...")
    assert flow.met(0.5, busy=False) == []
    assert flow.met(1.1, busy=False) == told("hello", 0, 1, told=False)


def test_an_answer_that_was_expected_is_not_waited_for_again() -> None:
    flow = greeted(ONE, Expect("fine"), TWO)
    flow.caller_done(1.0)
    flow.bot_spoke(0.9, 1.1, "Fine.")
    assert flow.met(1.1, busy=False) == told("fine", 1, 1)
    assert act(flow, 1.8) is Act.SPEAK


@pytest.mark.parametrize(
    ("steps", "judged"),
    [
        ((ONE,), False),
        ((ONE, TWO), False),
        ((ONE, Expect("x")), True),
        ((ONE, Silence(1.0), Manner.WAIT, ExpectEnd("x")), True),
        ((ONE, Digits("1"), Expect("x")), False),
        ((ONE, HangUp()), True),
    ],
)
def test_a_turn_is_judged_by_an_expectation_right_behind_it(
    steps: tuple[Step, ...], judged: bool
) -> None:
    assert flow_of(*steps).judged_by_plan is judged
