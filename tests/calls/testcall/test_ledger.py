"""What was seen in a call."""

import msgspec
import pytest

from calls.testcall.ledger import Ledger, Line, Result, TurnTaken, result

pytestmark = pytest.mark.pure


def test_lines_are_shown_as_they_come() -> None:
    shown: list[Line] = []
    ledger = Ledger()
    ledger.say(0.1, "call", "accepted")
    ledger.show = shown.append
    ledger.say(0.2, "bot", "Hello", "detail")
    assert shown == [Line(at=0.2, kind="bot", text="Hello", detail="detail")]
    assert len(ledger.lines) == 2


def test_the_same_fault_counts_once() -> None:
    ledger = Ledger()
    ledger.fault(1.0, "it is wrong")
    ledger.fault(2.0, "it is wrong")
    ledger.note("it is odd")
    ledger.note("it is odd")
    assert (ledger.faults, ledger.notes, len(ledger.lines)) == (["it is wrong"], ["it is odd"], 1)


def test_a_result_is_readable_by_machines() -> None:
    ledger = Ledger()
    ledger.turns.append(TurnTaken(said="hello", spoken=True, began_at=1.0))
    ledger.say(1.0, "caller", "hello")
    good = result(ledger, "c-1")
    assert good.ok
    assert msgspec.json.decode(msgspec.json.encode(good), type=Result) == good
    ledger.fault(2.0, "it is wrong")
    assert not result(ledger, "c-1").ok
