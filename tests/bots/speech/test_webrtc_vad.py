"""Voice activity of the WebRTC detector behind an energy floor (bots.speech.webrtc_vad)."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bots.core.registry import NoParams
from bots.speech.webrtc_vad import WebRtcVad, WebRtcVadParams

pytestmark = pytest.mark.pure

RATES = pytest.mark.parametrize("rate_hz", [8000, 16000])
Signal = npt.NDArray[Any]
Event = tuple[str, int]


def times(seconds: float, rate_hz: int) -> Signal:
    return np.arange(int(seconds * rate_hz)) / rate_hz


def speech(seconds: float, rate_hz: int, pitch_hz: float = 120) -> Signal:
    """A gliding glottal buzz through two formants, four syllables a second."""
    t = times(seconds, rate_hz)
    phase = 2 * np.pi * np.cumsum(pitch_hz * (1 + 0.2 * np.sin(2 * np.pi * t))) / rate_hz
    buzz = np.zeros_like(t)
    for harmonic in range(1, 28):
        hz = harmonic * pitch_hz
        gain = np.exp(-(((hz - 600) / 250) ** 2)) + 0.7 * np.exp(-(((hz - 1500) / 350) ** 2))
        buzz += (gain + 0.02) * np.sin(harmonic * phase)
    syllables = 0.3 + 0.7 * np.abs(np.sin(2 * np.pi * 2 * t + 0.6))
    return 4000 * syllables * buzz


def noise(seconds: float, rate_hz: int, level: float) -> Signal:
    return np.random.default_rng(7).normal(0, level, int(seconds * rate_hz))


def heard(
    signal: Signal, rate_hz: int, voice_ms: int = 100, silence_ms: int = 600, margin: float = 9
) -> list[Event]:
    """Events with the end of the frame that brought them, in ms."""
    params = WebRtcVadParams.model_validate({"webrtcVadMarginDB": margin})
    detector = WebRtcVad(params, NoParams()).detector(
        rate_hz=rate_hz, voice_ms=voice_ms, silence_ms=silence_ms
    )
    pcm = np.clip(signal, -32768, 32767).astype("<i2").tobytes()
    step = rate_hz // 50 * 2
    found: list[Event] = []
    for start in range(0, len(pcm) - step + 1, step):
        event = detector.push(pcm[start : start + step])
        if event is not None:
            found.append((event, (start // step + 1) * 20))
    return found


@RATES
def test_speech_starts_soon_and_stops_after_the_silence(rate_hz: int) -> None:
    quiet = np.zeros(rate_hz)
    events = heard(np.concatenate([quiet, speech(1, rate_hz), quiet]), rate_hz)
    assert [event for event, _ in events] == ["started", "stopped"]
    (_, started), (_, stopped) = events
    assert 1080 <= started <= 1140
    assert 2560 <= stopped <= 2760


@RATES
def test_speech_is_heard_through_the_noise_of_a_line(rate_hz: int) -> None:
    quiet = np.zeros(2 * rate_hz)
    signal = np.concatenate([quiet, speech(1, rate_hz), quiet])
    events = heard(signal + noise(5, rate_hz, 150), rate_hz)
    assert [event for event, _ in events] == ["started", "stopped"]
    assert 2080 <= events[0][1] <= 2200


SOUNDS: dict[str, Callable[[int], Signal]] = {
    "silence": lambda rate: np.zeros(5 * rate),
    "low noise": lambda rate: noise(5, rate, 40),
    "loud noise": lambda rate: noise(5, rate, 3000),
    "hum": lambda rate: sum(
        (3000 / k * np.sin(2 * np.pi * 50 * k * times(5, rate)) for k in range(1, 6)),
        start=np.zeros(5 * rate),
    ),
    "keys": lambda rate: (
        8000
        * (np.sin(2 * np.pi * 770 * times(5, rate)) + np.sin(2 * np.pi * 1336 * times(5, rate)))
        * (times(5, rate) % 0.3 < 0.1)
    ),
    "dial tone": lambda rate: 9000 * np.sin(2 * np.pi * 425 * times(5, rate)),
    "clicks": lambda rate: 20000.0 * (np.arange(5 * rate) % (rate // 4) < 8),
}


@RATES
@pytest.mark.parametrize("sound", SOUNDS)
def test_what_is_no_speech_starts_nothing(sound: str, rate_hz: int) -> None:
    assert heard(SOUNDS[sound](rate_hz), rate_hz) == []


def test_noise_that_begins_in_mid_call_does_not_hold_the_line_for_ever() -> None:
    rate_hz = 8000
    signal = np.concatenate([np.zeros(rate_hz), speech(1, rate_hz), np.zeros(6 * rate_hz)])
    signal[rate_hz:] += noise(7, rate_hz, 1500)
    assert heard(signal, rate_hz)[-1][0] == "stopped"


def test_a_pause_shorter_than_the_silence_does_not_stop() -> None:
    rate_hz = 8000
    pause = np.zeros(int(0.4 * rate_hz))
    parts = [np.zeros(rate_hz), speech(1, rate_hz), pause, speech(1, rate_hz), np.zeros(rate_hz)]
    assert [event for event, _ in heard(np.concatenate(parts), rate_hz)] == ["started", "stopped"]


def test_a_shorter_sound_than_the_voice_period_does_not_start() -> None:
    rate_hz = 16000
    burst = np.concatenate([np.zeros(rate_hz), speech(0.2, rate_hz), np.zeros(rate_hz)])
    assert heard(burst, rate_hz, voice_ms=400) == []
    assert heard(burst, rate_hz, voice_ms=60) != []


def test_speech_that_does_not_stand_out_by_the_margin_is_not_heard() -> None:
    rate_hz = 8000
    faint = 0.1 * np.concatenate([np.zeros(2 * rate_hz), speech(1, rate_hz)])
    faint += noise(3, rate_hz, 150)
    assert heard(faint, rate_hz, margin=25) == []


def test_the_detector_starts_again_after_it_stopped() -> None:
    rate_hz = 8000
    once = np.concatenate([np.zeros(rate_hz), speech(0.6, rate_hz), np.zeros(rate_hz)])
    events = [event for event, _ in heard(np.concatenate([once, once]), rate_hz)]
    assert events == ["started", "stopped"] * 2


@pytest.mark.parametrize("size", [0, 1, 100, 319, 321, 5000])
def test_a_frame_of_another_length_counts_as_silence(size: int) -> None:
    detector = WebRtcVad(WebRtcVadParams(), NoParams()).detector(
        rate_hz=8000, voice_ms=20, silence_ms=20
    )
    assert all(detector.push(b"\x7f" * size) is None for _ in range(20))


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        WebRtcVad(WebRtcVadParams(), NoParams()).detector(
            rate_hz=44100, voice_ms=100, silence_ms=600
        )
