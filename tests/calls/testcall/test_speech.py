"""The caller's voice: audio files, recordings and the offline synthesiser."""

import wave
from pathlib import Path

import numpy as np
import pytest

from bots.core.errors import ParameterError
from calls.testcall.plan import AXIS, Silence, Utterance, Words
from calls.testcall.speech import MAX_FILE_SECONDS, read_wav, voiced, write_recording
from tests.fakes.ac_bot import tone


def wav(path: Path, *, rate: int, width: int, channels: int, seconds: float = 0.5) -> Path:
    """A 440 Hz tone at half scale in any shape of PCM."""
    times = np.arange(int(rate * seconds)) / rate
    samples = np.repeat(np.sin(2 * np.pi * 440 * times) / 2, channels)
    if width == 1:
        raw = (samples * 127 + 128).astype(np.uint8).tobytes()
    else:
        wide = (samples * (2**31 - 1)).astype("<i4").view(np.uint8).reshape(-1, 4)
        raw = wide[:, 4 - width :].tobytes()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(raw)
    return path


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_files_of_every_shape_are_said(
    tmp_path: Path, width: int, rate: int, channels: int
) -> None:
    spoken = read_wav(wav(tmp_path / "a.wav", rate=rate, width=width, channels=channels))
    samples = np.frombuffer(spoken.pcm, "<i2")
    assert spoken.label == "a.wav"
    assert len(samples) == pytest.approx(8000, abs=320)
    assert np.abs(samples).max() == pytest.approx(16384, rel=0.05)
    crossings = np.count_nonzero(np.diff(np.signbit(samples[:8000].astype(np.int32))))
    assert crossings == pytest.approx(440, abs=6)


def test_what_is_no_wav_file_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    text.write_text("hello")
    for path in (text, tmp_path / "missing.wav", tmp_path):
        with pytest.raises(ParameterError, match="no readable PCM WAV file"):
            read_wav(path)


def test_a_silent_file_is_refused(tmp_path: Path) -> None:
    silent = tmp_path / "a.wav"
    write_recording(silent, bytes(6400), bytes(6400))
    with pytest.raises(ParameterError, match=r"nothing can be heard of 'a\.wav'"):
        read_wav(silent)


def test_an_endless_file_is_refused(tmp_path: Path) -> None:
    endless = wav(tmp_path / "a.wav", rate=100, width=1, channels=1, seconds=MAX_FILE_SECONDS + 1)
    with pytest.raises(ParameterError, match="longer than"):
        read_wav(endless)


def test_a_recording_has_the_caller_left_and_the_bot_right(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    write_recording(path, tone(100), bytes(3200))
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, AXIS.rate_hz)
        both = np.frombuffer(file.readframes(1600), "<i2").reshape(-1, 2)
    assert both[:, 0].tobytes() == tone(100)
    assert not both[:, 1].any()


@pytest.mark.speech
async def test_words_are_spoken_by_the_offline_synthesiser() -> None:
    said = (Words("I want to pay my bill."), Silence(1.0), Words("Operator."), Words("Operator."))
    bill, silence, operator, again = await voiced(said, "en-US")
    assert silence == Silence(1.0)
    assert operator is again
    assert isinstance(bill, Utterance)
    assert isinstance(operator, Utterance)
    assert bill.label == "I want to pay my bill."
    assert bill.frames > operator.frames > 15
