"""Real-time pacing: never too far ahead, everything once and in order, and what was heard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.audio import LPCM16_8K, LPCM16_16K, MULAW_8K, AudioFormat
from calls.media.pacer import CHUNK_MS, LATE_S, LEAD_MS, MIN_MS, Pacer
from calls.telemetry.frames import Frames

pytestmark = pytest.mark.pure

BYTES_PER_MS = 16
"""Of `LPCM16_8K`, the format of these tests."""
ROUNDING_MS = 1e-6


def audio(ms: float, *, start: int = 0) -> bytes:
    """Samples that differ from their neighbours, so that a lost or repeated one shows."""
    samples = int(ms * BYTES_PER_MS / 2)
    return b"".join((start + n).to_bytes(2, "little") for n in range(samples))


def full(ms: float, form: AudioFormat = LPCM16_8K) -> tuple[Pacer, bytes]:
    """A pacer that holds a complete prompt."""
    pacer, prompt = Pacer(form), audio(ms)
    pacer.push(prompt)
    pacer.complete()
    return pacer, prompt


def play_out(pacer: Pacer, now: float) -> tuple[bytes, float]:
    """Take whatever is due when it is due until all was heard; answers the audio and the time."""
    out = b""
    while not pacer.finished(now):
        out += pacer.take(now)
        due = pacer.next_due(now)
        assert due is not None
        assert due > now or pacer.finished(now), "a due time that does not come"
        now = due
    return out, now


def test_the_lead_is_sent_at_once_and_then_a_chunk_at_a_time() -> None:
    pacer, prompt = full(1000)

    assert pacer.take(10.0) == prompt[: LEAD_MS * BYTES_PER_MS]
    assert pacer.take(10.0) == b""
    due = pacer.next_due(10.0)
    assert due == pytest.approx(10.0 + CHUNK_MS / 1000)
    assert len(pacer.take(due or 0)) == CHUNK_MS * BYTES_PER_MS


@pytest.mark.parametrize("form", [LPCM16_8K, LPCM16_16K, MULAW_8K])
def test_a_prompt_takes_as_long_as_it_lasts(form: AudioFormat) -> None:
    pacer, prompt = full(730, form)

    out, ended = play_out(pacer, 5.0)

    assert out == prompt
    assert ended - 5.0 == pytest.approx(form.ms_for_bytes(len(prompt)) / 1000)
    assert pacer.heard_ms(ended) == pytest.approx(pacer.total_ms)


def test_less_than_the_least_waits_until_the_prompt_is_complete() -> None:
    pacer = Pacer(LPCM16_8K)
    pacer.push(audio(MIN_MS - 1))

    assert pacer.take(0.0) == b""
    assert pacer.next_due(0.0) is None
    pacer.complete()
    assert pacer.next_due(0.0) == 0.0
    assert pacer.take(0.0) == audio(MIN_MS - 1)


def test_a_source_in_real_time_is_passed_on_as_it_comes() -> None:
    pacer, sent = Pacer(LPCM16_8K), []
    for n in range(10):
        pacer.push(audio(MIN_MS, start=1000 * n))
        sent.append(pacer.take(5.0 + n * MIN_MS / 1000))

    assert sent == [audio(MIN_MS, start=1000 * n) for n in range(10)]


def test_less_than_a_chunk_waits_while_the_caller_has_audio() -> None:
    pacer = Pacer(LPCM16_8K)
    pacer.push(audio(120 + MIN_MS + 5))
    pacer.take(1.0)

    assert pacer.waiting_ms == MIN_MS + 5
    assert pacer.next_due(1.0) == pytest.approx(1.0 + (120 - MIN_MS) / 1000)
    assert len(pacer.take(1.1)) == MIN_MS * BYTES_PER_MS
    assert pacer.next_due(1.1) == pytest.approx(1.0 + (120 + MIN_MS) / 1000)
    assert len(pacer.take(1.1401)) == 5 * BYTES_PER_MS
    assert pacer.next_due(1.2) is None


def test_the_length_is_unknown_until_the_prompt_is_complete() -> None:
    pacer = Pacer(LPCM16_8K)
    pacer.push(audio(500))
    lengths = [pacer.total_ms]
    pacer.complete()
    lengths.append(pacer.total_ms)

    assert lengths == [0.0, 500.0]


def test_a_prompt_is_finished_when_it_was_heard_not_when_it_was_sent() -> None:
    pacer, _ = full(100)
    pacer.take(3.0)

    assert pacer.sent_all
    assert pacer.next_due(3.0) == pytest.approx(3.1)
    assert [pacer.finished(now) for now in (3.0, 3.099, 3.1001)] == [False, False, True]


def test_what_is_left_is_known_once_the_prompt_is_complete() -> None:
    pacer = Pacer(LPCM16_8K)
    pacer.push(audio(500))
    pacer.take(2.0)
    assert pacer.left_ms(2.1) is None
    pacer.complete()

    assert [pacer.left_ms(now) for now in (2.0, 2.1)] == [pytest.approx(500), pytest.approx(400)]
    _, ended = play_out(pacer, 2.1)
    assert pacer.left_ms(ended + 1) == 0


def test_after_a_gap_of_the_synthesiser_the_lead_is_the_usual_one() -> None:
    pacer = Pacer(LPCM16_8K)
    pacer.push(audio(120))
    pacer.take(0.0)
    assert pacer.heard_ms(5.0) == 120.0
    pacer.push(audio(2000))

    assert len(pacer.take(5.0)) == LEAD_MS * BYTES_PER_MS
    assert pacer.heard_ms(5.0) == pytest.approx(120.0)
    assert pacer.heard_ms(5.1) == pytest.approx(220.0)


def test_what_was_not_heard_is_sent_again_after_a_rewind() -> None:
    pacer, prompt = full(1000)
    pacer.take(0.0)
    pacer.rewind(0.05)

    assert pacer.heard_ms(0.05) == pytest.approx(50.0)
    assert pacer.heard_ms(9.0) == pytest.approx(50.0)
    out, _ = play_out(pacer, 9.0)
    assert out == prompt[50 * BYTES_PER_MS :]


def test_a_rewind_after_everything_was_heard_sends_nothing_again() -> None:
    pacer, _ = full(100)
    pacer.take(0.0)
    pacer.rewind(4.0)

    assert pacer.finished(4.0)
    assert pacer.heard_ms(4.0) == pacer.total_ms


def test_a_second_rewind_changes_nothing() -> None:
    pacer, prompt = full(1000)
    pacer.take(0.0)
    pacer.rewind(0.1)
    pacer.rewind(0.2)

    assert pacer.heard_ms(0.2) == pytest.approx(100.0)
    assert play_out(pacer, 0.2)[0] == prompt[100 * BYTES_PER_MS :]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("push"), st.integers(1, 700)),
        st.tuples(st.just("wait"), st.integers(0, 400)),
        st.tuples(st.just("rewind"), st.integers(0, 400)),
    ),
    max_size=25,
)


@given(STEPS)
def test_whatever_happens_the_caller_hears_everything_once_in_order_and_in_time(
    steps: list[tuple[str, int]],
) -> None:
    pacer = Pacer(LPCM16_8K)
    prompt = heard = in_flight = b""
    now = before_ms = 0.0
    for what, ms in steps:
        if what == "push":
            more = audio(ms, start=len(prompt) // 2 % 50_000)
            prompt += more
            pacer.push(more)
        else:
            now += ms / 1000
        in_flight += pacer.take(now) if what != "rewind" else b""
        heard_ms = pacer.heard_ms(now)
        assert heard_ms >= before_ms - ROUNDING_MS
        sent_ms = LPCM16_8K.ms_for_bytes(len(heard + in_flight))
        assert 0 <= sent_ms - heard_ms <= LEAD_MS + ROUNDING_MS
        if what == "rewind":
            pacer.rewind(now)
            kept = round(pacer.heard_ms(now) * BYTES_PER_MS)
            assert kept / BYTES_PER_MS == pytest.approx(heard_ms, abs=2 / BYTES_PER_MS)
            heard, in_flight = (heard + in_flight)[:kept], b""
        before_ms = max(heard_ms, pacer.heard_ms(now))
    pacer.complete()
    rest, ended = play_out(pacer, now)

    assert heard + in_flight + rest == prompt
    assert pacer.heard_ms(ended) == pytest.approx(pacer.total_ms)


def test_what_is_sent_is_counted_and_what_left_a_gap() -> None:
    frames = Frames()
    pacer = Pacer(LPCM16_8K, frames=frames)
    assert pacer.take(0.0) == b""
    assert frames.sent == 0
    pacer.push(audio(CHUNK_MS))
    pacer.take(10.0)  # the first has nothing before it, whenever it comes
    heard_at = 10.0 + CHUNK_MS / 1000
    pacer.push(audio(CHUNK_MS))
    pacer.take(heard_at + LATE_S / 2)
    assert (frames.sent, frames.late) == (2, 0)
    heard_at += LATE_S / 2 + CHUNK_MS / 1000
    pacer.push(audio(CHUNK_MS))
    pacer.take(heard_at + LATE_S * 2)
    assert (frames.sent, frames.late) == (3, 1)
