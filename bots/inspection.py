"""Looking into bots: every effective parameter with where it comes from, also of a broken bot."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from pydantic import SecretStr

from bots import secrets
from bots.core.differences import brief, full, same
from bots.core.errors import ParameterError
from bots.core.params.declare import Declared, Later, Level
from bots.core.params.resolve import Layer, Origin, Resolved, resolve
from bots.models import Bot, Provider
from bots.selectors import Outline, lineage, outline, with_providers

Place = Literal["default", "provider", "base", "bot"]
_PLACES: Mapping[Level, Place] = {
    Level.DEFAULT: "default",
    Level.PROVIDER: "provider",
    Level.BASE_BOT: "base",
    Level.BOT: "bot",
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One place and the value it sets, as text.

    ``name`` of a default is the plug-in that has it for its bots; empty: the declared one.
    """

    place: Place
    name: str
    text: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of a bot: its value, and who set what, the strongest last.

    ``value`` of a secret is a `SecretStr`. ``problem`` says why the value does not work; then it is
    the strongest one that is stored.
    """

    parameter: Declared
    value: Any
    chain: tuple[Source, ...]
    problem: str = ""

    @property
    def name(self) -> str:
        """The wire name."""
        return self.parameter.wire_name

    @property
    def text(self) -> str:
        """The value in one short line."""
        return brief(self.value)

    @property
    def whole(self) -> str:
        """The value in as many lines as it takes, if ``text`` does not hold all of it."""
        text = full(self.value)
        return text if len(text) > len(self.text) + 2 else ""

    @property
    def source(self) -> Source:
        """The place whose value counts."""
        return self.chain[-1]

    @property
    def is_set(self) -> bool:
        """Whether anybody sets the parameter; a default is set by nobody."""
        return self.source.place != "default"

    @property
    def later(self) -> str:
        """The part of the gateway that is missing for the parameter to act; mostly empty."""
        needs = self.parameter.param.needs
        return str(needs) if isinstance(needs, Later) else ""


class Group(msgspec.Struct, frozen=True):
    """The rows of one section of parameters."""

    title: str
    rows: tuple[Any, ...]


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """A bot with all it inherits; ``problems`` (by field or wire name) keep it from working."""

    bot: Bot
    line: tuple[Bot, ...]
    providers: tuple[Provider, ...]
    groups: tuple[Group, ...]
    problems: dict[str, str]

    @property
    def rows(self) -> Iterable[Row]:
        """The rows of all groups."""
        return (row for group in self.groups for row in group.rows)


def inspect(bot: Bot) -> Inspection:
    """All that counts for ``bot``, which may be one that is not stored (see `bots.history.bot_at`).

    A bot that does not work is shown as far as it goes.
    """
    bases = {base.pk: base for base in with_providers().filter(is_base=True)}
    try:
        line = lineage(bot, bases)
    except ParameterError as error:
        return Inspection(bot=bot, line=(bot,), providers=(), groups=(), problems=error.problems)
    found = outline(line)
    resolved, problems = _as_far_as_it_goes(found)
    return Inspection(
        bot=bot,
        line=line,
        providers=tuple(reversed(found.providers.values())),
        groups=_groups(found, resolved, problems),
        problems=found.problems | problems,
    )


def _as_far_as_it_goes(found: Outline) -> tuple[Resolved, dict[str, str]]:
    """What resolves when the sections that do not are left at their defaults, and why not."""
    layers, problems = secrets.opened_layers(found.used, found.layers)
    try:
        return resolve(found.used, layers), problems
    except ParameterError as error:
        problems |= error.problems
    titles = {section.SECTION: section for section in found.used.sections}
    sections = found.used.sections_of(problems) | {
        titles[name]: None for name in problems if name in titles
    }
    left_out = {name for section in sections for name in found.used.names(section)} | set(problems)
    kept = [
        Layer(
            layer.level,
            layer.name,
            {name: value for name, value in layer.values.items() if name not in left_out},
        )
        for layer in layers
    ]
    return resolve(found.used, kept), problems


def _groups(found: Outline, resolved: Resolved, problems: Mapping[str, str]) -> tuple[Group, ...]:
    groups = []
    for section in found.used.sections:
        rows = []
        values = resolved[section].model_dump(mode="json", by_alias=True)
        broken = section.SECTION in problems or any(
            name in problems for name in found.used.names(section)
        )
        for name in found.used.names(section):
            parameter = found.used[name]
            chain = found.chain(name)
            value = chain[-1][1] if broken else values[name]
            if parameter.param.secret:
                value = (
                    SecretStr(value) if broken else getattr(resolved[section], parameter.attribute)
                )
            rows.append(
                Row(
                    parameter=parameter,
                    value=value,
                    chain=tuple(_source(origin, given) for origin, given in chain),
                    problem=problems.get(name, ""),
                )
            )
        if rows:
            groups.append(Group(section.SECTION, tuple(rows)))
    return tuple(groups)


def _source(origin: Origin, value: Any) -> Source:
    place = _PLACES[origin.level]
    # Names have no spaces; the words before say what has the name.
    name = "" if origin.name == "default" else origin.name.rpartition(" ")[2]
    return Source(place=place, name=name, text=brief(value))


# --- two bots beside each other -------------------------------------------------------------------


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of two bots; None where the bot does not have it."""

    name: str
    left: Row | None
    right: Row | None

    @property
    def differs(self) -> bool:
        """Whether calls to the two would see another value."""
        if self.left is None or self.right is None:
            return True
        return not same(self.left.value, self.right.value)


def pairs(left: Inspection, right: Inspection) -> tuple[Group, ...]:
    """The parameters of both, those of one only at the end of their sections."""
    sides = (_by_section(left), _by_section(right))
    found = []
    for title in {**sides[0], **sides[1]}:
        one, other = sides[0].get(title, {}), sides[1].get(title, {})
        rows = (
            Pair(name=name, left=one.get(name), right=other.get(name)) for name in {**one, **other}
        )
        found.append(Group(title, tuple(rows)))
    return tuple(found)


def _by_section(side: Inspection) -> dict[str, dict[str, Row]]:
    return {group.title: {row.name: row for row in group.rows} for group in side.groups}


def only_differing(groups: Iterable[Group]) -> tuple[Group, ...]:
    """The pairs that differ, without the sections where none does."""
    kept = (Group(group.title, tuple(row for row in group.rows if row.differs)) for group in groups)
    return tuple(group for group in kept if group.rows)
