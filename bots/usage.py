"""Who uses which provider: bots that choose it, and those that inherit the choice."""

from collections.abc import Iterable

import msgspec

from bots.core.registry import Kind
from bots.models import MAX_DEPTH, Bot, Provider
from bots.selectors import ROLES


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """One bot that uses a provider; ``through`` is the base bot it inherits that from, or empty."""

    bot: Bot
    kind: Kind
    through: str = ""


def provider_uses(bots: Iterable[Bot]) -> dict[int, list[Use]]:
    """The uses of every provider by its key; ``bots`` are all there are, providers fetched along.

    Bots come by name. A circle of base bots, which no service stores, ends after `MAX_DEPTH`.
    """
    known = {bot.pk: bot for bot in bots}
    found: dict[int, list[Use]] = {}
    for bot in sorted(known.values(), key=lambda each: each.name):
        for kind in ROLES:
            chosen = _chosen(bot, kind, known)
            if chosen is not None:
                provider, chooser = chosen
                through = "" if chooser.pk == bot.pk else chooser.name
                found.setdefault(provider.pk, []).append(Use(bot=bot, kind=kind, through=through))
    return found


def _chosen(bot: Bot, kind: Kind, known: dict[int, Bot]) -> tuple[Provider, Bot] | None:
    at: Bot | None = bot
    for _ in range(MAX_DEPTH + 1):
        if at is None:
            return None
        provider: Provider | None = getattr(at, ROLES[kind])
        if provider is not None:
            return provider, at
        at = known.get(at.base_id) if at.base_id is not None else None
    return None
