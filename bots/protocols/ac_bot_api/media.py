"""Media formats of the AudioCodes Bot API and the way from a chunk's bytes to samples.

Source: AudioCodes "Bot API, streaming mode", supported media formats. The ``wav/`` variants carry a
RIFF header at the start of a stream; we accept them and never choose to send them.
"""

from collections.abc import Sequence
from enum import StrEnum

from bots.core.audio import (
    LPCM16_8K,
    LPCM16_16K,
    LPCM16_24K,
    MULAW_8K,
    AudioFormat,
    without_wav_header,
)

MAX_WAV_HEADER_BYTES = 8192
"""A stream that begins with ``RIFF`` and has no samples after this many bytes is taken as raw."""


class MediaFormat(StrEnum):
    """The eight formats of the protocol, by their wire names; all mono."""

    RAW_MULAW = "raw/mulaw"
    WAV_MULAW = "wav/mulaw"
    RAW_LPCM16 = "raw/lpcm16"
    WAV_LPCM16 = "wav/lpcm16"
    RAW_LPCM16_8 = "raw/lpcm16_8"
    WAV_LPCM16_8 = "wav/lpcm16_8"
    RAW_LPCM16_24 = "raw/lpcm16_24"
    WAV_LPCM16_24 = "wav/lpcm16_24"

    @property
    def audio(self) -> AudioFormat:
        """Encoding and rate of the samples."""
        return _AUDIO[self.value.partition("/")[2]]

    @property
    def is_wav(self) -> bool:
        """Whether a stream begins with a RIFF header."""
        return self.value.startswith("wav/")


_AUDIO = {
    "mulaw": MULAW_8K,
    "lpcm16": LPCM16_16K,
    "lpcm16_8": LPCM16_8K,
    "lpcm16_24": LPCM16_24K,
}


def parse_format(name: str | None) -> MediaFormat | None:
    """The format called ``name`` in any case; None when absent or unknown."""
    try:
        return MediaFormat((name or "").strip().lower())
    except ValueError:
        return None


def choose_format(offered: Sequence[str], preferred: Sequence[MediaFormat]) -> MediaFormat | None:
    """The first of ``preferred`` that was offered; None when there is no common format."""
    known = {parse_format(name) for name in offered}
    return next((choice for choice in preferred if choice in known), None)


class StreamAudio:
    """Turns the chunks of one stream into whole samples, still in the stream's encoding.

    A RIFF header is removed wherever the chunks cut it, in ``raw/`` streams too, because bots send
    whole files under that name. An odd byte of 16-bit samples is carried into the next chunk.
    """

    def __init__(self, media_format: MediaFormat) -> None:
        self._sample_bytes = media_format.audio.sample_bytes
        self._head: bytes | None = b""
        self._odd = b""

    def push(self, chunk: bytes) -> bytes:
        """The samples that are complete after ``chunk``; may be empty."""
        if self._head is not None:
            chunk = self._after_header(self._head + chunk)
        if self._sample_bytes == 1:
            return chunk
        if not self._odd and not len(chunk) & 1:
            return chunk
        chunk = self._odd + chunk
        whole = len(chunk) & ~1
        self._odd = chunk[whole:]
        return chunk[:whole]

    def _after_header(self, head: bytes) -> bytes:
        """Samples behind the header; ``head`` is kept while it is not known where they begin."""
        if head[:4] == b"RIFF":
            samples = without_wav_header(head)
            unfinished = not samples and len(head) <= MAX_WAV_HEADER_BYTES
            settled = samples or head
        else:
            unfinished = len(head) < 4 and b"RIFF".startswith(head)
            settled = head
        if unfinished:
            self._head = head
            return b""
        self._head = None
        return settled
