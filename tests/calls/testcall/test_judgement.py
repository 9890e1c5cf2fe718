"""What makes a call fail."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from bots.protocols.ac_bot_api import MediaFormat, PlayStarted
from calls.testcall.judgement import AHEAD_LIMIT_MS, BUSY_MS, judge_call, judge_prompt
from calls.testcall.ledger import Ledger, TurnTaken
from calls.testcall.plan import CallPlan, Text
from calls.testcall.playback import Prompt

pytestmark = pytest.mark.pure


def plan(**fields: Any) -> CallPlan:
    turns = (Text("first"), Text("second"))
    return CallPlan(
        conversation_id=UUID(int=1), epoch=datetime.now(UTC), bot="b", turns=turns, **fields
    )


def turn(said: str, **fields: Any) -> TurnTaken:
    settings: dict[str, Any] = {"spoken": True, "recognised": "ok"} | fields
    return TurnTaken(said=said, began_at=1.0, **settings)


def judged(planned: CallPlan, *turns: TurnTaken, prompts: int = 1, cut: bool = False) -> list[str]:
    ledger = Ledger()
    ledger.turns.extend(turns)
    ledger.prompts = prompts
    judge_call(planned, ledger, 9.0, cut=cut)
    return ledger.faults


FIRST, SECOND = turn("first"), turn("second", spoken=False, recognised="")


def test_a_good_call_has_no_fault() -> None:
    assert judged(plan(), FIRST, SECOND) == []
    stopped = turn("first", over_prompt=True, barge_in_ms=120.0)
    assert judged(plan(interrupt=True, cut_after=1.0), stopped, SECOND, cut=True) == []


def test_each_want_is_a_fault() -> None:
    assert judged(plan(), FIRST, SECOND, prompts=0) == ["the bot said nothing"]
    assert judged(plan(), turn("first", recognised=""), SECOND) == [
        'the caller said "first" and nothing was recognised'
    ]
    assert judged(plan(), turn("first", over_prompt=True), SECOND) == [
        'the caller said "first" over the bot and it did not stop'
    ]
    assert judged(plan(), FIRST) == ['the call ended before the caller\'s turn "second"']
    assert judged(plan(interrupt=True), FIRST, SECOND) == [
        "no prompt was long enough and allowed barge-in, nothing to interrupt"
    ]
    assert judged(plan(cut_after=4.5), FIRST, SECOND) == [
        "the call ended before the cut planned at 4.5 s"
    ]


def test_a_call_without_turns_has_nothing_to_interrupt() -> None:
    silent = CallPlan(conversation_id=UUID(int=1), epoch=datetime.now(UTC), bot="b", interrupt=True)
    assert judged(silent) == []


def prompt(ahead_ms: float, audio: bytes) -> Prompt:
    started = PlayStarted(
        stream_id="p", media_format=MediaFormat.RAW_LPCM16, alt_text="Hello", activity_params=None
    )
    played = Prompt(started, arrived_at=0.0, barge_in=True)
    if audio:
        played.push(audio, 0.0)
    played.most_ahead_ms = ahead_ms
    return played


def test_a_prompt_may_be_a_little_ahead() -> None:
    ledger = Ledger()
    judge_prompt(prompt(AHEAD_LIMIT_MS, bytes(640)), ledger, 1.0)
    judge_prompt(prompt(100, bytes(640)), ledger, 1.0)
    assert (ledger.faults, ledger.most_ahead_ms) == ([], AHEAD_LIMIT_MS)
    judge_prompt(prompt(AHEAD_LIMIT_MS + 1, bytes(640)), ledger, 1.0)
    assert ledger.faults == [
        'the prompt "Hello" was sent 301 ms ahead of real time; 300 ms is the most'
    ]


def test_a_caller_that_was_late_itself_does_not_blame_the_gateway() -> None:
    ledger = Ledger()
    ledger.own_delay_ms = BUSY_MS + 1
    judge_prompt(prompt(AHEAD_LIMIT_MS + BUSY_MS, bytes(640)), ledger, 1.0)
    assert ledger.faults == []
    ledger.prompts = 1
    ledger.turns.extend([FIRST, SECOND])
    judge_call(plan(), ledger, 1.0, cut=False)
    assert ledger.faults == []
    (note,) = ledger.notes
    assert "101 ms late" in note


def test_a_prompt_carries_audio_unless_it_was_cut_off() -> None:
    ledger = Ledger()
    cut = prompt(0, b"")
    cut.purged = True
    judge_prompt(cut, ledger, 1.0)
    assert ledger.faults == []
    judge_prompt(prompt(0, b""), ledger, 1.0)
    assert ledger.faults == ['the prompt "Hello" carried no audio']
