"""When deliveries are tried again, and when a destination is left in peace."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from bots.core.delivering import (
    AT_ONCE,
    FAILURES_TO_OPEN,
    MAX_ATTEMPTS,
    MAX_RETRY_AFTER_S,
    OPEN_S,
    WAITS_S,
    Circuit,
    Outcome,
    retry_after_s,
    wait_s,
)

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CHANCES = st.floats(0, 1, exclude_max=True)
FAILED = Outcome(status=500, problem="HTTP 500")


def test_the_waits_are_those_that_are_promised_and_the_seventh_failure_is_the_last() -> None:
    waits = [wait_s(FAILED, attempts=n, chance=0.5) for n in range(1, MAX_ATTEMPTS + 1)]
    assert waits == [5, 30, 120, 600, 3600, 21_600, None]


@given(st.integers(1, MAX_ATTEMPTS - 1), CHANCES)
def test_chance_moves_a_wait_by_a_fifth_at_most(attempts: int, chance: float) -> None:
    wait = wait_s(FAILED, attempts=attempts, chance=chance)
    usual = WAITS_S[attempts - 1]
    assert wait is not None
    assert 0.8 * usual <= wait <= 1.2 * usual


def test_chance_does_move_it() -> None:
    assert wait_s(FAILED, attempts=1, chance=0.0) == 4.0
    assert wait_s(FAILED, attempts=1, chance=1.0) == 6.0


@pytest.mark.parametrize(
    "outcome", [Outcome(status=404), Outcome(status=410), Outcome(hopeless=True)]
)
def test_nothing_is_tried_again_where_nobody_is(outcome: Outcome) -> None:
    assert wait_s(outcome, attempts=1, chance=0.5) is None


@pytest.mark.parametrize("status", [None, 301, 400, 401, 408, 429, 500, 503])
def test_every_other_failure_is_tried_again(status: int | None) -> None:
    assert wait_s(Outcome(status=status), attempts=1, chance=0.5) == 5.0


@pytest.mark.parametrize(
    ("status", "is_success"), [(199, False), (200, True), (299, True), (300, False)]
)
def test_any_2xx_and_nothing_else_is_success(status: int, is_success: bool) -> None:
    assert Outcome(status=status).delivered is is_success


def test_a_destination_may_ask_for_a_longer_wait_but_not_for_a_shorter_or_endless_one() -> None:
    def wait(asked: float) -> float | None:
        return wait_s(Outcome(status=429, retry_after_s=asked), attempts=1, chance=0.5)

    assert [wait(60), wait(1), wait(1e12)] == [60, 5, MAX_RETRY_AFTER_S]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0), (" 7 ", 7.0), ("0", 0.0), ("", None), ("soon", None), ("-5", None),
        ("٣", None), ("9" * 400, 999_999_999.0), ("1.5", None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 12:00:30 -0000", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 99 Nov 2026 11:00:00 GMT", None),
        ("Sat, 21 Nov 99999999999999999999 11:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_or_nothing(header: str, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(st.text(max_size=60))
def test_no_retry_after_header_does_any_harm(header: str) -> None:
    found = retry_after_s(header, NOW)
    assert found is None or found >= 0


def test_a_circuit_opens_at_the_fifth_failure_in_a_row_and_closes_with_a_success() -> None:
    circuit = Circuit()
    for _ in range(FAILURES_TO_OPEN - 1):
        circuit = circuit.after(FAILED, NOW)
    assert circuit.closed
    circuit = circuit.after(FAILED, NOW)
    assert not circuit.closed
    later = NOW + timedelta(seconds=OPEN_S)
    assert [circuit.room(0, NOW), circuit.room(0, later), circuit.room(1, later)] == [0, 1, 0]
    reopened = circuit.after(FAILED, later)
    assert [reopened.room(0, later), reopened.open_until] == [0, later + timedelta(seconds=OPEN_S)]
    assert circuit.after(Outcome(status=204), later) == Circuit()


@pytest.mark.parametrize(("status", "harms"), [(404, False), (401, False), (302, False),
                                               (429, True), (500, True), (None, True)])  # fmt: skip
def test_only_a_destination_in_trouble_is_left_in_peace(status: int | None, harms: bool) -> None:
    once = Circuit(failures=2).after(Outcome(status=status), NOW)
    assert once.failures == (3 if harms else 0)


def test_what_no_destination_could_have_taken_says_nothing_about_it() -> None:
    circuit = Circuit(failures=3)
    assert circuit.after(Outcome(hopeless=True), NOW) is circuit


class Breaker(RuleBasedStateMachine):
    """A destination, the deliveries under way to it, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit = Circuit()
        self.now = NOW
        self.under_way = 0
        self.in_a_row = 0

    @rule()
    def begin(self) -> None:
        self.under_way += self.circuit.room(self.under_way, self.now) > 0

    @rule(status=st.sampled_from([200, 404, 429, 500, None]))
    def end(self, status: int | None) -> None:
        if not self.under_way:
            return
        self.under_way -= 1
        self.circuit = self.circuit.after(Outcome(status=status), self.now)
        self.in_a_row = 0 if status in (200, 404) else self.in_a_row + 1

    @rule(seconds=st.floats(0, 2 * OPEN_S))
    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @invariant()
    def it_is_open_after_five_failures_in_a_row_and_never_otherwise(self) -> None:
        assert self.circuit.closed == (self.in_a_row < FAILURES_TO_OPEN)

    @invariant()
    def there_are_never_more_under_way_than_four(self) -> None:
        assert self.under_way <= AT_ONCE

    @invariant()
    def an_open_circuit_lets_somebody_through_in_the_end(self) -> None:
        later = self.now + timedelta(seconds=OPEN_S)
        assert self.circuit.room(0, later) >= 1


TestBreaker = Breaker.TestCase
