"""How far a recognised sentence is believed (bots.workers.credibility)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.workers.credibility import Reading, confidence, distance

pytestmark = pytest.mark.pure

YES = ("Y", "EH", "S")


def reading(phones: tuple[str, ...], score_per_frame: float = -1.5, frames: int = 60) -> Reading:
    return Reading(phones=phones, score=score_per_frame * frames, frames=frames)


def test_what_fits_and_resembles_is_believed() -> None:
    assert confidence(reading(YES), reading(YES)) > 0.99


def test_what_resembles_nothing_that_was_heard_is_not_believed() -> None:
    assert confidence(reading(YES, -4), reading(("M", "UW", "N", "L", "AY", "T"))) < 0.1


def test_belief_falls_as_the_sound_is_explained_worse() -> None:
    beliefs = [confidence(reading(YES, score), reading(YES)) for score in (-1, -3, -5, -7)]
    assert beliefs == sorted(beliefs, reverse=True)


def test_a_fit_beyond_the_worst_counts_as_the_worst() -> None:
    assert confidence(reading(YES, -50), reading(YES)) == confidence(reading(YES, -8), reading(YES))


def test_very_short_readings_are_not_trusted_for_their_shortness() -> None:
    one_frame = confidence(reading(YES, -20, frames=1), reading(YES))
    assert one_frame == confidence(reading(YES, -2, frames=10), reading(YES))


@pytest.mark.parametrize(("sentence", "loop"), [((), YES), (YES, ()), ((), ())])
def test_silence_is_never_believed(sentence: tuple[str, ...], loop: tuple[str, ...]) -> None:
    assert confidence(reading(sentence), reading(loop)) == 0.0


PHONES = st.lists(st.sampled_from("ABC"), max_size=8)


@given(PHONES, PHONES, PHONES)
def test_distance_is_a_metric(a: list[str], b: list[str], c: list[str]) -> None:
    assert distance(a, b) == distance(b, a)
    assert (distance(a, b) == 0) == (a == b)
    assert distance(a, c) <= distance(a, b) + distance(b, c)
    assert abs(len(a) - len(b)) <= distance(a, b) <= max(len(a), len(b))


def test_distance_counts_the_fewest_edits() -> None:
    assert distance("kitten", "sitting") == 3
