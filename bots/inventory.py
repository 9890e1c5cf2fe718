"""The bots as their list shows them: what each uses, whether it works, where it stands."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from django.db.models import Count, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from bots.core.errors import ParameterError
from bots.core.registry import Kind
from bots.models import Bot, BotRevision, Route
from bots.people import Person
from bots.selectors import ROLES, Outline, effective, lineage, outline, with_providers

State = Literal["enabled", "paused", "broken", ""]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One bot of the list; ``providers`` by kind, with whether the bot inherits each.

    ``problems`` keep it from working. ``depth`` is how far below another bot of the list it stands
    when the list is a tree. ``heirs`` counts the bots right below.
    """

    bot: Bot
    providers: dict[Kind, tuple[str, bool]]
    language: str
    voice: str
    problems: dict[str, str]
    routes: int
    heirs: int
    author: str
    changed_at: datetime
    depth: int = 0

    @property
    def state(self) -> State:
        """What counts first: that it does not work, then that it is paused."""
        if self.problems:
            return "broken"
        return "enabled" if self.bot.enabled else "paused"


class BotFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which bots are listed; an empty condition is none. ``text`` is part of a name."""

    text: str = ""
    base: str = ""
    provider: str = ""
    language: str = ""
    state: str = ""


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What the visible bots can be filtered by."""

    bases: tuple[str, ...]
    providers: tuple[str, ...]
    languages: tuple[str, ...]


def inventory(who: Person) -> list[Listed]:
    """Every bot that ``who`` may see, by name. One query, two for who reaches only some bots."""
    rows = {bot.pk: bot for bot in _annotated()}
    seen = rows.keys() if who.bots is None else set(who.visible_bots().values_list("pk", flat=True))
    below: dict[int | None, int] = {}
    for bot in rows.values():
        below[bot.base_id] = below.get(bot.base_id, 0) + 1
    return [_listed(bot, rows, below.get(bot.pk, 0)) for bot in rows.values() if bot.pk in seen]


def choices(listed: Iterable[Listed]) -> Choices:
    """What ``listed`` can be filtered by."""
    found = list(listed)
    return Choices(
        bases=_sorted(each.bot.name for each in found if each.bot.is_base),
        providers=_sorted(name for each in found for name, _ in each.providers.values()),
        languages=_sorted(each.language for each in found),
    )


def matching(listed: Iterable[Listed], chosen: BotFilter) -> list[Listed]:
    """Those of ``listed`` that fulfil every condition."""
    text = chosen.text.lower()
    return [
        each
        for each in listed
        if text in f"{each.bot.name} {each.bot.display_name}".lower()
        and (not chosen.base or chosen.base == (each.bot.base.name if each.bot.base else ""))
        and (not chosen.provider or chosen.provider in dict(each.providers.values()))
        and (not chosen.language or chosen.language == each.language)
        and (not chosen.state or chosen.state == each.state)
    ]


def as_tree(listed: Sequence[Listed]) -> list[Listed]:
    """``listed`` with every bot below its base; one whose base is not listed stands at the top."""
    names = {each.bot.pk for each in listed}
    children: dict[int | None, list[Listed]] = {}
    for each in listed:
        above = each.bot.base_id if each.bot.base_id in names else None
        children.setdefault(above, []).append(each)
    found: list[Listed] = []
    waiting = [(0, each) for each in reversed(children.get(None, []))]
    while waiting:
        depth, each = waiting.pop()
        found.append(msgspec.structs.replace(each, depth=depth))
        heirs = children.get(each.bot.pk, ())
        waiting += [(depth + 1, heir) for heir in reversed(heirs)]
    # Bots that inherit from themselves stand below nobody.
    shown = {each.bot.pk for each in found}
    return found + [each for each in listed if each.bot.pk not in shown]


def bot_problems(bot: Bot) -> dict[str, str]:
    """What keeps the stored ``bot`` from working, by wire name or field name. One query."""
    bases = {base.pk: base for base in with_providers().filter(is_base=True)}
    try:
        effective(lineage(bot, bases))
    except ParameterError as error:
        return error.problems
    return {}


def _annotated() -> QuerySet[Bot]:
    last = BotRevision.objects.filter(bot=OuterRef("pk"), number=OuterRef("revision"))
    routes = Route.objects.filter(bot=OuterRef("pk")).order_by().values("bot")
    return (
        with_providers()
        .select_related("base")
        .annotate(
            author=Coalesce(Subquery(last.values("author")[:1]), Value("")),
            routes_count=Coalesce(Subquery(routes.annotate(n=Count("pk")).values("n")), 0),
        )
        .order_by("name")
    )


def _listed(bot: Bot, bots: Mapping[int, Bot], heirs: int) -> Listed:
    line: tuple[Bot, ...] = (bot,)
    problems: dict[str, str] = {}
    try:
        line = lineage(bot, bots)
        effective(line)
    except ParameterError as error:
        problems = error.problems
    found = outline(line)
    return Listed(
        bot=bot,
        providers={
            kind: (row.name, getattr(bot, ROLES[kind]) is None)
            for kind, row in found.providers.items()
        },
        language=_value(found, "language"),
        voice=_value(found, "voiceName"),
        problems=problems,
        routes=bot.routes_count,  # type: ignore[attr-defined]  # annotated above
        heirs=heirs,
        author=bot.author,  # type: ignore[attr-defined]  # annotated above
        changed_at=bot.updated_at,
    )


def _value(found: Outline, name: str) -> str:
    return str(found.chain(name)[-1][1])


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name}))
