"""The segments of a turn: contiguous, complete, and honest about an answer that never came."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.core.commands import RecordTurn
from calls.core.waterfall import REST, SEGMENTS, Segment, TurnTimes, turn_times, waterfall

pytestmark = pytest.mark.pure

WHOLE = TurnTimes(
    turn=3,
    kind="speech",
    caller_stopped_ms=10_000,
    end_decided_ms=10_500,
    final_text_ms=10_620,
    sent_to_bot_ms=10_620,
    bot_answered_ms=11_400,
    audio_ready_ms=11_550,
    audio_sent_ms=11_590,
    playback_ended_ms=13_590,
)


@st.composite
def turns(draw: st.DrawFn) -> RecordTurn:
    """Any turn that the engine may report, cut off at any of the moments that may be missing."""
    lengths = st.sampled_from([0.0, 0.0004, 0.001]) | st.floats(0, 30)
    steps = draw(st.lists(lengths, min_size=8, max_size=8))
    known = draw(st.integers(4, 8))
    at, moments = 100.0, []
    for index, step in enumerate(steps):
        at += step
        moments.append(at if index < known else None)
    names = [name for name in RecordTurn.__struct_fields__ if name.endswith("_at")]
    return msgspec.convert(
        {"turn": 1, "kind": "speech", **dict(zip(names, moments, strict=True))}, RecordTurn
    )


def test_a_turn_is_cut_into_segments_and_those_without_length_are_left_out() -> None:
    shown = waterfall(WHOLE)
    assert [(part.name, part.start_ms, part.ms) for part in shown.segments] == [
        ("endpointing", 0, 500),
        ("recognition", 500, 120),
        ("bot", 620, 780),
        ("synthesis", 1400, 150),
        ("delivery", 1550, 40),
    ]
    assert (shown.turn, shown.kind, shown.at_ms) == (3, "speech", 10_000)
    assert (shown.silence_ms, shown.reached_ms, shown.playback_ms) == (1590, 1590, 2000)


def test_what_a_voice_agent_says_it_took_stays_with_the_turn() -> None:
    took = {"stt_ms": 120, "think_ms": 410}
    turn = RecordTurn(
        turn=1,
        kind="speech",
        caller_stopped_at=101.0,
        end_decided_at=101.5,
        final_text_at=101.5,
        sent_to_bot_at=101.5,
        agent=took,
    )
    assert waterfall(turn_times(turn, 100.0)).agent == took
    assert waterfall(WHOLE).agent is None


def test_what_the_caller_may_still_add_is_collection() -> None:
    joined = msgspec.structs.replace(WHOLE, sent_to_bot_ms=11_000)
    assert Segment(name="collection", start_ms=620, ms=380) in waterfall(joined).segments


def test_an_answer_that_never_came_has_no_silence_but_the_segments_before_it() -> None:
    nothing = dict.fromkeys(WHOLE.__struct_fields__[6:])
    shown = waterfall(msgspec.structs.replace(WHOLE, **nothing))
    assert [part.name for part in shown.segments] == ["endpointing", "recognition"]
    assert (shown.silence_ms, shown.reached_ms, shown.playback_ms) == (None, 620, None)


def test_an_answer_that_is_still_heard_has_a_silence_and_no_length() -> None:
    shown = waterfall(msgspec.structs.replace(WHOLE, playback_ended_ms=None))
    assert (shown.silence_ms, shown.playback_ms) == (1590, None)


@given(turn=turns())
def test_segments_follow_each_other_and_sum_to_the_silence(turn: RecordTurn) -> None:
    times = turn_times(turn, 100.0)
    shown = waterfall(times)
    names = [part.name for part in shown.segments]
    assert names == [name for name in SEGMENTS if name in names]
    reached = 0
    for part in shown.segments:
        assert part.start_ms == reached
        assert part.ms > 0
        reached += part.ms
    if shown.silence_ms is not None:
        assert reached == shown.silence_ms


def test_times_count_in_whole_milliseconds_from_the_start_of_the_call() -> None:
    turn = RecordTurn(
        turn=1,
        kind="dtmf",
        caller_stopped_at=101.0004,
        end_decided_at=101.0004,
        final_text_at=101.2344,
        sent_to_bot_at=101.2346,
        bot_answered_at=102.0,
    )
    assert turn_times(turn, 100.0) == TurnTimes(
        turn=1,
        kind="dtmf",
        caller_stopped_ms=1000,
        end_decided_ms=1000,
        final_text_ms=1234,
        sent_to_bot_ms=1234,
        bot_answered_ms=2000,
    )


@given(turn=turns())
def test_a_silence_is_as_long_as_the_delay_beside_the_answer(turn: RecordTurn) -> None:
    shown = waterfall(turn_times(turn, 99.1234))
    if turn.audio_sent_at is None:
        assert shown.silence_ms is None
    else:
        assert shown.silence_ms == round((turn.audio_sent_at - turn.caller_stopped_at) * 1000)


def test_a_turn_from_before_the_call_began_is_at_its_start() -> None:
    turn = RecordTurn(
        turn=1,
        kind="speech",
        caller_stopped_at=99.0,
        end_decided_at=99.5,
        final_text_at=99.5,
        sent_to_bot_at=99.5,
    )
    times = turn_times(turn, 100.0)
    assert (times.caller_stopped_ms, times.end_decided_ms) == (0, 500)


def test_silence_that_no_part_accounts_for_is_shown_as_unexplained() -> None:
    unknown = msgspec.structs.replace(WHOLE, bot_answered_ms=None, audio_ready_ms=None)
    shown = waterfall(unknown)
    assert shown.segments[-1] == Segment(name=REST, start_ms=620, ms=970)
    assert shown.reached_ms == shown.silence_ms == 1590
