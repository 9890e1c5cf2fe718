"""The test caller's voice: offline speech and audio files become utterances, calls become files."""

import wave
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soxr

from bots.core import registry
from bots.core.errors import ParameterError
from bots.core.ports import SynthesisRequest, TextToSpeech
from calls.testcall.plan import AXIS, Step, Utterance, Words, utterance

SYNTHESISER = "offline"
MAX_FILE_SECONDS = 300


async def voiced(steps: Iterable[Step], language: str) -> tuple[Step, ...]:
    """``steps`` with all words as spoken by the offline synthesiser.

    Raises:
        ServiceError: the synthesiser failed.
        LookupError: the offline synthesiser is not installed.
        ParameterError: nothing can be heard of a text.
    """
    steps = tuple(steps)
    texts = dict.fromkeys(step.label for step in steps if isinstance(step, Words))
    spoken: dict[str, Utterance] = {}
    if texts:
        plugin = registry.plugin("tts", SYNTHESISER)
        synthesiser: TextToSpeech = plugin.factory(plugin.params(), plugin.credentials())
        for text in texts:
            request = SynthesisRequest(text=text, language=language, rate_hz=AXIS.rate_hz)
            pcm = b"".join([chunk async for chunk in synthesiser.synthesise(request)])
            spoken[text] = _audible(text, pcm, "--say")
    return tuple(spoken[step.label] if isinstance(step, Words) else step for step in steps)


def read_wav(path: Path) -> Utterance:
    """An utterance from a PCM WAV file of any rate, width and number of channels (mixed to one).

    Raises:
        ParameterError: the file is missing, no PCM WAV file, too long or silent.
    """
    try:
        with wave.open(str(path), "rb") as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            if file.getnframes() > MAX_FILE_SECONDS * rate:
                raise ParameterError({"--wav": f"{path} is longer than {MAX_FILE_SECONDS} s"})
            raw = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error) as error:
        raise ParameterError({"--wav": f"{path} is no readable PCM WAV file: {error}"}) from None
    samples = _linear(raw, width).reshape(-1, channels).mean(axis=1)
    if rate != AXIS.rate_hz:
        samples = soxr.resample(samples, rate, AXIS.rate_hz)
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2").tobytes()
    return _audible(path.name, pcm, "--wav")


def _linear(raw: bytes, width: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Samples of ``width`` bytes as numbers between -1 and 1; WAV keeps 8 bit unsigned."""
    if width == 1:
        return (np.frombuffer(raw, np.uint8).astype(np.float64) - 128) / 128
    # Every width is widened to 32 bit by zeros below.
    octets = np.frombuffer(raw, np.uint8).reshape(-1, width)
    wide = np.zeros((len(octets), 4), np.uint8)
    wide[:, 4 - width :] = octets
    return wide.view("<i4").ravel().astype(np.float64) / 2**31


def _audible(label: str, pcm: bytes, option: str) -> Utterance:
    try:
        return utterance(label, pcm)
    except ValueError as error:
        raise ParameterError({option: f"nothing can be heard of {label!r}: {error}"}) from None


def write_recording(path: Path, said: bytes, heard: bytes) -> None:
    """A 16 kHz stereo WAV file of a call, caller left, bot right.

    Raises:
        OSError: the file cannot be written.
    """
    channels = np.stack([np.frombuffer(said, "<i2"), np.frombuffer(heard, "<i2")], axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(AXIS.rate_hz)
        file.writeframes(channels.tobytes())
