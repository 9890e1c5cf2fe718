"""Operations on providers: their parameters, credentials, usage and test."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from pydantic import BaseModel, ConfigDict, Field

from bots import credentials
from bots.api.reach import demand_shared, known_provider, principal
from bots.core.errors import ParameterError
from bots.core.merge_patch import merged
from bots.core.registry import Kind
from bots.credentials import State
from bots.models import Provider
from bots.rest.answers import answer, cursor, no_content, page, place, plain
from bots.rest.authentication import scoped
from bots.rest.declared import IDEMPOTENCY_KEY, IF_MATCH, declares
from bots.rest.idempotency import Reply, answered_once
from bots.rest.preconditions import expected_revision, tag_of
from bots.rest.problems import Problem
from bots.rest.schemas import Body, Filters, ProviderName, Shown, Slug, Text
from bots.selectors import with_providers
from bots.services import provider_create, provider_delete, provider_update
from bots.services.probing import provider_test
from bots.services.providers import plugin_of
from bots.services.traces import shown_params
from bots.usage import provider_uses

router = Router(tags=["Providers"])
read, write = scoped("providers:read"), scoped("providers:write")
_PARAMS = "Own values by wire name (see `GET /api/v1/plugins`); secrets are masked."
_CREDENTIALS = (
    'Values by wire name (see `GET /api/v1/plugins`), or `{"$vault": url}` for a secret in a key '
    "vault. They are never shown again."
)


class ProviderSettings(Body):
    """What can be set on a provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"params": {}, "credentials": {}}]})

    params: dict[str, Any] = Field({}, description=_PARAMS)
    credentials: dict[str, Any] | None = Field(
        None, description=f"{_CREDENTIALS} Null or absent: they stay as they are."
    )


class NewProvider(Body):
    """A provider that is to be there."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "voice-1", "kind": "tts", "plugin": "offline"}]}
    )

    name: Slug = Field(description="Lower-case letters, digits, - and _; it never changes.")
    kind: Kind = Field(description="What it does in a call.")
    plugin: str = Field(min_length=1, max_length=64, description="A plug-in of that kind.")
    params: dict[str, Any] = Field({}, description=_PARAMS)
    credentials: dict[str, Any] = Field({}, description=_CREDENTIALS)


class ProviderPatch(Body):
    """What is to change of a provider; what is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"params": {}}]})

    params: dict[str, Any] = Field(
        {}, description="Merged into the own values (RFC 7396); null removes one."
    )
    credentials: dict[str, Any] = Field({}, description=f"{_CREDENTIALS} Null removes one.")


class ProviderFilters(Filters):
    """Which providers are listed."""

    kind: Kind | None = Field(None, description="Only those of this kind.")
    plugin: Text = Field("", max_length=64, description="Only those of this plug-in.")
    text: Text = Field("", max_length=100, description="Part of the name.")


class CredentialShown(Shown):
    """A credential: whether it is set, never what it is."""

    state: State
    vault: str | None = Field(None, description="Where in a key vault the secret is.")


class ProviderShown(Shown):
    """A provider without its secrets."""

    name: str
    kind: Kind
    plugin: str
    params: dict[str, Any] = Field(description=_PARAMS)
    credentials: dict[str, CredentialShown] = Field(
        description="How each credential of the plug-in does, by wire name."
    )
    revision: int = Field(ge=1, description="Counts every change; its `ETag` in quotes.")
    updated_at: datetime
    tested_at: datetime | None
    test_passed: bool | None = Field(description="How the last test ended; null: never tested.")


class ProviderPage(Shown):
    """A page of providers, by name."""

    items: list[ProviderShown]
    next: str | None = Field(description="What to send as `after` for the next page.")


class UseShown(Shown):
    """A bot that uses a provider."""

    bot: str
    kind: Kind
    through: str | None = Field(description="The base bot from which it inherits the choice.")


class Usage(Shown):
    """Who uses a provider."""

    items: list[UseShown]
    unseen: int = Field(description="How many bots that the client does not reach use it too.")


class TestQuery(BaseModel):
    """How a provider is tested."""

    language: Text = Field(
        "",
        max_length=20,
        pattern="^[A-Za-z0-9-]*$",
        description="Language of the test, such as en-US; empty: the provider's own.",
    )


class StepShown(Shown):
    """One step of a test."""

    name: str
    ms: int
    ok: bool
    facts: dict[str, Any]


class TestOutcome(Shown):
    """What a test met; ``fault`` and ``detail`` say why it failed."""

    ok: bool
    ms: int = Field(description="How long it took, in milliseconds.")
    steps: list[StepShown]
    fault: str | None
    detail: str


@router.get(
    "/providers",
    auth=read,
    response=ProviderPage,
    operation_id="listProviders",
    summary="List providers",
)
def providers(request: HttpRequest, filters: Query[ProviderFilters]) -> HttpResponse:
    """Every provider, by name."""
    rows = Provider.objects.order_by("name")
    if (after := place(filters.after, str)) is not None:
        rows = rows.filter(name__gt=after[0])
    if filters.kind:
        rows = rows.filter(kind=filters.kind)
    if filters.plugin:
        rows = rows.filter(plugin=filters.plugin)
    if filters.text:
        rows = rows.filter(name__icontains=filters.text)
    items, more = page(rows[: filters.limit + 1], filters.limit)
    following = cursor(items[-1].name) if more else None
    return answer(ProviderPage(items=[_shown(row) for row in items], next=following))


@router.post(
    "/providers",
    auth=write,
    response={201: ProviderShown},
    operation_id="createProvider",
    summary="Create a provider",
    openapi_extra=declares(IDEMPOTENCY_KEY),
)
def create(request: HttpRequest, body: NewProvider) -> HttpResponse:
    """A new provider at revision 1. Needs a client that reaches all bots."""
    demand_shared(request, "create providers")

    def make() -> Reply:
        made = provider_create(
            name=body.name,
            kind=body.kind,
            plugin=body.plugin,
            params=body.params,
            credentials=body.credentials,
        )
        return Reply(201, plain(_shown(made)))

    reply = answered_once(request, principal(request).client, make)
    location = f"/api/v1/providers/{reply.body['name']}"
    tag = tag_of(reply.body["revision"])
    return answer(reply.body, status=reply.status, tag=tag, location=location)


@router.get(
    "/providers/{name}",
    auth=read,
    response=ProviderShown,
    operation_id="getProvider",
    summary="Read a provider",
)
def provider(request: HttpRequest, name: ProviderName) -> HttpResponse:
    """A provider; of its credentials only whether they are set."""
    found = known_provider(name)
    return answer(_shown(found), tag=tag_of(found.revision))


@router.put(
    "/providers/{name}",
    auth=write,
    response=ProviderShown,
    operation_id="replaceProvider",
    summary="Replace a provider",
    openapi_extra=declares(IF_MATCH),
)
def replace(request: HttpRequest, name: ProviderName, body: ProviderSettings) -> HttpResponse:
    """Set all own values, and all credentials if given. Counts for the next call of every user."""
    found, revision = _changing(request, name)
    return _changed(found, revision, body.params, body.credentials)


@router.patch(
    "/providers/{name}",
    auth=write,
    response=ProviderShown,
    operation_id="changeProvider",
    summary="Change a provider",
    openapi_extra=declares(IF_MATCH),
)
def change(request: HttpRequest, name: ProviderName, body: ProviderPatch) -> HttpResponse:
    """Set single values or credentials and leave the rest; null removes one."""
    found, revision = _changing(request, name)
    given: dict[str, Any] | None = None
    if "credentials" in body.model_fields_set:
        both = {**found.credentials, **body.credentials}
        given = {field: value for field, value in both.items() if value is not None}
    params = merged(found.params, body.params) if "params" in body.model_fields_set else None
    return _changed(found, revision, params, given)


@router.delete(
    "/providers/{name}",
    auth=write,
    response={204: None},
    operation_id="deleteProvider",
    summary="Delete a provider",
    openapi_extra=declares(IF_MATCH),
)
def delete(request: HttpRequest, name: ProviderName) -> HttpResponse:
    """Delete a provider; refused with 409 while a bot chooses it."""
    found, revision = _changing(request, name)
    try:
        provider_delete(provider=found, expected_revision=revision)
    except ParameterError as error:
        detail = f"The provider {error.problems['provider']}."
        raise Problem(409, detail=detail, code="in_use", errors=error.problems) from None
    return no_content()


@router.get(
    "/providers/{name}/usage",
    auth=read,
    response=Usage,
    operation_id="getProviderUsage",
    summary="Read who uses a provider",
)
def usage(request: HttpRequest, name: ProviderName) -> HttpResponse:
    """The bots that choose a provider, and those that inherit the choice."""
    uses = provider_uses(with_providers()).get(known_provider(name).pk, [])
    visible = set(principal(request).who.visible_bots().values_list("pk", flat=True))
    seen = [
        UseShown(bot=use.bot.name, kind=use.kind, through=use.through or None)
        for use in uses
        if use.bot.pk in visible
    ]
    return answer(Usage(items=seen, unseen=len(uses) - len(seen)))


@router.post(
    "/providers/{name}/test",
    auth=write,
    response=TestOutcome,
    operation_id="testProvider",
    summary="Test a provider",
)
def try_out(request: HttpRequest, name: ProviderName, order: Query[TestQuery]) -> HttpResponse:
    """Ask the provider's service for one thing, as a call would; takes up to 15 seconds."""
    demand_shared(request, "test providers")
    outcome = provider_test(provider=known_provider(name), language=order.language)
    return answer(TestOutcome.model_validate(outcome.stored()))


def _changing(request: HttpRequest, name: str) -> tuple[Provider, int]:
    found = known_provider(name)
    demand_shared(request, "change providers")
    return found, expected_revision(request, found.revision)


def _changed(
    found: Provider,
    revision: int,
    params: Mapping[str, Any] | None,
    given: Mapping[str, Any] | None,
) -> HttpResponse:
    stored = provider_update(
        provider=found, expected_revision=revision, params=params, credentials=given
    )
    return answer(_shown(stored), tag=tag_of(stored.revision))


def _shown(row: Provider) -> ProviderShown:
    kind: Any = row.kind  # one of the kinds, by a constraint of the database
    return ProviderShown(
        name=row.name,
        kind=kind,
        plugin=row.plugin,
        params=shown_params(row.params),
        credentials=_credentials(row),
        revision=row.revision,
        updated_at=row.updated_at,
        tested_at=row.tested_at,
        test_passed=row.test_result["ok"] if row.test_result else None,
    )


def _credentials(row: Provider) -> dict[str, CredentialShown]:
    try:
        plugin = plugin_of(row)
    except LookupError:
        return {}  # not installed here
    return {
        each.name: CredentialShown(state=each.state, vault=each.url or None)
        for each in credentials.states(plugin, row.credentials)
    }
