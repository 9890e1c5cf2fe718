"""What pages about one bot share: the bot, if the person reaches it, its tabs, its problems."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext

from bots.core.roles import Permission
from bots.guards import asking
from bots.inventory import bot_problems
from bots.models import Bot
from bots.people import Person
from bots.selectors import ROLES


def reached_bot(request: HttpRequest, name: str) -> Bot:
    """The bot called ``name``, its base and own providers fetched along.

    Raises:
        Http404: there is none, or it is beyond the person's reach.
    """
    rows = asking(request).visible_bots().select_related("base", *ROLES.values())
    bot = rows.filter(name=name).first()
    if bot is None:
        raise Http404(gettext("There is no bot of this name, or it is not among yours."))
    return bot


def changeable_bot(request: HttpRequest, name: str) -> Bot:
    """The bot called ``name``, which the person may change.

    Raises:
        Http404: there is none, or it is beyond the person's reach.
        PermissionDenied: the person may see it only.
    """
    bot = reached_bot(request, name)
    if not asking(request).may_change(bot):
        raise PermissionDenied(Permission.WRITE_CONFIGURATION)
    return bot


def why_not(who: Person, bot: Bot | None = None) -> str:
    """Why ``who`` may not change ``bot`` (or what all bots share); empty when they may."""
    if not who.may(Permission.WRITE_CONFIGURATION):
        return gettext("Needs the role Operator or Administrator.")
    if who.may_change_shared if bot is None else who.may_change(bot):
        return ""
    return gettext("Needs a role that reaches all bots: others share this.")


def bot_context(request: HttpRequest, bot: Bot, tab: str) -> dict[str, Any]:
    """What the head of a bot's page shows; ``tab`` is the key of the tab that is open."""
    refused = why_not(asking(request), bot)
    return {
        "bot": bot,
        "tab": tab,
        "may_change": not refused,
        "why_not": refused,
        "broken": bot_problems(bot),
    }


def problems_answer(
    request: HttpRequest, problems: Mapping[str, str], bot: Bot | None = None
) -> HttpResponse:
    """The list of what keeps a form from being stored, which replaces the one before.

    A problem of a bot that uses what the form is about is keyed ``bot.parameter``.
    """
    known = Bot.objects.filter(name__in={key.partition(".")[0] for key in problems})
    names = set(known.values_list("name", flat=True))
    listed = []
    for key, text in problems.items():
        other, dot, rest = key.partition(".")
        of = other if dot and other in names else ""
        listed.append({"bot": of, "name": rest if of else key, "text": text})
    answer = render(request, "bots/_problems.html", {"problems": listed, "bot": bot})
    answer.headers["HX-Retarget"] = "#problems"
    answer.headers["HX-Reswap"] = "outerHTML"
    return answer
