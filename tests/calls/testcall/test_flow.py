"""Whose turn it is."""

import pytest

from bots.protocols.ac_bot_api import MediaFormat, PlayStarted
from calls.testcall.flow import ANSWER_SECONDS, GREETING_SECONDS, Flow, Step
from calls.testcall.playback import Prompt

pytestmark = pytest.mark.pure


def prompt(*, heard_ms: float, barge_in: bool = True) -> Prompt:
    started = PlayStarted(
        stream_id="p", media_format=MediaFormat.RAW_LPCM16, alt_text=None, activity_params=None
    )
    heard = Prompt(started, arrived_at=0.0, barge_in=barge_in)
    heard.heard_ms = heard_ms
    return heard


def step(flow: Flow, now: float, *, busy: bool = False, heard: Prompt | None = None) -> Step:
    return flow.next_step(now, busy=busy, prompt=heard)


def greeted(turns: int, *, interrupt: bool = False) -> Flow:
    flow = Flow(turns, interrupt=interrupt)
    flow.begin(0.0)
    assert flow.bot_spoke(0.1, 0.2)
    return flow


def test_the_caller_waits_for_the_greeting_then_for_quiet() -> None:
    flow = Flow(1, interrupt=False)
    flow.begin(0.0)
    assert step(flow, GREETING_SECONDS - 0.1) is Step.WAIT
    assert flow.bot_spoke(4.9, 4.95)
    assert step(flow, 5.0, busy=True) is Step.WAIT
    assert step(flow, 5.5) is Step.WAIT
    assert step(flow, 5.61) is Step.SPEAK


def test_a_bot_that_does_not_greet_is_not_waited_for_twice() -> None:
    flow = Flow(1, interrupt=False)
    flow.begin(0.0)
    assert step(flow, GREETING_SECONDS) is Step.STOP_WAITING
    assert step(flow, GREETING_SECONDS) is Step.SPEAK


def test_an_answer_is_a_prompt_that_came_after_the_turn() -> None:
    flow = greeted(2)
    flow.caller_done(3.0)
    assert not flow.bot_spoke(2.9, 3.1)
    assert step(flow, 4.0) is Step.WAIT
    assert flow.bot_spoke(4.0, 4.1)
    assert not flow.bot_spoke(4.5, 4.6)
    assert step(flow, 5.0) is Step.WAIT
    assert step(flow, 5.3) is Step.SPEAK


def test_the_caller_hangs_up_when_all_is_said_and_answered() -> None:
    flow = greeted(1)
    flow.caller_done(1.0)
    assert flow.turns_left == 0
    assert step(flow, 1.0 + ANSWER_SECONDS - 0.1) is Step.WAIT
    assert step(flow, 1.0 + ANSWER_SECONDS) is Step.STOP_WAITING
    assert step(flow, 1.0 + ANSWER_SECONDS) is Step.HANG_UP


def test_an_impatient_caller_speaks_into_the_prompt() -> None:
    flow = greeted(1, interrupt=True)
    assert step(flow, 0.5, busy=True, heard=prompt(heard_ms=680)) is Step.WAIT
    assert step(flow, 0.9, busy=True, heard=prompt(heard_ms=700)) is Step.SPEAK_OVER


@pytest.mark.parametrize(
    ("flow", "heard"),
    [
        (greeted(1), prompt(heard_ms=900)),
        (greeted(0, interrupt=True), prompt(heard_ms=900)),
        (greeted(1, interrupt=True), prompt(heard_ms=900, barge_in=False)),
        (greeted(1, interrupt=True), None),
    ],
    ids=["patient", "nothing to say", "barge-in off", "nothing heard"],
)
def test_no_interruption(flow: Flow, heard: Prompt | None) -> None:
    assert step(flow, 1.0, busy=True, heard=heard) is Step.WAIT


def test_the_caller_does_not_interrupt_what_is_no_answer_yet() -> None:
    flow = greeted(2, interrupt=True)
    flow.caller_done(1.0)
    assert step(flow, 1.1, busy=True, heard=prompt(heard_ms=900)) is Step.WAIT
