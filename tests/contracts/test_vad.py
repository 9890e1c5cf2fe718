"""What every voice activity detector keeps to, with real speech."""

import pytest

from bots.core.ports import TextToSpeech, VoiceActivity
from tests.contracts.conftest import said

pytestmark = pytest.mark.speech


@pytest.mark.parametrize("rate_hz", [8000, 16000])
async def test_an_utterance_is_bracketed(
    vad: VoiceActivity, voice: TextToSpeech, rate_hz: int
) -> None:
    detector = vad.detector(rate_hz=rate_hz, voice_ms=100, silence_ms=600)
    speech = await said(voice, "I want to pay my bill", rate_hz)
    pcm = bytes(rate_hz * 2) + speech + bytes(rate_hz * 2)
    step = rate_hz // 50 * 2
    found = [
        (event, start / (rate_hz * 2))
        for start in range(0, len(pcm) - step + 1, step)
        if (event := detector.push(pcm[start : start + step])) is not None
    ]
    assert [event for event, _ in found] == ["started", "stopped"]
    assert 1.0 < found[0][1] < 1.3
    assert found[1][1] < 1 + len(speech) / (rate_hz * 2) + 0.7


async def test_silence_is_no_speech(vad: VoiceActivity) -> None:
    detector = vad.detector(rate_hz=8000, voice_ms=100, silence_ms=600)
    assert all(detector.push(bytes(320)) is None for _ in range(200))
