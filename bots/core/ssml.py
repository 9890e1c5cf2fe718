"""SSML as bots write it: read defensively, reduced to what a synthesiser understands.

Source: W3C Speech Synthesis Markup Language 1.1. Text comes from bots, so nothing here raises: what
is no well-formed SSML, is too large, too deep or declares a document type is taken as text without
its tags.
"""

import html
import re
from xml.etree import ElementTree as ET

MAX_CHARS = 100_000
MAX_DEPTH = 50

_TAG = re.compile(r"<[^<>]*>?")
_SPACE = re.compile(r"\s+")
_BREAKS = frozenset({"p", "s", "break", "audio", "desc", "voice", "par", "seq", "media"})
"""Elements that part words even where no space is written."""


def is_ssml(text: str) -> bool:
    """Whether ``text`` means to be SSML."""
    return text.lstrip().startswith("<speak")


def to_text(ssml: str) -> str:
    """The words of ``ssml`` as they are spoken, in one line; an alias replaces its content."""
    root = _parse(ssml)
    if root is None:
        return _flat(html.unescape(_TAG.sub(" ", ssml)))
    return _flat(_spoken(root))


def reduce(text: str, elements: frozenset[str]) -> str:
    """``text`` with only the SSML ``elements`` that a synthesiser understands.

    Plain text stays as it is. With no elements, or for what is no SSML, the result is plain text;
    otherwise a ``<speak>`` document in which every other element is replaced by its content.
    """
    if not is_ssml(text):
        return to_text(text) if text.lstrip().startswith("<") else text
    root = _parse(text)
    if root is None or not elements:
        return to_text(text)
    reduced = ET.Element("speak", _plain_attributes(root))
    _keep(root, reduced, elements)
    return ET.tostring(reduced, encoding="unicode")


def canonical(text: str) -> str:
    """One spelling for texts that sound the same, for cache keys: spaces and attribute order."""
    root = _parse(text) if is_ssml(text) else None
    if root is None:
        return _flat(text)
    for element in root.iter():
        element.text = _SPACE.sub(" ", element.text or "")
        element.tail = _SPACE.sub(" ", element.tail or "")
    return ET.canonicalize(ET.tostring(root, encoding="unicode"), strip_text=True)


def _parse(text: str) -> ET.Element | None:
    """The root element; None for what should not or cannot be read as XML."""
    if len(text) > MAX_CHARS or "<!" in text.replace("<![CDATA[", "") or not is_ssml(text):
        return None
    try:
        root = ET.fromstring(text.strip())  # noqa: S314 - no document type, and size is bounded
    except (ET.ParseError, ValueError):
        return None
    return root if _depth(root) <= MAX_DEPTH else None


def _depth(root: ET.Element) -> int:
    """How many elements stand inside each other, counted without recursion."""
    depth, level = 0, [root]
    while level:
        depth, level = depth + 1, [child for element in level for child in element]
    return depth


def _name(element: ET.Element) -> str:
    """The element's name without its namespace, in lower case."""
    return element.tag.rpartition("}")[2].lower()


def _plain_attributes(element: ET.Element) -> dict[str, str]:
    return {name: value for name, value in element.attrib.items() if "}" not in name}


def _spoken(element: ET.Element) -> str:
    name = _name(element)
    if name == "sub" and "alias" in element.attrib:
        inside = element.attrib["alias"]
    elif name in ("metadata", "meta"):
        inside = ""
    else:
        children = ("".join((_spoken(child), child.tail or "")) for child in element)
        inside = (element.text or "") + "".join(children)
    return f" {inside} " if name in _BREAKS else inside


def _keep(source: ET.Element, target: ET.Element, elements: frozenset[str]) -> None:
    """Copy the content of ``source`` into ``target``, unwrapping what is not understood."""
    _append(target, source.text or "")
    for child in source:
        name = _name(child)
        if name in elements:
            copy = ET.SubElement(target, name, _plain_attributes(child))
            _keep(child, copy, elements)
        elif name in ("sub", "metadata", "meta"):
            _append(target, _spoken(child))
        else:
            space = " " if name in _BREAKS else ""
            _append(target, space)
            _keep(child, target, elements)
            _append(target, space)
        _append(target, child.tail or "")


def _append(target: ET.Element, text: str) -> None:
    if len(target):
        target[-1].tail = (target[-1].tail or "") + text
    else:
        target.text = (target.text or "") + text


def _flat(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
