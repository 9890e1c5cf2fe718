"""Audio files that are made and judged by the tests of this folder."""

import io

import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]


def sine(hz: float, *, rate_hz: int, seconds: float = 1.0, level: float = 0.5) -> Samples:
    """A pure tone."""
    at = np.arange(round(rate_hz * seconds)) / rate_hz
    tone: Samples = (level * np.sin(2 * np.pi * hz * at)).astype(np.float32)
    return tone


def written(
    samples: npt.NDArray[np.generic], *, rate_hz: int, form: str, subtype: str, **options: str
) -> bytes:
    """``samples`` (one column per channel) as a file of libsndfile's ``form`` and ``subtype``."""
    file = io.BytesIO()
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(
        file, "w", rate_hz, channels, format=form, subtype=subtype, **options
    ) as out:
        for start in range(0, len(samples), 4096):  # NB longer writes crash its Vorbis encoder
            out.write(samples[start : start + 4096])
    return file.getvalue()


def tone_file(
    hz: float,
    *,
    rate_hz: int = 16_000,
    seconds: float = 1.0,
    channels: int = 1,
    form: str = "WAV",
    subtype: str = "PCM_16",
) -> bytes:
    """A file with a tone, the same in every channel."""
    tone = sine(hz, rate_hz=rate_hz, seconds=seconds)
    columns = np.repeat(tone[:, None], channels, axis=1) if channels > 1 else tone
    return written(columns, rate_hz=rate_hz, form=form, subtype=subtype)


def seconds_of(pcm: bytes, *, rate_hz: int) -> float:
    """How long 16-bit samples last."""
    return len(pcm) / 2 / rate_hz


def dominant_hz(pcm: bytes, *, rate_hz: int) -> float:
    """The strongest frequency in 16-bit samples."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate_hz / len(samples)


def peak(pcm: bytes) -> float:
    """The largest sample, relative to full scale, leaving out 50 ms of 16 kHz at either end."""
    samples = np.frombuffer(pcm, dtype="<i2")[800:-800].astype(np.float64)
    return float(np.abs(samples).max()) / 32768
