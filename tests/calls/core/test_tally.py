"""Uses and failures of the last minutes, and when they are too many."""

import pytest

from calls.core.tally import (
    FEWEST,
    MAX_KEYS,
    SLOT_S,
    WINDOW_S,
    Tally,
    added,
    sentence,
    too_often,
)

pytestmark = pytest.mark.pure


def test_uses_and_failures_are_counted_apart() -> None:
    tally = Tally()
    for failed in (True, False, False):
        tally.count("stt:azure", 100.0, failed=failed)
    tally.count("tts:azure", 100.0, failed=False)
    assert tally.figures(100.0) == {"stt:azure": (3, 1), "tts:azure": (1, 0)}


def test_what_is_older_than_the_window_counts_no_longer() -> None:
    tally = Tally()
    tally.count("a", 0.0, failed=True)
    tally.count("a", WINDOW_S - SLOT_S, failed=False)
    assert tally.figures(WINDOW_S - 1) == {"a": (2, 1)}
    assert tally.figures(WINDOW_S + 1) == {"a": (1, 0)}
    assert tally.figures(3 * WINDOW_S) == {}


def test_a_service_that_is_always_in_use_takes_no_more_memory() -> None:
    tally = Tally()
    for second in range(int(10 * WINDOW_S)):
        tally.count("a", float(second), failed=False)
    assert tally.figures(10 * WINDOW_S - 1)["a"][0] <= WINDOW_S
    assert len(tally._slots["a"]) <= WINDOW_S / SLOT_S + 1


def test_of_very_many_things_the_latest_are_counted() -> None:
    tally = Tally()
    for number in range(MAX_KEYS + 10):
        tally.count(str(number), 0.0, failed=False)
        tally.count("always", 0.0, failed=False)
    figures = tally.figures(0.0)
    assert len(figures) == MAX_KEYS
    assert figures["always"] == (MAX_KEYS + 10, 0)
    assert "0" not in figures


def test_the_figures_of_processes_add_up() -> None:
    assert added([{"a": (3, 1)}, {"a": (2, 2), "b": (1, 0)}, {}]) == {"a": (5, 3), "b": (1, 0)}


@pytest.mark.parametrize(
    ("figures", "too_many"),
    [
        ((FEWEST, 2), True),
        ((FEWEST - 1, FEWEST - 1), False),
        ((100, 9), False),
        ((100, 10), True),
        ((0, 0), False),
    ],
)
def test_a_tenth_of_at_least_twenty_is_too_often(figures: tuple[int, int], too_many: bool) -> None:
    assert too_often(figures) is too_many


def test_people_are_told_both_numbers() -> None:
    assert sentence((60, 9), "calls") == "9 of 60 calls failed within 5 minutes (15 %)"
    assert sentence((0, 0), "uses", 15) == "0 of 0 uses failed within 15 minutes (0 %)"
