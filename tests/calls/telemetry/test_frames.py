"""Frames of calls, added up."""

import pytest

from calls.telemetry.frames import Frames, Tally

pytestmark = pytest.mark.pure


def call(**counts: int) -> Frames:
    frames = Frames()
    for name, count in counts.items():
        setattr(frames, name, count)
    return frames


def told(tally: Tally) -> tuple[int, int, int, int]:
    total = tally.total()
    return total.came, total.sent, total.dropped, total.late


def test_calls_that_go_on_and_those_that_are_over_count() -> None:
    tally = Tally()
    one, other = call(came=5, sent=3), call(came=1, dropped=1, late=2)
    tally.begin(one)
    tally.begin(other)
    assert told(tally) == (6, 3, 1, 2)
    one.came += 1
    tally.end(one)
    assert told(tally) == (7, 3, 1, 2)
    tally.end(other)
    assert told(tally) == (7, 3, 1, 2)


def test_asking_changes_nothing() -> None:
    tally = Tally()
    tally.begin(call(came=5))
    assert told(tally) == told(tally) == (5, 0, 0, 0)
