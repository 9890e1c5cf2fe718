"""Changing providers: their parameters and credentials."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, cast

from django.db import transaction
from django.utils.translation import gettext as _

from bots import audit
from bots import credentials as proofs
from bots.core import catalogue, registry
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.params.declare import Level
from bots.core.registry import Kind, Plugin
from bots.models import Bot, Provider
from bots.selectors import ROLES
from bots.services.checks import (
    StaleRevision,
    field_problems,
    locked_bots,
    new_problems,
    receive,
    seal,
    value_problems,
)
from bots.services.traces import changed

RESERVED = frozenset({"new"})
"""No names of providers: the console's pages about all providers have these addresses."""


@transaction.atomic
def provider_create(
    *,
    name: str,
    kind: Kind,
    plugin: str,
    params: Mapping[str, Any] | None = None,
    credentials: Mapping[str, Any] | None = None,
) -> Provider:
    """Store a new provider at revision 1; ``plugin`` is one of that kind. Secrets are encrypted.

    ``credentials`` are, by wire name, values or references to a key vault.

    Raises:
        ParameterError: every problem, by field or wire name.
    """
    provider = Provider(name=name, kind=kind, plugin=plugin, params={})
    refused = receive(provider, params or {}, held=None)
    if name in RESERVED:
        refused["name"] = _("is the address of a page of the console; choose another")
    refused |= _receive_credentials(provider, credentials or {})
    _check(provider, refused)
    seal(provider)
    provider.save(force_insert=True)
    _audit(Action.PROVIDER_CREATED, None, provider)
    return provider


@transaction.atomic
def provider_update(
    *,
    provider: Provider,
    expected_revision: int,
    params: Mapping[str, Any] | None = None,
    credentials: Mapping[str, Any] | None = None,
) -> Provider:
    """Replace the provider's own values, or its credentials, and answer it as it is afterwards.

    What is None stays as it is; the mask leaves one secret as it is. Secrets are encrypted.

    Raises:
        StaleRevision: the provider is not at ``expected_revision`` any more.
        ParameterError: every problem of the provider by wire name, and every problem this would
            give to a bot that uses it, keyed ``bot.parameter``.
    """
    bots = locked_bots()
    rows = Provider.objects.filter(pk=provider.pk)
    if rows.filter(revision=expected_revision).update(revision=expected_revision + 1) != 1:
        current = rows.values_list("revision", flat=True).first()
        raise StaleRevision(provider.name, expected_revision, current or 0)
    before = rows.get()
    after = copy.copy(before)
    refused = {} if params is None else receive(after, params, held=before.params)
    if credentials is not None:
        refused |= _receive_credentials(after, credentials)
    _check(after, refused)
    if problems := new_problems(bots, bots, {key: _using(bot, after) for key, bot in bots.items()}):
        raise ParameterError(problems)
    seal(after)
    after.save(force_update=True)
    _audit(Action.PROVIDER_CHANGED, before, after)
    return after


@transaction.atomic
def provider_delete(*, provider: Provider, expected_revision: int) -> None:
    """Remove a provider that no bot chooses.

    Raises:
        StaleRevision: the provider is not at ``expected_revision`` any more.
        ParameterError: under ``provider``: bots that choose it, by name.
    """
    bots = locked_bots()
    stored = Provider.objects.select_for_update().filter(pk=provider.pk).first()
    if stored is None or stored.revision != expected_revision:
        raise StaleRevision(provider.name, expected_revision, stored.revision if stored else 0)
    if users := [bot.name for bot in choosing(stored, bots.values())]:
        text = _("is used by %(bots)s; give them another provider first")
        raise ParameterError({"provider": text % {"bots": ", ".join(users)}})
    _audit(Action.PROVIDER_DELETED, stored, None)
    stored.delete()


def choosing(provider: Provider, bots: Iterable[Bot]) -> list[Bot]:
    """Those of ``bots`` that choose ``provider`` themselves, by name."""
    found = [
        bot for bot in bots if provider.pk in {getattr(bot, f"{f}_id") for f in ROLES.values()}
    ]
    return sorted(found, key=lambda bot: bot.name)


# --- checks ---------------------------------------------------------------------------------------


def provider_problems(provider: Provider, refused: Mapping[str, str]) -> dict[str, str]:
    """Everything wrong with ``provider`` by field or wire name; bots are not looked at.

    ``refused`` is what was wrong with the values as they were given.
    """
    problems = field_problems(provider) | dict(refused)
    if "kind" not in problems:
        try:
            plugin = plugin_of(provider)
        except LookupError as error:
            problems["plugin"] = str(error)
        else:
            problems |= value_problems(catalogue.of([plugin]), Level.PROVIDER, provider.params)
    return problems


def plugin_of(provider: Provider) -> Plugin:
    """The plug-in that ``provider`` configures.

    Raises:
        LookupError: it is not installed here.
    """
    # The field's choices are kinds of plug-ins.
    return registry.plugin(cast("Kind", provider.kind), provider.plugin)


def _check(provider: Provider, refused: Mapping[str, str]) -> None:
    if problems := provider_problems(provider, refused):
        raise ParameterError(problems)


def _receive_credentials(provider: Provider, values: Mapping[str, Any]) -> dict[str, str]:
    """Set ``values`` as the credentials of ``provider``; what is wrong with them, by wire name."""
    try:
        plugin = plugin_of(provider)
    except LookupError:
        return {}  # told of the plug-in itself
    provider.credentials, problems = proofs.received(plugin, values, provider.credentials)
    return problems


def _using(bot: Bot, provider: Provider) -> Bot:
    """``bot`` with ``provider`` in place of the stored state of the same provider."""
    changed = copy.copy(bot)
    for field, value in bot._state.fields_cache.items():
        if isinstance(value, Provider) and value.pk == provider.pk:
            setattr(changed, field, provider)
    return changed


# --- audit ----------------------------------------------------------------------------------------


def _audit(action: Action, before: Provider | None, after: Provider | None) -> None:
    one = after or before
    assert one is not None  # noqa: S101 - a change has at least one side
    old, new = changed(_state(before), _state(after))
    audit.record(action, kind="provider", target=one.pk, title=one.name, before=old, after=new)


def _state(provider: Provider | None) -> dict[str, Any] | None:
    """What the audit log compares."""
    if provider is None:
        return None
    return {
        "kind": provider.kind,
        "plugin": provider.plugin,
        **provider.params,
        **provider.credentials,
    }
