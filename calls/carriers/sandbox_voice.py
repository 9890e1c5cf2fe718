"""Voices of the sandbox: what callees say, made once, and the tone of an answering machine."""

import asyncio
import math
from array import array
from collections.abc import Sequence

from calls.testcall import speech
from calls.testcall.plan import AXIS, Step, Utterance, Words, utterance

MAX_KEPT = 200
"""Utterances that are kept, about 60 kB each."""
TONE_HZ = 1000
TONE_MS = 500
PAUSE_MS = 700
_LOUDNESS = 8000


class Voices:
    """Makes utterances by the offline synthesiser; what was said before costs nothing."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], Utterance] = {}
        self._lock = asyncio.Lock()
        """Many calls at once say the same; the bots need the synthesiser as well."""

    async def of(self, steps: Sequence[Step], language: str, *, tone: bool) -> tuple[Step, ...]:
        """``steps`` with all words spoken; ``tone``: each is followed by that of a machine.

        Raises:
            ServiceError: the synthesiser failed.
            LookupError: the offline synthesiser is not installed.
            ParameterError: nothing can be heard of a text.
        """
        async with self._lock:
            return tuple(
                [
                    await self._spoken(step, language, tone=tone)
                    if isinstance(step, Words)
                    else step
                    for step in steps
                ]
            )

    async def _spoken(self, words: Words, language: str, *, tone: bool) -> Utterance:
        key = (language, words.label)
        made = self._made.get(key)
        if made is None:
            (spoken,) = await speech.voiced((words,), language)
            assert isinstance(spoken, Utterance)  # noqa: S101 - that is what becomes of words
            made = spoken
            if len(self._made) >= MAX_KEPT:
                del self._made[next(iter(self._made))]
            self._made[key] = made
        return _with_tone(made) if tone else made


def _with_tone(spoken: Utterance) -> Utterance:
    rate = AXIS.rate_hz
    wave = (
        round(_LOUDNESS * math.sin(2 * math.pi * TONE_HZ * n / rate))
        for n in range(rate * TONE_MS // 1000)
    )
    tone = array("h", wave).tobytes()
    return utterance(spoken.label, spoken.pcm + bytes(AXIS.bytes_for_ms(PAUSE_MS)) + tone)
