"""Audio formats, G.711 mu-law, framing, levels and conversion between formats.

Samples are mono. ``lpcm16`` is signed 16-bit little-endian; ``mulaw`` is ITU-T G.711 mu-law, 8 bit.
Inside the gateway audio is ``lpcm16``; mu-law exists at the edges only.
"""

import struct
from collections import deque
from typing import Literal

import msgspec
import numpy as np
import soxr

Encoding = Literal["lpcm16", "mulaw"]

FRAME_MS = 20
"""Length of one audio frame on every internal path, in milliseconds."""


class AudioFormat(msgspec.Struct, frozen=True):
    """How samples are written: encoding and sampling rate in Hz (mono)."""

    encoding: Encoding
    rate_hz: int

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return 2 if self.encoding == "lpcm16" else 1

    def bytes_for_ms(self, ms: float) -> int:
        """Whole samples that last ``ms`` milliseconds, in bytes."""
        return int(self.rate_hz * ms / 1000) * self.sample_bytes

    def ms_for_bytes(self, count: int) -> float:
        """How long ``count`` bytes last, in milliseconds."""
        return count * 1000 / (self.rate_hz * self.sample_bytes)


LPCM16_16K = AudioFormat("lpcm16", 16000)
LPCM16_8K = AudioFormat("lpcm16", 8000)
LPCM16_24K = AudioFormat("lpcm16", 24000)
MULAW_8K = AudioFormat("mulaw", 8000)


def _mulaw_decode_table() -> np.ndarray:
    """The 256 linear values of G.711 mu-law (ITU-T G.711, table 2a, scaled to 16 bit)."""
    code = ~np.arange(256, dtype=np.uint8)
    magnitude = ((code.astype(np.int32) & 0x0F) << 3) + 0x84
    magnitude = (magnitude << ((code.astype(np.int32) >> 4) & 0x07)) - 0x84
    table: np.ndarray = np.where(code & 0x80, -magnitude, magnitude).astype("<i2")
    return table


def _mulaw_encode_table() -> np.ndarray:
    """Mu-law code of each 16-bit sample, indexed by the sample read as unsigned."""
    sample = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    sign = np.where(sample < 0, 0x80, 0x00)
    magnitude = np.minimum(np.abs(sample >> 2), 8159 - 33) + 33  # 14 bit, biased as in G.711
    exponent = np.clip(np.floor(np.log2(magnitude)).astype(np.int32) - 5, 0, 7)
    mantissa = (magnitude >> (exponent + 1)) & 0x0F
    table: np.ndarray = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return table


_DECODE = _mulaw_decode_table()
_ENCODE = _mulaw_encode_table()


def mulaw_to_lpcm16(data: bytes) -> bytes:
    """Decode G.711 mu-law to 16-bit samples; twice as many bytes come out."""
    samples: np.ndarray = _DECODE[np.frombuffer(data, dtype=np.uint8)]
    return samples.tobytes()


def lpcm16_to_mulaw(pcm: bytes) -> bytes:
    """Encode 16-bit samples as G.711 mu-law; an odd last byte is dropped."""
    codes: np.ndarray = _ENCODE[np.frombuffer(pcm, dtype="<u2", count=len(pcm) // 2)]
    return codes.tobytes()


def level_dbfs(pcm: bytes) -> float:
    """Root-mean-square level of 16-bit samples in dB relative to full scale; -96 for silence."""
    samples = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2).astype(np.float32)
    if not samples.size:
        return -96.0
    rms = float(np.sqrt(np.mean(samples * samples)))
    return max(-96.0, 20 * float(np.log10(rms / 32768))) if rms > 0 else -96.0


class Converter:
    """Converts one continuous stream from one format to another.

    Keeps state between pushes (resampler history, a sample split over two pushes), so use one per
    stream and direction. Resampling is soxr "LQ": 12.5 ms held back, aliases 84 dB down.
    """

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.target = target
        self._odd = b""
        self._resampler: soxr.ResampleStream | None = None
        if source.rate_hz != target.rate_hz:
            self._resampler = soxr.ResampleStream(
                source.rate_hz, target.rate_hz, 1, dtype="int16", quality="LQ"
            )

    def push(self, data: bytes) -> bytes:
        """The converted audio that is ready after ``data``; may be empty."""
        return self._convert(data, last=False)

    def flush(self) -> bytes:
        """What the resampler still holds; the stream ends here."""
        return self._convert(b"", last=True)

    def _convert(self, data: bytes, *, last: bool) -> bytes:
        if (
            self.source == self.target
            and not self._odd
            and len(data) % self.source.sample_bytes == 0
        ):
            return data
        pcm = (
            mulaw_to_lpcm16(data) if self.source.encoding == "mulaw" else self._whole_samples(data)
        )
        if self._resampler is not None and (pcm or last):
            samples = np.frombuffer(pcm, dtype="<i2")
            pcm = self._resampler.resample_chunk(samples, last=last).astype("<i2").tobytes()
        return lpcm16_to_mulaw(pcm) if self.target.encoding == "mulaw" else pcm

    def _whole_samples(self, data: bytes) -> bytes:
        data = self._odd + data
        cut = len(data) & ~1
        self._odd = data[cut:]
        return data[:cut]


class PreRoll:
    """The last ``limit_ms`` milliseconds of a stream, kept while nobody listens."""

    def __init__(self, audio: AudioFormat, limit_ms: int) -> None:
        self._limit_bytes = audio.bytes_for_ms(limit_ms)
        self._held: deque[bytes] = deque()
        self._held_bytes = 0

    def push(self, pcm: bytes) -> None:
        """Keep ``pcm``; the oldest chunks that exceed the limit are forgotten."""
        self._held.append(pcm)
        self._held_bytes += len(pcm)
        while self._held_bytes - len(self._held[0]) >= self._limit_bytes:
            self._held_bytes -= len(self._held.popleft())

    def drain(self) -> bytes:
        """Everything held, oldest first; afterwards nothing is held."""
        pcm = b"".join(self._held)
        self._held.clear()
        self._held_bytes = 0
        return pcm


def without_wav_header(first_chunk: bytes) -> bytes:
    """Samples of a stream's first chunk, cut free of a RIFF/WAVE header if it begins with one."""
    if first_chunk[:4] != b"RIFF":
        return first_chunk
    position = 12
    while position + 8 <= len(first_chunk):
        size = int.from_bytes(first_chunk[position + 4 : position + 8], "little")
        if first_chunk[position : position + 4] == b"data":
            return first_chunk[position + 8 :]
        position += 8 + size + (size & 1)
    return b""


def wav_header(audio: AudioFormat) -> bytes:
    """A RIFF/WAVE header for a stream whose length is not known yet (RFC 2361 format tags)."""
    tag, extension = (1, b"") if audio.encoding == "lpcm16" else (7, b"\0\0")
    byte_rate = audio.rate_hz * audio.sample_bytes
    form = struct.pack(
        "<HHIIHH", tag, 1, audio.rate_hz, byte_rate, audio.sample_bytes, audio.sample_bytes * 8
    )
    form += extension
    unknown = 0xFFFFFFFF
    return (
        struct.pack("<4sI4s4sI", b"RIFF", unknown, b"WAVE", b"fmt ", len(form))
        + form
        + struct.pack("<4sI", b"data", unknown)
    )
