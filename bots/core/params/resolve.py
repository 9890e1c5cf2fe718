"""Inheritance: from layers of stored values to typed sections, every value with its origin.

A `Layer` holds what one place sets (a provider, a base bot, a bot, the bot at run time), by wire
name. Stronger levels win; within a level the later layer wins. A name that is absent is inherited,
a value replaces the inherited one whole (lists and objects are never merged), and ``null`` is a
value like any other: it is refused unless the parameter's type allows it.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from pydantic import ValidationError

from bots.core.errors import ParameterError
from bots.core.params.declare import Declared, Level, ParamSet, declared
from bots.core.params.fields import FIELDS
from bots.core.params.problems import by_wire_name

MASK = "••••••"
"""What is shown in place of a secret that is set."""

MAX_HINTS = 5
"""Unknown names for which the likely one is looked up; that takes half a millisecond each."""
MAX_HINTED_CHARACTERS = 100
"""Nobody mistypes a name into a longer one."""

P = TypeVar("P", bound=ParamSet)

_PLACES = {
    Level.DEFAULT: "as a default",
    Level.PROVIDER: "in a provider",
    Level.BASE_BOT: "in a base bot",
    Level.BOT: "in a bot",
    Level.DIALOUT: "in a dialout request",
    Level.SESSION: "by the bot for the session",
    Level.ACTIVITY: "by the bot for an activity",
    Level.SUPERVISOR: "by a supervisor in a call",
}


class Origin(msgspec.Struct, frozen=True):
    """Where a value comes from; ``name`` reads like ``default`` or ``base bot demo-base``."""

    level: Level
    name: str


class Layer(msgspec.Struct, frozen=True):
    """What one place sets: wire names to values as they are stored."""

    level: Level
    name: str
    values: Mapping[str, Any]

    @property
    def origin(self) -> Origin:
        """The layer as an origin of its values."""
        return Origin(self.level, self.name)


_DEFAULT = Origin(Level.DEFAULT, "default")


@cache
def _unset(section: type[ParamSet]) -> ParamSet:
    """The section with every value at its default; shared because sections are frozen."""
    return section()


class Catalogue:
    """The parameters that exist, by wire name; a section given twice counts once.

    Raises:
        TypeError: two sections declare the same wire name.
    """

    def __init__(self, sections: Iterable[type[ParamSet]]) -> None:
        self.sections: tuple[type[ParamSet], ...] = tuple(dict.fromkeys(sections))
        self._declared: dict[str, Declared] = {}
        self._names: dict[type[ParamSet], tuple[str, ...]] = {}
        for section in self.sections:
            found = tuple(declared(section))
            self._names[section] = tuple(parameter.wire_name for parameter in found)
            for parameter in found:
                self._enter(parameter)

    def _enter(self, parameter: Declared) -> None:
        known = self._declared.setdefault(parameter.wire_name, parameter)
        if known is not parameter:
            raise TypeError(
                f"{parameter.wire_name} is declared twice: in {known.section.__qualname__} and in "
                f"{parameter.section.__qualname__}"
            )

    def __getitem__(self, wire_name: str) -> Declared:
        return self._declared[wire_name]

    def __contains__(self, wire_name: object) -> bool:
        return wire_name in self._declared

    def __iter__(self) -> Iterator[Declared]:
        return iter(self._declared.values())

    def __len__(self) -> int:
        return len(self._declared)

    def names(self, section: type[ParamSet]) -> tuple[str, ...]:
        """The wire names of ``section``, in declaration order."""
        return self._names[section]

    def sections_of(self, wire_names: Iterable[str]) -> dict[type[ParamSet], None]:
        """The sections that declare any of ``wire_names``, once each; unknown names have none."""
        known = self._declared
        return dict.fromkeys(known[name].section for name in wire_names if name in known)

    def with_sections(self, sections: Iterable[type[ParamSet]]) -> "Catalogue":
        """This catalogue and ``sections``.

        Raises:
            TypeError: a wire name is declared twice.
        """
        return Catalogue((*self.sections, *sections))

    def problems(self, level: Level, values: Mapping[str, Any]) -> dict[str, str]:
        """Everything wrong with ``values`` as one layer at ``level``, by wire name.

        Unknown names, names that may not be set at this level, and wrong types and ranges. Rules
        between parameters concern the effective values only and are checked by `resolve`.
        """
        found = self.misplaced(level, values)
        by_section: dict[type[ParamSet], dict[str, Any]] = {}
        for name, value in values.items():
            if name in self._declared:
                by_section.setdefault(self._declared[name].section, {})[name] = value
        for section, given in by_section.items():
            try:
                section.model_validate(given)
            except ValidationError as error:
                for name, text in by_wire_name(section, error).items():
                    if name in given:
                        found.setdefault(name, text)
        return found

    def misplaced(self, level: Level, values: Mapping[str, Any]) -> dict[str, str]:
        """The names in ``values`` that are unknown or may not be set at ``level``."""
        found = {}
        unknown = 0
        for name in values:
            parameter = self._declared.get(name)
            if parameter is None:
                unknown += 1
                found[name] = self._unknown(name, hint=unknown <= MAX_HINTS)
            elif not parameter.param.settable_at(level):
                found[name] = f"cannot be set {_PLACES[level]}; {_where(parameter)}"
        return found

    def _unknown(self, name: str, *, hint: bool) -> str:
        if name in FIELDS:
            return f"is not a parameter but {FIELDS[name]}"
        if not hint or len(name) > MAX_HINTED_CHARACTERS:
            return "is not a parameter"
        folded = {known.lower(): known for known in self._declared}
        close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.75)
        likely = f"; did you mean {folded[close[0]]}?" if close else ""
        return f"is not a parameter{likely}"


def _where(parameter: Declared) -> str:
    places = [_PLACES[level] for level in sorted(parameter.param.levels)]
    return f"it can be set {', '.join(places)}"


class Resolved:
    """Effective parameters of one call or bot, typed by section; immutable.

    ``resolved[Timeouts].user_no_input_timeout_ms`` is an ``int`` for the type checker too.
    """

    __slots__ = ("_catalogue", "_layers", "_sections")

    def __init__(
        self,
        catalogue: Catalogue,
        layers: tuple[Layer, ...],
        sections: dict[type[ParamSet], ParamSet],
    ) -> None:
        self._catalogue = catalogue
        self._layers = layers
        self._sections = sections

    @property
    def catalogue(self) -> Catalogue:
        """The parameters that exist here."""
        return self._catalogue

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What was resolved, weakest first."""
        return self._layers

    def __getitem__(self, section: type[P]) -> P:
        found = self._sections.get(section)
        if found is None:
            if section not in self._catalogue.sections:
                raise KeyError(f"{section.__qualname__} is not in this catalogue")
            found = _unset(section)
        # The key is the value's own class, which a dict's type cannot say.
        return cast("P", found)

    def origin(self, wire_name: str) -> Origin:
        """Where the effective value of ``wire_name`` comes from.

        Raises:
            KeyError: there is no such parameter.
        """
        return self.chain(wire_name)[-1][0]

    def chain(self, wire_name: str) -> tuple[tuple[Origin, Any], ...]:
        """The default and every layer that sets ``wire_name``, weakest first, as JSON holds it.

        Secrets are masked.

        Raises:
            KeyError: there is no such parameter.
        """
        parameter = self._catalogue[wire_name]
        defaults = _unset(parameter.section).model_dump(mode="json", by_alias=True)
        found = [(_DEFAULT, defaults[wire_name])]
        found += [
            (layer.origin, layer.values[wire_name])
            for layer in self._layers
            if wire_name in layer.values
        ]
        if parameter.param.secret:
            return tuple((origin, MASK if value else "") for origin, value in found)
        return tuple(found)

    def overlay(self, layer: Layer) -> "Resolved":
        """These parameters with one more layer, at the strength of its level.

        Raises:
            ParameterError: every name or value of ``layer`` that is wrong, by wire name.
        """
        return _resolved(self._catalogue, _ordered((*self._layers, layer)), layer, self._sections)

    def values(self) -> dict[str, Any]:
        """Every effective value by wire name, as JSON would hold it; secrets are masked."""
        found: dict[str, Any] = {}
        for section in self._catalogue.sections:
            found |= self[section].model_dump(mode="json", by_alias=True)
        for parameter in self._catalogue:
            if parameter.param.secret:
                found[parameter.wire_name] = MASK if found[parameter.wire_name] else ""
        return found


def resolve(catalogue: Catalogue, layers: Sequence[Layer]) -> Resolved:
    """Fold ``layers`` over the defaults.

    Raises:
        ParameterError: every unknown name, every name set where it may not be, and every effective
            value of a wrong type or range, by wire name, with the layer that sets it.
    """
    return _resolved(catalogue, _ordered(layers), None, {})


def _ordered(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    return tuple(sorted(layers, key=lambda layer: layer.level))


def _resolved(
    catalogue: Catalogue,
    layers: tuple[Layer, ...],
    added: Layer | None,
    known: dict[type[ParamSet], ParamSet],
) -> Resolved:
    """Validate the sections that ``added`` (or, without it, any layer) touches; keep the others."""
    problems: dict[str, str] = {}
    touched: dict[type[ParamSet], None] = {}
    for layer in (added,) if added is not None else layers:
        misplaced = catalogue.misplaced(layer.level, layer.values)
        problems |= {name: f"{text} (set by {layer.name})" for name, text in misplaced.items()}
        touched |= catalogue.sections_of(layer.values)
    stored = [layer.values for layer in layers]
    sections = dict(known)
    for section in touched:
        names = catalogue.names(section)
        effective = {name: values[name] for values in stored for name in names if name in values}
        try:
            sections[section] = section.model_validate(effective)
        except ValidationError as error:
            for name, text in by_wire_name(section, error).items():
                problems.setdefault(name, f"{text} (set by {_setters(name, names, layers)})")
    if problems:
        raise ParameterError(problems)
    return Resolved(catalogue, layers, sections)


def _setters(name: str, names: Collection[str], layers: Sequence[Layer]) -> str:
    """Who set the value of ``name`` in force; of a rule between ``names``, all who had a part."""
    if name in names:
        return next(layer.name for layer in reversed(layers) if name in layer.values)
    return " and ".join(layer.name for layer in layers if layer.values.keys() & set(names))
