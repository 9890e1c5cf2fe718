"""Search over everything that a person may see, one kind after the other.

Each kind has a function that finds at most a few of it for one person; all start from what that
person reaches.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from uuid import UUID

import msgspec
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from alarms import board
from alarms.core.catalogue import CATALOGUE
from bots.core import catalogue
from bots.core.roles import Permission as P
from bots.guards import asking, signed_in
from bots.models import Provider, Route
from bots.people import Person
from calls.models import Call
from calls.selectors import Sight
from gateway_project.navigation import address, groups_for

LONGEST = 200
SHORTEST = 2
QUICK = 4
"""Results of each kind while somebody types."""
FULL = 25
BOTS_LOOKED_AT = 200
"""When it is told which bots set a parameter."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One result; ``note`` says more about it."""

    title: str
    url: str
    icon: str
    note: str = ""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """The results of one kind; ``more`` when there are others."""

    title: str | Promise
    results: list[Found]
    more: bool


def found(who: Person, text: str, limit: int) -> list[Kind]:
    """What ``who`` may see and ``text`` finds, at most ``limit`` of each kind."""
    kinds = []
    for title, search in _KINDS:
        results = list(islice(search(who, text, limit + 1), limit + 1))
        if results:
            kinds.append(Kind(title=title, results=results[:limit], more=len(results) > limit))
    return kinds


def _pages(who: Person, text: str, limit: int) -> Iterator[Found]:
    for group in groups_for(who):
        for page in group.pages:
            if text.casefold() in str(page.title).casefold():
                yield Found(title=str(page.title), url=page.url, icon=page.icon)


def _calls(who: Person, text: str, limit: int) -> Iterator[Found]:
    wanted = Q(conversation_id=text)
    digits = text.replace(" ", "").replace("-", "")
    if digits.lstrip("+").isdigit():
        wanted |= Q(caller__contains=digits) | Q(callee__contains=digits)
    with suppress(ValueError):
        wanted |= Q(pk=UUID(text))
    calls = Sight(who).calls().filter(wanted).order_by("-started_at", "id")
    for call in calls.only("caller", "callee", "bot_name", "started_at", "state")[:limit]:
        unknown, going_on = _("unknown"), _("in progress")
        parties = f"{call.caller or unknown} → {call.callee or unknown}"
        notes = [call.bot_name, f"{call.started_at:%Y-%m-%d %H:%M} UTC"]
        if call.state == Call.State.ACTIVE:
            notes.append(going_on)
        yield Found(
            title=parties,
            url=reverse("calls:detail", args=[call.pk]),
            icon="calls",
            note=", ".join(notes),
        )


def _bots(who: Person, text: str, limit: int) -> Iterator[Found]:
    named = Q(name__icontains=text) | Q(display_name__icontains=text)
    for bot in who.visible_bots().filter(named).order_by("name")[:limit]:
        icon = "base" if bot.is_base else "bot"
        yield Found(title=bot.name, url=bot_address(bot.name), icon=icon, note=bot.display_name)


def _providers(who: Person, text: str, limit: int) -> Iterator[Found]:
    if not who.may(P.READ_CONFIGURATION):
        return
    for provider in Provider.objects.filter(name__icontains=text)[:limit]:
        url = address("providers:page", provider.name) or reverse("providers:list")
        kind = provider.get_kind_display()
        yield Found(title=provider.name, url=url, icon="provider", note=kind)


def _routes(who: Person, text: str, limit: int) -> Iterator[Found]:
    if not who.may(P.READ_CONFIGURATION):
        return
    named = Q(pattern__contains=text.replace(" ", "")) | Q(note__icontains=text)
    routes = Route.objects.filter(named, bot__in=who.visible_bots()).select_related("bot")
    for route in routes[:limit]:
        note = _("to %(bot)s") % {"bot": route.bot.name}
        yield Found(title=route.pattern, url=reverse("routes:list"), icon="route", note=note)


def _parameters(who: Person, text: str, limit: int) -> Iterator[Found]:
    if not who.may(P.READ_CONFIGURATION):
        return
    folded = text.casefold().replace(" ", "")
    names = [known.wire_name for known in catalogue.everything()]
    names = [name for name in names if folded in name.casefold()][:limit]
    setting = who.visible_bots().filter(params__has_any_keys=names).order_by("name")
    params = dict(setting.values_list("name", "params")[:BOTS_LOOKED_AT]) if names else {}
    for name in names:
        own = [bot for bot, values in params.items() if name in values][:QUICK]
        note = _("set by %(bots)s") % {"bots": ", ".join(own)} if own else _("set by no bot")
        url = f"{bot_address(own[0])}?{urlencode({'q': name})}" if own else reverse("bots:list")
        yield Found(title=name, url=url, icon="edit", note=note)


def _people(who: Person, text: str, limit: int) -> Iterator[Found]:
    named = Q(username__icontains=text) | Q(email__icontains=text)
    for user in who.visible_people().filter(named).order_by("username")[:limit]:
        url = reverse("people:person", args=[user.pk])
        yield Found(title=user.username, url=url, icon="person", note=user.email)


def _alarms(who: Person, text: str, limit: int) -> Iterator[Found]:
    """What is wrong now, by the board and so without a query, then types of alarms."""
    if not who.may(P.SEE_ALARMS):
        return
    wanted = text.casefold()
    titles = {name: _(kind.title) for name, kind in CATALOGUE.items()}
    for alarm in board.visible_to(who):
        title = titles.get(alarm.type, alarm.type)
        seen = (title, alarm.type, alarm.source, alarm.text, str(alarm.alarm_id))
        if any(wanted in each.casefold() for each in seen):
            url = reverse("alarms:alarm", args=[alarm.alarm_id])
            note = ", ".join(filter(None, [_(alarm.severity.title), alarm.source]))
            yield Found(title=title, url=url, icon=f"is-{alarm.severity.word}", note=note)
    for name, title in titles.items():
        if wanted in title.casefold() or wanted in name.casefold():
            url = reverse("alarms:type", args=[name])
            yield Found(title=title, url=url, icon="book", note=name)


_KINDS: tuple[tuple[Promise, Callable[[Person, str, int], Iterator[Found]]], ...] = (
    (gettext_lazy("Pages"), _pages),
    (gettext_lazy("Calls"), _calls),
    (gettext_lazy("Alarms"), _alarms),
    (gettext_lazy("Bots"), _bots),
    (gettext_lazy("Providers"), _providers),
    (gettext_lazy("Numbers and routes"), _routes),
    (gettext_lazy("Parameters"), _parameters),
    (gettext_lazy("People"), _people),
)


def bot_address(name: str) -> str:
    """The page of a bot."""
    return address("bots:bot", name) or address("bots:edit", name) or reverse("bots:list")


@require_safe
@signed_in
def search(request: HttpRequest) -> HttpResponse:
    """The page of results."""
    return render(request, "console/search.html", _answers(request, FULL))


@require_safe
@signed_in
def quick_search(request: HttpRequest) -> HttpResponse:
    """The list below the search field, without a page around it."""
    return render(request, "console/_found.html", _answers(request, QUICK))


def _answers(request: HttpRequest, limit: int) -> dict[str, object]:
    text = request.GET.get("q", "").strip()[:LONGEST]
    kinds = found(asking(request), text, limit) if len(text) >= SHORTEST else []
    return {"q": text, "kinds": kinds, "too_short": len(text) < SHORTEST}
