"""Probes of speech services: say something, hear something, notice that somebody speaks."""

import asyncio
import time
from contextlib import aclosing

from bots.core import registry
from bots.core.audio import FRAME_MS, AudioFormat, wav_header
from bots.core.ports import (
    Recognition,
    RecognitionRequest,
    SpeechToText,
    SynthesisRequest,
    TextToSpeech,
    Transcript,
    VoiceActivity,
)
from bots.probes.course import Course, StepName, Unconvincing, closing

SAMPLER = "offline"
"""The synthesiser that makes samples of speech."""
SENTENCES = {
    "de": "Guten Morgen.",
    "en": "Good morning.",
    "es": "Buenos días.",
    "fr": "Bonjour.",
    "it": "Buongiorno.",
    "nl": "Goedemorgen.",
    "pl": "Dzień dobry.",
    "pt": "Bom dia.",
}
"""What is said, by language; languages beyond these are tried in English."""
_RATE_HZ = 16000
_SILENCE_MS = 1000
_MAX_SECONDS = 30


def sentence(language: str) -> str:
    """What to say in ``language`` (BCP 47)."""
    return SENTENCES.get(language.partition("-")[0].lower(), SENTENCES["en"])


def _rate(offered: tuple[int, ...]) -> int:
    return _RATE_HZ if _RATE_HZ in offered else max(offered)


# --- synthesisers ---------------------------------------------------------------------------------


async def probe_tts(
    course: Course, tts: TextToSpeech, *, language: str, voice: str = "", text: str = ""
) -> None:
    """Have one sentence spoken to its end.

    Raises:
        ServiceError: the synthesiser failed.
        Unconvincing: it said nothing.
    """
    rate = _rate(tts.capabilities.rates_hz)
    said = text or sentence(language)
    request = SynthesisRequest(text=said, language=language, rate_hz=rate, voice=voice)
    pcm = bytearray()
    async with aclosing(tts.synthesise(request)) as pieces:
        with course.step(StepName.ANSWER) as facts:
            facts["said"] = said
            pcm += await anext(pieces, b"")
        with course.step(StepName.RESULT) as facts:
            limit = rate * 2 * _MAX_SECONDS
            async for piece in pieces:
                pcm += piece
                if len(pcm) > limit:
                    break
            facts["seconds"] = round(len(pcm) / 2 / rate, 2)
            if not pcm:
                raise Unconvincing("it answered without any audio")
    course.audio = wav_header(AudioFormat("lpcm16", rate)) + bytes(pcm)


# --- recognisers ----------------------------------------------------------------------------------


async def probe_stt(
    course: Course, stt: SpeechToText, *, language: str, sampler: str = SAMPLER
) -> None:
    """Have a sample of speech recognised.

    Raises:
        ServiceError: the recogniser failed, or the sample could not be made.
        Unconvincing: it heard no words.
    """
    rate = _rate(stt.capabilities.rates_hz)
    said = sentence(language)
    pcm = await _sample(course, said, language, rate, sampler)
    request = RecognitionRequest(language=language, rate_hz=rate, phrases=(said,))
    with course.step(StepName.CONNECT):
        recognition = await stt.open(request)
    async with closing(course, recognition.close):
        with course.step(StepName.RESULT) as facts:
            facts["said"] = said
            heard = await _heard(recognition, pcm, rate, endpointing=stt.capabilities.endpointing)
            facts["heard"] = heard.text
            if heard.confidence is not None:
                facts["confidence"] = round(heard.confidence, 2)
            if not heard.text.strip():
                raise Unconvincing("it heard speech, but understood no word")


async def _sample(course: Course, text: str, language: str, rate_hz: int, sampler: str) -> bytes:
    """``text`` spoken by the synthesiser ``sampler``, with silence around it."""
    with course.step(StepName.SAMPLE) as facts:
        plugin = registry.plugin("tts", sampler)
        tts: TextToSpeech = plugin.factory(plugin.params(), plugin.credentials())
        request = SynthesisRequest(text=text, language=language, rate_hz=rate_hz)
        async with aclosing(tts.synthesise(request)) as pieces:
            pcm = b"".join([piece async for piece in pieces])
        facts["seconds"] = round(len(pcm) / 2 / rate_hz, 2)
    silence = bytes(AudioFormat("lpcm16", rate_hz).bytes_for_ms(_SILENCE_MS))
    return silence[: len(silence) // 4 * 2] + pcm + silence


async def _heard(
    recognition: Recognition, pcm: bytes, rate_hz: int, *, endpointing: bool
) -> Transcript:
    """The first final result; one without words only if no other comes."""
    if not endpointing:
        recognition.begin_utterance()
    step = AudioFormat("lpcm16", rate_hz).bytes_for_ms(FRAME_MS)
    for start in range(0, len(pcm), step):
        recognition.push(pcm[start : start + step])
        await asyncio.sleep(0)
    if not endpointing:
        recognition.end_utterance()
    async for event in recognition.events():
        if isinstance(event, Transcript):
            return event
    return Transcript("")


# --- voice activity -------------------------------------------------------------------------------


async def probe_vad(
    course: Course, vad: VoiceActivity, *, language: str, sampler: str = SAMPLER
) -> None:
    """Have the beginning and the end of a sample of speech noticed.

    Raises:
        ServiceError: the sample could not be made.
        Unconvincing: it did not notice one of the two.
    """
    pcm = await _sample(course, sentence(language), language, _RATE_HZ, sampler)
    with course.step(StepName.RESULT) as facts:
        detector = vad.detector(rate_hz=_RATE_HZ, voice_ms=100, silence_ms=400)
        step = AudioFormat("lpcm16", _RATE_HZ).bytes_for_ms(FRAME_MS)
        began = time.perf_counter()
        for start in range(0, len(pcm) - step + 1, step):
            if change := detector.push(pcm[start : start + step]):
                facts.setdefault(f"{change}_ms", start // step * FRAME_MS)
        frames = max(1, len(pcm) // step)
        facts["us_per_frame"] = round((time.perf_counter() - began) * 1e6 / frames)
        if "started_ms" not in facts:
            raise Unconvincing("it did not notice that somebody spoke")
        if "stopped_ms" not in facts:
            raise Unconvincing("it did not notice that the speech was over")
