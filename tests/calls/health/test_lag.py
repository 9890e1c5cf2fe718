"""How late the event loop is."""

import asyncio
import time

import pytest

from calls.health.lag import STEP_S, WINDOW, LoopLag


def test_nothing_measured_is_no_lag() -> None:
    assert LoopLag().p99_ms == 0.0


def test_one_late_timer_of_a_hundred_is_passed_over_and_two_are_not() -> None:
    lag = LoopLag()
    assert WINDOW == 100
    for _ in range(WINDOW - 1):
        lag.note(0.001)
    lag.note(STEP_S - 0.001)
    assert lag.p99_ms == pytest.approx(1.0)
    lag.note(STEP_S - 0.001)
    assert lag.p99_ms == pytest.approx(1000 * (STEP_S - 0.001))


def test_a_long_stall_counts_for_all_the_timers_that_it_held_back() -> None:
    lag = LoopLag()
    for _ in range(WINDOW):
        lag.note(0.0)
    lag.note(1.0)
    assert lag.p99_ms > 800
    lag.note(1e9)
    assert len(lag._late_s) == WINDOW


async def test_a_loop_that_is_held_up_is_late_until_it_is_forgotten() -> None:
    lag = LoopLag()
    lag.start()
    lag.start()
    time.sleep(0.2)  # noqa: ASYNC251 - the loop is to be held up
    while not lag.p99_ms:  # noqa: ASYNC110 - its timer is due, and sends no event
        await asyncio.sleep(0)
    assert lag.p99_ms > 100
    lag.stop()
    assert lag.p99_ms == 0.0
