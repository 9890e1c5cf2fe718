"""YAML as the gateway reads and writes it: plain data, with a line number for everything.

Read is the JSON part of YAML 1.2 (https://yaml.org/spec/1.2.2/, 10.2 and 10.3): mappings with text
as names, lists, text, numbers, ``true``, ``false`` and ``null``. So ``no`` and ``2026-01-01`` are
text. Anchors, aliases and tags are refused: a few lines of them can stand for gigabytes. What is
written, any YAML 1.1 reader understands too.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_KEYS = 10_000
MAX_ITEMS = 20_000
"""In all lists together."""

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]{1,1000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_NO_BLOCK = re.compile(r"[\r\x85\u2028\u2029]|^\n|\n\n\Z")
"""What a block of lines cannot hold, or not without more marks than quotes need."""
_WIDE = 10_000
"""Characters of a line before it is folded: texts stay whole, so that a diff shows one line."""

Path = tuple[str, ...]


class Problem(msgspec.Struct, frozen=True):
    """Something wrong at ``path`` (``bots.demo.params``), in line ``line`` from 1; 0: no line."""

    path: str
    line: int
    text: str


class MalformedText(ValueError):
    """The text is not what the gateway reads; ``problem`` says where and why."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(f"line {problem.line}: {problem.path}: {problem.text}")


class Content(msgspec.Struct, frozen=True):
    """What a text holds, and the line in which every part of it begins."""

    value: Any
    lines: dict[Path, int]

    def line(self, path: Path) -> int:
        """Where ``path`` begins, or the nearest thing around it that is there; 0: nowhere."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 0)


def read(text: str) -> Content:
    """The one document in ``text``.

    Raises:
        MalformedText: no YAML, or beyond what is read; too large, too deep, too many names or
            entries of lists, a name twice.
    """
    reader = _Reader()
    try:
        if len(text.encode()) > MAX_BYTES:
            raise reader.refused((), None, f"has more than {MAX_BYTES // 1024} KiB")
        return Content(reader.document(_events(text)), reader.lines)
    except UnicodeEncodeError:
        raise reader.refused((), None, "is not well-formed Unicode") from None
    except yaml.MarkedYAMLError as error:
        text = f"is not YAML: {error.problem or error.context}"
        raise reader.refused((), error.problem_mark, text) from None
    except yaml.YAMLError:
        raise reader.refused((), None, "is not YAML: it holds control characters") from None


def _events(text: str) -> Iterator[Any]:
    return iter(yaml.parse(text, Loader=_PARSER))


class _Reader:
    """Builds data from the events of a parser, which it stops at the first excess."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self._keys = 0
        self._items = 0

    def document(self, events: Iterator[Any]) -> Any:
        next(events)  # the start of the stream
        if isinstance(next(events), yaml.StreamEndEvent):
            raise self.refused((), None, "is empty")
        value = self._node(next(events), events, ())
        next(events)  # the end of the document
        if not isinstance(event := next(events), yaml.StreamEndEvent):
            raise self.refused((), event.start_mark, "a second document begins; give one")
        return value

    def refused(self, path: Path, mark: Any, text: str) -> MalformedText:
        line = mark.line + 1 if mark is not None else 0
        return MalformedText(Problem(".".join(path), line, text))

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        self.lines.setdefault(path, event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise self.refused(path, event.start_mark, "anchors and aliases are not read")
        if event.tag is not None:
            raise self.refused(path, event.start_mark, "tags such as !!str are not read")
        if len(path) > MAX_DEPTH:
            raise self.refused(path, event.start_mark, f"is nested deeper than {MAX_DEPTH}")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(events, path)
        return self._mapping(events, path)

    def _list(self, events: Iterator[Any], path: Path) -> list[Any]:
        found: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            self._items += 1
            if self._items > MAX_ITEMS:
                text = f"there are more than {MAX_ITEMS} entries of lists"
                raise self.refused(path, event.start_mark, text)
            found.append(self._node(event, events, (*path, str(len(found)))))
        return found

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            self._keys += 1
            if self._keys > MAX_KEYS:
                raise self.refused(path, event.start_mark, f"there are more than {MAX_KEYS} names")
            mark: Any = event.start_mark
            if not isinstance(event, yaml.ScalarEvent):
                raise self.refused(path, mark, "a name must be text")
            name = self._text(event, path)
            if name in found:
                raise self.refused((*path, name), mark, "is there twice")
            self.lines[*path, name] = mark.line + 1
            found[name] = self._node(next(events), events, (*path, name))
        return found

    def _scalar(self, event: Any, path: Path) -> Any:
        value = self._text(event, path)
        if not event.implicit[0]:  # in quotes or a block
            return value
        return _plain(value)

    def _text(self, event: Any, path: Path) -> str:
        value = str(event.value)
        # NB no database keeps these, and YAML can write them as escapes.
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise self.refused(path, event.start_mark, "holds a character that cannot be stored")
        return value


def _plain(value: str) -> Any:
    """What ``value`` without quotes stands for."""
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if _INTEGER.fullmatch(value):
        return int(value)
    if _FLOAT.fullmatch(value) and math.isfinite(number := float(value)):
        return number
    return value


class _Dumper(_DUMPER):  # type: ignore[misc]  # either of two base classes
    """Writes text of several lines as a block, unless it is a name."""

    def represent_mapping(self, *args: Any, **kwargs: Any) -> Any:
        """The mapping, each of its names in one line."""
        node = super().represent_mapping(*args, **kwargs)
        for name, _ in node.value:
            name.style = '"' if name.style == "|" else name.style
        return node


def _text(dumper: Any, value: str) -> Any:
    # NB the dumper quotes what YAML 1.1 takes for something else; 1.2 has numbers of its own.
    style = None if isinstance(_plain(value), str) else "'"
    if "\n" in value:
        style = '"' if _NO_BLOCK.search(value) else "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def write(value: Any, *, sort_keys: bool = False) -> str:
    """``value`` (what JSON can hold) as a block of YAML that `read` reads back the same."""
    return str(
        yaml.dump(
            value,
            Dumper=_Dumper,
            allow_unicode=True,
            default_flow_style=False,
            sort_keys=sort_keys,
            width=_WIDE,
        )
    )
