"""Bringing in a configuration file: first shown, then stored, all of it or nothing.

Both are the same work in one transaction; what is only to be shown is undone. Objects that the file
does not name are left alone. Checks come last, when everything is as it would be, so that the order
within the file does not matter.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from bots.audit import record
from bots.core.auditing import Action
from bots.core.configuration_file import Document, parse
from bots.core.errors import GatewayError
from bots.core.yaml_text import Content, Problem
from bots.models import Bot, Provider, Route
from bots.people import Person
from bots.selectors import with_providers
from bots.services.checks import effective_problems, locked_bots, new_problems
from bots.services.staging import Entry, Stage

DEFAULT_MESSAGE = "Import a configuration"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What an import does, or did; with ``problems`` nothing is stored.

    ``stamp`` stands for the file and the state of everything it names before the import.
    ``left_alone`` counts the bots, providers and routes that the file does not name.
    """

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    stamp: str
    left_alone: int

    def count(self, action: str) -> int:
        """How many entries are to be ``create``d, ``change``d, or are the ``same``."""
        return sum(entry.action == action for entry in self.entries)

    @property
    def changes(self) -> bool:
        """Whether anything would be stored."""
        return any(entry.action != "same" for entry in self.entries)


class StaleImport(GatewayError):
    """Something that the file names has changed since the import was shown."""

    code = "stale-import"


@transaction.atomic
def configuration_import(
    text: str,
    *,
    author: str,
    who: Person | None = None,
    message: str = "",
    expected: str | None = None,
    dry_run: bool = False,
) -> Plan:
    """Store the configuration in ``text``, or with ``dry_run`` only tell what that would do.

    ``who`` may change only what their role reaches; None is the operator of the machine. With
    ``expected``, the stamp of a dry run, exactly what that showed is stored.

    Raises:
        MalformedDocument: the text is no configuration.
        StaleImport: the text, or something it names, is not what ``expected`` stands for.
    """
    document, content = parse(text)
    stored = {bot.name: bot for bot in locked_bots().values()}
    providers = {row.name: row for row in Provider.objects.select_for_update()}
    routes = list(Route.objects.select_for_update(of=("self",)).select_related("bot"))
    stage = Stage(
        document=document,
        bots=stored,
        providers=providers,
        routes={(r.pattern, r.host, r.header_name, r.header_value): r for r in routes},
        who=who,
        author=author,
        message=message or DEFAULT_MESSAGE,
    )
    stamp = _stamp(text, document, stage)
    if expected is not None and expected != stamp:
        raise StaleImport(_("the configuration has changed since the import was shown"))
    before = {bot.pk: bot for bot in stored.values()}
    _carry_out(stage, before)
    plan = Plan(
        entries=tuple(stage.entries),
        problems=tuple(_placed(path, text, content) for path, text in stage.problems),
        stamp=stamp,
        left_alone=_left_alone(document, stage),
    )
    if dry_run or plan.problems:
        transaction.set_rollback(True)
    elif plan.changes:
        _record(plan, stage.message)
    return plan


def _carry_out(stage: Stage, before: Mapping[int, Bot]) -> None:
    stage.stage_providers()
    stage.stage_bots()
    if not stage.problems:
        _check_bots(stage, before)
    if not stage.problems:
        stage.stage_routes()


def _check_bots(stage: Stage, before: Mapping[int, Bot]) -> None:
    """Refuse what keeps a bot from working that is new or works at present."""
    after = {bot.pk: bot for bot in with_providers()}
    for key, bot in after.items():
        if key not in before:
            for name, text in effective_problems(bot, after).items():
                stage.problem(("bots", bot.name, *_place(bot, name)), text)
        if bot.is_base and (lost := [r for r in stage.routes.values() if r.bot_id == key]):
            numbers = ", ".join(route.pattern for route in lost)
            text = _("routes lead to this bot: %(numbers)s; remove them first")
            stage.problem(("bots", bot.name, "is_base"), text % {"numbers": numbers})
    for key in before:
        for name, text in new_problems([key], before, after).items():
            own = name.removeprefix(f"{before[key].name}.")
            place = _place(after[key], own)
            stage.problem(("bots", before[key].name, *place), text)


def _place(bot: Bot, name: str) -> tuple[str, ...]:
    """Where in a bot's part of the file ``name``, a field or wire name, is written."""
    return ("params", name) if name in bot.params else (name,)


def _placed(path: tuple[str, ...], text: str, content: Content) -> Problem:
    return Problem(".".join(path), content.line(path), text)


def _left_alone(document: Document, stage: Stage) -> int:
    named = {route.conditions for route in document.routes}
    return (
        len(stage.known_bots - document.bots.keys())
        + len(stage.known_providers - document.providers.keys())
        + sum(conditions not in named for conditions in stage.routes)
    )


def _stamp(text: str, document: Document, stage: Stage) -> str:
    """A digest of the file and of the revisions of everything it names."""

    def at(row: Bot | Provider | Route | None) -> list[Any]:
        return [row.pk, row.revision, row.updated_at.isoformat()] if row else []

    state = [
        [at(stage.providers.get(name)) for name in sorted(document.providers)],
        [at(stage.bots.get(name)) for name in sorted(document.bots)],
        [at(stage.routes.get(route.conditions)) for route in document.routes],
    ]
    return hashlib.sha256(json.dumps([text, state]).encode()).hexdigest()


def _record(plan: Plan, message: str) -> None:
    names = [entry.name for entry in plan.entries if entry.action != "same"]
    record(
        Action.CONFIGURATION_IMPORTED,
        kind="configuration",
        title=", ".join(names),
        message=f"{message}: {plan.count('create')} created, {plan.count('change')} changed",
    )
