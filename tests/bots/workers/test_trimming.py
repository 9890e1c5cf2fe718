"""Silence is taken off the ends of speech (bots.workers.trimming)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.workers.trimming import LEAD_MS, SILENT_BELOW, TAIL_MS, Trimmer

pytestmark = pytest.mark.pure

RATE = 8000


def silence(ms: int) -> bytes:
    return bytes(RATE * ms // 1000 * 2)


def sound(ms: int) -> bytes:
    return np.full(RATE * ms // 1000, 5000, dtype="<i2").tobytes()


def trimmed(*chunks: bytes) -> bytes:
    trimmer = Trimmer(RATE)
    return b"".join([trimmer.push(chunk) for chunk in chunks]) + trimmer.flush()


def test_a_short_silence_stays_at_both_ends() -> None:
    speech = silence(300) + sound(50) + silence(400)
    assert trimmed(speech) == silence(LEAD_MS) + sound(50) + silence(TAIL_MS)


def test_silence_between_sounds_stays_whole() -> None:
    inner = sound(40) + silence(700) + sound(40)
    assert trimmed(silence(100) + inner) == silence(LEAD_MS) + inner


def test_less_silence_than_allowed_is_left_as_it_is() -> None:
    speech = silence(10) + sound(20) + silence(30)
    assert trimmed(speech) == speech


def test_silence_alone_is_nothing() -> None:
    assert trimmed(silence(500), silence(20)) == b""


def test_no_audio_is_nothing() -> None:
    assert trimmed(b"") == b""


def test_negative_samples_are_sound_too() -> None:
    loud = np.full(80, -32768, dtype="<i2").tobytes()
    assert trimmed(loud) == loud


def test_a_breath_of_noise_is_silence_though_some_samples_are_loud() -> None:
    noise = np.random.default_rng(1).normal(0, 25, RATE // 5).round().astype("<i2")
    assert np.abs(noise).max() > SILENT_BELOW
    speech = noise.tobytes() + sound(50) + noise.tobytes()
    kept = noise[-RATE * LEAD_MS // 1000 :].tobytes() + sound(50)
    assert trimmed(speech) == kept + noise[: RATE * TAIL_MS // 1000].tobytes()


def test_a_soft_sound_is_kept_whole() -> None:
    soft = np.random.default_rng(1).normal(0, 120, RATE // 5).round().astype("<i2").tobytes()
    assert len(trimmed(silence(100), soft, silence(200))) > len(soft + silence(TAIL_MS))


def test_sound_is_passed_on_at_once() -> None:
    trimmer = Trimmer(RATE)
    assert trimmer.push(silence(100)) == b""
    assert trimmer.push(sound(20)) == silence(LEAD_MS) + sound(20)
    assert trimmer.push(silence(200)) == b""
    assert trimmer.push(sound(20)) == silence(200) + sound(20)


def test_a_flushed_trimmer_begins_anew() -> None:
    trimmer = Trimmer(RATE)
    trimmer.push(sound(20) + silence(50))
    trimmer.flush()
    assert trimmer.push(silence(300)) == b""
    assert trimmer.flush() == b""


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=12), st.integers(1, 97))
def test_how_the_stream_is_cut_into_chunks_changes_nothing(
    parts: list[tuple[bool, int]], step: int
) -> None:
    stream = b"".join(sound(ms) if loud else silence(ms) for loud, ms in parts)
    chunks = [stream[i : i + step * 2] for i in range(0, len(stream), step * 2)]
    assert trimmed(*chunks) == trimmed(stream)
