"""Outbound calls on paper: their states, their ends, what dialers are told, and their rescue."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from calls.core.dialout import (
    CANCELLED,
    COMPLETED_CODES,
    FAILED_CODES,
    FINAL,
    UNCLAIMED_S,
    UNDER_WAY,
    Outcome,
    Plight,
    State,
    before,
    notice,
    outcome_of,
    pace,
    rescue,
)

pytestmark = pytest.mark.pure

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENDED_BY = ["caller", "bot", "gateway", "operator"]
CODES = [*sorted(FAILED_CODES | COMPLETED_CODES), "max-duration", ""]


def test_nothing_follows_an_end_and_everything_else_can_come_to_one() -> None:
    assert {state for state in State if any(state in before(later) for later in State)} == (
        set(State) - FINAL
    )
    assert before(State.COMPLETED) == {State.ANSWERED}
    assert before(State.FAILED) == before(State.CANCELLED) == set(State) - FINAL - {State.ANSWERED}
    assert before(State.QUEUED) == {State.PLACING}
    assert before(State.PLACING) == {State.QUEUED}
    assert set(State) == UNDER_WAY | FINAL | {State.QUEUED}


@pytest.mark.parametrize(
    ("answered", "ended_by", "code", "expected"),
    [
        (False, "caller", "busy", "busy"),
        (False, "caller", "no-answer", "no-answer"),
        (False, "caller", "declined", "declined"),
        (False, "caller", "client-disconnected", "error"),
        (False, "bot", "bot-disconnected", "error"),
        (False, "gateway", "", "error"),
        (True, "caller", "client-disconnected", "client-disconnected"),
        (True, "bot", "transferred", "transferred"),
        (True, "gateway", "machine-detected", "machine-detected"),
        (True, "gateway", "error", "error"),
        (True, "caller", "declined", "client-disconnected"),
        (True, "operator", "odd", "bot-disconnected"),
        (True, "gateway", "odd", "error"),
    ],
)
def test_the_end_of_a_call_is_told_in_the_words_dialers_know(
    *, answered: bool, ended_by: str, code: str, expected: str
) -> None:
    outcome = outcome_of(
        answered=answered, cancelled=False, ended_by=ended_by, reason_code=code, reason="so"
    )
    state = State.COMPLETED if answered else State.FAILED
    assert outcome == Outcome(state, expected, "so")


@given(st.booleans(), st.booleans(), st.sampled_from(ENDED_BY), st.sampled_from(CODES))
def test_whatever_ends_a_call_the_dialer_gets_a_code_of_its_list(
    answered: bool,
    cancelled: bool,
    ended_by: str,
    code: str,
) -> None:
    outcome = outcome_of(
        answered=answered, cancelled=cancelled, ended_by=ended_by, reason_code=code, reason=""
    )
    told = notice("d", outcome.state, at=NOON, reason_code=outcome.reason_code)
    assert told is not None
    assert told.reason_code in (COMPLETED_CODES if answered else FAILED_CODES)
    assert (outcome == CANCELLED) == (cancelled and not answered)


def test_a_dialer_is_told_failed_alone_or_answered_and_then_completed() -> None:
    def body(state: State, **said: str) -> Any:
        return msgspec.to_builtins(notice("d-1", state, at=NOON, **said))

    common = {"conversationId": "d-1", "timestamp": "2026-11-21T12:00:00.000+00:00"}
    assert body(State.ANSWERED) == {**common, "status": "answered", "sequence": 1}
    assert body(State.COMPLETED, reason_code="transferred", reason="To 7") == {
        **common,
        "status": "completed",
        "sequence": 2,
        "reasonCode": "transferred",
        "reason": "To 7",
    }
    failed = {**common, "status": "failed", "sequence": 1}
    assert body(State.FAILED, reason_code="busy") == {**failed, "reasonCode": "busy"}
    assert body(State.CANCELLED, reason_code="cancelled", reason="Cancelled") == {
        **failed,
        "reasonCode": "error",
        "reason": "Cancelled",
    }
    assert [body(state) for state in State if state not in FINAL | {State.ANSWERED}] == [None] * 3


@given(st.floats(0.01, 1000))
def test_a_pace_is_exactly_the_rate_and_at_least_one_call(per_second: float) -> None:
    calls, seconds = pace(per_second)
    assert calls >= 1
    assert calls / seconds == pytest.approx(per_second)
    assert seconds >= 1 or calls == int(per_second)


def plight(state: State = State.DIALING, **changes: Any) -> Plight:
    usual: dict[str, Any] = {
        "handed": True,
        "calls_back": False,
        "call": "none",
        "owner_alive": True,
        "overdue_s": -1.0,
        "placed_ago_s": 10.0,
        "requeues": 0,
    }
    return Plight(state=state, **usual | changes)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (plight(), "wait"),
        (plight(overdue_s=0), "no-answer"),
        (plight(owner_alive=False), "lost"),
        (plight(owner_alive=False, calls_back=True), "wait"),
        (plight(owner_alive=False, calls_back=True, placed_ago_s=UNCLAIMED_S), "lost"),
        (plight(owner_alive=False, calls_back=True, overdue_s=1), "no-answer"),
        (plight(call="active", overdue_s=9), "wait"),
        (plight(call="ended"), "wait"),
        (plight(call="ended", overdue_s=0), "as-the-call"),
        (plight(State.ANSWERED), "wait"),
        (plight(State.ANSWERED, owner_alive=False), "lost"),
        (plight(State.ANSWERED, owner_alive=False, call="active"), "wait"),
        (plight(State.ANSWERED, call="ended"), "as-the-call"),
        (plight(State.PLACING), "wait"),
        (plight(State.PLACING, overdue_s=0), "not-placed"),
        (plight(State.PLACING, handed=False), "wait"),
        (plight(State.PLACING, handed=False, overdue_s=0), "queue"),
        (plight(State.PLACING, handed=False, owner_alive=False), "queue"),
        (plight(State.PLACING, handed=False, owner_alive=False, requeues=2), "not-placed"),
        (plight(State.PLACING, owner_alive=False), "lost"),
    ],
)
def test_who_is_left_alone_is_rescued(where: Plight, expected: str) -> None:
    assert rescue(where) == expected


class Life(RuleBasedStateMachine):
    """A dialout that anything may happen to, told to its dialer as the rows would be."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State.QUEUED
        self.told: list[tuple[str, int]] = []
        self.ends = 0

    @rule(to=st.sampled_from(State))
    def becomes(self, to: State) -> None:
        if self.state in before(to):
            self.state = to
            self.ends += to in FINAL
            said = notice("d", to, at=NOON, reason_code="error")
            self.told += [(said.status, said.sequence)] if said is not None else []

    @invariant()
    def ends_once(self) -> None:
        assert self.ends == (self.state in FINAL)

    @invariant()
    def is_told_in_order(self) -> None:
        whole = ([("failed", 1)], [("answered", 1), ("completed", 2)])
        assert any(self.told == sequence[: len(self.told)] for sequence in whole)
        assert [number for _, number in self.told] == list(range(1, len(self.told) + 1))

    @precondition(lambda self: self.state in FINAL)
    @rule()
    def was_told_its_end(self) -> None:
        assert self.told[-1][0] in ("failed", "completed")


TestLife = Life.TestCase
