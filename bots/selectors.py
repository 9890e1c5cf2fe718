"""Reading the configuration: what a bot inherits, and what a call to it uses.

Everything here is synchronous and queries the database; run it in a thread of its own, never on an
event loop.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from bots import credentials, secrets
from bots.core import catalogue, registry
from bots.core.errors import ParameterError
from bots.core.params.declare import Level, ParamSet
from bots.core.params.resolve import Catalogue, Layer, Origin, Resolved, resolve
from bots.core.registry import Kind, Plugin
from bots.models import MAX_DEPTH, SLUG, Bot, Provider

DEFAULT_VAD = "webrtc"
"""Voice activity plug-in of a bot that chooses none, with the plug-in's own defaults."""

ROLES: dict[Kind, str] = {
    "carrier": "carrier_provider",
    "vad": "vad_provider",
    "tts": "tts_provider",
    "stt": "stt_provider",
    "bot": "provider",
}
"""Kind of plug-in to the field of `Bot` that names its provider; values of later ones win."""


class Configured(msgspec.Struct, frozen=True, kw_only=True):
    """A plug-in with the parameters it has in one bot; ``provider`` is empty for a default."""

    kind: Kind
    plugin: str
    provider: str
    params: ParamSet
    credentials: ParamSet


class CallConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a call to one bot needs to know, frozen; ``revision`` is the bot's own.

    Without ``stt`` or ``tts`` the bot takes text sessions only.
    """

    bot_id: int
    bot: str
    revision: int
    resolved: Resolved
    connector: Configured
    stt: Configured | None
    tts: Configured | None
    vad: Configured
    carrier: Configured | None = None
    """Who places outbound calls of the bot; without one there are none."""


# --- inheritance ----------------------------------------------------------------------------------


class Effective(msgspec.Struct, frozen=True):
    """The parameters a bot or base bot has, and the plug-ins they are for."""

    resolved: Resolved
    plugins: dict[Kind, Plugin]
    providers: dict[Kind, Provider]


def lineage(bot: Bot, bases: Mapping[int, Bot]) -> tuple[Bot, ...]:
    """``bot`` and the base bots above it, the most distant first; ``bases`` by primary key.

    Raises:
        ParameterError: under ``base``: a circle, more than `MAX_DEPTH` base bots, or a base that is
            no base bot.
    """
    line = [bot]
    while line[-1].base_id is not None:
        base = bases.get(line[-1].base_id)
        if base is None or not base.is_base:
            name = base.name if base else _("what it inherits from")
            text = _("%(name)s is not a base bot; choose one that is")
            raise ParameterError({"base": text % {"name": name}})
        line.append(base)
        if base.pk == bot.pk or base in line[1:-1]:
            circle = " > ".join(member.name for member in line)
            text = _("inherits from itself: %(circle)s; choose another base")
            raise ParameterError({"base": text % {"circle": circle}})
        if len(line) > MAX_DEPTH + 1:
            text = _("more than %(most)s base bots above %(bot)s; shorten the chain")
            raise ParameterError({"base": text % {"most": MAX_DEPTH, "bot": bot.name}})
    return tuple(reversed(line))


def effective(line: Sequence[Bot]) -> Effective:
    """What the last bot of ``line`` (see `lineage`) uses. A base bot need not be complete.

    Values of plug-ins that the bot does not use are kept in the database but have no effect.

    Raises:
        ParameterError: every problem by wire name or field name.
    """
    found = outline(line)
    problems = dict(found.problems)
    layers, unreadable = secrets.opened_layers(found.used, found.layers)
    problems |= unreadable
    try:
        resolved = resolve(found.used, layers)
    except ParameterError as error:
        problems |= error.problems
    if problems:
        raise ParameterError(problems)
    return Effective(resolved, found.plugins, found.providers)


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot inherits and sets itself, whether or not it works.

    ``used`` are the parameters that count for it; ``layers`` hold values as they are stored, the
    weakest first. ``problems`` are those of the choice of providers, by field name.
    """

    line: tuple[Bot, ...]
    providers: dict[Kind, Provider]
    plugins: dict[Kind, Plugin]
    used: Catalogue
    layers: tuple[Layer, ...]
    problems: dict[str, str]

    def chain(self, wire_name: str) -> tuple[tuple[Origin, Any], ...]:
        """The default and every place that sets ``wire_name``, weakest first; secrets are masked.

        Raises:
            KeyError: there is no such parameter here.
        """
        return Resolved(self.used, self.layers, {}).chain(wire_name)

    def provider_chain(self, kind: Kind) -> tuple[tuple[Bot, Provider], ...]:
        """Every bot of the line that chooses a provider of ``kind``, the most distant first."""
        chosen = ((bot, getattr(bot, ROLES[kind])) for bot in self.line)
        return tuple((bot, provider) for bot, provider in chosen if provider is not None)


def outline(line: Sequence[Bot]) -> Outline:
    """What the last bot of ``line`` (see `lineage`) inherits and sets, without checking values."""
    bot = line[-1]
    problems: dict[str, str] = {}
    providers = {kind: found for kind in ROLES if (found := _provider(line, kind)) is not None}
    plugins: dict[Kind, Plugin] = {}
    for kind, name in _plugin_names(providers):
        try:
            plugins[kind] = registry.plugin(kind, name)
        except LookupError as error:
            problems[ROLES[kind]] = str(error)
    if "bot" not in providers and not bot.is_base:
        problems["provider"] = _("no bot framework is chosen, here or in a base bot; choose one")
    used = catalogue.of(plugins.values())
    return Outline(
        line=tuple(line),
        providers=providers,
        plugins=plugins,
        used=used,
        layers=(*catalogue.defaults(plugins.values()), *_layers(line, providers, used)),
        problems=problems,
    )


def _provider(line: Sequence[Bot], kind: Kind) -> Provider | None:
    chosen = (getattr(bot, ROLES[kind]) for bot in reversed(line))
    return next((provider for provider in chosen if provider is not None), None)


def _plugin_names(providers: Mapping[Kind, Provider]) -> Iterator[tuple[Kind, str]]:
    for kind in ROLES:
        if kind in providers:
            yield kind, providers[kind].plugin
        elif kind == "vad":
            yield kind, DEFAULT_VAD


def _layers(
    line: Sequence[Bot], providers: Mapping[Kind, Provider], used: Catalogue
) -> list[Layer]:
    """What each place sets, as it is stored, the weakest first."""
    known = catalogue.everything()

    def in_force(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: v for name, v in values.items() if name in used or name not in known}

    layers = [
        Layer(Level.PROVIDER, f"provider {provider.name}", in_force(provider.params))
        for provider in providers.values()
    ]
    for bot in line:
        level, title = (Level.BASE_BOT, "base bot") if bot.is_base else (Level.BOT, "bot")
        layers.append(Layer(level, f"{title} {bot.name}", in_force(bot.params)))
    return layers


def with_providers() -> QuerySet[Bot]:
    """All bots, their own providers fetched along."""
    return Bot.objects.select_related(*ROLES.values())


def callable_bots(limit: int) -> list[str]:
    """Names of the bots that take calls, the first ``limit`` by name."""
    bots = Bot.objects.filter(is_base=False, enabled=True).order_by("name")
    return list(bots.values_list("name", flat=True)[:limit])


def bot_parameters(bot_name: str) -> Resolved:
    """The parameters of a bot or base bot, enabled or not, for people to look at.

    Raises:
        LookupError: there is no such bot.
        ParameterError: the stored configuration is broken.
    """
    return effective(_stored_lineage(bot_name)).resolved


def _stored_lineage(bot_name: str) -> tuple[Bot, ...]:
    """The lineage of a stored bot by one query: base bots are few, so all of them are fetched."""
    found = []
    if re.match(SLUG, bot_name):
        found = list(with_providers().filter(Q(name=bot_name) | Q(is_base=True)))
    bot = next((bot for bot in found if bot.name == bot_name), None)
    if bot is None:
        raise LookupError(f"there is no bot named {bot_name!r}")
    return lineage(bot, {base.pk: base for base in found})


def unreadable_secrets() -> list[str]:
    """Every stored secret that no key decrypts, such as ``bot demo: sendMetaDataPassword``.

    Credentials count as well; those of a plug-in that is not loaded are not looked at.
    """
    known = catalogue.everything()
    rows: list[tuple[str, QuerySet[Bot] | QuerySet[Provider]]] = [
        ("bot", Bot.objects.all()),
        ("provider", Provider.objects.all()),
    ]
    found = [
        f"{title} {name}: {parameter}"
        for title, table in rows
        for name, params in table.order_by("name").values_list("name", "params")
        for parameter in secrets.opened(known, params)[1]
    ]
    loaded = {(plugin.kind, plugin.name): plugin for plugin in registry.plugins()}
    return found + [
        f"provider {provider.name}: {credential.name}"
        for provider in Provider.objects.order_by("name")
        if (plugin := loaded.get((cast("Kind", provider.kind), provider.plugin)))
        for credential in credentials.states(plugin, provider.credentials)
        if credential.state is credentials.State.UNREADABLE and not credential.url
    ]


# --- calls ----------------------------------------------------------------------------------------

_Stamp = tuple[str, int, int, str]
"""Table, key, revision and the time of the last change, as the database writes it."""
_Vaulted = Mapping[Kind, tuple[Plugin, Mapping[str, Any]]]
"""Credentials as they are stored, of those plug-ins that have some in a key vault."""
_cache: dict[str, tuple[frozenset[_Stamp], CallConfiguration, _Vaulted]] = {}
_PART: dict[Kind, str] = {
    "bot": "connector",
    "stt": "stt",
    "tts": "tts",
    "vad": "vad",
    "carrier": "carrier",
}
"""Kind of plug-in to the field of `CallConfiguration`."""


def call_configuration(bot_name: str) -> CallConfiguration:
    """What a call to ``bot_name`` uses from its first to its last moment.

    The answer is kept in the process; as long as no row it was made from has changed, one query of
    their revisions is all it takes. Secrets in key vaults are followed as `bots.vault` reads them.

    Raises:
        LookupError: no bot of this name takes calls: unknown, a base bot or disabled.
        ParameterError: the stored configuration is broken, or a secret cannot be read; every
            problem by wire name.
    """
    cached = _cache.get(bot_name)
    if cached is not None and _current_stamps(cached[0]) == cached[0]:
        stamped, known, vaulted = cached
        if vaulted:
            known = _with_vaults(known, vaulted)
            _cache[bot_name] = (stamped, known, vaulted)
        return known
    _cache.pop(bot_name, None)
    line = _stored_lineage(bot_name)
    if line[-1].is_base or not line[-1].enabled:
        raise LookupError(f"bot {bot_name!r} takes no calls: it is a base bot or disabled")
    chosen = effective(line)
    made = _call_configuration(line[-1], chosen)
    stamps = [*map(_stamp, line), *map(_stamp, chosen.providers.values())]
    vaulted = {
        kind: (chosen.plugins[kind], provider.credentials)
        for kind, provider in chosen.providers.items()
        if credentials.in_vaults(provider.credentials)
    }
    _cache[bot_name] = (frozenset(stamps), made, vaulted)
    return made


def _with_vaults(known: CallConfiguration, vaulted: _Vaulted) -> CallConfiguration:
    """``known`` with the secrets that key vaults hold at this moment."""
    for kind, (plugin, stored) in vaulted.items():
        part: Configured = getattr(known, _PART[kind])
        found = credentials.opened(plugin, stored)
        if found != part.credentials:
            part = msgspec.structs.replace(part, credentials=found)
            known = msgspec.structs.replace(known, **{_PART[kind]: part})
    return known


def _stamp(row: Bot | Provider) -> _Stamp:
    # NB the time beside the revision tells a row from one that was restored from a backup.
    stored = connection.ops.adapt_datetimefield_value(row.updated_at)
    return row._meta.db_table, row.pk, row.revision, str(stored)


def _current_stamps(known: frozenset[_Stamp]) -> frozenset[_Stamp]:
    """The stamps that the rows of ``known`` have at this moment.

    Every call and every dialout asks, and to have Django put this statement together would cost six
    times what it costs to run.
    """
    chosen: dict[str, list[int]] = {}
    for table, pk, *_rest in known:
        chosen.setdefault(table, []).append(pk)
    parts = [
        f"SELECT '{table}', id, revision, updated_at FROM {table}"  # noqa: S608 - our own names
        f" WHERE id IN ({', '.join(['%s'] * len(keys))})"
        for table, keys in chosen.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), [pk for keys in chosen.values() for pk in keys])
        return frozenset((*row, str(at)) for *row, at in cursor.fetchall())


def _call_configuration(bot: Bot, chosen: Effective) -> CallConfiguration:
    configured: dict[Kind, Configured] = {}
    problems: dict[str, str] = {}
    for kind, plugin in chosen.plugins.items():
        provider = chosen.providers.get(kind)
        name = provider.name if provider else ""
        try:
            opened = credentials.opened(plugin, provider.credentials if provider else {})
        except ParameterError as error:
            problems |= {key: f"{text} (provider {name})" for key, text in error.problems.items()}
            continue
        configured[kind] = Configured(
            kind=kind,
            plugin=plugin.name,
            provider=name,
            params=chosen.resolved[plugin.params],
            credentials=opened,
        )
    if problems:
        raise ParameterError(problems)
    return CallConfiguration(
        bot_id=bot.pk,
        bot=bot.name,
        revision=bot.revision,
        resolved=chosen.resolved,
        connector=configured["bot"],
        stt=configured.get("stt"),
        tts=configured.get("tts"),
        vad=configured["vad"],
        carrier=configured.get("carrier"),
    )
