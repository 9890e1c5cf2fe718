"""Takes the silence off the two ends of a stream of samples, and leaves that inside alone."""

from typing import Final

import numpy as np

SILENT_BELOW: Final = 50
"""Effective value below which `BLOCK_MS` count as silence (-56 dB of full scale).

A soft "s" is louder, and the breath of noise with which voices of flite begin and end is not. Its
single samples may be: they say nothing.
"""
BLOCK_MS: Final = 10
LEAD_MS: Final = 20
"""Silence kept before the first sound, so that its onset is not cut."""
TAIL_MS: Final = 100
"""Silence kept after the last sound."""


class Trimmer:
    """Trims one stream of 16-bit samples at ``rate_hz``: `push` every chunk, then `flush`."""

    def __init__(self, rate_hz: int) -> None:
        self._block = rate_hz * BLOCK_MS // 1000
        self._lead_bytes = rate_hz * LEAD_MS // 1000 * 2
        self._tail_bytes = rate_hz * TAIL_MS // 1000 * 2
        self._held = b""
        self._sounded = False

    def push(self, pcm: bytes) -> bytes:
        """What may be played after ``pcm`` came; silence is held until sound follows it."""
        if (span := self._sounding(pcm)) is None:
            self._held += pcm
            if not self._sounded:
                self._held = self._held[-self._lead_bytes :]
            return b""
        first, end = span
        before = self._held + pcm[:first]
        ready = before if self._sounded else before[-self._lead_bytes :]
        self._sounded = True
        self._held = pcm[end:]
        return ready + pcm[first:end]

    def _sounding(self, pcm: bytes) -> tuple[int, int] | None:
        """From which byte of ``pcm`` to which it sounds; the last block may be a short one."""
        samples = np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.float64))
        starts = np.arange(0, samples.size, self._block)
        if not starts.size:
            return None
        sizes = np.diff(starts, append=samples.size)
        blocks = np.flatnonzero(np.add.reduceat(samples**2, starts) >= SILENT_BELOW**2 * sizes)
        if not blocks.size:
            return None
        begins = int(starts[blocks[0]])
        loud = np.flatnonzero(samples[begins : (blocks[-1] + 1) * self._block] >= SILENT_BELOW)
        return (begins + int(loud[0])) * 2, (begins + int(loud[-1]) + 1) * 2

    def flush(self) -> bytes:
        """The end of the stream; nothing if there was no sound at all."""
        tail = self._held[: self._tail_bytes] if self._sounded else b""
        self._held, self._sounded = b"", False
        return tail
