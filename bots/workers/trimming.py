"""Takes the silence off the two ends of a stream of samples, and leaves that inside alone."""

from typing import Final

import numpy as np

SILENT_BELOW: Final = 60
"""Samples of smaller magnitude (-55 dB of full scale) count as silence; a soft "s" is louder."""
LEAD_MS: Final = 20
"""Silence kept before the first sound, so that its onset is not cut."""
TAIL_MS: Final = 100
"""Silence kept after the last sound."""


class Trimmer:
    """Trims one stream of 16-bit samples at ``rate_hz``: `push` every chunk, then `flush`."""

    def __init__(self, rate_hz: int) -> None:
        self._lead_bytes = rate_hz * LEAD_MS // 1000 * 2
        self._tail_bytes = rate_hz * TAIL_MS // 1000 * 2
        self._held = b""
        self._sounded = False

    def push(self, pcm: bytes) -> bytes:
        """What may be played after ``pcm`` came; silence is held until sound follows it."""
        loud = np.flatnonzero(
            np.abs(np.frombuffer(pcm, dtype="<i2").astype(np.int32)) >= SILENT_BELOW
        )
        if not loud.size:
            self._held += pcm
            if not self._sounded:
                self._held = self._held[-self._lead_bytes :]
            return b""
        first, end = int(loud[0]) * 2, int(loud[-1] + 1) * 2
        before = self._held + pcm[:first]
        ready = before if self._sounded else before[-self._lead_bytes :]
        self._sounded = True
        self._held = pcm[end:]
        return ready + pcm[first:end]

    def flush(self) -> bytes:
        """The end of the stream; nothing if there was no sound at all."""
        tail = self._held[: self._tail_bytes] if self._sounded else b""
        self._held, self._sounded = b"", False
        return tail
