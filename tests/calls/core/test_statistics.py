"""Figures of traffic: the scale of waits, sums, percentiles, how many calls went on at once."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.core.statistics import (
    RELATIVE_ERROR,
    STAGES,
    Figures,
    class_ms,
    most_at_once,
    packed,
    percentile,
    scale_class,
    unpacked,
)
from calls.core.waterfall import TurnTimes, waterfall

pytestmark = pytest.mark.pure


def turn(**moments: int | None) -> TurnTimes:
    usual: dict[str, int | None] = {
        "caller_stopped_ms": 1000,
        "end_decided_ms": 1500,
        "final_text_ms": 1600,
        "sent_to_bot_ms": 1600,
        "bot_answered_ms": 2000,
        "audio_ready_ms": 2100,
        "audio_sent_ms": 2120,
    }
    return TurnTimes(turn=1, kind="speech", **(usual | moments))  # type: ignore[arg-type]  # fields


@given(st.integers(1, 10_000_000))
def test_a_class_stands_for_its_waits_within_the_error(ms: int) -> None:
    assert abs(class_ms(scale_class(ms)) - ms) <= RELATIVE_ERROR * ms * (1 + 1e-9)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=60), st.floats(0, 1))
def test_a_percentile_is_that_of_the_waits_within_the_error(waits: list[int], share: float) -> None:
    rank = max(1, -(-int(share * len(waits) * 1e9) // 10**9))
    exact = sorted(waits)[min(rank, len(waits)) - 1]
    found = percentile(Counter(map(scale_class, waits)), len(waits[:rank]) / len(waits))
    assert found is not None
    assert abs(found - exact) <= RELATIVE_ERROR * exact * (1 + 1e-9)


def test_no_time_at_all_is_a_class_of_its_own_and_nothing_has_no_percentile() -> None:
    assert class_ms(scale_class(0)) == 0
    assert percentile({}, 0.5) is None
    assert Figures().wait_ms(0.5) is None


def test_percentiles_lie_where_the_share_says() -> None:
    histogram = Counter(map(scale_class, range(1, 101)))
    for share, ms in ((0.0, 1), (0.5, 50), (0.95, 95), (1.0, 100)):
        assert percentile(histogram, share) == pytest.approx(ms, rel=1.001 * RELATIVE_ERROR)


def test_figures_of_several_periods_add_up() -> None:
    morning, evening = Figures(started=2, ended=1, most=2), Figures(started=1, ended=2, most=1)
    morning.failures["tts:timeout"] = 1
    evening.failures.update({"tts:timeout": 1, "bot:server": 1})
    morning.count_wait(waterfall(turn()))
    evening.count_wait(waterfall(turn(audio_sent_ms=4000)))
    day = Figures()
    day.add(morning)
    day.add(evening)
    assert (day.started, day.ended, day.most, day.failed, day.failed_share) == (3, 3, 2, 3, 1.0)
    assert day.failures == {"tts:timeout": 2, "bot:server": 1}
    assert day.silences["total"].total() == 2
    assert evening.silences["total"].total() == 1, "what is added stays as it is"


def test_a_share_of_no_calls_is_none() -> None:
    assert Figures(started=3).failed_share is None


def test_a_turn_counts_in_every_stage_also_where_it_took_no_time() -> None:
    figures = Figures()
    figures.count_wait(waterfall(turn()))
    assert set(figures.silences) == set(STAGES)
    assert figures.wait_ms(0.5) == pytest.approx(1120, rel=RELATIVE_ERROR)
    assert figures.wait_ms(0.5, "bot") == pytest.approx(400, rel=RELATIVE_ERROR)
    assert figures.wait_ms(0.5, "collection") == 0


def test_an_answer_that_was_never_heard_has_no_wait() -> None:
    figures = Figures()
    figures.count_wait(waterfall(turn(audio_sent_ms=None)))
    assert figures.silences == {}


@given(
    st.dictionaries(st.sampled_from(STAGES), st.dictionaries(st.integers(0, 300), st.integers(1)))
)
def test_waits_survive_being_stored(silences: dict[str, dict[int, int]]) -> None:
    histograms = {stage: Counter(counts) for stage, counts in silences.items()}
    assert unpacked(packed(histograms)) == histograms


@pytest.mark.parametrize(
    ("spans", "most"),
    [
        ([], 0),
        ([(0, 100)], 1),
        ([(11, 12), (12, 13)], 1),
        ([(11, 13), (12, 14)], 2),
        ([(0, 11), (0, 12), (11.5, 99)], 2),
        ([(0, 10), (20, 30)], 0),
        ([(15, float("inf")), (16, 17), (18, 19)], 2),
    ],
)
def test_how_many_went_on_at_once(spans: list[tuple[float, float]], most: int) -> None:
    assert most_at_once(spans, 10, 20) == most


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=12),
)
def test_how_many_went_on_at_once_agrees_with_looking_at_every_moment(
    calls: list[tuple[int, int]],
) -> None:
    spans = [(float(began), float(began + lasted)) for began, lasted in calls]
    looked = max(sum(began <= at < ended for began, ended in spans) for at in range(10, 20))
    assert most_at_once(spans, 10, 20) == looked
