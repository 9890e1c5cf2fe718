"""Speech Synthesis Markup Language (W3C SSML 1.1): read it safely, cut it down, compare it.

Bots write SSML, so nothing here trusts it: no document type, no entities but the five of XML,
bounded size and depth. Markup that cannot be read is treated as text with its tags removed; no
function of this module raises.
"""

import re
from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Final
from xml.etree import ElementTree as ET
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

import msgspec

MAX_CHARACTERS: Final = 100_000
"""Longer markup is cut here and treated as text."""
MAX_DEPTH: Final = 40
"""Elements nested deeper make the markup unreadable."""
MAX_PAUSE_MS: Final = 10_000
"""The longest pause a ``break`` may ask for."""

_BREAK_MS: Final = {
    "none": 0, "x-weak": 100, "weak": 200, "medium": 400, "strong": 700, "x-strong": 1000,
}  # fmt: skip
_SPELLED: Final = frozenset({"characters", "digits", "spell-out", "telephone", "verbatim"})
_BLOCKS: Final = {"p": 400, "s": 200, "paragraph": 400, "sentence": 200}
_UNSPOKEN: Final = frozenset({"metadata", "meta", "lexicon", "desc"})
_BEGINNING: Final = re.compile(r"\s*(<\?xml[^>]*>\s*)?(<!DOCTYPE\b.*?)?<speak\b", re.DOTALL)
# NB A comment without an end takes the rest, which also keeps the search for ends linear.
_TAG: Final = re.compile(r"<!--.*?(?:-->|\Z)|<!\[CDATA\[|\]\]>|<[^<>]*>?", re.DOTALL)
_ENTITIES: Final = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&"}
_SPACES: Final = re.compile(r"\s+")
_SENTENCE: Final = re.compile(r"(?<=[.!?;:])[\"')\]]*\s+")
_CLAUSE: Final = re.compile(r"(?<=,)\s+")


class Pause(msgspec.Struct, frozen=True):
    """Silence of ``ms`` milliseconds."""

    ms: int


class _Refused(Exception):
    """The markup cannot be read."""


def is_ssml(text: str) -> bool:
    """Whether ``text`` is meant as SSML: its first element is ``speak``."""
    return _BEGINNING.match(text) is not None


def is_readable(text: str) -> bool:
    """Whether ``text`` is SSML whose markup can be read; else only its words are spoken."""
    return _parsed(text) is not None


def to_text(text: str) -> str:
    """What is spoken, as plain text on one line; plain text comes back with its spaces folded."""
    return _folded(" ".join(part for part in segments(text) if isinstance(part, str)))


@lru_cache(maxsize=16)  # a prompt is asked about several times between its arrival and its end
def segments(text: str) -> tuple[str | Pause, ...]:
    """Plain text and the pauses between, in order; for engines that know no SSML.

    ``sub`` is replaced by its alias, spelled ``say-as`` by its characters, ``p`` and ``s`` are
    followed by a pause.
    """
    root = _parsed(text)
    spoken = [_stripped(text)] if root is None else _spoken(root)
    texts: list[str | Pause] = []
    for part in spoken:
        if isinstance(part, str) and texts and isinstance(texts[-1], str):
            texts[-1] += part
        else:
            texts.append(part)
    found: list[str | Pause] = []
    for part in (_folded(part) if isinstance(part, str) else part for part in texts):
        if isinstance(part, Pause) and found and isinstance(found[-1], Pause):
            found[-1] = Pause(max(found[-1].ms, part.ms))
        elif part:
            found.append(part)
    return tuple(found)


def reduce(text: str, elements: Collection[str]) -> str:
    """SSML with only ``elements`` left (the text of others stays); plain text with no elements.

    Text that is no SSML comes back as it is. The ``speak`` around the whole always stays.
    """
    if not is_ssml(text):
        return text
    root = _parsed(text)
    if root is None or not elements:
        return to_text(text)
    return _written(root, frozenset({"speak", *elements}), folded=False)


def canonical(text: str) -> str:
    """The same string for SSML that means the same: spaces folded, attributes sorted, no comments.

    For cache keys.
    """
    root = _parsed(text) if is_ssml(text) else None
    return to_text(text) if root is None else _written(root, None, folded=True)


def sentences(text: str, *, longest: int = 200) -> tuple[str, ...]:
    """Plain text cut where a speaker would breathe, in pieces of at most ``longest`` characters.

    What has no such place is cut anywhere: a synthesiser may choke on a word of kilobytes.
    """
    found: list[str] = []
    for sentence in _SENTENCE.split(_folded(text)):
        if len(sentence) <= longest:
            found.append(sentence)
            continue
        piece = ""
        for part in _CLAUSE.split(sentence):
            for word in _words(part, longest):
                if len(piece) + len(word) >= longest:
                    found.append(piece)
                    piece = ""
                piece = f"{piece} {word}".strip()
            if len(piece) > longest // 2:
                found.append(piece)
                piece = ""
        found.append(piece)
    return tuple(piece for piece in found if piece)


def _words(text: str, longest: int) -> Iterator[str]:
    for word in text.split():
        yield from (word[i : i + longest] for i in range(0, len(word), longest))


# --- reading ------------------------------------------------------------------------------------


def _parsed(text: str) -> ET.Element | None:
    """The ``speak`` element, names without namespace; None if ``text`` is no readable SSML."""
    if not is_ssml(text) or len(text) > MAX_CHARACTERS:
        return None
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise _Refused
        builder.start(_local(name), {_local(k): v for k, v in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_local(name))

    def doctype(*_: object) -> None:
        raise _Refused

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(text.strip(), True)  # noqa: FBT003 - it is the last piece; no keyword
    except (expat.ExpatError, _Refused, ValueError):  # ValueError: lone surrogates
        return None
    return builder.close()


def _local(name: str) -> str:
    """``mstts:silence`` -> ``silence``; ``xml:lang`` keeps its prefix, which is part of SSML."""
    return name if name.startswith("xml:") else name.rpartition(":")[2]


def _stripped(text: str) -> str:
    """``text`` without anything that looks like a tag; only SSML has tags."""
    if not is_ssml(text):
        return text
    plain = _TAG.sub(" ", text[:MAX_CHARACTERS])
    for entity, character in _ENTITIES.items():
        plain = plain.replace(entity, character)
    return plain


def _spoken(element: ET.Element) -> Iterator[str | Pause]:
    name = element.tag
    if name == "break":
        yield Pause(_pause_ms(element))
    elif name == "sub" and element.get("alias"):
        yield f" {element.get('alias')} "
    elif name == "say-as" and element.get("interpret-as") in _SPELLED:
        yield f" {' '.join(''.join(''.join(element.itertext()).split()))} "
    elif name not in _UNSPOKEN:
        yield element.text or ""
        for child in element:
            yield from _spoken(child)
            yield child.tail or ""
        if name in _BLOCKS:
            yield Pause(_BLOCKS[name])


def _pause_ms(element: ET.Element) -> int:
    time = re.fullmatch(r"\s*\+?(\d{0,6}(?:\.\d{1,3})?)(ms|s)\s*", element.get("time", ""))
    if time is not None and time[1]:
        return min(MAX_PAUSE_MS, round(float(time[1]) * (1000 if time[2] == "s" else 1)))
    return _BREAK_MS.get(element.get("strength", "medium"), _BREAK_MS["medium"])


# --- writing ------------------------------------------------------------------------------------


def _written(element: ET.Element, allowed: frozenset[str] | None, *, folded: bool) -> str:
    """``element`` as XML, only the ``allowed`` elements as such."""
    inner = _content(element.text, folded=folded)
    for child in element:
        inner += _written(child, allowed, folded=folded) + _content(child.tail, folded=folded)
    if allowed is not None and element.tag not in allowed:
        if element.tag in _UNSPOKEN:
            return ""
        spoken = tuple(part for part in _spoken(element) if isinstance(part, str))
        return escape("".join(spoken)) if element.tag in ("sub", "say-as") else inner
    attributes = "".join(f" {k}={quoteattr(v)}" for k, v in sorted(element.attrib.items()))
    if not inner:
        return f"<{element.tag}{attributes}/>"
    return f"<{element.tag}{attributes}>{inner}</{element.tag}>"


def _content(text: str | None, *, folded: bool) -> str:
    return escape(_SPACES.sub(" ", text or "") if folded else text or "")


def _folded(text: str) -> str:
    return _SPACES.sub(" ", text).strip()
