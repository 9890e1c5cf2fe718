"""What operators read."""

from typing import Any

import msgspec
import pytest

from calls.testcall.ledger import Ledger, Line, Result, TurnTaken, result
from calls.testcall.presentation import WIDTH, summary, told, turn_table, verdict

pytestmark = pytest.mark.pure

BILL = TurnTaken(
    said="I want to pay my bill",
    spoken=True,
    began_at=3.0,
    recognised="i want to pay my bill",
    confidence=0.912,
    answer_delay_ms=641.6,
    barge_in_ms=183.2,
)
KEYS = TurnTaken(said="12#", spoken=False, began_at=9.0, answer_delay_ms=60.0)


def passed(**fields: Any) -> Result:
    base = msgspec.structs.replace(result(Ledger(), "c-1"), duration=12.34, prompts=1)
    return msgspec.structs.replace(base, **fields)


def test_a_line_tells_when_who_and_what() -> None:
    line = Line(at=4.256, kind="heard", text="my bill", detail="confidence 0.91")
    assert told(line) == "    4.26  recognised  my bill [confidence 0.91]"
    assert told(Line(at=0.0, kind="heard", text="")) == "    0.00  recognised  (nothing)"


def test_long_prompts_are_wrapped_below_their_first_word() -> None:
    first, second, *_ = told(Line(at=100.0, kind="bot", text="word " * 60)).splitlines()
    assert len(first) <= WIDTH
    assert first.index("word") == second.index("word") == 22


def test_turns_are_a_table() -> None:
    lost = TurnTaken(said="x" * 60, spoken=True, began_at=1.0)
    assert turn_table([BILL, KEYS, lost]).splitlines() == [
        "  caller's turn          recognised as                 answer  barge-in",
        "  I want to pay my bill  i want to pay my bill (0.91)  642 ms    183 ms",
        "  12#                    -                              60 ms         -",
        "  ...                    nothing                            -         -",
    ]


def test_the_verdict_of_a_good_call_is_its_figures() -> None:
    assert verdict(passed()) == "PASSED in 12.3 s: 0 turns, 1 prompt"
    full = passed(
        turns=(BILL, KEYS),
        prompts=3,
        most_ahead_ms=212.4,
        resumed_after_ms=35.0,
        starved_ms=40.0,
        longest_silence=2.26,
    )
    assert verdict(full) == (
        "PASSED in 12.3 s: 2 turns, 3 prompts, answers after 351 ms (at most 642 ms), "
        "silent 183 ms after an interruption, longest silence 2.3 s, resumed within 35 ms, "
        "audio at most 212 ms ahead, 40 ms of gaps"
    )
    assert verdict(passed(most_ahead_ms=200.0)).endswith("audio at most 200 ms ahead, no gaps")


def test_the_verdict_of_a_bad_call_is_what_was_wrong() -> None:
    bad = passed(ok=False, faults=("the bot said nothing", "it hung up"))
    assert verdict(bad) == "FAILED after 12.3 s: the bot said nothing; it hung up"


def test_what_is_worth_knowing_stands_below_the_verdict() -> None:
    assert verdict(passed(notes=("the machine is busy",))).endswith(
        "1 prompt\n  note: the machine is busy"
    )


def test_many_calls_are_summed_up() -> None:
    bad = passed(ok=False, faults=("the bot said nothing",))
    assert summary([passed(turns=(BILL,)), bad]).splitlines() == [
        "   1  PASSED in 12.3 s: 1 turn, 1 prompt, answers after 642 ms (at most 642 ms), "
        "silent 183 ms after an interruption",
        "   2  FAILED after 12.3 s: the bot said nothing",
        "",
        "1 of 2 calls passed; answers after 642 ms (at most 642 ms)",
    ]
    assert summary([passed()]).splitlines()[-1] == "1 of 1 calls passed"
