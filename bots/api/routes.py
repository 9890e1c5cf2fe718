"""Operations on routes: which bot takes which calls."""

from datetime import datetime
from typing import Annotated

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import BaseModel, ConfigDict, Field

from bots import routing
from bots.api.reach import demand_shared, principal, reached_route, reached_routes
from bots.core.errors import ParameterError
from bots.core.routing import Arrival, Miss, decide
from bots.models import Bot, Route
from bots.rest.answers import answer, cursor, no_content, page, place, plain
from bots.rest.authentication import scoped
from bots.rest.declared import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, declares
from bots.rest.idempotency import Reply, answered_once
from bots.rest.preconditions import expected_revision, tag_of, unchanged
from bots.rest.schemas import Body, Filters, Shown, Slug, Text, partial
from bots.services import RouteFields, route_create, route_delete, route_move, route_update

router = Router(tags=["Routes"])
read, write = scoped("bots:read"), scoped("bots:write")
_MOST = 2_147_483_647
Key = Annotated[int, Path(ge=1, le=2**63 - 1, description="The route's `id`.")]
_EXPLAINED = {
    Miss.DISABLED: "Not in use.",
    Miss.NUMBER: "Another number.",
    Miss.PLUS: "Differs only in the leading +.",
    Miss.HOST: "Another host.",
    Miss.HEADER_MISSING: "The call lacks the header.",
    Miss.HEADER_VALUE: "The header holds something else.",
    Miss.EARLIER: "Matches, but comes after the rule that takes the call.",
}


class RouteSettings(Body):
    """A route: the conditions under which a call goes to a bot; empty ones hold for every call."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"pattern": "+1555*", "bot": "demo", "priority": 50}]}
    )

    bot: Slug = Field(description="The bot that takes the calls.")
    pattern: str = Field(
        "*", max_length=64, description="Called number such as +15550100, +1555* or * for all."
    )
    host: str = Field("", max_length=253, description="Where it was sent to; * for anything.")
    header_name: str = Field("", max_length=100, description="A SIP header the call must have.")
    header_value: str = Field("", max_length=200, description="What it holds; * for anything.")
    priority: int = Field(100, ge=0, le=_MOST, description="The smallest is tried first.")
    enabled: bool = Field(default=True, description="Whether the route is in use.")
    note: str = Field("", max_length=200, description="For people.")


class RoutePatch(RouteSettings):
    """What is to change of a route; what is absent stays as it is."""

    model_config = ConfigDict(json_schema_extra=partial({"enabled": False}))

    bot: Slug = Field("", validate_default=False, description="The bot that takes the calls.")


class Move(Body):
    """Where to move a route."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"places": -1}]})

    places: int = Field(
        ge=-100_000, le=100_000, description="How many places later; negative: earlier."
    )


class RouteFilters(Filters):
    """Which routes are listed."""

    bot: Text = Field("", max_length=100, description="Only those that lead to this bot.")


class CallQuery(BaseModel):
    """A call as it might arrive."""

    number: Text = Field(min_length=1, max_length=320, description="The number that is called.")
    host: Text = Field("", max_length=253, description="Where the call is sent to.")
    header: Text = Field("", max_length=310, description="A SIP header, such as `X-Tenant: blue`.")


class RouteShown(Shown):
    """A route."""

    id: int
    bot: str
    pattern: str
    host: str
    header_name: str
    header_value: str
    priority: int
    enabled: bool
    note: str
    revision: int = Field(ge=1, description="Counts every change; its `ETag` in quotes.")
    updated_at: datetime


class RoutePage(Shown):
    """A page of routes in the order in which they are tried."""

    items: list[RouteShown]
    next: str | None = Field(description="What to send as `after` for the next page.")


class RouteVerdict(Shown):
    """What one route says to a call; ``miss`` is null for the one that takes it."""

    route: int
    bot: str
    miss: Miss | None
    explanation: str


class RouteTest(Shown):
    """Which route takes a call, and why the others do not."""

    called: str = Field(description="The number as routes compare it.")
    route: int | None = Field(description="The route that takes the call; null: none.")
    bot: str | None
    unseen: bool = Field(description="Whether a route takes it that the client does not reach.")
    verdicts: list[RouteVerdict]


@router.get(
    "/routes", auth=read, response=RoutePage, operation_id="listRoutes", summary="List routes"
)
def routes(request: HttpRequest, filters: Query[RouteFilters]) -> HttpResponse:
    """The routes to bots that the client reaches, in the order in which they are tried."""
    rows = reached_routes(principal(request).who).order_by("priority", "id")
    if (after := place(filters.after, int, int)) is not None:
        priority, key = after
        rows = rows.filter(Q(priority__gt=priority) | Q(priority=priority, id__gt=key))
    if filters.bot:
        rows = rows.filter(bot__name=filters.bot)
    items, more = page(rows[: filters.limit + 1], filters.limit)
    following = cursor(items[-1].priority, items[-1].pk) if more else None
    return answer(RoutePage(items=[_shown(row) for row in items], next=following))


@router.post(
    "/routes",
    auth=write,
    response={201: RouteShown},
    operation_id="createRoute",
    summary="Create a route",
    openapi_extra=declares(IDEMPOTENCY_KEY),
)
def create(request: HttpRequest, body: RouteSettings) -> HttpResponse:
    """Send calls that meet all conditions to a bot. Needs a client that reaches all bots."""
    demand_shared(request, "change routes")

    def make() -> Reply:
        return Reply(
            201, plain(_shown(route_create(**_fields(body, set(type(body).model_fields)))))
        )

    reply = answered_once(request, principal(request).client, make)
    location = f"/api/v1/routes/{reply.body['id']}"
    tag = tag_of(reply.body["revision"])
    return answer(reply.body, status=reply.status, tag=tag, location=location)


@router.get(
    "/routes/test",
    auth=read,
    response=RouteTest,
    operation_id="testRoutes",
    summary="Find which route takes a call",
)
def find(request: HttpRequest, call: Query[CallQuery]) -> HttpResponse:
    """What every route would say to a call; no call is placed."""
    name, _, value = call.header.partition(":")
    headers = {name.strip(): value.strip()} if name.strip() else {}
    arrival = Arrival(called=call.number, host=call.host, headers=headers)
    decision = decide(routing.rules(), arrival)
    who = principal(request).who
    winner = decision.winner
    seen = winner is not None and who.reaches(winner.bot)
    return answer(
        RouteTest(
            called=decision.called,
            route=winner.key if winner and seen else None,
            bot=winner.bot if winner and seen else None,
            unseen=winner is not None and not seen,
            verdicts=[
                RouteVerdict(
                    route=each.rule.key,
                    bot=each.rule.bot,
                    miss=each.miss,
                    explanation=_EXPLAINED[each.miss] if each.miss else "Takes the call.",
                )
                for each in decision.verdicts
                if who.reaches(each.rule.bot)
            ],
        )
    )


@router.get(
    "/routes/{int:key}",
    auth=read,
    response=RouteShown,
    operation_id="getRoute",
    summary="Read a route",
    openapi_extra=declares(IF_NONE_MATCH),
)
def route(request: HttpRequest, key: Key) -> HttpResponse:
    """One route."""
    found = reached_route(request, key)
    tag = tag_of(found.revision)
    return unchanged(request, tag) or answer(_shown(found), tag=tag)


@router.put(
    "/routes/{int:key}",
    auth=write,
    response=RouteShown,
    operation_id="replaceRoute",
    summary="Replace a route",
    openapi_extra=declares(IF_MATCH),
)
def replace(request: HttpRequest, key: Key, body: RouteSettings) -> HttpResponse:
    """Set everything: what is absent gets its default. Counts for the next call."""
    return _change(request, key, body, set(type(body).model_fields))


@router.patch(
    "/routes/{int:key}",
    auth=write,
    response=RouteShown,
    operation_id="changeRoute",
    summary="Change a route",
    openapi_extra=declares(IF_MATCH),
)
def change(request: HttpRequest, key: Key, body: RoutePatch) -> HttpResponse:
    """Set what is given and leave the rest; counts for the next call."""
    return _change(request, key, body, body.model_fields_set)


@router.delete(
    "/routes/{int:key}",
    auth=write,
    response={204: None},
    operation_id="deleteRoute",
    summary="Delete a route",
    openapi_extra=declares(IF_MATCH),
)
def delete(request: HttpRequest, key: Key) -> HttpResponse:
    """Delete a route."""
    found, revision = _changing(request, key)
    route_delete(route=found, expected_revision=revision)
    return no_content()


@router.post(
    "/routes/{int:key}/move",
    auth=write,
    response=RouteShown,
    operation_id="moveRoute",
    summary="Move a route",
    openapi_extra=declares(IF_MATCH, IDEMPOTENCY_KEY),
)
def move(request: HttpRequest, key: Key, body: Move) -> HttpResponse:
    """Try a route earlier or later; beyond the ends is the end. Others may get a new priority."""
    asker = principal(request)
    reached_route(request, key)
    demand_shared(request, "change routes")

    def act() -> Reply:
        found, revision = _changing(request, key)
        route_move(route=found, expected_revision=revision, places=body.places)
        return Reply(200, plain(_shown(reached_route(request, key))))

    reply = answered_once(request, asker.client, act)
    return answer(reply.body, tag=tag_of(reply.body["revision"]))


def _changing(request: HttpRequest, key: int) -> tuple[Route, int]:
    found = reached_route(request, key)
    demand_shared(request, "change routes")
    return found, expected_revision(request, found.revision)


def _change(request: HttpRequest, key: int, body: RouteSettings, given: set[str]) -> HttpResponse:
    found, revision = _changing(request, key)
    stored = route_update(route=found, expected_revision=revision, **_fields(body, given))
    return answer(_shown(stored), tag=tag_of(stored.revision))


def _fields(body: RouteSettings, given: set[str]) -> RouteFields:
    """What ``body`` says of the fields ``given``, with the bot in place of its name.

    Raises:
        ParameterError: there is no such bot.
    """
    fields: RouteFields = {}
    for field in given:
        fields[field] = getattr(body, field)  # type: ignore[literal-required]  # fields of both
    if "bot" in given:
        bot = Bot.objects.filter(name=body.bot).first()
        if bot is None:
            raise ParameterError({"bot": f"there is no bot called {body.bot}"})
        fields["bot"] = bot
    return fields


def _shown(row: Route) -> RouteShown:
    names = set(RouteShown.model_fields) - {"bot"}
    return RouteShown(bot=row.bot.name, **{name: getattr(row, name) for name in names})
