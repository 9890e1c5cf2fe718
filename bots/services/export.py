"""The configuration as a file; see `bots.core.configuration_file`."""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import SecretStr

from bots.audit import record
from bots.core.auditing import Action
from bots.core.configuration_file import (
    VERSION,
    BotPart,
    Document,
    ProviderPart,
    RoutePart,
    chosen,
    render,
)
from bots.history import readable
from bots.models import Bot, Provider, Route
from bots.people import Person
from bots.selectors import with_providers
from bots.services.traces import settings_of


def configuration_export(*, who: Person | None = None, names: Collection[str] = ()) -> str:
    """The whole configuration as YAML, or the bots called ``names`` with what they need.

    ``who`` gets what they may see; None is the operator of the machine. Secrets are left out.

    Raises:
        LookupError: ``who`` sees no bot of one of the names.
    """
    document = current_document()
    reached = set(document.bots)
    if who is not None and who.bots is not None:
        reached = set(who.visible_bots().values_list("name", flat=True))
    if missing := sorted(set(names) - reached):
        raise LookupError(f"there is no bot named {missing[0]!r}")
    if names or len(reached) < len(document.bots):
        document = chosen(document, names or reached)
    record(
        Action.CONFIGURATION_EXPORTED,
        kind="configuration",
        title=", ".join(sorted(names)) or "all bots",
        message=f"{len(document.bots)} bots, {len(document.providers)} providers, "
        f"{len(document.routes)} routes",
    )
    return render(document)


def current_document() -> Document:
    """Everything that is configured, as it can be written down."""
    return Document(
        version=VERSION,
        providers={row.name: provider_part(row) for row in Provider.objects.all()},
        bots={row.name: bot_part(row) for row in with_providers().select_related("base")},
        routes=tuple(route_part(row) for row in Route.objects.select_related("bot")),
    )


def provider_part(provider: Provider) -> ProviderPart:
    """``provider`` without its secrets."""
    params, secret = _without_secrets(provider.params)
    kind: Any = provider.kind  # one of the kinds, by a constraint of the database
    return ProviderPart.model_construct(
        kind=kind,
        plugin=provider.plugin,
        params=params,
        secrets=secret,
        credentials=tuple(sorted(provider.credentials)),
    )


def bot_part(bot: Bot) -> BotPart:
    """``bot`` without its secrets."""
    params, secret = _without_secrets(bot.params)
    return BotPart.model_construct(**settings_of(bot), params=params, secrets=secret)


def route_part(route: Route) -> RoutePart:
    """``route`` with its bot by name."""
    values = {name: getattr(route, name) for name in RoutePart.model_fields if name != "bot"}
    return RoutePart.model_construct(**values, bot=route.bot.name)


def _without_secrets(params: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What may be written down, and the names of the secrets that are set."""
    found = readable(params)
    hidden = {name: value for name, value in found.items() if isinstance(value, SecretStr)}
    empty = {name: "" for name, value in hidden.items() if not value.get_secret_value()}
    plain = {name: value for name, value in found.items() if name not in hidden}
    return plain | empty, tuple(sorted(hidden.keys() - empty.keys()))
