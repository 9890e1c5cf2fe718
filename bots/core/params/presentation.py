"""How a parameter is shown and edited, derived from its declaration.

`control` says which control fits, `written` what stands in it for a value, and `read` makes a value
of what somebody left in it. ``read`` checks the form only (a number is a number); type and range
are checked where values are checked.
"""

import inspect
import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal

import msgspec

from bots.core.params.declare import Declared, Later, Level, ParamSet

Kind = Literal["switch", "choice", "picks", "number", "line", "text", "lines", "json", "secret"]

LONG_TEXT = 4000
"""Texts that may have so many characters get several lines."""
MAX_JSON_DEPTH = 100

ON, OFF = "true", "false"


class Control(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody edits a value with.

    ``switch`` is on or off, ``choice`` one of ``choices``, ``picks`` any of them, ``lines`` a list
    of texts, ``json`` everything else. ``least`` and ``most`` are the range of a number.
    """

    kind: Kind
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    whole: bool = False
    unit: str = ""
    longest: int | None = None


class Marks(msgspec.Struct, frozen=True, kw_only=True):
    """What is worth knowing before a parameter is set: ``needs`` in words, ``acting`` or later."""

    live: bool
    by_bot: bool
    needs: str
    acting: bool


# --- words ----------------------------------------------------------------------------------------

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ACRONYMS = frozenset(
    {"ac", "api", "asr", "aws", "db", "dtmf", "eot", "id", "mip", "ms", "sip", "smtp", "snmp"}
) | {"ssml", "stt", "tls", "tts", "url", "vad"}
_NAMES = {"azure": "Azure", "google": "Google", "oauth": "OAuth", "webrtc": "WebRTC"}
_UNITS = frozenset({"ms", "db"})


def title(wire_name: str, unit: str = "") -> str:
    """``wire_name`` in words, without the unit at its end: ``User no input timeout``."""
    words = [word.lower() for word in _WORDS.findall(wire_name)]
    if unit and len(words) > 1 and words[-1] in _UNITS:
        words.pop()
        if words[-1] == "in":
            words.pop()
    if not words:
        return wire_name
    shown = [_NAMES.get(word) or (word.upper() if word in _ACRONYMS else word) for word in words]
    return " ".join([shown[0][:1].upper() + shown[0][1:], *shown[1:]])


def about(section: type[ParamSet]) -> str:
    """What a section is for: the first line of its docstring, without its source."""
    first, *_ = (inspect.getdoc(section) or "").splitlines() or [""]
    return re.sub(r"\s*\([^()]*\)\.?$", ".", first).strip()


def marks(parameter: Declared) -> Marks:
    """What is worth knowing before ``parameter`` is set."""
    param = parameter.param
    return Marks(
        live=param.live,
        by_bot=Level.SESSION in param.levels,
        needs=str(param.needs),
        acting=not isinstance(param.needs, Later),
    )


# --- controls -------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _shapes(section: type[ParamSet]) -> dict[str, Any]:
    found: dict[str, Any] = section.model_json_schema(by_alias=True)["properties"]
    return found


def control(parameter: Declared) -> Control:
    """What ``parameter`` is edited with."""
    unit = parameter.param.unit
    if parameter.param.secret:
        return Control(kind="secret")
    match _shapes(parameter.section)[parameter.wire_name]:
        case {"type": "boolean"}:
            return Control(kind="switch")
        case {"enum": [*choices], "type": "string"}:
            return Control(kind="choice", choices=tuple(choices))
        case {"type": "array", "items": {"enum": [*choices]}}:
            return Control(kind="picks", choices=tuple(choices))
        case {"type": "array", "items": {"type": "string"}}:
            return Control(kind="lines")
        case {"type": "integer" | "number" as type_} as shape:
            return Control(
                kind="number",
                least=shape.get("minimum"),
                most=shape.get("maximum"),
                whole=type_ == "integer",
                unit=unit,
            )
        case {"type": "string"} as shape:
            longest = shape.get("maxLength")
            long = longest is not None and longest >= LONG_TEXT
            return Control(kind="text" if long else "line", longest=longest)
        case _:
            return Control(kind="json")


def fitting(known: Control, value: Any) -> Control:
    """``known``, or one that can hold ``value``, which may be of any type."""
    match known.kind, value:
        case "switch", bool():
            return known
        case "number", int() | float() if not isinstance(value, bool):
            return known
        case "choice", str() if value in known.choices:
            return known
        case "picks", list() if all(item in known.choices for item in value):
            return known
        case "line" | "text", str():
            return known if "\n" not in value else msgspec.structs.replace(known, kind="text")
        case "lines", list() if all(_is_line(item) for item in value):
            return known
        case "secret", _:
            return known
        case _:
            return Control(kind="json")


def _is_line(item: Any) -> bool:
    return isinstance(item, str) and item == item.strip() != "" and "\n" not in item


# --- values ---------------------------------------------------------------------------------------


def written(shown: Control, value: Any) -> str:
    """``value`` as it stands in the control ``shown``; a secret stays empty."""
    match shown.kind:
        case "secret":
            return ""
        case "lines":
            return "\n".join(value)
        case "line" | "text" | "choice":
            return str(value)
        case "json":
            return json.dumps(value, indent=2, ensure_ascii=False)
        case _:
            return json.dumps(value)


class Word(str):
    """A word that stands for a value, such as ``on``: pages translate it, but never a value."""

    __slots__ = ()


def short(value: Any, longest: int = 80) -> str:
    """``value`` in one short line for people; what has no text of its own is said by a `Word`."""
    if value is None or value in ("", [], {}):
        return Word({"": "empty", "[]": "empty list", "{}": "empty"}.get(_compact(value), "none"))
    if isinstance(value, bool):
        return Word("on" if value else "off")
    text = " ".join(value.split()) if isinstance(value, str) else _compact(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read(known: Control, texts: Sequence[str]) -> Any:
    """The value that ``texts`` (several for ``picks``) stand for in a control of ``known``.

    Text that a control could not have sent is read as JSON if it is that, so that a value of
    another type than the declared one can be edited too.

    Raises:
        ValueError: the text is no value of that kind; the message says what would be.
    """
    text = texts[-1].replace("\r\n", "\n") if texts else ""
    _storable(text)
    match known.kind:
        case "picks":
            return [each for each in texts if each]
        case "lines" if not text.lstrip().startswith("["):
            return [line.strip() for line in text.split("\n") if line.strip()]
        case "line" | "text" | "choice" | "secret":
            return text
        case "number":
            return _number(text, whole=known.whole)
        case "switch" if text not in (ON, OFF):
            raise ValueError("must be on or off")
        case _:
            return parsed(text)


def _number(text: str, *, whole: bool) -> int | float:
    # NB Python also reads 1_000 and other scripts' digits; nobody means those.
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
        return int(text)
    if re.fullmatch(r"[+-]?([0-9]{1,18}\.[0-9]{0,18}|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})?", text):
        return float(text)
    raise ValueError("must be a whole number" if whole else "must be a number")


def parsed(text: str) -> Any:
    """The JSON value of ``text``.

    Raises:
        ValueError: it is not JSON, names a key twice, or is nested more than a sane value is; the
            message says where.
    """
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"is not JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise ValueError(f"is nested more than {MAX_JSON_DEPTH} levels deep") from None
    if _depth(value) > MAX_JSON_DEPTH:
        raise ValueError(f"is nested more than {MAX_JSON_DEPTH} levels deep")
    try:
        _storable(json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\\u0000", "\0"))
    except ValueError:
        raise ValueError("holds a number or a character that cannot be stored") from None
    return value


def _storable(text: str) -> None:
    """Databases hold neither NUL nor half a character (a lone surrogate)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds a character that cannot be stored") from None
    if "\0" in text:
        raise ValueError("holds a character that cannot be stored")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"has the name {twice} twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"is not JSON: {name} is no value")


def _depth(value: Any) -> int:
    level: list[Any] = [value]
    depth = 0
    while level:
        depth += 1
        level = [
            child
            for each in level
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return depth
