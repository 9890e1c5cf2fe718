"""What makes a call fail."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from bots.protocols.ac_bot_api import MediaFormat, PlayStarted
from calls.testcall.judgement import AHEAD_LIMIT_MS, BUSY_MS, judge_call, judge_prompt
from calls.testcall.ledger import Ledger, TurnTaken
from calls.testcall.plan import (
    CallPlan,
    Expect,
    ExpectEnd,
    HangUp,
    Manner,
    Silence,
    Step,
    Text,
)
from calls.testcall.playback import Prompt

pytestmark = pytest.mark.pure

TURNS = (Text("first"), Text("second"))


def plan(**fields: Any) -> CallPlan:
    steps = fields.pop("steps", TURNS)
    return CallPlan(
        conversation_id=UUID(int=1), epoch=datetime.now(UTC), bot="b", steps=steps, **fields
    )


def turn(said: str, **fields: Any) -> TurnTaken:
    settings: dict[str, Any] = {"spoken": True, "recognised": "ok"} | fields
    return TurnTaken(said=said, began_at=1.0, **settings)


def judged(
    planned: CallPlan,
    *turns: TurnTaken,
    prompts: int = 1,
    cut: bool = False,
    undone: tuple[Step, ...] = (),
    ended: tuple[str, str, str] = ("caller", "client-disconnected", ""),
) -> list[str]:
    ledger = Ledger()
    ledger.turns.extend(turns)
    ledger.prompts = prompts
    ledger.ended_by, ledger.reason_code, ledger.reason = ended
    judge_call(planned, ledger, 9.0, cut=cut, undone=undone)
    return ledger.faults


FIRST, SECOND = turn("first"), turn("second", spoken=False, recognised="")


def test_a_good_call_has_no_fault() -> None:
    assert judged(plan(), FIRST, SECOND) == []
    stopped = turn("first", over_prompt=True, must_silence=True, barge_in_ms=120.0)
    interrupting = plan(steps=(Manner.INTERRUPT, *TURNS), cut_after=1.0)
    assert judged(interrupting, stopped, SECOND, cut=True) == []


def test_a_turn_that_the_plan_judges_may_go_unheard() -> None:
    ignored = turn("first", recognised="", must_be_heard=False, over_prompt=True)
    assert judged(plan(steps=(Manner.TALK_OVER, *TURNS)), ignored, SECOND) == []


def test_each_want_is_a_fault() -> None:
    assert judged(plan(), FIRST, SECOND, prompts=0) == ["the bot said nothing"]
    assert judged(plan(), turn("first", recognised=""), SECOND) == [
        'the caller said "first" and nothing was recognised'
    ]
    spoke_on = turn("first", over_prompt=True, must_silence=True)
    assert judged(plan(), spoke_on, SECOND) == [
        'the caller said "first" over the bot and it did not stop'
    ]
    left = (Silence(1.0), Expect("goodbye"), Text("second"), HangUp())
    assert judged(plan(), FIRST, undone=left) == [
        'the call ended before the bot said "goodbye"',
        'the call ended before the caller\'s turn "second"',
    ]
    for manner in (Manner.INTERRUPT, Manner.TALK_OVER):
        assert judged(plan(steps=(manner, *TURNS)), FIRST, SECOND) == [
            "no prompt was long enough and allowed barge-in, nothing to interrupt"
        ]
    assert judged(plan(cut_after=4.5), FIRST, SECOND) == [
        "the call ended before the cut planned at 4.5 s"
    ]


def test_a_call_without_turns_has_nothing_to_interrupt() -> None:
    assert judged(plan(steps=(Manner.INTERRUPT,))) == []


@pytest.mark.parametrize(
    ("reason", "faults"),
    [
        ("transferred", []),
        ("Transferred", []),
        ("to the desk", []),
        ("error", ['the call ended as transferred "Transferred to the Desk", not as "error"']),
    ],
)
def test_an_expected_end_is_a_reason_code_or_words_of_the_reason(
    reason: str, faults: list[str]
) -> None:
    expecting = plan(steps=(*TURNS, ExpectEnd(reason)))
    ended = ("bot", "transferred", "Transferred to the Desk")
    assert judged(expecting, FIRST, SECOND, ended=ended) == faults


def test_a_caller_that_gave_up_waiting_for_the_end_has_said_so() -> None:
    assert judged(plan(steps=(ExpectEnd("error"),)), prompts=0) == []


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
    judge_call(plan(), ledger, 1.0, cut=False, undone=())
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
