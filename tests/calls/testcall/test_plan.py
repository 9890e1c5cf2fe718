"""Utterances: where the voice is, and how they look on the wire."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from bots.core.audio import LPCM16_8K, LPCM16_24K, MULAW_8K, AudioFormat
from calls.testcall.plan import AXIS, FRAME_BYTES, CallPlan, Digits, silence, utterance
from tests.fakes.ac_bot import tone

pytestmark = pytest.mark.pure


def test_the_voice_is_found_between_silences() -> None:
    spoken = utterance("hello", bytes(3 * FRAME_BYTES) + tone(100) + bytes(2 * FRAME_BYTES))
    assert (spoken.frames, spoken.onset, spoken.offset) == (10, 3, 7)


def test_hiss_around_a_voice_is_no_voice() -> None:
    hiss = b"\x10\x00\xf0\xff" * (FRAME_BYTES // 4)
    spoken = utterance("hello", hiss * 3 + tone(100) + hiss)
    assert (spoken.onset, spoken.offset) == (3, 7)


def test_an_utterance_is_made_of_whole_frames() -> None:
    assert utterance("hello", tone(30)).frames == 2


@pytest.mark.parametrize("pcm", [b"", bytes(6400)])
def test_silence_is_no_utterance(pcm: bytes) -> None:
    with pytest.raises(ValueError, match="silent"):
        utterance("hush", pcm)


@pytest.mark.parametrize(
    ("audio", "size"), [(AXIS, 640), (LPCM16_8K, 320), (LPCM16_24K, 960), (MULAW_8K, 160)]
)
def test_every_format_has_the_same_number_of_frames(audio: AudioFormat, size: int) -> None:
    for frames in (1, 2, 5, 77):
        spoken = utterance("hello", tone(20 * frames))
        assert [len(frame) for frame in spoken.on_wire(audio)] == [size] * frames


def test_on_its_own_axis_an_utterance_is_unchanged() -> None:
    spoken = utterance("hello", tone(100))
    assert b"".join(spoken.on_wire(AXIS)) == spoken.pcm


def test_silence_in_mulaw_is_no_zero() -> None:
    assert silence(MULAW_8K) == b"\xff" * 160
    assert silence(AXIS) == bytes(640)


def test_a_plan_offers_what_bots_in_the_field_insist_on() -> None:
    plan = CallPlan(conversation_id=UUID(int=1), epoch=datetime.now(UTC), bot="demo")
    assert {"raw/lpcm16", "raw/mulaw"} <= {offer.value for offer in plan.media_formats}
    assert Digits("12#").label == "12#"
