"""The offline synthesiser's own promises (bots.speech.offline_tts)."""

import shutil

import pytest
from structlog.testing import capture_logs

from bots.core.errors import Fault, ServiceError
from bots.core.ports import SynthesisRequest
from bots.core.registry import NoParams
from bots.speech import offline_tts, spoken
from bots.speech.offline_tts import OfflineTts, OfflineTtsParams

pytestmark = pytest.mark.speech


async def speech(
    text: str = "Hello", *, engine: str = "auto", voice: str = "", language: str = "en-US"
) -> bytes:
    tts = OfflineTts(OfflineTtsParams.model_validate({"offlineTtsEngine": engine}), NoParams())
    ask = SynthesisRequest(text=text, language=language, rate_hz=16000, voice=voice)
    return await spoken(tts, ask)


async def test_another_rate_is_refused() -> None:
    tts = OfflineTts(OfflineTtsParams(), NoParams())
    with pytest.raises(ServiceError) as refusal:
        await spoken(tts, SynthesisRequest(text="Hi", language="en-US", rate_hz=44100))
    assert refusal.value.fault is Fault.INVALID_REQUEST


def seconds(pcm: bytes) -> float:
    return len(pcm) / 32000


async def test_a_voice_that_no_engine_has_is_named_once_in_the_log(
    workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline_tts, "_told", set())
    with capture_logs() as logs:
        for _ in range(2):
            assert seconds(await speech(voice="nobody")) > 0.2
    assert [entry["voice"] for entry in logs if entry["event"] == "tts.voice_unknown"] == ["nobody"]


@pytest.mark.parametrize("voice", ["en-gb", "de"])
async def test_a_voice_name_chooses_the_engine_that_has_it(
    workers: None, monkeypatch: pytest.MonkeyPatch, voice: str
) -> None:
    monkeypatch.setattr(offline_tts, "_told", set())
    with capture_logs() as logs:
        assert seconds(await speech(voice=voice)) > 0.2
    assert logs == []


@pytest.mark.parametrize("variant", ["A" * 190, "../../../etc/passwd", ""])
async def test_a_variant_that_cannot_be_is_left_out(workers: None, variant: str) -> None:
    plain, female, other = [
        seconds(await speech(engine="espeak", voice=voice))
        for voice in ("en-gb", "en-gb+f2", f"en-gb+{variant}")
    ]

    assert female != pytest.approx(plain, rel=0.1)
    assert other == pytest.approx(plain, rel=0.02)


async def test_voices_that_no_engine_has_do_not_fill_the_log(
    workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline_tts, "_told", set())
    monkeypatch.setattr(offline_tts, "MAX_TOLD", 1)
    with capture_logs() as logs:
        for voice in ("nobody", "somebody"):
            assert seconds(await speech(voice=voice)) > 0.2
    assert [entry["voice"] for entry in logs if entry["event"] == "tts.voice_unknown"] == ["nobody"]


async def test_a_language_that_flite_lacks_is_spoken_by_espeak(workers: None) -> None:
    text = "Einundzwanzig " * 4
    german = seconds(await speech(text, language="de-DE"))
    assert german == pytest.approx(
        seconds(await speech(text, language="de-DE", engine="espeak")), rel=0.02
    )
    assert german != pytest.approx(seconds(await speech(text, engine="espeak")), rel=0.02)


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
async def test_flite_has_its_own_voices(workers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_tts, "_told", set())
    text = "How can I help you today?"
    with capture_logs() as logs:
        slt, rms = [seconds(await speech(text, voice=name)) for name in ("slt", "rms")]
    assert logs == []
    assert slt != pytest.approx(rms, rel=0.01)
    assert slt == pytest.approx(seconds(await speech(text, engine="flite")), rel=0.02)


@pytest.mark.parametrize("engine", ["espeak", "auto"])
async def test_spelled_digits_take_longer_than_a_number(workers: None, engine: str) -> None:
    spelled = "<speak><say-as interpret-as='digits'>1234567</say-as></speak>"
    assert seconds(await speech(spelled, engine=engine)) > 1.5


@pytest.mark.parametrize("engine", ["espeak", "auto"])
async def test_what_was_spoken_before_does_not_change_a_prompt(workers: None, engine: str) -> None:
    first = seconds(await speech("How can I help you?", engine=engine))
    await speech("Something else entirely.", engine=engine, voice="en-gb")
    again = seconds(await speech("How can I help you?", engine=engine))
    assert again == pytest.approx(first, rel=0.03)
