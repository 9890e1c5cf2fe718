"""When a side of a call is not heard, and when a call should have ended."""

import pytest

from calls.core.silence import (
    DEAF_S,
    ENDING_S,
    LONGEST_S,
    UNHEARD_PIECES,
    Sound,
    Stream,
    Verdict,
    bot_heard,
    caller_heard,
    is_overdue,
)

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("stream", "verdict"),
    [
        (None, None),
        (Stream(100.0, 0), "broken"),
        (Stream(101.0, 0), None),
        (Stream(100.0, 1), "works"),
    ],
)
def test_an_open_stream_without_audio_is_broken(
    stream: Stream | None, verdict: Verdict | None
) -> None:
    assert caller_heard(stream, 100.5 + DEAF_S) == verdict


@pytest.mark.parametrize(
    ("sound", "verdict"),
    [
        (None, None),
        (Sound(UNHEARD_PIECES, plays=False), "broken"),
        (Sound(UNHEARD_PIECES - 1, plays=False), None),
        (Sound(1, plays=True), "works"),
    ],
)
def test_audio_of_which_nothing_is_played_is_not_heard(
    sound: Sound | None, verdict: Verdict | None
) -> None:
    assert bot_heard(sound) == verdict


@pytest.mark.parametrize(
    ("permitted_s", "longest_s"),
    [(600.0, 1200.0), (LONGEST_S, LONGEST_S + ENDING_S), (24 * 3600.0, 24 * 3600.0 + ENDING_S)],
)
def test_a_call_outlives_what_should_have_ended_it(permitted_s: float, longest_s: float) -> None:
    assert not is_overdue(longest_s, permitted_s)
    assert is_overdue(longest_s + 1, permitted_s)
