"""Two changes of the same state: what each did, and what is stored when somebody has chosen."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Choice = Literal["mine", "theirs", ""]


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()
"""In place of a value: the name is not set."""


class Contested(msgspec.Struct, frozen=True, kw_only=True):
    """One name whose two new values differ; ``choice`` is which is taken, empty: not decided.

    Only one of them changed it unless ``conflict``.
    """

    name: str
    base: Any
    theirs: Any
    mine: Any
    choice: Choice

    @property
    def conflict(self) -> bool:
        """Whether both changed it, to different values."""
        return not same(self.base, self.theirs) and not same(self.base, self.mine)


def same(one: Any, other: Any) -> bool:
    """Whether two values as JSON holds them are the same; unlike in Python true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def three_way(
    base: Mapping[str, Any],
    theirs: Mapping[str, Any],
    mine: Mapping[str, Any],
    chosen: Mapping[str, str] | None = None,
) -> list[Contested]:
    """Every name that either changed since ``base``, unless both came to the same value.

    A name that is not in ``chosen`` takes the change of who alone changed it.
    """
    found = []
    for name in {**base, **theirs, **mine}:
        was, other, own = (state.get(name, ABSENT) for state in (base, theirs, mine))
        if same(other, own):
            continue
        choice: Choice = "mine" if same(was, other) else "theirs" if same(was, own) else ""
        match (chosen or {}).get(name):
            case "mine" | "theirs" as wanted:
                choice = wanted
        found.append(Contested(name=name, base=was, theirs=other, mine=own, choice=choice))
    return found


def merged(theirs: Mapping[str, Any], contested: list[Contested]) -> dict[str, Any]:
    """``theirs`` with every value of mine that was chosen."""
    found = dict(theirs)
    for each in contested:
        if each.choice == "mine":
            found[each.name] = each.mine
    return {name: value for name, value in found.items() if value is not ABSENT}
