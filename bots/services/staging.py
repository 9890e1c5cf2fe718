"""The objects of a configuration file, put into the database one after the other."""

import copy
from collections.abc import Collection, Mapping
from typing import Any, Literal, cast

import msgspec
from django.utils.translation import gettext as _

from bots import access, audit
from bots.core import catalogue
from bots.core.auditing import Action
from bots.core.configuration_file import BotPart, Document, ProviderPart, RoutePart
from bots.core.differences import Changes, differences
from bots.core.errors import ParameterError
from bots.core.params.declare import Level
from bots.core.params.resolve import MASK
from bots.core.registry import Kind
from bots.history import readable
from bots.models import Bot, Provider, Route
from bots.people import Person
from bots.selectors import ROLES
from bots.services.checks import field_problems, receive, seal, value_problems
from bots.services.providers import provider_create, provider_problems
from bots.services.routes import RouteFields, route_create, route_update
from bots.services.traces import audit_bot, changed, record_revision, settings_of

_KINDS = {field: kind for kind, field in ROLES.items()}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One object of the file: what happens to it, and what is left to do by hand.

    ``secrets`` are names of secrets and credentials that the gateway does not have yet; with
    ``needs_token`` the bot needs a token before anybody can call it.
    """

    kind: Literal["provider", "bot", "route"]
    name: str
    action: Literal["create", "change", "same"]
    is_base: bool = False
    changes: Changes = Changes()
    secrets: tuple[str, ...] = ()
    needs_token: bool = False


class Stage:
    """Stores the objects of ``document``; what cannot be stored is collected in ``problems``.

    ``bots``, ``providers`` and ``routes`` are what is configured, and follow what is stored. The
    transaction, and whether bots work in the end, are the caller's.
    """

    def __init__(
        self,
        *,
        document: Document,
        bots: dict[str, Bot],
        providers: dict[str, Provider],
        routes: dict[tuple[str, str, str, str], Route],
        who: Person | None,
        author: str,
        message: str,
    ) -> None:
        self.bots, self.providers, self.routes = bots, providers, routes
        self.known_bots, self.known_providers = set(bots), set(providers)
        self.author, self.message = author, message
        self.entries: list[Entry] = []
        self.problems: list[tuple[tuple[str, ...], str]] = []
        self._document, self._who = document, who
        self._visible: set[str] | None = None
        if who is not None and who.bots is not None:
            self._visible = set(who.visible_bots().values_list("name", flat=True))
        self._begun: set[str] = set()

    def problem(self, path: tuple[str, ...], text: str) -> None:
        """Something at ``path`` of the file keeps it from being stored."""
        self.problems.append((path, text))

    def _problems(
        self, path: tuple[str, ...], found: Mapping[str, str], params: Collection[str] = ()
    ) -> bool:
        """Collect what is wrong by field, or by wire name of one of ``params``."""
        for name, text in found.items():
            place = ("params", name) if name in params else (name,)
            self.problem((*path, *place), text)
        return bool(found)

    @property
    def _may_change_shared(self) -> bool:
        return self._who is None or self._who.may_change_shared

    # --- providers --------------------------------------------------------------------------------

    def stage_providers(self) -> None:
        """Store every provider of the file."""
        for name, part in self._document.providers.items():
            before = self.providers.get(name)
            path = ("providers", name)
            if before is None:
                self._create_provider(name, part, path)
            elif before.kind != part.kind or before.plugin != part.plugin:
                text = _(
                    "is %(kind)s provider with the plug-in %(plugin)s here; rename one of them"
                )
                words = {"kind": before.kind, "plugin": before.plugin}
                self.problem((*path, "plugin"), text % words)
            else:
                self._change_provider(before, part, path)

    def _create_provider(self, name: str, part: ProviderPart, path: tuple[str, ...]) -> None:
        if not self._may_change_shared:
            self.problem(path, _not_shared())
            return
        kind: Kind = part.kind
        try:
            made = provider_create(name=name, kind=kind, plugin=part.plugin, params=part.params)
        except ParameterError as error:
            self._problems(path, error.problems, part.params)
            return
        self.providers[name] = made
        state = {"kind": part.kind, "plugin": part.plugin}
        found = Changes(
            parameters=differences({}, readable(made.params)), settings=differences({}, state)
        )
        self._enter("provider", name, "create", found, missing={*part.secrets, *part.credentials})

    def _change_provider(self, before: Provider, part: ProviderPart, path: tuple[str, ...]) -> None:
        after = copy.copy(before)
        refused = receive(after, _given(part.params, part.secrets), before.params)
        found = Changes(parameters=differences(readable(before.params), readable(after.params)))
        missing = {*part.secrets, *part.credentials} - before.params.keys()
        missing -= before.credentials.keys()
        if found and not self._may_change_shared:
            self.problem(path, _not_shared())
        elif found and not self._problems(path, provider_problems(after, refused), part.params):
            seal(after)
            after.revision += 1
            after.save(force_update=True)
            self.providers[after.name] = after
            old, new = changed(before.params, after.params)
            action, key = Action.PROVIDER_CHANGED, after.pk
            audit.record(
                action, kind="provider", target=key, title=after.name, before=old, after=new
            )
        self._enter("provider", before.name, "change", found, missing=missing)

    # --- bots -------------------------------------------------------------------------------------

    def stage_bots(self) -> None:
        """Store every bot of the file, base bots before their heirs."""
        for name in self._document.bots:
            self._stage_bot(name)

    def _stage_bot(self, name: str) -> None:
        if name in self._begun:
            return
        self._begun.add(name)
        part = self._document.bots[name]
        if part.base in self._document.bots:
            self._stage_bot(part.base)
        path = ("bots", name)
        before = self.bots.get(name)
        if self._visible is not None and name not in self._visible:
            self.problem(path, _("is not among the bots that you may change"))
            return
        after = copy.copy(before) if before is not None else Bot(name=name)
        if not self._refer(after, part, path):
            return
        refused = receive(after, _given(part.params, part.secrets), before.params if before else {})
        found = _bot_changes(before, after)
        needs_token = self._grant(before, after)
        if found:
            if not self._may_store(before):
                self.problem(path, _not_shared())
                return
            if self._problems(path, refused | _bot_problems(after), part.params):
                return
            self._store_bot(before, after)
        missing = set(part.secrets) - (before.params.keys() if before else set())
        action: Literal["create", "change"] = "change" if before else "create"
        self._enter(
            "bot",
            name,
            action,
            found,
            missing=missing,
            is_base=after.is_base,
            needs_token=needs_token,
        )

    def _may_store(self, before: Bot | None) -> bool:
        if self._who is None:
            return True
        return self._who.may_change(before) if before else self._who.may_change_shared

    def _refer(self, bot: Bot, part: BotPart, path: tuple[str, ...]) -> bool:
        """Set the fields of ``part``; False if something that it refers to is not there."""
        bot.display_name, bot.is_base, bot.enabled = part.display_name, part.is_base, part.enabled
        bot.access_mode = part.access_mode
        found = {}
        if part.base is None or part.base in self.bots:
            bot.base = self.bots[part.base] if part.base else None
        else:
            found["base"] = _("there is no bot named %(name)s") % {"name": part.base}
        for field, kind in _KINDS.items():
            name = getattr(part, field)
            provider = self.providers.get(name) if name else None
            if name and (provider is None or provider.kind != kind):
                text = _("there is no %(kind)s provider named %(name)s")
                found[field] = text % {"kind": kind, "name": name}
            setattr(bot, field, provider)
        return not self._problems(path, found)

    def _grant(self, before: Bot | None, after: Bot) -> bool:
        """Keep the token of ``after`` if it has one; whether a token must be minted for it."""
        if after.access_mode != Bot.Access.TOKEN:
            after.token_digest = ""
        elif before is None or not before.token_digest:
            # Of a token that nobody knows: the bot takes no calls until one is minted.
            after.token_digest = access.digest(access.new_token())
            return True
        return False

    def _store_bot(self, before: Bot | None, after: Bot) -> None:
        seal(after)
        if before is not None:
            after.revision += 1
        after.save()
        self.bots[after.name] = after
        record_revision(after, self.author, self.message)
        action = Action.BOT_CHANGED if before is not None else Action.BOT_CREATED
        audit_bot(action, before, after, author=self.author, message=self.message)

    # --- routes -----------------------------------------------------------------------------------

    def stage_routes(self) -> None:
        """Store every route of the file; call it when all bots are as they will be."""
        for index, part in enumerate(self._document.routes):
            path = ("routes", str(index))
            bot = self.bots.get(part.bot)
            if bot is None or (self._visible is not None and part.bot not in self._visible):
                self.problem(
                    (*path, "bot"), _("there is no bot named %(name)s") % {"name": part.bot}
                )
                continue
            self._stage_route(part, bot, path)

    def _stage_route(self, part: RoutePart, bot: Bot, path: tuple[str, ...]) -> None:
        before = self.routes.get(part.conditions)
        fields = cast("RouteFields", {**part.model_dump(), "bot": bot})
        old = {} if before is None else {name: getattr(before, name) for name in fields}
        if before is not None:
            old["bot"] = before.bot.name
        found = Changes(settings=differences(old, part.model_dump()))
        if found and not self._may_change_shared:
            self.problem(path, _not_shared())
            return
        try:
            if before is None:
                route_create(**fields)
            elif found:
                route_update(route=before, expected_revision=before.revision, **fields)
        except ParameterError as error:
            self._problems(path, error.problems)
            return
        name = " · ".join(filter(None, part.conditions))
        self._enter("route", name, "create" if before is None else "change", found)

    def _enter(
        self,
        kind: Literal["provider", "bot", "route"],
        name: str,
        action: Literal["create", "change"],
        found: Changes,
        *,
        missing: set[str] | None = None,
        is_base: bool = False,
        needs_token: bool = False,
    ) -> None:
        self.entries.append(
            Entry(
                kind=kind,
                name=name,
                action=action if found else "same",
                changes=found,
                is_base=is_base,
                secrets=tuple(sorted(missing or ())),
                needs_token=needs_token,
            )
        )


def _not_shared() -> str:
    return _("is shared by all bots; your role reaches only some of them")


def _given(params: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """``params`` with the mask for each secret that is to stay as it is."""
    return {**params, **dict.fromkeys(names, MASK)}


def _bot_changes(before: Bot | None, after: Bot) -> Changes:
    if before is None:
        chosen = {name: v for name, v in settings_of(after).items() if v not in (None, "")}
        return Changes(
            parameters=differences({}, readable(after.params)), settings=differences({}, chosen)
        )
    return Changes(
        parameters=differences(readable(before.params), readable(after.params)),
        settings=differences(settings_of(before), settings_of(after)),
    )


def _bot_problems(bot: Bot) -> dict[str, str]:
    """What is wrong with ``bot`` alone, by field or wire name."""
    problems = field_problems(bot)
    if bot.is_base and bot.access_mode != Bot.Access.NONE:
        problems["access_mode"] = _("a base bot takes no calls; use none")
    level = Level.BASE_BOT if bot.is_base else Level.BOT
    return problems | value_problems(catalogue.everything(), level, bot.params)
