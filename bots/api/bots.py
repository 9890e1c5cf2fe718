"""Operations on bots: list, read, create, change, delete, clone."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router

from bots.api.bot_forms import (
    BotFilters,
    BotPage,
    BotPatch,
    BotSettings,
    BotShown,
    CloneOrder,
    ImpactShown,
    NewBot,
    bot_shown,
    impact_shown,
)
from bots.api.reach import changeable_bot, demand_shared, principal, reached_bot, reached_bots
from bots.core.errors import ParameterError
from bots.core.merge_patch import merged
from bots.models import Bot, Provider
from bots.people import Person
from bots.rest.answers import answer, cursor, no_content, page, place, plain
from bots.rest.authentication import scoped
from bots.rest.declared import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, declares
from bots.rest.idempotency import Reply, answered_once
from bots.rest.preconditions import expected_revision, tag_of, unchanged
from bots.rest.problems import Problem
from bots.rest.schemas import BotName, Flag
from bots.selectors import ROLES, with_providers
from bots.services import (
    BotFields,
    bot_clone,
    bot_create,
    bot_delete,
    bot_preview,
    bot_update,
)
from bots.usage import provider_uses

router = Router(tags=["Bots"])
read, write = scoped("bots:read"), scoped("bots:write")
DryRun = Annotated[
    Flag, Query(alias="dryRun", description="Store nothing; tell what would change.")
]


@router.get("/bots", auth=read, response=BotPage, operation_id="listBots", summary="List bots")
def bots(request: HttpRequest, filters: Query[BotFilters]) -> HttpResponse:
    """The bots that the client reaches, by name, and the base bots above them."""
    rows = reached_bots(principal(request).who).order_by("name")
    if (after := place(filters.after, str)) is not None:
        rows = rows.filter(name__gt=after[0])
    if filters.base:
        rows = rows.filter(base__name=filters.base)
    if filters.enabled is not None:
        rows = rows.filter(enabled=filters.enabled == "true")
    if filters.text:
        rows = rows.filter(
            Q(name__icontains=filters.text) | Q(display_name__icontains=filters.text)
        )
    if filters.provider:
        rows = rows.filter(pk__in=_users(filters.provider))
    items, more = page(rows[: filters.limit + 1], filters.limit)
    following = cursor(items[-1].name) if more else None
    return answer(BotPage(items=[bot_shown(bot) for bot in items], next=following))


def _users(provider: str) -> list[int]:
    row = Provider.objects.filter(name=provider).first()
    uses = provider_uses(with_providers()).get(row.pk, []) if row else []
    return [use.bot.pk for use in uses]


@router.post(
    "/bots",
    auth=write,
    response={201: BotShown},
    operation_id="createBot",
    summary="Create a bot",
    openapi_extra=declares(IDEMPOTENCY_KEY),
)
def create(request: HttpRequest, body: NewBot) -> HttpResponse:
    """A new bot or base bot at revision 1. Needs a client that reaches all bots."""
    demand_shared(request, "create bots")
    asker = principal(request)

    def make() -> Reply:
        bot = bot_create(
            name=body.name,
            author=asker.name,
            message=body.message,
            **_fields(body, asker.who, given=set(BotSettings.model_fields)),
        )
        return _made(asker.who, bot)

    return _created(answered_once(request, asker.client, make))


@router.get(
    "/bots/{name}",
    auth=read,
    response=BotShown,
    operation_id="getBot",
    summary="Read a bot",
    openapi_extra=declares(IF_NONE_MATCH),
)
def bot(request: HttpRequest, name: BotName) -> HttpResponse:
    """A bot with the values that are set on it itself; see effective for what calls use."""
    found = reached_bot(request, name)
    tag = tag_of(found.revision)
    return unchanged(request, tag) or answer(bot_shown(found), tag=tag)


@router.put(
    "/bots/{name}",
    auth=write,
    response={200: BotShown | ImpactShown},
    operation_id="replaceBot",
    summary="Replace a bot",
    openapi_extra=declares(IF_MATCH),
)
def replace(
    request: HttpRequest, name: BotName, body: BotSettings, dry_run: DryRun = "false"
) -> HttpResponse:
    """Set everything: what is absent gets its default. Counts for the next call.

    With `dryRun=true` nothing is stored; the answer says what would change for which bots.
    """
    return _change(request, name, body, set(BotSettings.model_fields), dry=dry_run == "true")


@router.patch(
    "/bots/{name}",
    auth=write,
    response={200: BotShown | ImpactShown},
    operation_id="changeBot",
    summary="Change a bot",
    openapi_extra=declares(IF_MATCH),
)
def change(
    request: HttpRequest, name: BotName, body: BotPatch, dry_run: DryRun = "false"
) -> HttpResponse:
    """Set what is given and leave the rest; counts for the next call.

    `params` are merged into the own values (RFC 7396): null removes one, which is inherited then.
    `{"enabled": false}` pauses a bot. With `dryRun=true` nothing is stored; the answer says what
    would change for which bots.
    """
    return _change(request, name, body, body.model_fields_set, dry=dry_run == "true")


@router.delete(
    "/bots/{name}",
    auth=write,
    response={204: None},
    operation_id="deleteBot",
    summary="Delete a bot",
    openapi_extra=declares(IF_MATCH),
)
def delete(request: HttpRequest, name: BotName) -> HttpResponse:
    """Delete a bot with its revisions; call records keep its name.

    Refused with 409 while bots inherit from it, routes lead to it or calls are going on.
    """
    found = changeable_bot(request, name)
    revision = expected_revision(request, found.revision)
    try:
        bot_delete(bot=found, expected_revision=revision, author=principal(request).name)
    except ParameterError as error:
        detail = "; ".join(error.problems.values())
        raise Problem(409, detail=detail, code="in_use", errors=error.problems) from None
    return no_content()


@router.post(
    "/bots/{name}/clone",
    auth=write,
    response={201: BotShown},
    operation_id="cloneBot",
    summary="Clone a bot",
    openapi_extra=declares(IDEMPOTENCY_KEY),
)
def clone(request: HttpRequest, name: BotName, body: CloneOrder) -> HttpResponse:
    """A bot that does the same under another name. Needs a client that reaches all bots.

    Tokens are not copied: the clone of a bot with a token asks for OAuth.
    """
    source = reached_bot(request, name)
    demand_shared(request, "create bots")
    asker = principal(request)

    def make() -> Reply:
        made = bot_clone(
            bot=source,
            name=body.name,
            author=asker.name,
            display_name=body.display_name,
            standalone=body.standalone,
        )
        return _made(asker.who, made)

    return _created(answered_once(request, asker.client, make))


def _made(who: Person, made: Bot) -> Reply:
    return Reply(201, plain(bot_shown(reached_bots(who).get(pk=made.pk))))


def _created(reply: Reply) -> HttpResponse:
    name = reply.body["name"]
    tag = tag_of(reply.body["revision"])
    return answer(reply.body, status=reply.status, tag=tag, location=f"/api/v1/bots/{name}")


def _change(
    request: HttpRequest, name: str, body: BotSettings, given: set[str], *, dry: bool
) -> HttpResponse:
    """Store what ``body`` says of the fields ``given``, or tell what that would do."""
    asker = principal(request)
    found = changeable_bot(request, name)
    revision = expected_revision(request, found.revision)
    changes = _fields(body, asker.who, given)
    if changes.get("is_base", found.is_base) != found.is_base:
        demand_shared(request, "make bots base bots")
    if isinstance(body, BotPatch) and "params" in given:
        changes["params"] = merged(found.params, body.params)
    if dry:
        return answer(impact_shown(bot_preview(found, **changes)), tag=tag_of(revision))
    stored = bot_update(
        bot=found,
        expected_revision=revision,
        author=asker.name,
        message=body.message,
        **changes,
    )
    shown = bot_shown(reached_bots(asker.who).get(pk=stored.pk))
    return answer(shown, tag=tag_of(stored.revision))


def _fields(body: BotSettings, who: Person, given: set[str]) -> BotFields:
    """What ``body`` says of the fields ``given``, with rows in place of names.

    Raises:
        ParameterError: every name of a base bot or provider that does not exist.
    """
    fields: dict[str, Any] = {}
    problems = {}
    references: Mapping[str, Any] = {"base": who.visible_bots().filter(is_base=True)} | {
        field: Provider.objects.filter(kind=kind) for kind, field in ROLES.items()
    }
    for field in sorted(given - {"message"}):
        value = getattr(body, field)
        if field in references and value is not None:
            row = references[field].filter(name=value).first()
            if row is None:
                problems[field] = f"there is none called {value} for this"
            value = row
        fields[field] = value
    if problems:
        raise ParameterError(problems)
    return cast("BotFields", fields)  # exactly the fields that a body can give
