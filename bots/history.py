"""Reading the past of a bot: its revisions, what each changed, the bot as it was then."""

import copy
from collections.abc import Mapping
from typing import Any

import msgspec
from pydantic import SecretStr

from bots import secrets
from bots.core import catalogue
from bots.core.differences import Changes, differences
from bots.models import Bot, BotRevision, Provider
from bots.selectors import ROLES

PAGE_SIZE = 25


class Past(msgspec.Struct, frozen=True):
    """One revision and how it differs from the one before; the first from nothing at all."""

    revision: BotRevision
    changes: Changes


class PastPage(msgspec.Struct, frozen=True, kw_only=True):
    """Revisions, the latest first; ``newer`` and ``older`` begin the neighbouring pages.

    Both are numbers as `past_page` takes them as ``below``; None where there is no such page, and
    0 for the first page.
    """

    entries: tuple[Past, ...]
    newer: int | None
    older: int | None


def past_page(bot: Bot, *, below: int = 0, size: int = PAGE_SIZE) -> PastPage:
    """The latest ``size`` revisions of ``bot``, of those with a number under ``below`` if given."""
    rows = BotRevision.objects.filter(bot=bot).order_by("-number")
    if below:
        rows = rows.filter(number__lt=below)
    found = list(rows[: size + 1])
    before: list[BotRevision | None] = [*found[1:], None][: len(found)]
    entries = tuple(
        Past(revision, changes_between(earlier, revision))
        for revision, earlier in zip(found, before, strict=True)
    )[:size]
    newer = None
    if below and below <= bot.revision:
        newer = below + size if below + size <= bot.revision else 0
    older = entries[-1].revision.number if len(found) > size else None
    return PastPage(entries=entries, newer=newer, older=older)


def revision_of(bot: Bot, number: int) -> BotRevision:
    """Revision ``number`` of ``bot``.

    Raises:
        LookupError: there is none.
    """
    found = BotRevision.objects.filter(bot=bot, number=number).first()
    if found is None:
        raise LookupError(f"bot {bot.name!r} has no revision {number}")
    return found


def revision_before(revision: BotRevision) -> BotRevision | None:
    """The one that ``revision`` changed; None for the first."""
    rows = BotRevision.objects.filter(bot=revision.bot_id, number__lt=revision.number)
    return rows.order_by("-number").first()


def changes_between(before: BotRevision | None, after: BotRevision) -> Changes:
    """How ``after`` differs from ``before``; a secret differs if it was another one."""
    if before is None:
        return Changes(
            parameters=differences({}, readable(after.params)),
            settings=differences({}, _chosen(settings_at(after))),
        )
    return Changes(
        parameters=differences(readable(before.params), readable(after.params)),
        settings=differences(settings_at(before), settings_at(after)),
    )


def settings_at(revision: BotRevision) -> dict[str, Any]:
    """The settings of ``revision``; one that is older than a kind of provider chooses none."""
    return {**dict.fromkeys(ROLES.values()), **revision.settings}


def _chosen(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What says something of a new bot's settings."""
    return {name: value for name, value in settings.items() if value not in (None, "")}


def readable(params: Mapping[str, Any]) -> dict[str, Any]:
    """``params`` as they can be compared and shown: every secret as a `SecretStr`.

    One that no key decrypts is told from others by what is stored.
    """
    opened, unreadable = secrets.opened(catalogue.everything(), params)
    found = {**opened, **{name: params[name] for name in unreadable}}
    return {
        name: SecretStr(str(value)) if secrets.is_envelope(value) else value
        for name, value in found.items()
    }


def bot_at(revision: BotRevision) -> Bot:
    """The bot as it was, not to be saved; what it refers to and inherits is as it is at present.

    Raises:
        LookupError: something that it used does not exist any more; the message names it.
    """
    then = copy.copy(revision.bot)
    then.revision, then.params, then.updated_at = revision.number, revision.params, revision.at
    settings = settings_at(revision)
    then.display_name, then.enabled = settings["display_name"], settings["enabled"]
    then.is_base, then.access_mode = settings["is_base"], settings["access_mode"]
    then.base = _named(Bot, settings["base"])
    for field in ROLES.values():
        setattr(then, field, _named(Provider, settings[field]))
    return then


def _named(model: type[Any], name: str | None) -> Any:
    if name is None:
        return None
    row = model.objects.filter(name=name).first()
    if row is None:
        raise LookupError(f"{name} does not exist any more")
    return row
