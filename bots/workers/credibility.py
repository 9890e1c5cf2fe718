"""How far a recognised sentence can be believed: it is compared with free phonetic decoding.

A closed grammar always finds some sentence. Beside it a loop over all phones, which knows no
words, decodes the same audio. Where the caller said the sentence, it explains the sound well and
resembles what the loop heard.
"""

import math
from collections.abc import Sequence

import msgspec


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder made of an utterance: phones, and how well they explain the sound.

    ``score`` is the acoustic log-likelihood (natural logarithm, relative to the best the model can
    do) over the ``frames`` of 10 ms that belong to words or phones.
    """

    phones: tuple[str, ...]
    score: float
    frames: int


# Logistic regression over 500 utterances (expected phrases against other sentences, babble, music,
# tones and noise; seven synthetic voices; 16 and 8 kHz); ADR 0060 has the figures it reaches on
# voices that were left out of the fit.
_BIAS = 2.16
_FIT_WEIGHT = 1.37
_LIKENESS_WEIGHT = 9.78
_WORST_FIT = -8.0


def confidence(sentence: Reading, loop: Reading) -> float:
    """Belief in ``sentence`` from 0 to 1, given what the phone ``loop`` heard in the same sound."""
    if not sentence.phones or not loop.phones:
        return 0.0
    fit = max(_WORST_FIT, sentence.score / max(10, sentence.frames))
    longer = max(len(sentence.phones), len(loop.phones))
    likeness = 1 - distance(sentence.phones, loop.phones) / longer
    return 1 / (1 + math.exp(-(_BIAS + _FIT_WEIGHT * fit + _LIKENESS_WEIGHT * likeness)))


def distance(one: Sequence[str], other: Sequence[str]) -> int:
    """The fewest insertions, deletions and substitutions that turn ``one`` into ``other``."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]
