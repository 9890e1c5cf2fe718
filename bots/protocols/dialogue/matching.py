"""Which answer the caller's words mean.

The first rule that fits decides:

1. the words are a phrase, exactly;
2. a phrase stands in the words, and among several the longest;
3. a phrase shares enough weight with the words, so that a word heard wrongly does not matter.

A state's own answers come before those that hold everywhere. When two answers fit equally well
neither is taken: asking again is better than guessing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from bots.core.phrases import words
from bots.protocols.dialogue.form import Answer

ENOUGH = 0.6
"""Least likeness, 0 to 1, that counts as meant."""
MISSING = 0.8
"""What a phrase's word costs when it was not heard; a heard word is worth 1."""
SURPLUS = 0.1
"""What a heard word costs that is not in the phrase: callers wrap what they want in courtesies."""
FULL_WEIGHT_LETTERS = 6
"""Words this long weigh 1, shorter ones less: *to* says less than *opening*."""

LONGEST_TEXT = 1000
"""Characters of an utterance that are looked at; text sessions can bring far more."""

Rank = tuple[Literal[1, 2, 3], float, int]

_MARKS = re.compile("[\u0300-\u036f]")


def plain_words(text: str) -> tuple[str, ...]:
    """``text`` as words that can be compared: no case, accents or punctuation, in any script.

    What can be written in plain letters becomes the words that a recogniser is given for it
    (`bots.core.phrases.words`).
    """
    decomposed = unicodedata.normalize("NFKD", text.replace("\u2019", "'"))
    plain = _MARKS.sub("", decomposed).casefold()
    if plain.isascii():
        return words(plain)
    kept = (c if unicodedata.category(c)[0] in "LMN" or c == "'" else " " for c in plain)
    return tuple(word for found in "".join(kept).split() if (word := found.strip("'")))


class _Candidate(msgspec.Struct, frozen=True):
    answer: Answer
    priority: int
    words: tuple[str, ...]
    bag: frozenset[str]


class Matcher:
    """Finds answers in one state; ``lists`` are the lists of answers, the most particular first."""

    def __init__(self, lists: Sequence[Sequence[Answer]]) -> None:
        self._keys: dict[str, Answer] = {}
        self._candidates: list[_Candidate] = []
        answers_with: Counter[str] = Counter()
        for priority, answers in enumerate(lists):
            for answer in answers:
                if answer.digits is not None:
                    self._keys.setdefault(answer.digits, answer)
                phrases = [plain_words(phrase) for phrase in answer.phrases]
                self._candidates += [
                    _Candidate(answer, -priority, phrase, frozenset(phrase)) for phrase in phrases
                ]
                answers_with.update({word for phrase in phrases for word in phrase})
        self._answers_with = answers_with

    def pressed(self, digits: str) -> Answer | None:
        """The answer of that key."""
        return self._keys.get(digits)

    def spoken(self, text: str) -> Answer | None:
        """The answer that ``text`` means, if there is exactly one."""
        heard = plain_words(text[:LONGEST_TEXT])
        best: Rank | None = None
        chosen: list[Answer] = []
        for candidate, rank in self._ranked(heard):
            if best is None or rank > best:
                best, chosen = rank, [candidate.answer]
            elif rank == best and all(candidate.answer is not answer for answer in chosen):
                chosen.append(candidate.answer)
        return chosen[0] if len(chosen) == 1 else None

    def _ranked(self, heard: tuple[str, ...]) -> Iterator[tuple[_Candidate, Rank]]:
        for candidate in self._candidates:
            phrase = candidate.words
            if candidate.bag.isdisjoint(heard):
                continue
            if phrase == heard:
                yield candidate, (3, 0.0, candidate.priority)
            elif _stands_in(phrase, heard):
                yield candidate, (2, len(phrase), candidate.priority)
            elif (likeness := self._likeness(phrase, heard)) >= ENOUGH:
                yield candidate, (1, likeness, candidate.priority)

    def _likeness(self, phrase: tuple[str, ...], heard: tuple[str, ...]) -> float:
        """Tversky's index of the two bags of words, weighted by how much each word tells."""
        expected, got = Counter(phrase), Counter(heard)
        shared = self._weight(expected & got)
        cost = MISSING * self._weight(expected - got) + SURPLUS * self._weight(got - expected)
        return shared / (shared + cost)

    def _weight(self, bag: Counter[str]) -> float:
        return sum(
            count * min(1.0, len(word) / FULL_WEIGHT_LETTERS) / max(1, self._answers_with[word])
            for word, count in bag.items()
        )


def _stands_in(phrase: tuple[str, ...], heard: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(heard[at : at + size] == phrase for at in range(len(heard) - size + 1))
