"""Copying, pausing and deleting bots."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.db import transaction

from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.figures import bot_figures
from bots.models import Bot
from bots.selectors import ROLES, lineage, outline, with_providers
from bots.services.bots import bot_create, bot_update
from bots.services.checks import StaleRevision, locked_bots
from bots.services.traces import audit_bot


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What keeps a bot from being deleted; empty lists and 0 when nothing does.

    ``routes`` are primary keys and patterns, ``members`` the names of people whose roles reach only
    listed bots, this one among them.
    """

    heirs: tuple[str, ...]
    routes: tuple[tuple[int, str], ...]
    members: tuple[str, ...]
    live: int

    def problems(self) -> dict[str, str]:
        """One sentence for each kind of use."""
        found = {}
        if self.heirs:
            found["heirs"] = f"bots inherit from it: {', '.join(self.heirs)}; change them first"
        if self.routes:
            patterns = ", ".join(pattern for _, pattern in self.routes)
            found["routes"] = f"routes lead to it: {patterns}; remove them first"
        if self.members:
            names = ", ".join(self.members)
            found["members"] = f"people are limited to bots, this one among them: {names}"
        if self.live:
            calls = "a call is" if self.live == 1 else f"{self.live} calls are"
            found["live"] = f"{calls} going on with it; pause it and wait for the end"
        return found


def bot_usage(bot: Bot) -> Usage:
    """What uses ``bot`` at this moment."""
    figures = bot_figures().get(bot.name)
    members = bot.members.filter(all_bots=False).order_by("user__username")
    return Usage(
        heirs=tuple(bot.heirs.order_by("name").values_list("name", flat=True)),
        routes=tuple(bot.routes.order_by("priority", "id").values_list("pk", "pattern")),
        members=tuple(members.values_list("user__username", flat=True)),
        live=figures.live if figures else 0,
    )


@transaction.atomic
def bot_delete(*, bot: Bot, expected_revision: int, author: str, message: str = "") -> None:
    """Delete ``bot`` with its revisions; call records keep its name.

    Raises:
        StaleRevision: the bot is not at ``expected_revision`` any more.
        ParameterError: it is used, by what is said under ``heirs``, ``routes``, ``members`` and
            ``live``.
    """
    stored = locked_bots().get(bot.pk)
    if stored is None or stored.revision != expected_revision:
        raise StaleRevision(bot.name, expected_revision, stored.revision if stored else 0)
    if problems := bot_usage(stored).problems():
        raise ParameterError(problems)
    audit_bot(Action.BOT_DELETED, stored, None, author=author, message=message)
    stored.delete()


@transaction.atomic
def bot_clone(
    *, bot: Bot, name: str, author: str, display_name: str = "", standalone: bool = False
) -> Bot:
    """A bot of the same kind that does the same as ``bot``, called ``name``.

    It inherits from the same base bot, or from none with everything inherited set as its own
    (``standalone``). Tokens are not copied: the clone of a bot with a token asks for OAuth.

    Raises:
        LookupError: the bot was deleted.
        ParameterError: every problem, by field or wire name.
    """
    stored = {row.pk: row for row in with_providers().select_related("base")}
    if bot.pk not in stored:
        raise LookupError(f"bot {bot.name!r} was deleted")
    source = stored[bot.pk]
    fields: dict[str, Any] = {field: getattr(source, field) for field in ("base", *ROLES.values())}
    params: Mapping[str, Any] = source.params
    if standalone:
        found = outline(lineage(source, stored))
        fields = {"base": None} | {ROLES[kind]: row for kind, row in found.providers.items()}
        params = {n: value for each in found.line for n, value in each.params.items()}
    mode = source.access_mode
    return bot_create(
        name=name,
        author=author,
        message=f"Clone {source.name}",
        display_name=display_name,
        is_base=source.is_base,
        access_mode=Bot.Access.OAUTH if mode == Bot.Access.TOKEN else mode,
        params=params,
        held=params,
        **fields,
    )


def bot_pause(*, bot: Bot, enabled: bool, expected_revision: int, author: str) -> Bot:
    """Have ``bot`` refuse further calls, or take them again; calls that go on are left alone.

    Raises:
        StaleRevision: the bot is not at ``expected_revision`` any more.
        ParameterError: it does not work, and so cannot be resumed.
    """
    return bot_update(
        bot=bot,
        expected_revision=expected_revision,
        author=author,
        message="Resume" if enabled else "Pause",
        enabled=enabled,
    )
