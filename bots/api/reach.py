"""Which rows a client reaches and may change; what is beyond its reach does not exist for it."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from bots.models import Bot, Provider, Route
from bots.people import Person
from bots.rest.authentication import Principal
from bots.rest.problems import Problem
from bots.selectors import ROLES


def principal(request: HttpRequest) -> Principal:
    """The client behind ``request``, which an operation with a scope was called for."""
    found: Any = request
    assert isinstance(found.auth, Principal)  # noqa: S101 - what `scoped` leaves there
    return found.auth


def reached_bots(who: Person) -> QuerySet[Bot]:
    """The bots that ``who`` may see, base and own providers fetched along."""
    return who.visible_bots().select_related("base", *ROLES.values())


def reached_bot(request: HttpRequest, name: str) -> Bot:
    """The bot called ``name``.

    Raises:
        Problem: 404: there is none, or it is beyond the reach of the client.
    """
    # NB `first` would also order the one row, which costs Django more than the query.
    bot = next(iter(reached_bots(principal(request).who).filter(name=name)), None)
    if bot is None:
        raise Problem(404, detail="There is no bot of this name, or the client does not reach it.")
    return bot


def changeable_bot(request: HttpRequest, name: str) -> Bot:
    """The bot called ``name``, which the client may change.

    Raises:
        Problem: 404 as `reached_bot`; 403: the client may see it only.
    """
    bot = reached_bot(request, name)
    if not principal(request).who.may_change(bot):
        raise _shared("change base bots")
    return bot


def reached_route(request: HttpRequest, key: int) -> Route:
    """The route with that key.

    Raises:
        Problem: 404: there is none, or its bot is beyond the reach of the client.
    """
    route = reached_routes(principal(request).who).filter(pk=key).first()
    if route is None:
        raise Problem(404, detail="There is no such route, or the client does not reach its bot.")
    return route


def reached_routes(who: Person) -> QuerySet[Route]:
    """The routes to bots that ``who`` reaches, in order, fetched with their bots."""
    rows = Route.objects.select_related("bot")
    return rows if who.bots is None else rows.filter(bot__name__in=who.bots)


def known_provider(name: str) -> Provider:
    """The provider called ``name``; every client with the scope sees all of them.

    Raises:
        Problem: 404: there is none.
    """
    provider = Provider.objects.filter(name=name).first()
    if provider is None:
        raise Problem(404, detail="There is no provider of this name.")
    return provider


def demand_all(request: HttpRequest, doing: str) -> None:
    """Let only clients that reach all bots go on with ``doing``, whatever else they may.

    Raises:
        Problem: 403.
    """
    if principal(request).who.bots is not None:
        raise _shared(doing)


def demand_shared(request: HttpRequest, doing: str) -> None:
    """Let only clients that reach all bots go on with ``doing``, which concerns all of them.

    Raises:
        Problem: 403.
    """
    if not principal(request).who.may_change_shared:
        raise _shared(doing)


def _shared(doing: str) -> Problem:
    return Problem(
        403,
        detail=f"Only a client that reaches all bots may {doing}.",
        code="not_within_reach",
    )
