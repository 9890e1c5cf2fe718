"""What comes and goes: how often it came, and how long its alarm stays for that."""

from datetime import UTC, datetime, timedelta

import pytest

from alarms.core.damping import MEMORY, MOST_COMINGS, Damping, came

pytestmark = pytest.mark.pure

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
DAMPING = Damping()


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def comings(*seconds: float) -> tuple[datetime, ...]:
    found: tuple[datetime, ...] = ()
    for each in seconds:
        found = came(found, at(each))
    return found


def test_who_came_seldom_is_over_as_usual() -> None:
    assert DAMPING.hold_s((), NOON) == DAMPING.hold_s(comings(0, 1), at(2)) == 0
    assert DAMPING.hold_s(comings(0, 450, 901), at(902)) == 0


def test_who_came_three_times_within_the_window_has_to_stay_away() -> None:
    assert DAMPING.often(comings(0, 450, 900), at(901)) == 3
    assert DAMPING.hold_s(comings(0, 450, 900), at(901)) == 60


def test_each_further_time_takes_twice_as_long_up_to_a_bound() -> None:
    times = [DAMPING.hold_s(comings(*range(n)), at(n)) for n in range(3, 10)]
    assert times == [60, 120, 240, 480, 900, 900, 900]
    assert DAMPING.hold_s(comings(*range(10_000)), at(10_000)) == 900


def test_the_latest_times_count_for_coming_often() -> None:
    early = comings(0, 1, 2, 3)
    assert DAMPING.hold_s(came(early, at(2000)), at(2001)) == 0
    # Who comes and goes again has a past.
    assert DAMPING.hold_s(comings(0, 1, 2, 2000, 2010, 2020), at(2030)) == 480


def test_what_was_long_ago_does_not_count() -> None:
    old = comings(0, 1, 2)
    hour = MEMORY.total_seconds()
    assert DAMPING.often(old, at(hour - 0.1)) == 3
    assert DAMPING.often(old, at(hour)) == 0
    assert came(old, at(hour + 1)) == (at(2), at(hour + 1))


def test_only_so_many_times_are_remembered() -> None:
    assert comings(*range(100)) == tuple(at(n) for n in range(100 - MOST_COMINGS, 100))


@pytest.mark.parametrize(
    ("times", "detail", "words"),
    [
        (2, "timeout", "timeout"),
        (7, "timeout", "timeout; comes and goes, raised 7 times in the last hour"),
        (3, "", "comes and goes, raised 3 times in the last hour"),
        (99, "", f"comes and goes, raised at least {MOST_COMINGS} times in the last hour"),
        (3, "x" * 500, f"{'x' * 150}; comes and goes, raised 3 times in the last hour"),
    ],
)
def test_the_detail_says_that_it_comes_and_goes(times: int, detail: str, words: str) -> None:
    assert DAMPING.worded(detail, comings(*range(times)), at(times)) == words


@pytest.mark.parametrize("other", [Damping(count=2), Damping(window_s=10), Damping(first_s=7)])
def test_a_type_may_declare_another_measure(other: Damping) -> None:
    told = comings(0, 30, 60), comings(0, 30)
    assert [other.hold_s(each, at(61)) for each in told] != [60, 0]
