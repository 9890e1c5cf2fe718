"""Media formats, negotiation and the bytes of a stream."""

import io
import wave
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.audio import LPCM16_8K, LPCM16_16K, LPCM16_24K, MULAW_8K
from bots.protocols.ac_bot_api.media import (
    MAX_WAV_HEADER_BYTES,
    MediaFormat,
    StreamAudio,
    choose_format,
    parse_format,
)

pytestmark = pytest.mark.pure


def wav(samples: bytes, *, rate_hz: int = 16000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(samples)
    return file.getvalue()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


def test_the_eight_formats_say_how_samples_are_written() -> None:
    assert {f.value: (f.audio, f.is_wav) for f in MediaFormat} == {
        "raw/mulaw": (MULAW_8K, False),
        "wav/mulaw": (MULAW_8K, True),
        "raw/lpcm16": (LPCM16_16K, False),
        "wav/lpcm16": (LPCM16_16K, True),
        "raw/lpcm16_8": (LPCM16_8K, False),
        "wav/lpcm16_8": (LPCM16_8K, True),
        "raw/lpcm16_24": (LPCM16_24K, False),
        "wav/lpcm16_24": (LPCM16_24K, True),
    }


def test_a_format_is_found_in_any_case() -> None:
    assert parse_format(" RAW/LPCM16_8 ") is MediaFormat.RAW_LPCM16_8
    assert parse_format("raw/opus") is None
    assert parse_format(None) is None


def test_our_preference_decides_among_the_offers() -> None:
    preferred = [MediaFormat.RAW_LPCM16, MediaFormat.RAW_MULAW]
    assert choose_format(["raw/mulaw", "raw/lpcm16"], preferred) is MediaFormat.RAW_LPCM16
    assert choose_format(["raw/opus", "Raw/Mulaw"], preferred) is MediaFormat.RAW_MULAW
    assert choose_format(["raw/opus", "wav/lpcm16"], preferred) is None
    assert choose_format([], preferred) is None


@given(
    samples=st.binary(max_size=400).map(lambda data: data[: len(data) & ~1]),
    cuts=st.lists(st.integers(min_value=0, max_value=500), max_size=8),
    header=st.booleans(),
)
def test_samples_survive_any_cutting_of_the_stream(
    samples: bytes, cuts: list[int], *, header: bool
) -> None:
    if not header and samples.startswith(b"RI"):
        samples = samples[2:]
    stream = StreamAudio(MediaFormat.RAW_LPCM16)
    out = [stream.push(p) for p in pieces(wav(samples) if header else samples, cuts)]
    assert b"".join(out) == samples
    assert all(len(chunk) % 2 == 0 for chunk in out)


def test_an_odd_byte_waits_for_its_other_half() -> None:
    stream = StreamAudio(MediaFormat.RAW_LPCM16)
    assert stream.push(b"\x01\x02\x03") == b"\x01\x02"
    assert stream.push(b"\x04") == b"\x03\x04"
    assert stream.push(b"\x05") == b""


def test_mulaw_has_no_odd_bytes() -> None:
    stream = StreamAudio(MediaFormat.WAV_MULAW)
    assert stream.push(b"\x01\x02\x03") == b"\x01\x02\x03"
    assert stream.push(b"\x04") == b"\x04"


def test_a_header_is_removed_once_only() -> None:
    stream = StreamAudio(MediaFormat.WAV_LPCM16)
    assert stream.push(wav(b"\x01\x02")) == b"\x01\x02"
    assert stream.push(b"RIFF") == b"RIFF"


def test_a_stream_that_merely_begins_like_a_header_is_kept() -> None:
    stream = StreamAudio(MediaFormat.RAW_LPCM16)
    assert stream.push(b"RI") == b""
    assert stream.push(b"\x00\x00") == b"RI\x00\x00"


def test_a_header_without_samples_does_not_swallow_the_stream() -> None:
    stream = StreamAudio(MediaFormat.WAV_LPCM16)
    endless = b"RIFF" + bytes(8)
    assert stream.push(endless) == b""
    rest = bytes(MAX_WAV_HEADER_BYTES)
    assert stream.push(rest) == endless + rest
