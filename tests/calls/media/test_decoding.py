"""Decoding of audio files: every format, every length, and files made to do harm."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.core.errors import Fault
from calls.media import decoding
from calls.media.decoding import AudioFileError, Decoding
from tests.calls.media.sounds import (
    dominant_hz,
    peak,
    seconds_of,
    sine,
    tone_file,
    written,
)

pytestmark = pytest.mark.pure


def pieces(content: bytes, media_format: str = "wav/lpcm16", rate_hz: int = 16_000) -> list[bytes]:
    made = Decoding(content, media_format, rate_hz)
    return list(iter(made.next_piece, b""))


def decoded(content: bytes, media_format: str = "wav/lpcm16", rate_hz: int = 16_000) -> bytes:
    return b"".join(pieces(content, media_format, rate_hz))


def refusal(content: bytes, media_format: str = "wav/lpcm16") -> str:
    with pytest.raises(AudioFileError) as refused:
        decoded(content, media_format)
    assert refused.value.fault is Fault.INVALID_REQUEST
    return refused.value.reason


def seconds_until(reason: str, made: Decoding, rate_hz: int) -> float:
    """How long a file plays until it is refused for ``reason``."""
    played: list[float] = []
    with pytest.raises(AudioFileError) as refused:
        played.extend(seconds_of(piece, rate_hz=rate_hz) for piece in iter(made.next_piece, b""))
    assert refused.value.reason == reason
    return sum(played)


# --- formats ------------------------------------------------------------------------------------

DESCRIBED = [
    ("WAV", "PCM_16", 16_000),
    ("WAV", "PCM_U8", 8_000),
    ("WAV", "PCM_24", 48_000),
    ("WAV", "FLOAT", 44_100),
    ("WAV", "ULAW", 8_000),
    ("WAV", "ALAW", 8_000),
    ("WAV", "IMA_ADPCM", 16_000),
    ("WAVEX", "PCM_16", 22_050),
    ("RF64", "PCM_16", 16_000),
    ("AIFF", "PCM_16", 44_100),
    ("FLAC", "PCM_16", 44_100),
    ("OGG", "VORBIS", 44_100),
    ("OGG", "OPUS", 48_000),
    ("MP3", "MPEG_LAYER_III", 44_100),
]


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("form", "subtype", "source_hz"), DESCRIBED)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000])
def test_a_file_that_says_what_it_is_sounds_the_same_at_every_rate(
    form: str, subtype: str, source_hz: int, channels: int, rate_hz: int
) -> None:
    file = tone_file(440, rate_hz=source_hz, channels=channels, form=form, subtype=subtype)
    pcm = decoded(file, "raw/mulaw" if form != "MP3" else "", rate_hz)
    assert seconds_of(pcm, rate_hz=rate_hz) == pytest.approx(1.0, abs=0.05)
    assert dominant_hz(pcm, rate_hz=rate_hz) == pytest.approx(440, abs=2)
    assert peak(pcm) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(
    ("media_format", "subtype", "source_hz"),
    [
        ("raw/lpcm16", "PCM_16", 16_000),
        ("raw/lpcm16_8", "PCM_16", 8_000),
        (" RAW/lpcm16_24 ", "PCM_16", 24_000),
        ("raw/mulaw", "ULAW", 8_000),
        ("raw/alaw", "ALAW", 8_000),
    ],
)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_bare_samples_are_what_they_are_declared_to_be(
    media_format: str, subtype: str, source_hz: int, rate_hz: int
) -> None:
    tone = sine(440, rate_hz=source_hz)
    pcm = decoded(
        written(tone, rate_hz=source_hz, form="RAW", subtype=subtype), media_format, rate_hz
    )
    assert seconds_of(pcm, rate_hz=rate_hz) == pytest.approx(1.0, abs=0.002)
    assert dominant_hz(pcm, rate_hz=rate_hz) == pytest.approx(440, abs=2)
    assert peak(pcm) == pytest.approx(0.5, abs=0.02)


def test_samples_that_need_no_conversion_are_not_changed() -> None:
    samples = np.arange(-32768, 32768, dtype="<i2")
    assert decoded(samples.tobytes(), "raw/lpcm16") == samples.tobytes()


def test_bare_samples_that_happen_to_begin_like_an_mp3_frame_are_samples() -> None:
    samples = bytes.fromhex("fffb9064") * 200
    assert decoded(samples, "raw/lpcm16") == samples


def test_channels_are_mixed_and_none_is_lost() -> None:
    left, right = sine(440, rate_hz=16_000), sine(1000, rate_hz=16_000, level=0.4)
    file = written(np.stack([left, right], 1), rate_hz=16_000, form="WAV", subtype="PCM_16")
    mixed = np.frombuffer(decoded(file), dtype="<i2") / 32768
    np.testing.assert_allclose(mixed, (left + right) / 2, atol=1e-4)


def test_what_is_louder_than_full_scale_is_clipped_and_does_not_wrap_round() -> None:
    loud = sine(440, rate_hz=16_000, level=3.0)
    pcm = decoded(written(loud, rate_hz=16_000, form="WAV", subtype="FLOAT"))
    assert peak(pcm) == 1.0
    signs = np.sign(np.frombuffer(pcm, dtype="<i2").astype(int))
    assert (signs[loud > 0.1] == 1).all()
    assert (signs[loud < -0.1] == -1).all()


@pytest.mark.parametrize("tag", [b"data", b"fmt "])
def test_a_file_that_was_streamed_without_its_size_is_read_to_the_end(tag: bytes) -> None:
    file = bytearray(tone_file(440))
    unknown = 4 if tag == b"fmt " else file.index(tag) + 4
    file[unknown : unknown + 4] = b"\xff" * 4
    assert seconds_of(decoded(bytes(file)), rate_hz=16_000) == 1.0


def flac(frames_in_header: int, *, seconds: float = 1.0) -> bytes:
    """A FLAC file whose header claims ``frames_in_header`` (RFC 9639, section 8.2)."""
    file = bytearray(tone_file(440, form="FLAC", seconds=seconds))
    file[21] = file[21] & 0xF0 | frames_in_header >> 32
    file[22:26] = (frames_in_header & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(file)


def test_a_flac_file_of_unknown_length_is_read_to_the_end() -> None:
    assert seconds_of(decoded(flac(0, seconds=1.3)), rate_hz=16_000) == 1.3


# --- pieces -------------------------------------------------------------------------------------


@given(
    frames=st.integers(100, 40_000),
    source_hz=st.sampled_from([8_000, 11_025, 16_000, 44_100, 48_000]),
    rate_hz=st.sampled_from([8_000, 16_000, 24_000]),
)
@settings(max_examples=60)
def test_pieces_are_whole_samples_of_bounded_length_and_nothing_is_lost(
    frames: int, source_hz: int, rate_hz: int
) -> None:
    samples = sine(300, rate_hz=source_hz, seconds=frames / source_hz)
    file = written(samples, rate_hz=source_hz, form="WAV", subtype="PCM_16")
    made = pieces(file, rate_hz=rate_hz)
    lengths = [len(piece) for piece in made]
    assert all(0 < length <= 2 * rate_hz and length % 2 == 0 for length in lengths)
    assert sum(lengths) // 2 == pytest.approx(frames * rate_hz / source_hz, abs=1)


def test_the_first_piece_is_short_however_long_the_file_is() -> None:
    made = Decoding(tone_file(440, rate_hz=8_000, seconds=60), "", 16_000)
    assert 0 < seconds_of(made.next_piece(), rate_hz=16_000) <= decoding.PIECE_S


# --- what is refused ----------------------------------------------------------------------------

NOT_AUDIO = "not an audio file"
DAMAGED = "damaged audio file"


@pytest.mark.parametrize(
    ("content", "media_format"),
    [
        (b"<html>not found</html>", "wav/lpcm16"),
        (b"\x00" * 100, "wav/lpcm16"),
        (b"\x00" * 100, "raw/opus"),
        (b"\x00" * 100, "raw"),
        (b"\x00" * 100, ""),
        (b"", "wav/lpcm16"),
        (b"RIFF\x00\x00\x00\x00AVI ", "raw/lpcm16"[:3]),
        (b"FORM\x00\x00\x00\x008SVX", ""),
        (b"\xff\xe0" + b"\x00" * 100, ""),
        (b"ID3" + b"\x00" * 100, "raw/lpcm16"),
    ],
)
def test_what_is_no_audio_file_is_refused(content: bytes, media_format: str) -> None:
    assert refusal(content, media_format) == NOT_AUDIO


@pytest.mark.parametrize("form", ["WAV", "AIFF", "FLAC", "OGG", "RF64"])
@pytest.mark.parametrize("size", [12, 20, 36])
def test_a_header_that_is_cut_off_is_refused(form: str, size: int) -> None:
    subtype = "VORBIS" if form == "OGG" else "PCM_16"
    assert refusal(tone_file(440, form=form, subtype=subtype)[:size]) == NOT_AUDIO


@pytest.mark.parametrize("form", ["WAV", "FLAC"])
def test_a_file_without_samples_is_refused(form: str) -> None:
    empty = written(np.empty(0, np.float32), rate_hz=16_000, form=form, subtype="PCM_16")
    assert refusal(empty) in ("no samples in the file", NOT_AUDIO)


def test_bare_samples_that_are_none_are_refused() -> None:
    assert refusal(b"\x00", "raw/lpcm16") == "no samples in the file"


def test_a_file_whose_end_is_missing_plays_as_far_as_it_goes_and_is_then_refused() -> None:
    file = tone_file(440, form="FLAC", seconds=3)
    made = Decoding(file[: len(file) // 2], "", 16_000)
    assert 0.5 <= seconds_until(DAMAGED, made, 16_000) < 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(value: float) -> None:
    samples = sine(440, rate_hz=16_000)
    samples[100] = value
    file = written(samples, rate_hz=16_000, form="WAV", subtype="FLOAT")
    assert refusal(file) == DAMAGED


def test_ten_minutes_are_played_and_a_second_more_is_refused_at_once() -> None:
    assert refusal(bytes(8_000 * 601), "raw/mulaw") == "longer than 600 seconds"
    assert Decoding(bytes(8_000 * 600), "raw/mulaw", 8_000).next_piece()


def test_a_header_that_claims_too_much_is_believed() -> None:
    assert refusal(flac(2**36 - 1)) == "longer than 600 seconds"


def test_a_small_file_that_unpacks_to_hours_is_cut_off() -> None:
    hour = np.zeros(4_000 * 3600, np.float32)
    file = bytearray(written(hour, rate_hz=4_000, form="FLAC", subtype="PCM_16"))
    file[21] &= 0xF0
    file[22:26] = bytes(4)
    assert len(file) < 500_000
    made = Decoding(bytes(file), "", 8_000)
    assert 590 < seconds_until("longer than 600 seconds", made, 8_000) <= 600


@pytest.mark.parametrize(("rate_hz", "channels"), [(1, 1), (3_999, 1), (384_000, 1), (16_000, 9)])
def test_rates_and_channels_of_no_telephone_or_studio_are_refused(
    rate_hz: int, channels: int
) -> None:
    samples = np.zeros((100, channels), np.float32)
    file = written(samples, rate_hz=rate_hz, form="WAV", subtype="PCM_16")
    assert refusal(file) == f"cannot play {rate_hz} Hz in {channels} channels"


def test_samples_beyond_any_loudness_are_clipped() -> None:
    loudest = np.full((1600, 2), np.finfo(np.float32).max, np.float32)
    pcm = decoded(written(loudest, rate_hz=16_000, form="WAV", subtype="FLOAT"))
    assert set(np.frombuffer(pcm, "<i2")) == {32767}


VICTIMS = [
    tone_file(440, form=form, subtype=subtype, seconds=0.2, rate_hz=48_000, channels=2)
    for form, subtype, _ in DESCRIBED
]


@given(
    victim=st.integers(0, len(VICTIMS) - 1),
    changes=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=8),
    cut=st.integers(0, 20_000),
)
@settings(max_examples=300)
def test_a_damaged_file_plays_or_is_refused_and_nothing_else(
    victim: int, changes: list[tuple[int, int]], cut: int
) -> None:
    damaged = bytearray(VICTIMS[victim])
    for position, value in changes:
        damaged[position] = value
    with suppress(AudioFileError):
        pcm = decoded(bytes(damaged[: len(damaged) - cut]))
        assert 0 < seconds_of(pcm, rate_hz=16_000) <= 600
