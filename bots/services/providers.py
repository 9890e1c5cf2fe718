"""Changing providers."""

import copy
from collections.abc import Mapping
from typing import Any, cast

from django.db import transaction

from bots.core import catalogue, registry
from bots.core.errors import ParameterError
from bots.core.params.declare import Level
from bots.core.registry import Kind
from bots.models import Bot, Provider
from bots.services.checks import (
    StaleRevision,
    field_problems,
    locked_bots,
    new_problems,
    receive,
    seal,
    value_problems,
)


@transaction.atomic
def provider_create(
    *, name: str, kind: Kind, plugin: str, params: Mapping[str, Any] | None = None
) -> Provider:
    """Store a new provider at revision 1; ``plugin`` is one of that kind. Secrets are encrypted.

    Raises:
        ParameterError: every problem, by field or wire name.
    """
    provider = Provider(name=name, kind=kind, plugin=plugin, params={})
    _check(provider, receive(provider, params or {}, held=None))
    seal(provider)
    provider.save(force_insert=True)
    return provider


@transaction.atomic
def provider_update(
    *, provider: Provider, expected_revision: int, params: Mapping[str, Any]
) -> Provider:
    """Replace the provider's own values and answer it as it is afterwards.

    Secrets are encrypted; the mask leaves one as it is.

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
    after = rows.get()
    _check(after, receive(after, params, held=after.params))
    if problems := new_problems(bots, bots, {key: _using(bot, after) for key, bot in bots.items()}):
        raise ParameterError(problems)
    seal(after)
    after.save(force_update=True)
    return after


def _check(provider: Provider, refused: Mapping[str, str]) -> None:
    problems = field_problems(provider) | dict(refused)
    if "kind" not in problems:
        try:
            # The field's choices, just checked, are kinds of plug-ins.
            plugin = registry.plugin(cast("Kind", provider.kind), provider.plugin)
        except LookupError as error:
            problems["plugin"] = str(error)
        else:
            problems |= value_problems(catalogue.of([plugin]), Level.PROVIDER, provider.params)
    if problems:
        raise ParameterError(problems)


def _using(bot: Bot, provider: Provider) -> Bot:
    """``bot`` with ``provider`` in place of the stored state of the same provider."""
    changed = copy.copy(bot)
    for field, value in bot._state.fields_cache.items():
        if isinstance(value, Provider) and value.pk == provider.pk:
            setattr(changed, field, provider)
    return changed
