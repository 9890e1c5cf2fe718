"""The phrase model of the offline recogniser: what callers may say, as words and as a grammar.

Text written by people becomes words (`words`); a list of expected phrases becomes two JSGF grammars
(W3C note "JSpeech Grammar Format", 5 June 2000): one of whole phrases, and a wider one in which a
phrase may be wrapped in the polite words around it ("I would like to ... please").
"""

import re
import unicodedata
from collections.abc import Collection, Iterable
from typing import Final

MAX_SENTENCES: Final = 2000
"""Phrases a model holds; further ones are left out."""
MAX_WORDS: Final = 30
"""Words a phrase may have; longer ones are cut."""

BUILT_IN: Final[tuple[str, ...]] = (
    "yes", "no", "yes please", "no thank you", "no thanks", "okay", "that is right",
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "agent", "operator", "representative", "speak to an agent", "speak to an operator",
    "speak to a representative", "help", "repeat", "repeat that", "please repeat that",
    "say that again", "main menu", "go back", "cancel", "stop", "thank you", "goodbye", "hello",
)  # fmt: skip
"""What any caller may say to any bot, in English."""

LEADS: Final[tuple[str, ...]] = (
    "please", "I want", "I want to", "I would like", "I would like to",
    "I'd like to", "I need", "I need to", "I am calling to", "can I", "can I please", "could I",
    "can you", "could you", "could you please", "can I speak to an", "can I talk to an",
    "let me speak to an", "I have a question about",
)  # fmt: skip
"""What callers put before a phrase."""

TAILS: Final[tuple[str, ...]] = ("please", "thanks", "thank you", "now", "today")
"""What callers put after a phrase."""

_DIGITS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS: Final = (
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
)  # fmt: skip
_TENS: Final = (
    "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
_SYMBOLS: Final = {"&": " and ", "%": " percent ", "@": " at ", "+": " plus ", "\u2019": "'"}
_TOKEN: Final = re.compile(r"[0-9]+|[a-z]+(?:'[a-z]+)*")


def words(text: str) -> tuple[str, ...]:
    """``text`` as it is spoken: lower-case words without punctuation, numbers written out.

    Accents are removed; letters of other scripts are left out, as no English word has them.
    """
    for symbol, spoken in _SYMBOLS.items():
        text = text.replace(symbol, spoken)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    plain = re.sub(r"(?<=\d),(?=\d{3}\b)", "", plain)
    found: list[str] = []
    for token in _TOKEN.findall(plain):
        found.extend(number_words(token) if token.isdigit() else (token,))
    return tuple(found)


def number_words(digits: str) -> tuple[str, ...]:
    """The words for a whole number; digit by digit if it begins with 0 or has over six digits."""
    if len(digits) > 6 or (len(digits) > 1 and digits[0] == "0"):
        return tuple(_DIGITS[int(digit)] for digit in digits)
    return _below_a_million(int(digits))


def _below_a_million(number: int) -> tuple[str, ...]:
    if number < 10:
        return (_DIGITS[number],)
    if number < 20:
        return (_TEENS[number - 10],)
    if number < 100:
        unit = (_DIGITS[number % 10],) if number % 10 else ()
        return (_TENS[number // 10], *unit)
    size, name = (100, "hundred") if number < 1000 else (1000, "thousand")
    rest = _below_a_million(number % size) if number % size else ()
    return (*_below_a_million(number // size), name, *rest)


def sentences(phrases: Iterable[str], *, built_in: bool) -> tuple[tuple[str, ...], ...]:
    """The distinct phrases as words, in order, within the limits; then `BUILT_IN` if asked for."""
    found: dict[tuple[str, ...], None] = {}
    for phrase in phrases:
        found[words(phrase)[:MAX_WORDS]] = None
    found.pop((), None)
    kept = dict.fromkeys(list(found)[:MAX_SENTENCES])
    if built_in:
        kept.update(dict.fromkeys(words(phrase) for phrase in BUILT_IN))
    return tuple(kept)


def known_part(
    wanted: Iterable[tuple[str, ...]], dictionary: Iterable[str]
) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """``wanted`` without the words that ``dictionary`` lacks, and those words in order.

    A phrase of which nothing is left is left out.
    """
    known = frozenset(dictionary)
    missing: dict[str, None] = {}
    kept: dict[tuple[str, ...], None] = {}
    for sentence in wanted:
        missing.update(dict.fromkeys(word for word in sentence if word not in known))
        kept[tuple(word for word in sentence if word in known)] = None
    kept.pop((), None)
    return tuple(kept), tuple(missing)


def phrase_grammar(model: Iterable[tuple[str, ...]]) -> str:
    """The closed grammar: one phrase of ``model`` and nothing else."""
    return f"#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = {_alternatives(model)};\n"


def matches(heard: tuple[str, ...], model: Collection[tuple[str, ...]]) -> bool:
    """Whether ``heard`` is a whole phrase of ``model``, bare or wrapped as in `wrapped_grammar`.

    A decoder that ran out of audio names the beginning of a phrase; that is no result.
    """
    for lead in ((), *(words(lead) for lead in LEADS)):
        if heard[: len(lead)] != lead:
            continue
        for tail in ((), *(words(tail) for tail in TAILS)):
            end = len(heard) - len(tail)
            if heard[end:] == tail and heard[len(lead) : end] in model:
                return True
    return False


def wrapped_grammar(model: Iterable[tuple[str, ...]]) -> str:
    """The wider grammar: a phrase of ``model`` with something of `LEADS` or `TAILS` around it."""
    return (
        "#JSGF V1.0;\ngrammar wrapped;\n"
        "public <utterance> = <lead> <phrase> | <phrase> <tail> | <lead> <phrase> <tail>;\n"
        f"<phrase> = {_alternatives(model)};\n"
        f"<lead> = {_alternatives(words(lead) for lead in LEADS)};\n"
        f"<tail> = {_alternatives(words(tail) for tail in TAILS)};\n"
    )


def grammar_words(model: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Every word that the two grammars of ``model`` use, sorted."""
    found = {word for sentence in model for word in sentence}
    for wrapping in (*LEADS, *TAILS):
        found.update(words(wrapping))
    return tuple(sorted(found))


def _alternatives(options: Iterable[tuple[str, ...]]) -> str:
    return " | ".join(" ".join(option) for option in options)
