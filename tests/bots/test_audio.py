"""Formats, mu-law, framing, levels and the conversion of streams."""

import math
import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.audio import (
    LPCM16_8K,
    LPCM16_16K,
    LPCM16_24K,
    MULAW_8K,
    AudioFormat,
    Converter,
    PreRoll,
    level_dbfs,
    lpcm16_to_mulaw,
    mulaw_to_lpcm16,
    wav_header,
    without_wav_header,
)

pytestmark = pytest.mark.pure


def tone(rate_hz: int, seconds: float, hz: float = 440.0, peak: float = 0.5) -> bytes:
    time = np.arange(int(rate_hz * seconds)) / rate_hz
    return bytes((np.sin(2 * np.pi * hz * time) * peak * 32767).astype("<i2").tobytes())


def samples(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2")


@pytest.mark.parametrize(
    ("audio", "frame_bytes"),
    [(LPCM16_16K, 640), (LPCM16_8K, 320), (LPCM16_24K, 960), (MULAW_8K, 160)],
)
def test_a_frame_of_20_ms_has_the_size_its_format_says(
    audio: AudioFormat, frame_bytes: int
) -> None:
    assert audio.bytes_for_ms(20) == frame_bytes
    assert audio.ms_for_bytes(frame_bytes) == 20


def test_a_length_that_is_no_whole_sample_is_rounded_down_to_one() -> None:
    assert AudioFormat("lpcm16", 11025).bytes_for_ms(20) == 440


def test_mulaw_decodes_to_the_values_of_the_standard() -> None:
    codes = {0x00: -32124, 0x80: 32124, 0xFF: 0, 0x7F: 0, 0xFE: 8, 0x7E: -8, 0xEF: 132, 0x8F: 16764}
    decoded = struct.unpack(f"<{len(codes)}h", mulaw_to_lpcm16(bytes(codes)))
    assert dict(zip(codes, decoded, strict=True)) == codes


def test_every_mulaw_code_survives_decoding_and_encoding() -> None:
    codes = bytes(range(256))
    negative_zero_is_zero = codes.replace(b"\x7f", b"\xff")
    assert lpcm16_to_mulaw(mulaw_to_lpcm16(codes)) == negative_zero_is_zero


def test_mulaw_encoding_is_never_further_off_than_half_a_step() -> None:
    pcm = np.arange(-32635, 32636, dtype="<i2")
    back = samples(mulaw_to_lpcm16(lpcm16_to_mulaw(pcm.tobytes()))).astype(int)
    # The input is cut to 14 bits, downwards, before its segment is chosen: up to 3 in 16 bits.
    magnitude = np.abs(pcm.astype(int)) + 132 + 3
    step = 2.0 ** (np.floor(np.log2(magnitude)) - 4)
    assert np.all(np.abs(back - pcm) <= step / 2 + 3)


def test_mulaw_clips_what_is_too_loud() -> None:
    assert lpcm16_to_mulaw(struct.pack("<2h", 32767, -32768)) == b"\x80\x00"


def test_an_odd_last_byte_is_no_sample() -> None:
    assert lpcm16_to_mulaw(b"\x00\x00\x01") == b"\xff"
    assert level_dbfs(b"\x01") == -96.0


def test_levels_are_relative_to_full_scale() -> None:
    assert level_dbfs(b"") == -96.0
    assert level_dbfs(bytes(640)) == -96.0
    assert level_dbfs(struct.pack("<h", -32768) * 100) == 0.0
    assert level_dbfs(tone(16000, 1, peak=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(tone(16000, 1, peak=0.1)) == pytest.approx(-23.01, abs=0.02)


def test_a_stream_of_the_wanted_format_passes_untouched() -> None:
    chunk = tone(16000, 0.02)
    assert Converter(LPCM16_16K, LPCM16_16K).push(chunk) is chunk
    assert Converter(MULAW_8K, MULAW_8K).push(b"\x01\x02\x03") == b"\x01\x02\x03"


@given(st.lists(st.binary(max_size=50)))
def test_samples_split_over_pushes_are_put_together(chunks: list[bytes]) -> None:
    converter = Converter(LPCM16_16K, LPCM16_16K)
    whole = b"".join(chunks)
    out = b"".join(converter.push(chunk) for chunk in chunks) + converter.flush()
    assert out == whole[: len(whole) & ~1]


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (LPCM16_8K, LPCM16_16K),
        (LPCM16_16K, LPCM16_8K),
        (LPCM16_24K, LPCM16_16K),
        (MULAW_8K, LPCM16_16K),
        (LPCM16_16K, MULAW_8K),
        (MULAW_8K, LPCM16_8K),
        (LPCM16_8K, MULAW_8K),
    ],
)
def test_a_tone_keeps_its_pitch_length_and_level(source: AudioFormat, target: AudioFormat) -> None:
    pcm = tone(source.rate_hz, 1.0)
    data = lpcm16_to_mulaw(pcm) if source.encoding == "mulaw" else pcm
    converter = Converter(source, target)
    step = source.bytes_for_ms(20)
    out = b"".join(converter.push(data[at : at + step]) for at in range(0, len(data), step))
    out += converter.flush()
    heard = mulaw_to_lpcm16(out) if target.encoding == "mulaw" else out
    assert len(samples(heard)) == pytest.approx(target.rate_hz, abs=target.rate_hz // 1000)
    spectrum = np.abs(np.fft.rfft(samples(heard)[: target.rate_hz]))
    assert int(np.argmax(spectrum)) == pytest.approx(440, abs=1)
    assert level_dbfs(heard) == pytest.approx(level_dbfs(pcm), abs=0.3)


def test_what_would_alias_is_filtered_out_when_the_rate_falls() -> None:
    converter = Converter(LPCM16_16K, LPCM16_8K)
    out = converter.push(tone(16000, 1.0, hz=6000)) + converter.flush()
    assert level_dbfs(out[1600:-1600]) < -60


def test_a_resampler_has_nothing_to_say_before_it_has_heard_anything() -> None:
    converter = Converter(LPCM16_8K, LPCM16_16K)
    assert converter.push(b"") == b""
    assert converter.push(b"\x01") == b""
    assert converter.flush() == b""


def test_a_preroll_keeps_the_newest_audio_up_to_its_limit() -> None:
    preroll = PreRoll(LPCM16_8K, limit_ms=60)
    frames = [bytes([n]) * 320 for n in range(6)]
    for frame in frames:
        preroll.push(frame)
    assert preroll.drain() == b"".join(frames[3:])
    assert preroll.drain() == b""
    for frame in frames[:3]:
        preroll.push(frame)
    assert preroll.drain() == b"".join(frames[:3])


def test_a_preroll_never_holds_less_than_its_limit_when_it_could() -> None:
    preroll = PreRoll(LPCM16_8K, limit_ms=60)
    for size in (320, 500, 320, 300):
        preroll.push(bytes(size))
    assert len(preroll.drain()) == 500 + 320 + 300


def wav(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) & 1)
        for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def test_a_wav_header_is_cut_off_whatever_chunks_it_has() -> None:
    pcm = b"\x01\x02\x03\x04"
    assert without_wav_header(wav((b"fmt ", bytes(16)), (b"data", pcm))) == pcm
    assert without_wav_header(wav((b"fmt ", bytes(16)), (b"LIST", b"odd"), (b"data", pcm))) == pcm


def test_a_header_of_unknown_length_still_gives_its_samples() -> None:
    streamed = b"RIFF\xff\xff\xff\xffWAVEdata\xff\xff\xff\xff" + b"\x01\x02"
    assert without_wav_header(streamed) == b"\x01\x02"


def test_a_header_without_samples_gives_none_and_samples_without_header_all() -> None:
    assert without_wav_header(wav((b"fmt ", bytes(16)))) == b""
    assert without_wav_header(b"\x01\x02RIFF") == b"\x01\x02RIFF"


@pytest.mark.parametrize(
    ("audio", "length", "form"),
    [
        (LPCM16_16K, 16, (1, 1, 16000, 32000, 2, 16)),
        (MULAW_8K, 18, (7, 1, 8000, 8000, 1, 8)),
    ],
)
def test_a_written_header_names_the_format_and_is_cut_off_again(
    audio: AudioFormat, length: int, form: tuple[int, ...]
) -> None:
    header = wav_header(audio)
    assert struct.unpack_from("<I", header, 16) == (length,)
    assert struct.unpack_from("<HHIIHH", header, 20) == form
    assert without_wav_header(header + b"\x01\x02") == b"\x01\x02"


def test_louder_tones_have_higher_levels() -> None:
    levels = [level_dbfs(tone(8000, 0.5, peak=peak)) for peak in (0.01, 0.1, 0.3, 0.9)]
    assert all(quiet < loud for quiet, loud in pairwise(levels))
    assert math.isclose(levels[1] - levels[0], 20, abs_tol=0.3)
