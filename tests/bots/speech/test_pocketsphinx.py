"""The offline recogniser's own promises (bots.speech.pocketsphinx)."""

import asyncio
import re
from pathlib import Path

import pytest

from bots.core.errors import Fault, ServiceError
from bots.core.phrases import BUILT_IN
from bots.core.ports import Hypothesis, RecognitionRequest, SynthesisRequest, Transcript
from bots.core.registry import NoParams
from bots.speech import pocketsphinx, recognised, spoken
from bots.speech.offline_tts import OfflineTts, OfflineTtsParams
from bots.speech.pocketsphinx import PocketSphinx, PocketSphinxParams, phrase_model

PHRASES = ("I want to pay my bill", "opening hours", "report a power cut")


def recogniser(**params: object) -> PocketSphinx:
    return PocketSphinx(PocketSphinxParams.model_validate(params), NoParams())


def request(rate_hz: int = 16000, language: str = "en-US") -> RecognitionRequest:
    return RecognitionRequest(language=language, rate_hz=rate_hz, phrases=PHRASES)


async def said(text: str, rate_hz: int = 16000, voice: str = "") -> bytes:
    tts = OfflineTts(OfflineTtsParams(), NoParams())
    ask = SynthesisRequest(text=text, language="en-US", rate_hz=rate_hz, voice=voice)
    return await spoken(tts, ask)


@pytest.mark.parametrize(("rate_hz", "language"), [(16000, "de-DE"), (16000, ""), (44100, "en-US")])
async def test_what_it_cannot_hear_is_refused_at_once(rate_hz: int, language: str) -> None:
    with pytest.raises(ServiceError) as refusal:
        await recogniser().open(request(rate_hz, language))
    assert refusal.value.fault is Fault.INVALID_REQUEST


@pytest.mark.pure
def test_a_model_is_known_by_its_content() -> None:
    params = PocketSphinxParams()
    one = phrase_model(("Pay my bill!",), params)
    assert phrase_model(("pay my bill",), params).key == one.key
    assert phrase_model(("pay my bills",), params).key != one.key
    stricter = PocketSphinxParams.model_validate({"pocketsphinxMinConfidence": 0.9})
    assert phrase_model(("Pay my bill!",), stricter).key != one.key


@pytest.mark.pure
def test_the_pack_can_be_left_out_but_is_the_model_when_there_is_nothing_else() -> None:
    bare = PocketSphinxParams.model_validate({"pocketsphinxBuiltInPhrases": False})
    assert phrase_model(("pay my bill",), bare).sentences == ("pay my bill",)
    assert len(phrase_model((), bare).sentences) == len(BUILT_IN)


@pytest.mark.speech
@pytest.mark.parametrize("rate_hz", [8000, 16000])
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("I would like to report a power cut please", "report a power cut"),
        ("Can I speak to an operator", "operator"),
        ("Yes please", "yes please"),
    ],
)
async def test_polite_words_around_a_phrase_do_no_harm(
    workers: None, rate_hz: int, text: str, wanted: str
) -> None:
    heard = await recognised(recogniser(), request(rate_hz), await said(text, rate_hz))
    assert wanted in heard.text


@pytest.mark.speech
async def test_nothing_is_believed_when_certainty_is_asked_for(workers: None) -> None:
    sure = recogniser(pocketsphinxMinConfidence=1)
    heard = await recognised(sure, request(), await said("opening hours"))
    assert heard.text == ""
    assert heard.confidence is not None
    assert heard.confidence > 0.5


@pytest.mark.speech
async def test_an_utterance_longer_than_any_phrase_is_no_phrase(workers: None) -> None:
    pcm = await said("opening hours") * 40
    assert (await recognised(recogniser(), request(), pcm)).text == ""


@pytest.mark.speech
async def test_a_reader_who_is_late_misses_interim_results_but_no_final_one(
    workers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pocketsphinx, "_EVENTS", 0)
    recognition = await recogniser().open(request())
    pcm = await said(PHRASES[0])
    recognition.begin_utterance()
    recognition.push(pcm)
    recognition.end_utterance()
    events = recognition.events()
    first = await anext(events)
    assert isinstance(first, Transcript)
    await recognition.close()


@pytest.mark.speech
async def test_interim_results_grow_with_what_is_said(workers: None) -> None:
    recognition = await recogniser().open(request())
    pcm = await said(PHRASES[0])
    recognition.begin_utterance()
    for start in range(0, len(pcm), 640):
        recognition.push(pcm[start : start + 640])
    first = await anext(recognition.events())
    assert isinstance(first, Hypothesis)
    assert PHRASES[0].lower().startswith(first.text)
    await recognition.close()


@pytest.mark.speech
async def test_audio_that_was_dropped_is_counted(workers: None) -> None:
    recognition = await recogniser(pocketsphinxWorkers=1).open(request())
    assert isinstance(recognition, pocketsphinx.PhraseRecognition)
    recognition.begin_utterance()
    for _ in range(70):
        recognition.push(bytes(32000))
    recognition.end_utterance()
    await asyncio.wait_for(anext(recognition.events()), 60)
    assert 6000 <= recognition.dropped_ms <= 9000
    await recognition.close()


@pytest.mark.pure
def test_the_demo_dialogue_uses_words_of_the_dictionary_only() -> None:
    import json

    import pocketsphinx as engine

    from bots.core.phrases import known_part, sentences

    dialogue = Path(__file__).parents[3] / "bots" / "demo" / "dialogue.json"
    found = re.findall(r'"phrases": (\[[^\]]*\])', dialogue.read_text())
    phrases = [phrase for group in found for phrase in json.loads(group)]
    assert phrases
    entries = Path(engine.get_model_path("en-us/cmudict-en-us.dict")).read_text().splitlines()
    _, missing = known_part(
        sentences(phrases, built_in=True), [entry.partition(" ")[0] for entry in entries]
    )
    assert missing == ()
