"""The console's pages: numbers and routes."""

from typing import Any

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots import routing
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.core.routing import Conflict, Decision, Flaw, Miss, conflicts, decide
from bots.forms.routes import ArrivalForm, RouteForm, route_values
from bots.forms.submission import whole
from bots.guards import asking, permitted
from bots.models import Route
from bots.people import Person
from bots.services import StaleRevision, route_create, route_delete, route_move, route_update
from bots.views.one_bot import why_not

P = Permission


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of the table: its place, what is wrong with it, what it says to the tested call."""

    route: Route
    place: int
    flaw: str = ""
    verdict: str = ""
    takes_it: bool = False


# --- the table ------------------------------------------------------------------------------------


@require_safe
@permitted(P.READ_CONFIGURATION)
def route_list(request: HttpRequest) -> HttpResponse:
    """Every rule in order, and which of them takes the call in the query."""
    who = asking(request)
    routes = list(Route.objects.select_related("bot"))
    rules = routing.rules(routes)
    form = ArrivalForm(request.GET if "called" in request.GET else None)
    decision = decide(rules, form.arrival()) if form.is_bound and form.is_valid() else None
    rows = _rows(routes, conflicts(rules), decision)
    seen = [row for row in rows if _reaches(who, row.route)]
    return render(
        request,
        "routes/list.html",
        {
            "rows": seen,
            "hidden": len(rows) - len(seen),
            "form": form,
            "decision": decision,
            "winner": next((row for row in seen if row.takes_it), None),
            "why_not": why_not(who),
        },
    )


def _reaches(who: Person, route: Route) -> bool:
    return who.reaches(route.bot.name)


def _rows(routes: list[Route], found: list[Conflict], decision: Decision | None) -> list[Row]:
    places = {route.pk: place for place, route in enumerate(routes, start=1)}
    flaws = {
        conflict.rule.key: _flaw_words(conflict, places[conflict.other.key]) for conflict in found
    }
    misses = {each.rule.key: each.miss for each in decision.verdicts} if decision else {}
    return [
        Row(
            route=route,
            place=place,
            flaw=flaws.get(route.pk, ""),
            verdict=_verdict_words(misses[route.pk]) if decision else "",
            takes_it=decision is not None and misses[route.pk] is None,
        )
        for place, route in enumerate(routes, start=1)
    ]


def _flaw_words(conflict: Conflict, place: int) -> str:
    if conflict.flaw is Flaw.NEVER_REACHED:
        text = _("Never reached: rule %(place)s takes all its calls.")
    else:
        text = _("Shares calls with rule %(place)s of the same priority; the older one takes them.")
    return text % {"place": place}


def _verdict_words(miss: Miss | None) -> str:
    match miss:
        case None:
            return _("Takes the call")
        case Miss.DISABLED:
            return _("Not in use")
        case Miss.NUMBER:
            return _("Another number")
        case Miss.PLUS:
            return _("Differs only in the leading +")
        case Miss.HOST:
            return _("Another host")
        case Miss.HEADER_MISSING:
            return _("The call lacks the header")
        case Miss.HEADER_VALUE:
            return _("The header holds something else")
        case Miss.EARLIER:
            return _("Matches, but comes after the rule that takes it")


# --- one rule -------------------------------------------------------------------------------------


def _changing(request: HttpRequest, key: int) -> Route:
    """The route to change; 404 beyond the person's reach, 403 without leave."""
    who = asking(request)
    reached = Route.objects.select_related("bot")
    if who.bots is not None:
        reached = reached.filter(bot__name__in=who.bots)
    route = get_object_or_404(reached, pk=key)
    _demand(who)
    return route


def _demand(who: Person) -> None:
    if not who.may_change_shared:
        raise PermissionDenied(P.WRITE_CONFIGURATION)


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(P.WRITE_CONFIGURATION)
def route_new(request: HttpRequest) -> HttpResponse:
    """A route that does not exist yet; the query may propose its values."""
    _demand(asking(request))
    form = RouteForm(request.POST or None, initial=_proposed(request))
    if request.method == "POST" and form.is_valid():
        try:
            route = route_create(**form.values())
        except ParameterError as error:
            form.refuse(error.problems)
        else:
            text = _("Calls to %(pattern)s go to %(bot)s.")
            messages.success(request, text % {"pattern": route.pattern, "bot": route.bot.name})
            return redirect("routes:list")
    return render(request, "routes/form.html", {"form": form}, status=_status(form))


def _proposed(request: HttpRequest) -> dict[str, Any]:
    given = {name: request.GET[name] for name in ("pattern", "host", "bot") if name in request.GET}
    return {"enabled": True, "priority": 100, **given}


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(P.WRITE_CONFIGURATION)
def route_edit(request: HttpRequest, key: int) -> HttpResponse:
    """One route."""
    route = _changing(request, key)
    form = RouteForm(request.POST or None, route=route)
    theirs: list[dict[str, Any]] = []
    if request.method == "POST" and form.is_valid():
        try:
            route_update(
                route=route,
                expected_revision=form.cleaned_data["revision"] or 0,
                **form.values(),
            )
        except ParameterError as error:
            form.refuse(error.problems)
        except StaleRevision:
            theirs = _theirs(form, route)
            form = _with_revision(request, route)
        else:
            messages.success(request, _("The route is stored. It counts for calls from now on."))
            return redirect("routes:list")
    return render(
        request,
        "routes/form.html",
        {"form": form, "route": route, "theirs": theirs},
        status=409 if theirs else _status(form),
    )


def _theirs(form: RouteForm, route: Route) -> list[dict[str, Any]]:
    """What somebody else stored meanwhile, beside what this person wants."""
    mine = form.values() | {"bot": form.cleaned_data["bot"].name}
    return [
        {"label": form.fields[name].label, "theirs": stored, "mine": mine[name]}
        for name, stored in route_values(route).items()
        if mine[name] != stored
    ]


def _with_revision(request: HttpRequest, route: Route) -> RouteForm:
    """What was sent, ready to be stored over the state of ``route``."""
    again = request.POST.copy()
    again["revision"] = str(route.revision)
    return RouteForm(again, route=route)


def _status(form: RouteForm) -> int:
    return 422 if form.is_bound and form.errors else 200


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def route_remove(request: HttpRequest, key: int) -> HttpResponse:
    """Delete one route."""
    route = _changing(request, key)
    try:
        route_delete(route=route, expected_revision=_revision(request))
    except StaleRevision:
        messages.error(request, _stale_words())
    else:
        messages.success(
            request, _("The route for %(pattern)s is gone.") % {"pattern": route.pattern}
        )
    return redirect("routes:list")


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def route_place(request: HttpRequest, key: int) -> HttpResponse:
    """Try one route earlier or later."""
    route = _changing(request, key)
    try:
        route_move(
            route=route,
            expected_revision=_revision(request),
            places=-1 if request.POST.get("to") == "earlier" else 1,
        )
    except StaleRevision:
        messages.error(request, _stale_words())
    return redirect("routes:list")


def _revision(request: HttpRequest) -> int:
    return whole(request.POST.get("revision", ""))


def _stale_words() -> str:
    return _("Somebody changed this route meanwhile. Look at it again and repeat the change.")
