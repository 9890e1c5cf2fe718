"""Timers as data, and the count of a silent caller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.core.timeouts import NoInput, Timer, Timers

pytestmark = pytest.mark.pure


def test_the_deadline_is_the_earliest_due_time() -> None:
    timers = Timers()
    deadlines = [timers.deadline]
    for timer, due in ((Timer.MAX_DURATION, 60), (Timer.USER_INPUT, 5), (Timer.USER_INPUT, 90)):
        timers.start(timer, due)
        deadlines.append(timers.deadline)

    assert deadlines == [None, 60, 5, 60]


def test_a_timer_that_is_started_again_runs_to_its_new_time_only() -> None:
    timers = Timers()
    timers.start(Timer.USER_INPUT, 5.0)
    timers.start(Timer.USER_INPUT, 9.0)

    assert timers.expire(5.0) is None
    assert timers.expire(9.0) is Timer.USER_INPUT


def test_waiting_does_not_extend_a_wait() -> None:
    timers = Timers()
    timers.wait(Timer.USER_INPUT, 5.0)
    timers.wait(Timer.USER_INPUT, 9.0)

    assert timers.deadline == 5.0


def test_keeping_one_timer_stops_the_others() -> None:
    timers = Timers()
    timers.start(Timer.USER_INPUT, 5.0)
    timers.start(Timer.MAX_DURATION, 60.0)
    timers.keep(Timer.MAX_DURATION)
    timers.keep(Timer.MAX_DURATION)

    assert [timer for timer in Timer if timers.running(timer)] == [Timer.MAX_DURATION]


def test_stopping_takes_any_number_of_timers_running_or_not() -> None:
    timers = Timers()
    timers.start(Timer.START, 2.0)
    timers.start(Timer.RECOGNITION, 3.0)
    timers.start(Timer.BOT_GIVE_UP, 4.0)
    timers.stop(Timer.START, Timer.RECOGNITION, Timer.USER_INPUT)

    assert [timer for timer in Timer if timers.running(timer)] == [Timer.BOT_GIVE_UP]


def test_clearing_stops_every_timer() -> None:
    timers = Timers()
    for timer in Timer:
        timers.start(timer, 1.0)
    timers.clear()

    assert timers.deadline is None
    assert timers.expire(2.0) is None


@given(st.dictionaries(st.sampled_from(Timer), st.floats(0, 100)), st.floats(0, 100))
def test_what_is_due_expires_once_and_earliest_first(due: dict[Timer, float], now: float) -> None:
    timers = Timers()
    for timer, at in due.items():
        timers.start(timer, at)

    expired = []
    while (next_due := timers.expire(now)) is not None:
        expired.append(next_due)

    assert set(expired) == {timer for timer, at in due.items() if at <= now}
    assert [due[timer] for timer in expired] == sorted(due[timer] for timer in expired)
    assert timers.deadline == min((at for at in due.values() if at > now), default=None)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_silent_caller_is_asked_once_and_once_more_for_each_retry(retries: int) -> None:
    count = NoInput()

    gave_up = [count.expired(retries) for _ in range(retries + 2)]

    assert gave_up == [False] * (retries + 1) + [True]
    assert count.count == retries + 2


def test_the_count_begins_anew_when_the_caller_was_heard() -> None:
    count = NoInput()
    count.expired(0)
    count.heard()

    assert count.expired(0) is False
    assert count.count == 1
