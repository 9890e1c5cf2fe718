"""From the bytes of an audio file to samples at the rate a call needs.

Work for a thread: no method here waits, but each may compute for milliseconds.
"""

import io

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from bots.core.errors import Fault, ServiceError

MAX_FILE_S = 600
"""Longest file that is played; as long as the longest prompt that a player holds."""
PIECE_S = 0.5
"""Length of a piece: the first one is soon there, and a whole file is never in memory decoded."""
_MAX_CHANNELS = 8
_RATES_HZ = range(4_000, 192_001)
_UNKNOWN = 2**63 - 1
"""How libsndfile counts the frames of a file whose header does not tell (``SF_COUNT_MAX``)."""
_RAW = {
    "lpcm16": ("PCM_16", 16_000),
    "lpcm16_8": ("PCM_16", 8_000),
    "lpcm16_24": ("PCM_16", 24_000),
    "mulaw": ("ULAW", 8_000),
    "alaw": ("ALAW", 8_000),
}
"""libsndfile's name and the rate in Hz of the Bot API's encodings (and A-law), without a header."""

_Samples = npt.NDArray[np.float32]


class AudioFileError(ServiceError):
    """An audio file could not be had or played; ``reason`` is fit for the bot that named it."""

    def __init__(self, reason: str, fault: Fault = Fault.INVALID_REQUEST) -> None:
        super().__init__("audio file", fault, reason)
        self.reason = reason


class Decoding:
    """One audio file, decoded from its beginning in pieces of ``lpcm16`` mono at ``rate_hz``.

    RIFF/WAVE, AIFF, FLAC, Ogg (Vorbis, Opus) and MP3 are recognised by their content, whatever
    ``media_format`` says; anything else has to be declared as ``raw/...``, by a name of the Bot API
    or ``raw/alaw``. Channels are mixed.

    Raises:
        AudioFileError: it is no such file, is damaged, or is longer than `MAX_FILE_S`.
    """

    def __init__(self, content: bytes, media_format: str, rate_hz: int) -> None:
        try:
            self._file = _opened(content, media_format)
        except soundfile.SoundFileError:
            raise AudioFileError("not an audio file") from None
        source_hz = self._file.samplerate
        if source_hz not in _RATES_HZ or self._file.channels > _MAX_CHANNELS:
            raise AudioFileError(f"cannot play {source_hz} Hz in {self._file.channels} channels")
        self._frames_left = MAX_FILE_S * source_hz
        if self._frames_left < self._file.frames != _UNKNOWN:
            raise AudioFileError(f"longer than {MAX_FILE_S} seconds")
        self._piece_frames = int(PIECE_S * source_hz)
        self._resampler: soxr.ResampleStream | None = None
        if source_hz != rate_hz:
            self._resampler = soxr.ResampleStream(source_hz, rate_hz, 1, dtype="float32")
        self._empty = True
        self._ended = False

    def next_piece(self) -> bytes:
        """The next samples, at most about `PIECE_S` of them; none at all after the last.

        Raises:
            AudioFileError: the file is damaged here, holds no samples, or is too long.
        """
        while not self._ended:
            samples = self._read()
            self._ended = not samples.size
            if self._resampler is not None:
                samples = self._resampler.resample_chunk(samples, last=self._ended)
            if samples.size:
                self._empty = False
                return _lpcm16(samples)
        if self._empty:
            raise AudioFileError("no samples in the file")
        return b""

    def _read(self) -> _Samples:
        """The next frames of the file, mixed to one channel."""
        try:
            frames = self._file.read(self._piece_frames, dtype="float32", always_2d=True)
        except soundfile.SoundFileError:
            raise AudioFileError("damaged audio file") from None
        if not np.isfinite(frames).all():
            raise AudioFileError("damaged audio file")
        self._frames_left -= len(frames)
        if self._frames_left < 0:
            raise AudioFileError(f"longer than {MAX_FILE_S} seconds")
        mixed: _Samples = np.clip(frames, -1.0, 1.0).mean(axis=1)
        return mixed


class _Bytes(io.BytesIO):
    """A file in memory that stays where it is when a damaged header points before its start."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


class _Forwards(soundfile.SoundFile):  # type: ignore[misc]  # it brings no types
    """Reads on from where it is.

    The library would seek after each read, and cannot to the end of a file of unknown length.

    NB Never closed by hand: a thread may still read when its call has gone. It closes itself when
    the last reference goes.
    """

    def seekable(self) -> bool:
        return False


def _opened(content: bytes, media_format: str) -> soundfile.SoundFile:
    kind, _, encoding = media_format.strip().lower().partition("/")
    declared_raw = kind == "raw" and encoding in _RAW
    if _is_described(content, mp3_frames=not declared_raw):
        return _Forwards(_Bytes(content))
    if not declared_raw:
        raise AudioFileError("not an audio file")
    subtype, rate_hz = _RAW[encoding]
    return _Forwards(
        _Bytes(content),
        format="RAW",
        subtype=subtype,
        samplerate=rate_hz,
        channels=1,
        endian="LITTLE",
    )


def _is_described(content: bytes, *, mp3_frames: bool) -> bool:
    """Whether ``content`` begins like a file that says itself what it is.

    An MP3 file without a tag begins with a bare frame, as raw samples may by chance.
    """
    if content[:4] in (b"RIFF", b"RF64"):
        return content[8:12] == b"WAVE"
    if content[:4] == b"FORM":
        return content[8:12] in (b"AIFF", b"AIFC")
    if content[:4] in (b"fLaC", b"OggS") or content[:3] == b"ID3":
        return True
    # The synchronisation word with the extension for low rates (ISO/IEC 11172-3, 2.4.1.3).
    return mp3_frames and int.from_bytes(content[:2], "big") & 0xFFE0 == 0xFFE0


def _lpcm16(samples: _Samples) -> bytes:
    scaled = np.clip(np.rint(samples * 32768), -32768, 32767)
    return scaled.astype("<i2").tobytes()
