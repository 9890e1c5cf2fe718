"""Operations that say what can be configured: plug-ins and parameters."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router
from pydantic import Field

from bots.core import catalogue, registry
from bots.core.params.declare import Declared, ParamSet
from bots.core.registry import Kind, NoParams
from bots.rest.answers import answer, plain
from bots.rest.authentication import scoped
from bots.rest.declared import IF_NONE_MATCH, declares
from bots.rest.preconditions import tag_of_content, unchanged
from bots.rest.schemas import Shown

router = Router(tags=["Catalogue"])


class PluginShown(Shown):
    """A plug-in that a provider can configure."""

    kind: Kind
    name: str
    title: str
    summary: str
    params: dict[str, Any] = Field(description="JSON Schema of its parameters.")
    credentials: dict[str, Any] = Field(description="JSON Schema of its credentials.")


class Plugins(Shown):
    """Every plug-in, by kind and name."""

    items: list[PluginShown]
    broken: dict[str, str] = Field(description="Modules that could not be loaded, and why.")


class ParameterShown(Shown):
    """A parameter of bots or providers."""

    name: str = Field(description="Wire name.")
    section: str
    help: str
    unit: str
    value: dict[str, Any] = Field(description="JSON Schema of its values.")
    levels: list[str] = Field(description="Where it can be set.")
    live: bool = Field(description="Whether it can be changed in running calls.")
    secret: bool = Field(description="Whether it is write-only.")
    needs: str = Field(description="What must be there for it to act; empty: nothing.")


class Parameters(Shown):
    """Every parameter, section by section."""

    items: list[ParameterShown]


@router.get(
    "/plugins",
    auth=scoped("providers:read"),
    response=Plugins,
    operation_id="listPlugins",
    summary="List plug-ins",
    openapi_extra=declares(IF_NONE_MATCH),
)
def plugins(request: HttpRequest) -> HttpResponse:
    """The bot frameworks, speech services and carriers that this gateway has."""
    found = [
        PluginShown(
            kind=each.kind,
            name=each.name,
            title=each.title,
            summary=each.summary,
            params=_schema(each.params),
            credentials=_schema(each.credentials),
        )
        for each in registry.plugins()
    ]
    return _kept(request, Plugins(items=found, broken=dict(registry.broken)))


@router.get(
    "/parameters",
    auth=scoped("bots:read"),
    response=Parameters,
    operation_id="listParameters",
    summary="List parameters",
    openapi_extra=declares(IF_NONE_MATCH),
)
def parameters(request: HttpRequest) -> HttpResponse:
    """Everything that can be set in `params` of a bot, with types, bounds and defaults."""
    return _kept(request, Parameters(items=every_parameter()))


def every_parameter() -> list[ParameterShown]:
    """The catalogue as it is shown."""
    found = []
    known = catalogue.everything()
    for section in known.sections:
        schema = _schema(section)
        found += [_shown(known[name], schema) for name in known.names(section)]
    return found


def _shown(parameter: Declared, schema: dict[str, Any]) -> ParameterShown:
    value = dict(schema["properties"][parameter.wire_name])
    value.pop("title", None)
    if "$ref" in str(value):
        value["$defs"] = schema["$defs"]
    declared = parameter.param
    return ParameterShown(
        name=parameter.wire_name,
        section=parameter.section.SECTION,
        help=declared.help,
        unit=declared.unit,
        value=value,
        levels=[level.name.lower().replace("_", "-") for level in sorted(declared.levels)],
        live=declared.live,
        secret=declared.secret,
        needs=declared.needs,
    )


@cache
def _schema(section: type[ParamSet]) -> dict[str, Any]:
    if section is NoParams:
        return {"type": "object", "properties": {}, "additionalProperties": False}
    return section.model_json_schema(by_alias=True)


def _kept(request: HttpRequest, shown: Shown) -> HttpResponse:
    content = plain(shown)
    tag = tag_of_content(content)
    return unchanged(request, tag) or answer(content, tag=tag)
