"""The test caller's ear: the offline recogniser confirms what the bot was expected to say."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import combinations

from bots.core import registry
from bots.core.audio import FRAME_MS
from bots.core.phrases import words
from bots.core.ports import RecognitionRequest, SpeechToText, VoiceActivity
from bots.core.ssml import to_text
from bots.speech import recognised
from calls.testcall.caller import Caller
from calls.testcall.flow import Met
from calls.testcall.plan import AXIS, FRAME_BYTES

RECOGNISER, DETECTOR = "pocketsphinx", "webrtc"
ENOUGH = 0.8
"""Share of the expected words that has to be heard; no recogniser hears them all."""
_VOICE_MS, _SILENCE_MS = 100, 400
_LEAD_FRAMES = 15
"""Audio before the voice was noticed, in frames; it holds the first sounds."""


async def confirm(caller: Caller, language: str) -> None:
    """Listen to every prompt that met an expectation, and note a fault where it said no such thing.

    Raises:
        ServiceError: the recogniser failed, or does not know ``language``.
        LookupError: the offline recogniser or voice activity detector is not installed.
    """
    ledger = caller.ledger
    for met in ledger.met:
        pcm, texts = _audio(caller, met), _texts(caller, met)
        heard = " ".join([text async for text in _listen(pcm, texts, language)])
        wanted = words(met.text)
        share = sum(word in words(heard) for word in wanted) / max(1, len(wanted))
        if share < ENOUGH:
            ledger.fault(
                ledger.ended_at, f'the bot was to say "{met.text}", but "{heard}" is to be heard'
            )


def _audio(caller: Caller, met: Met) -> bytes:
    """What the caller heard while the prompts of ``met`` were played, and a moment of silence."""
    conversation, prompts = caller.conversation, caller.ledger.heard
    began, ended = prompts[met.first].began_at, prompts[met.last].ended_at
    first = _bytes_at(began - conversation.began_at)
    last = None if ended is None else _bytes_at(ended - conversation.began_at)
    return bytes(conversation.heard[first:last]) + bytes(AXIS.bytes_for_ms(2 * _SILENCE_MS))


def _bytes_at(seconds: float) -> int:
    return round(seconds * 1000 / FRAME_MS) * FRAME_BYTES


def _texts(caller: Caller, met: Met) -> list[str]:
    """What the prompts are said to say; the expectation alone where nothing is told."""
    told = [to_text(prompt.text) for prompt in caller.ledger.heard[met.first : met.last + 1]]
    return [text for text in told if words(text)] or [met.text]


async def _listen(pcm: bytes, texts: Sequence[str], language: str) -> AsyncIterator[str]:
    """What is recognised in ``pcm``, utterance by utterance."""
    plugin = registry.plugin("stt", RECOGNISER)
    stt: SpeechToText = plugin.factory(plugin.params(), plugin.credentials())
    parts = [part for text in texts for part in re.split(r"[.?!;]", text) if words(part)]
    # Where the bot makes no pause, sentences are one utterance.
    runs = combinations(range(len(parts) + 1), 2)
    phrases = tuple(" ".join(parts[first:last]) for first, last in runs)
    request = RecognitionRequest(language=language, rate_hz=AXIS.rate_hz, phrases=phrases)
    for utterance in _utterances(pcm):
        yield (await recognised(stt, request, utterance)).text


def _utterances(pcm: bytes) -> Iterator[bytes]:
    """The stretches of ``pcm`` in which somebody speaks."""
    plugin = registry.plugin("vad", DETECTOR)
    activity: VoiceActivity = plugin.factory(plugin.params(), plugin.credentials())
    detector = activity.detector(rate_hz=AXIS.rate_hz, voice_ms=_VOICE_MS, silence_ms=_SILENCE_MS)
    began = 0
    for start in range(0, len(pcm) - FRAME_BYTES + 1, FRAME_BYTES):
        change = detector.push(pcm[start : start + FRAME_BYTES])
        if change == "started":
            began = max(0, start - _LEAD_FRAMES * FRAME_BYTES)
        elif change == "stopped":
            yield pcm[began : start + FRAME_BYTES]
