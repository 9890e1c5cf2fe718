"""Trying providers and bots for real, and keeping what came of it."""

import asyncio
import time

import msgspec
from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from bots import audit, credentials, secrets
from bots.core import catalogue, noticing, registry
from bots.core.auditing import Action
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.params.declare import Level, ParamSet
from bots.core.params.resolve import Layer, Resolved, resolve
from bots.core.params.sections.speech import Speech
from bots.core.ports import BotCapabilities
from bots.core.registry import Kind, Plugin
from bots.models import Bot, Provider
from bots.probes import Outcome, Step, StepName, probe
from bots.selectors import CallConfiguration, call_configuration
from bots.services.providers import plugin_of
from bots.vault import key_vault

FAILURES = {
    "bot": "botProviderFailure",
    "stt": "sttProviderFailure",
    "tts": "ttsProviderFailure",
}
"""The type of alarm about a provider that fails, by its kind."""


class PartCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How one part of a bot did; ``provider`` is empty for a plug-in that nobody configured."""

    kind: Kind
    plugin: Plugin
    provider: str
    outcome: Outcome


class BotCheck(msgspec.Struct, frozen=True, kw_only=True):
    """How a bot did: ``problems`` of its configuration, by name, or every part of it.

    ``voiced``: callers are heard and spoken to; else the bot only takes sessions in writing.
    """

    bot: str
    parts: tuple[PartCheck, ...] = ()
    problems: dict[str, str] = {}
    voiced: bool = True

    @property
    def ok(self) -> bool:
        """Whether a call would find everything in order."""
        return not self.problems and all(part.outcome.ok for part in self.parts)


def provider_test(*, provider: Provider, language: str = "") -> Outcome:
    """Ask the service of ``provider`` for one thing, as a call would; keep the outcome.

    Takes up to `bots.probes.DEADLINE_S`, and longer where a key vault is asked; not to be called in
    a transaction.
    """
    outcome = tried(provider, language)
    if outcome.ok and provider.kind in FAILURES:
        noticing.worked(FAILURES[provider.kind], provider.name)
    with transaction.atomic():
        # NB not saved as a change: calls go on with what they have.
        Provider.objects.filter(pk=provider.pk).update(
            tested_at=now(), test_result=outcome.stored()
        )
        audit.record(
            Action.PROVIDER_TESTED,
            kind="provider",
            target=provider.pk,
            title=provider.name,
            after={"ok": outcome.ok, "fault": outcome.fault, "detail": outcome.detail},
        )
    return outcome


def bot_check(*, bot: Bot) -> BotCheck:
    """Try everything that a call to ``bot`` would use, with its effective parameters.

    Takes up to `bots.probes.DEADLINE_S`; the outcomes are not kept.
    """
    try:
        configuration = call_configuration(bot.name)
    except LookupError as error:
        return BotCheck(bot=bot.name, problems={"enabled": str(error)})
    except ParameterError as error:
        return BotCheck(bot=bot.name, problems=error.problems)
    parts = async_to_sync(_all_parts)(configuration)
    failed = [f"{part.kind}: {part.outcome.detail}" for part in parts if not part.outcome.ok]
    audit.record(
        Action.PROVIDER_TESTED,
        kind="bot",
        target=bot.pk,
        title=bot.name,
        after={"ok": not failed, "detail": "; ".join(failed)},
    )
    return BotCheck(bot=bot.name, parts=parts, voiced=bool(failed) or _voiced(configuration))


def _voiced(configuration: CallConfiguration) -> bool:
    chosen = configuration.connector
    plugin = registry.plugin(chosen.kind, chosen.plugin)
    own: BotCapabilities = plugin.factory(chosen.params, chosen.credentials).capabilities
    hears = own.hears or configuration.stt is not None
    return hears and (own.speaks or configuration.tts is not None)


async def _all_parts(configuration: CallConfiguration) -> tuple[PartCheck, ...]:
    chosen = [
        part
        for part in (
            configuration.connector,
            configuration.stt,
            configuration.tts,
            configuration.vad,
            configuration.carrier,
        )
        if part is not None
    ]
    plugins = [registry.plugin(part.kind, part.plugin) for part in chosen]
    outcomes = await asyncio.gather(
        *(
            _probe(plugin, part.params, part.credentials, configuration.bot, configuration.resolved)
            for plugin, part in zip(plugins, chosen, strict=True)
        )
    )
    return tuple(
        PartCheck(kind=part.kind, plugin=plugin, provider=part.provider, outcome=outcome)
        for plugin, part, outcome in zip(plugins, chosen, outcomes, strict=True)
    )


def tried(provider: Provider, language: str = "") -> Outcome:
    """Ask the service of ``provider`` for one thing, as `provider_test`; nothing is kept."""
    try:
        plugin = plugin_of(provider)
    except LookupError as error:
        return _refused(StepName.BUILD, Fault.INTERNAL, str(error))
    try:
        resolved = _own_parameters(provider, plugin)
    except ParameterError as error:
        return _refused(StepName.BUILD, Fault.INVALID_REQUEST, str(error))
    began = time.perf_counter()
    try:
        for url in credentials.in_vaults(provider.credentials):
            key_vault().read_again(url)
        opened = credentials.opened(plugin, provider.credentials)
    except ServiceError as error:
        return _refused(StepName.CREDENTIALS, error.fault, error.detail, began)
    except ParameterError as error:
        return _refused(StepName.CREDENTIALS, Fault.AUTHENTICATION, str(error), began)
    # NB on the loop that calls run on, where there is one: worker processes belong to a loop.
    return async_to_sync(_probe)(
        plugin, resolved[plugin.params], opened, provider.name, resolved, language
    )


def _own_parameters(provider: Provider, plugin: Plugin) -> Resolved:
    """The parameters that ``provider`` gives to a bot that sets nothing itself."""
    known = catalogue.of([plugin])
    values = {name: value for name, value in provider.params.items() if name in known}
    plain, unreadable = secrets.opened(known, values)
    if unreadable:
        raise ParameterError(unreadable)
    own = Layer(Level.PROVIDER, f"provider {provider.name}", plain)
    return resolve(known, [*catalogue.defaults([plugin]), own])


async def _probe(
    plugin: Plugin,
    params: ParamSet,
    opened: ParamSet,
    name: str,
    resolved: Resolved,
    language: str = "",
) -> Outcome:
    speech = resolved[Speech]
    own = {"stt": speech.stt_language, "tts": speech.tts_language}.get(plugin.kind, "")
    return await probe(
        plugin,
        params,
        opened,
        name=name,
        language=language or own or speech.language,
        voice=speech.voice_name,
        allow=settings.OUTBOUND_ALLOW,
    )


def _refused(step: StepName, fault: Fault, detail: str, began: float | None = None) -> Outcome:
    ms = 0 if began is None else round((time.perf_counter() - began) * 1000)
    return Outcome(
        ok=False, ms=ms, steps=(Step(name=step, ms=ms, ok=False),), fault=fault, detail=detail
    )
