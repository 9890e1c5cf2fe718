"""Voice activity "webrtc": the WebRTC detector behind an adaptive energy floor.

Pure computation of a few microseconds a frame, so it runs where it is called. The WebRTC detector
alone calls every frame of a noisy line speech; the floor follows the noise and wants speech to
stand out of it. Tones (keys, hum, line signals) are refused by their spectrum. See ADR 0062.
"""

from collections import deque
from typing import Annotated, ClassVar, Literal

import numpy as np
import webrtcvad
from pydantic import Field

from bots.core import registry
from bots.core.audio import FRAME_MS, level_dbfs
from bots.core.params.declare import Param, ParamSet
from bots.core.ports import VoiceActivityDetector
from bots.core.registry import NoParams

_QUIET_DBFS = -52.0
"""Nothing below this is speech: telephone speech lies between -40 and -10."""
_FLOOR_FRAMES = 75
"""The floor is the quietest of this many frames (1.5 s): speech pauses within that time, noise does
not."""
_WINDOW_SLACK = 2
"""Frames without speech that the window of an onset may hold."""
_TONE_LINES = 8
_TONE_SHARE = 0.995
"""A frame is tones when its few strongest spectral lines hold this share of its energy; one in
twenty frames of speech does too."""


class WebRtcVadParams(ParamSet):
    """How speech is told from noise."""

    SECTION: ClassVar[str] = "Voice activity (WebRTC)"

    mode: Annotated[int, Param(help="0 hears most, 3 refuses most of what may not be speech.")] = (
        Field(3, ge=0, le=3, alias="webrtcVadMode")
    )
    margin_db: Annotated[
        float, Param(help="How far speech must stand out of the line's noise.", unit="dB")
    ] = Field(9.0, ge=0, le=30, alias="webrtcVadMarginDB")


@registry.register(
    "vad",
    "webrtc",
    "WebRTC",
    summary="Tells speech from silence on the line, within the gateway. Needs no service.",
    params=WebRtcVadParams,
)
class WebRtcVad:
    """A configured detector factory."""

    def __init__(self, params: WebRtcVadParams, credentials: NoParams) -> None:
        del credentials
        self._params = params

    def detector(self, *, rate_hz: int, voice_ms: int, silence_ms: int) -> VoiceActivityDetector:
        """See `VoiceActivity`; ``rate_hz`` 8000 or 16000, durations are rounded up to 20 ms.

        Raises:
            ValueError: another rate.
        """
        if rate_hz not in (8000, 16000):
            raise ValueError(f"voice activity needs 8000 or 16000 Hz, not {rate_hz}")
        return Detector(self._params, rate_hz, voice_ms, silence_ms)


class Detector:
    """One stream; see `VoiceActivityDetector`."""

    def __init__(
        self, params: WebRtcVadParams, rate_hz: int, voice_ms: int, silence_ms: int
    ) -> None:
        self._webrtc = webrtcvad.Vad(params.mode)
        self._rate_hz = rate_hz
        self._margin_db = params.margin_db
        self._frame_bytes = rate_hz * FRAME_MS // 1000 * 2
        self._voice_frames = max(1, -(-voice_ms // FRAME_MS))
        self._silence_frames = max(1, -(-silence_ms // FRAME_MS))
        self._window: deque[bool] = deque(maxlen=self._voice_frames + _WINDOW_SLACK)
        self._levels: deque[float] = deque(maxlen=_FLOOR_FRAMES)
        self._silent = 0
        self._speaking = False

    def push(self, pcm: bytes) -> Literal["started", "stopped"] | None:
        """See `VoiceActivityDetector`; a frame of another length than 20 ms counts as silence."""
        voiced = len(pcm) == self._frame_bytes and self._voiced(pcm)
        if self._speaking:
            self._silent = 0 if voiced else self._silent + 1
            if self._silent >= self._silence_frames:
                self._speaking = False
                self._window.clear()
                return "stopped"
            return None
        self._window.append(voiced)
        if voiced and sum(self._window) >= self._voice_frames:
            self._speaking = True
            self._silent = 0
            return "started"
        return None

    def _voiced(self, pcm: bytes) -> bool:
        level = level_dbfs(pcm)
        floor = min(self._levels, default=level)
        self._levels.append(level)
        # NB always asked: the WebRTC detector adapts to every frame it is shown
        speech = bool(self._webrtc.is_speech(pcm, self._rate_hz))
        loud = level > max(_QUIET_DBFS, floor + self._margin_db)
        return speech and loud and (self._speaking or not _tonal(pcm))


def _tonal(pcm: bytes) -> bool:
    """Whether a frame is one or two steady tones: a pressed key, hum, a line signal."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    power = np.abs(np.fft.rfft(samples * np.hanning(samples.size))) ** 2
    peaks = np.sort(power)[-_TONE_LINES:].sum()
    return bool(peaks > _TONE_SHARE * power.sum())
