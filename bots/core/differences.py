"""What differs between two states of configured values, for people to read."""

import difflib
import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET
from pydantic import SecretStr

from bots.core.params.presentation import short
from bots.core.params.resolve import MASK

LONG_TEXT = 60
"""Characters from which on a value that differs is compared line by line."""
MAX_LINES = 1_000
"""Longer values are not compared line by line, which could take minutes."""
_AROUND = 2
"""Lines that are the same, shown before and after one that differs."""


class Line(msgspec.Struct, frozen=True):
    """One line of a long value; ``gap`` stands for lines that are left out."""

    state: Literal["same", "gone", "added", "gap"]
    text: str


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One value that differs; ``old`` or ``new`` is `msgspec.UNSET` where there is none.

    Of a secret only the mask is kept. ``lines`` compare long values.
    """

    name: str
    old: Any
    new: Any
    secret: bool = False
    lines: tuple[Line, ...] = ()

    @property
    def before(self) -> str | None:
        """The value there was, in one short line."""
        return None if self.old is UNSET else brief(self.old)

    @property
    def after(self) -> str | None:
        """The value there is, in one short line."""
        return None if self.new is UNSET else brief(self.new)


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """How one state of an object differs from another: parameters by wire name, and settings."""

    parameters: tuple[Difference, ...] = ()
    settings: tuple[Difference, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.parameters or self.settings)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Every name whose value differs, by name; a secret is a `SecretStr` on either side."""
    found = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, UNSET), after.get(name, UNSET)
        if same(old, new):
            continue
        secret = isinstance(old, SecretStr) or isinstance(new, SecretStr)
        found.append(
            Difference(
                name=name,
                old=_masked(old),
                new=_masked(new),
                secret=secret,
                lines=() if secret else _lines(old, new),
            )
        )
    return tuple(found)


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal; unlike in Python ``true`` is not 1."""
    if isinstance(one, SecretStr) or isinstance(other, SecretStr):
        return bool(one == other)
    if one is UNSET or other is UNSET:
        return one is other
    return _json(one) == _json(other)


def brief(value: Any) -> str:
    """``value`` in one short line; a secret as its mask."""
    return short(_masked(value))


def full(value: Any) -> str:
    """The whole of ``value`` in as many lines as it takes; text as it is, a secret as its mask."""
    if isinstance(value, SecretStr):
        return brief(value)
    return value if isinstance(value, str) else _json(value, indent=2)


def _masked(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    return value


def _json(value: Any, *, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=indent)


def _lines(old: Any, new: Any) -> tuple[Line, ...]:
    """A line by line comparison; nothing where two short lines tell the same."""
    texts = ["" if value is UNSET else full(value) for value in (old, new)]
    if max(map(len, texts)) < LONG_TEXT:
        return ()
    one, other = (text.split("\n") if text else [] for text in texts)
    if max(len(one), len(other)) > MAX_LINES:
        return ()
    found: list[Line] = []
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(_AROUND)):
        if number:
            found.append(Line("gap", "…"))
        for tag, from_old, to_old, from_new, to_new in group:
            if tag == "equal":
                found += [Line("same", text) for text in one[from_old:to_old]]
                continue
            found += [Line("gone", text) for text in one[from_old:to_old]]
            found += [Line("added", text) for text in other[from_new:to_new]]
    return tuple(found)
