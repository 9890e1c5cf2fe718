"""Changing bots and base bots."""

import copy
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from bots import access
from bots.core import catalogue
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.params.declare import Level
from bots.history import settings_at
from bots.models import Bot, BotRevision, Provider, Route
from bots.services.checks import (
    StaleRevision,
    effective_problems,
    field_problems,
    heirs,
    locked_bots,
    new_problems,
    receive,
    seal,
    value_problems,
)
from bots.services.traces import REFERENCES, audit_bot, check_message, record_revision


class BotFields(TypedDict, total=False):
    """What can be set on a bot; ``params`` replaces all own values.

    A secret among them is given in plain and stored encrypted; the mask leaves it as it is.
    """

    display_name: str
    is_base: bool
    enabled: bool
    base: Bot | None
    provider: Provider | None
    stt_provider: Provider | None
    tts_provider: Provider | None
    vad_provider: Provider | None
    carrier_provider: Provider | None
    params: Mapping[str, Any]
    access_mode: str


_INHERITED = frozenset({"is_base", "params", *REFERENCES})
"""What changes the effective configuration of the bot and its heirs."""


class Draft(msgspec.Struct, frozen=True):
    """A bot as it is and as it would be; ``changed`` fields differ, ``refused`` secrets by name."""

    before: Bot
    after: Bot
    changed: frozenset[str]
    refused: dict[str, str]


@transaction.atomic
def bot_create(
    *,
    name: str,
    author: str,
    message: str = "",
    held: Mapping[str, Any] | None = None,
    **fields: Unpack[BotFields],
) -> Bot:
    """Store a new bot or base bot at revision 1; encrypted secrets are taken from ``held``.

    Raises:
        ParameterError: every problem, by field or wire name.
    """
    check_message(message)
    stored = locked_bots()
    bot = Bot(name=name)
    refused = _apply(bot, fields, held=held)
    _check(bot, stored, changed=_INHERITED, refused=refused)
    seal(bot)
    bot.save(force_insert=True)
    record_revision(bot, author, message)
    audit_bot(Action.BOT_CREATED, None, bot, author=author, message=message)
    return bot


def bot_update(
    *,
    bot: Bot,
    expected_revision: int,
    author: str,
    message: str = "",
    **changes: Unpack[BotFields],
) -> Bot:
    """Store ``changes`` to ``bot`` and answer it as it is afterwards.

    The change is refused if it breaks the bot or any bot that inherits from it; problems of an heir
    are keyed ``heir.parameter``. Leaving access mode ``token`` forgets the token.

    Raises:
        StaleRevision: the bot is not at ``expected_revision`` any more.
        ParameterError: every problem, by field or wire name.
    """
    return _change(bot, expected_revision, author, message, changes)


def bot_restore(*, bot: Bot, number: int, expected_revision: int, author: str) -> Bot:
    """Give ``bot`` the parameters and settings it had at revision ``number``, as a new revision.

    How callers prove who they are stays as it is: tokens are not kept in revisions.

    Raises:
        LookupError: there is no such revision.
        StaleRevision: the bot is not at ``expected_revision`` any more.
        ParameterError: what was right then would be wrong today.
    """
    then = BotRevision.objects.filter(bot=bot, number=number).first()
    if then is None:
        raise LookupError(f"bot {bot.name!r} has no revision {number}")
    fields: dict[str, Any] = {**settings_at(then), "params": then.params}
    del fields["access_mode"]
    problems = {}
    for field in REFERENCES:
        if name := fields[field]:
            model: type[Bot | Provider] = Bot if field == "base" else Provider
            fields[field] = model._default_manager.filter(name=name).first()
            if fields[field] is None:
                text = _("%(name)s does not exist any more; create it first")
                problems[field] = text % {"name": name}
    if problems:
        raise ParameterError(problems)
    message = f"Restore revision {number}"
    return _change(bot, expected_revision, author, message, fields, held=then.params)


@transaction.atomic
def mint_voice_token(bot: Bot, *, author: str = "gateway") -> str:
    """A new permanent token for ``bot``; the one before stops working, access mode is ``token``.

    The token is returned this once; only its digest is stored.

    Raises:
        ParameterError: ``bot`` is a base bot, which takes no calls, or was deleted.
    """
    current = locked_bots().get(bot.pk)
    if current is None or current.is_base:
        text = _("%(bot)s takes no calls; choose a bot that does")
        raise ParameterError({"access_mode": text % {"bot": bot.name}})
    token = access.new_token()
    after = copy.copy(current)
    after.access_mode = Bot.Access.TOKEN
    after.token_digest = access.digest(token)
    _store(current, after, author, "Mint a voice token", Action.TOKEN_MINTED)
    return token


@transaction.atomic
def _change(
    bot: Bot,
    expected_revision: int,
    author: str,
    message: str,
    changes: Mapping[str, Any],
    *,
    held: Mapping[str, Any] | None = None,
) -> Bot:
    """Store ``changes``; encrypted secrets are taken from ``held``, by default the bot's own."""
    check_message(message)
    stored = locked_bots()
    _claim(bot, expected_revision)
    made = draft(stored[bot.pk], changes, held=held)
    check_draft(made, stored)
    _store(made.before, made.after, author, message)
    return made.after


def draft(before: Bot, changes: Mapping[str, Any], *, held: Mapping[str, Any] | None) -> Draft:
    """``before`` with ``changes``; encrypted secrets are taken from ``held`` or the bot's own."""
    after = copy.copy(before)
    refused = _apply(after, changes, held=before.params if held is None else held)
    if after.access_mode != Bot.Access.TOKEN:
        after.token_digest = ""
    changed = frozenset(field for field in changes if _differs(before, after, field))
    return Draft(before, after, changed, refused)


def check_draft(made: Draft, stored: Mapping[int, Bot]) -> None:
    """Refuse a change after which the bot or an heir among ``stored`` would not work.

    Raises:
        ParameterError: every problem, by field or wire name; those of heirs if it has none itself.
    """
    _check(made.after, stored, changed=made.changed, refused=made.refused)


def _apply(
    bot: Bot, fields: Mapping[str, Any], *, held: Mapping[str, Any] | None
) -> dict[str, str]:
    """Set ``fields``; the secrets that are refused, by wire name.

    Providers are read again, so that what is checked is what is stored.
    """
    given = {value.pk for value in fields.values() if isinstance(value, Provider)}
    fresh = Provider.objects.in_bulk(given) if given else {}
    for field, value in fields.items():
        setattr(bot, field, fresh.get(value.pk, value) if isinstance(value, Provider) else value)
    return receive(bot, bot.params, held) if "params" in fields else {}


def _differs(before: Bot, after: Bot, field: str) -> bool:
    attribute = f"{field}_id" if field in REFERENCES else field
    return bool(getattr(before, attribute) != getattr(after, attribute))


def _check(
    bot: Bot,
    stored: Mapping[int, Bot],
    *,
    changed: set[str] | frozenset[str],
    refused: Mapping[str, str],
) -> None:
    """Refuse ``bot`` as it would be stored, if it or one of its heirs would not work.

    A bot that does not work may still be renamed or disabled.

    Raises:
        ParameterError: every problem, by field or wire name; those of heirs if it has none itself.
    """
    problems = field_problems(bot) | dict(refused)
    if bot.access_mode == Bot.Access.TOKEN and not bot.token_digest:
        problems["access_mode"] = _("needs a token first: mint one for this bot")
    if bot.is_base and bot.access_mode != Bot.Access.NONE:
        problems["access_mode"] = _("a base bot takes no calls; use none")
    if "is_base" in changed and bot.pk is not None:
        problems |= _usage_problems(bot, stored)
    if "params" in changed:
        level = Level.BASE_BOT if bot.is_base else Level.BOT
        problems |= value_problems(catalogue.everything(), level, bot.params)
    matters = bool(changed & _INHERITED) or ("enabled" in changed and bot.enabled)
    if matters and "params" not in problems:
        after = {**stored, bot.pk: bot} if bot.pk is not None else stored
        problems = effective_problems(bot, after) | problems
        if bot.pk is not None and not problems:
            below = [heir.pk for heir in heirs(bot, after.values())]
            problems = new_problems(below, stored, after)
    if problems:
        raise ParameterError(problems)


def _usage_problems(bot: Bot, stored: Mapping[int, Bot]) -> dict[str, str]:
    if bot.is_base and (
        patterns := Route.objects.filter(bot=bot).values_list("pattern", flat=True)
    ):
        text = _("routes lead to this bot: %(numbers)s; remove them first")
        return {"is_base": text % {"numbers": ", ".join(patterns)}}
    below = sorted(heir.name for heir in stored.values() if heir.base_id == bot.pk)
    if not bot.is_base and below:
        text = _("bots inherit from it: %(bots)s; change them first")
        return {"is_base": text % {"bots": ", ".join(below)}}
    return {}


def _claim(bot: Bot, expected_revision: int) -> None:
    """Take the next revision of ``bot``; of several that try, one succeeds."""
    rows = Bot.objects.filter(pk=bot.pk)
    if rows.filter(revision=expected_revision).update(revision=expected_revision + 1) != 1:
        current = rows.values_list("revision", flat=True).first()
        raise StaleRevision(bot.name, expected_revision, current or 0)


def _store(
    before: Bot, after: Bot, author: str, message: str, action: Action = Action.BOT_CHANGED
) -> None:
    """Write ``after``, made of what was read before the claim, at the claimed revision."""
    seal(after)
    after.revision += 1
    after.save(force_update=True)
    record_revision(after, author, message)
    audit_bot(action, before, after, author=author, message=message)
