"""How often an alarm would have been raised under another rule."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from alarms.core.catalogue import STT_PROVIDER_FAILURE, WORKER_DOWN
from alarms.core.policy import Policy, policy_of
from alarms.core.preview import Episode, Estimate, estimate

pytestmark = pytest.mark.pure

START = datetime(2026, 11, 14, tzinfo=UTC)
FAILS = policy_of(STT_PROVIDER_FAILURE)
"""3 failures in 60 s; clears after 10 s."""
HOLDS = policy_of(WORKER_DOWN)
"""Held for 15 s; clears at once."""


def episode(
    name: str = "stt-1", *, at: float = 0, lasted: float | None = 30, told: int = 3
) -> Episode:
    raised_at = START + timedelta(seconds=at)
    ended_at = None if lasted is None else raised_at + timedelta(seconds=lasted)
    return Episode(source=f"provider:{name}", raised_at=raised_at, ended_at=ended_at, told=told)


def but(policy: Policy, **changes: Any) -> Policy:
    return msgspec.structs.replace(policy, **changes)


def judged(*episodes: Episode, recorded: Policy = FAILS, **changes: Any) -> Estimate:
    return estimate(episodes, recorded=recorded, wanted=but(recorded, **changes))


def test_the_same_rule_raises_exactly_what_was_raised() -> None:
    assert judged() == Estimate(raised=0)
    assert judged(episode(), episode(at=60), episode("stt-2")) == Estimate(raised=3)


def test_another_severity_or_text_changes_nothing() -> None:
    assert judged(episode(), severity=5, text="x") == Estimate(raised=1)


def test_without_a_row_there_may_be_fewer_and_with_one_there_may_be_more() -> None:
    assert judged(episode(), in_a_row_s=0.0) == Estimate(raised=1, fewer=True)
    without = but(FAILS, in_a_row_s=0.0)
    assert judged(episode(), recorded=without, in_a_row_s=9.0) == Estimate(raised=1, more=True)


def test_switched_off_nothing_is_raised() -> None:
    assert judged(episode(), enabled=False) == Estimate(raised=0)


def test_only_listed_entities_count() -> None:
    assert judged(episode(), episode("tts-1"), sources=("stt-*",)) == Estimate(raised=1)


def test_more_failures_leave_out_what_had_fewer_and_nothing_is_certain() -> None:
    three, ten = episode(told=3), episode(at=100, told=10)
    assert judged(three, ten, count=10) == Estimate(raised=1, more=True, fewer=True)
    assert judged(three, count=10) == Estimate(raised=0, more=True)


def test_a_failure_that_was_certain_counts_whatever_the_threshold() -> None:
    assert judged(episode(told=1), count=10).raised == 1


def test_fewer_failures_would_have_raised_at_least_as_much() -> None:
    assert judged(episode(), count=2) == Estimate(raised=1, more=True)


def test_another_window_is_uncertain_unless_one_failure_is_enough() -> None:
    assert judged(episode(), window_s=20.0) == Estimate(raised=1, fewer=True)
    assert judged(episode(), window_s=600.0) == Estimate(raised=1, more=True)
    assert judged(window_s=20.0) == Estimate(raised=0)
    one = but(FAILS, count=1)
    assert judged(episode(told=1), recorded=one, window_s=20.0) == Estimate(raised=1)
    assert judged(episode(told=1), recorded=one, window_s=600.0) == Estimate(raised=1)


def test_a_longer_hold_off_leaves_out_what_was_short() -> None:
    short, long = episode(lasted=30), episode(at=600, lasted=300)
    active = episode(at=2000, lasted=None)
    assert judged(short, long, active, recorded=HOLDS, hold_off_s=46.0) == Estimate(raised=2)
    assert judged(short, recorded=HOLDS, hold_off_s=45.0) == Estimate(raised=1)
    # The end of an alarm is as late as its clear delay.
    slow = but(HOLDS, clear_after_s=10.0)
    assert judged(short, recorded=slow, hold_off_s=45.0) == Estimate(raised=0)
    assert judged(short, recorded=HOLDS, hold_off_s=1.0) == Estimate(raised=1, more=True)


def test_a_longer_clear_delay_joins_what_came_soon_again() -> None:
    times = [episode(at=0), episode(at=50), episode(at=140), episode("other", at=50)]
    assert judged(*times, clear_after_s=30.0) == Estimate(raised=4)  # a gap of just 20 s more
    assert judged(*times, clear_after_s=31.0) == Estimate(raised=3)
    assert judged(*reversed(times), clear_after_s=100.0) == Estimate(raised=2)
    assert judged(*times, clear_after_s=5.0) == Estimate(raised=4, more=True)


def test_what_still_holds_joins_what_seems_to_come_after() -> None:
    assert judged(episode(lasted=None), episode(at=5, lasted=None)).raised == 1


@pytest.mark.parametrize(
    ("before", "wanted", "more"),
    [
        ((), ("a",), False),
        (("a", "b"), ("a",), False),
        (("a",), ("a", "b"), True),
        (("a",), (), True),
        ((), (), False),
    ],
)
def test_what_was_not_listed_left_no_trace(
    before: tuple[str, ...],
    wanted: tuple[str, ...],
    more: bool,
) -> None:
    recorded = but(FAILS, sources=before)
    assert judged(recorded=recorded, sources=wanted).more is more


def test_what_was_switched_off_left_no_trace() -> None:
    assert judged(recorded=but(FAILS, enabled=False), enabled=True) == Estimate(raised=0, more=True)
