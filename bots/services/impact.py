"""What a change of a bot would do: to itself and to every bot that inherits from it."""

from collections.abc import Mapping
from typing import Any, Unpack

import msgspec

from bots.core.errors import ParameterError
from bots.models import Bot
from bots.selectors import ROLES, Outline, lineage, outline, with_providers
from bots.services.bots import BotFields, Draft, check_draft, draft
from bots.services.checks import heirs
from bots.services.traces import settings_of, shown_params


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One value before and after, as people may see it; ``origin`` says where it is set then."""

    name: str
    before: Any
    after: Any
    origin: str = ""


class HeirImpact(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to one heir: effective values that change, and changes that it overrides."""

    name: str
    is_base: bool
    changes: tuple[Difference, ...]
    overrides: tuple[str, ...]


class HeirGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Heirs to which the same happens, near ones first."""

    heirs: tuple[HeirImpact, ...]
    changes: tuple[Difference, ...]
    overrides: tuple[str, ...]


class Impact(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would do; it can be stored only without ``problems``.

    ``settings`` are fields and own values that change, ``effective`` what calls to the bot would
    use instead. Problems are by field or wire name, those of heirs keyed ``heir.parameter``.
    """

    settings: tuple[Difference, ...]
    effective: tuple[Difference, ...]
    heirs: tuple[HeirImpact, ...]
    problems: dict[str, str]

    @property
    def groups(self) -> list[HeirGroup]:
        """The heirs by what happens to them: first those that override something."""
        alike: list[list[HeirImpact]] = []
        for heir in sorted(self.heirs, key=lambda heir: (not heir.overrides, not heir.changes)):
            what = (heir.changes, heir.overrides)
            for group in alike:
                if (group[0].changes, group[0].overrides) == what:
                    group.append(heir)
                    break
            else:
                alike.append([heir])
        return [
            HeirGroup(heirs=tuple(group), changes=group[0].changes, overrides=group[0].overrides)
            for group in alike
        ]

    @property
    def affected(self) -> tuple[HeirImpact, ...]:
        """The heirs of which something changes."""
        return tuple(heir for heir in self.heirs if heir.changes)

    @property
    def overriding(self) -> tuple[HeirImpact, ...]:
        """The heirs that override some of the change."""
        return tuple(heir for heir in self.heirs if heir.overrides)


def bot_preview(
    bot: Bot, *, held: Mapping[str, Any] | None = None, **changes: Unpack[BotFields]
) -> Impact:
    """What `bots.services.bot_update` with ``changes`` would do, without doing it.

    Encrypted secrets are taken from ``held``, by default the bot's own.

    Raises:
        LookupError: the bot was deleted.
    """
    stored = {row.pk: row for row in with_providers()}
    if bot.pk not in stored:
        raise LookupError(f"bot {bot.name!r} was deleted")
    made = draft(stored[bot.pk], changes, held=held)
    problems: dict[str, str] = {}
    try:
        check_draft(made, stored)
    except ParameterError as error:
        problems = error.problems
    return _impact(made, stored, problems)


def _impact(made: Draft, stored: Mapping[int, Bot], problems: dict[str, str]) -> Impact:
    after = {**stored, made.after.pk: made.after}
    effective = _differences(_outline(made.before, stored), _outline(made.after, after))
    names = [each.name for each in effective]
    found = []
    for heir in heirs(made.before, stored.values()):
        old, new = _outline(heir, stored), _outline(heir, after)
        changes = _differences(old, new)
        missed = set(names) - {each.name for each in changes}
        overrides = [name for name in names if name in missed and _known(new, name)]
        found.append(
            HeirImpact(
                name=heir.name,
                is_base=heir.is_base,
                changes=changes,
                overrides=tuple(overrides),
            )
        )
    return Impact(
        settings=_own_differences(made), effective=effective, heirs=tuple(found), problems=problems
    )


def _own_differences(made: Draft) -> tuple[Difference, ...]:
    old = settings_of(made.before) | dict(made.before.params)
    params = made.after.params if isinstance(made.after.params, Mapping) else {}
    new = settings_of(made.after) | dict(params)
    changed = [name for name in {**old, **new} if old.get(name, _ABSENT) != new.get(name, _ABSENT)]
    shown_old, shown_new = shown_params(old), shown_params(new)
    return tuple(
        Difference(name=name, before=shown_old.get(name), after=shown_new.get(name))
        for name in changed
    )


_ABSENT = object()


def _outline(bot: Bot, bots: Mapping[int, Bot]) -> Outline | None:
    """None when the line itself is broken, so that nothing is inherited at all."""
    try:
        return outline(lineage(bot, bots))
    except ParameterError:
        return None


def _known(found: Outline | None, name: str) -> bool:
    return name in ROLES.values() or (found is not None and name in found.used)


def _differences(old: Outline | None, new: Outline | None) -> tuple[Difference, ...]:
    """The effective values that differ, providers first, then in the order of the catalogue."""
    if old is None or new is None:
        return ()
    found = []
    for kind, field in ROLES.items():
        before, after = old.providers.get(kind), new.providers.get(kind)
        if before != after:
            origin = new.provider_chain(kind)[-1][0].name if after else ""
            names = [provider.name if provider else None for provider in (before, after)]
            found.append(Difference(name=field, before=names[0], after=names[1], origin=origin))
    before_set, after_set = _set(old), _set(new)
    for parameter in new.used:
        name = parameter.wire_name
        if name not in old.used or before_set.get(name, _ABSENT) == after_set.get(name, _ABSENT):
            continue
        (_, was), (place, is_) = old.chain(name)[-1], new.chain(name)[-1]
        if was != is_ or parameter.param.secret:
            found.append(Difference(name=name, before=was, after=is_, origin=place.name))
    return tuple(found)


def _set(found: Outline) -> dict[str, Any]:
    """What is set anywhere in the line, as it is stored; the strongest wins."""
    return {name: value for layer in found.layers for name, value in layer.values.items()}
