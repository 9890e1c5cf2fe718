"""The page that changes many bots at once."""

from typing import Any

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from bots.core import catalogue
from bots.core.errors import ParameterError
from bots.core.params import presentation
from bots.core.params.declare import Level
from bots.core.params.resolve import Resolved
from bots.core.roles import Permission
from bots.forms import parameters
from bots.forms.submission import whole
from bots.guards import asking, is_confirmed, permitted, sent_to
from bots.models import Bot
from bots.selectors import ROLES
from bots.services import StaleRevision, bot_preview, bots_pause, bots_set
from bots.services.bulk import INHERIT, with_value

MAX_BOTS = 200


@require_POST
@permitted(Permission.WRITE_CONFIGURATION)
def bulk_pause(request: HttpRequest) -> HttpResponse:
    """Pause or resume the bots that were ticked."""
    bots = _ticked(request, request.POST)
    resume = request.POST.get("do") == "resume"
    revisions = {bot.name: bot.revision for bot in bots}
    try:
        done = bots_pause(
            bots=bots, revisions=revisions, enabled=resume, author=asking(request).name
        )
    except (ParameterError, StaleRevision) as error:
        messages.error(request, gettext("Nothing was changed. %(why)s") % {"why": error})
        return redirect("bots:list")
    if resume:
        said = ngettext(
            "%(count)s bot takes calls again.", "%(count)s bots take calls again.", len(done)
        )
    else:
        said = ngettext("%(count)s bot is paused.", "%(count)s bots are paused.", len(done))
    messages.success(request, said % {"count": len(done)})
    return redirect("bots:list")


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.WRITE_CONFIGURATION)
@never_cache
def bulk_set(request: HttpRequest) -> HttpResponseBase:
    """Set one parameter of many bots: choose it, give the value, see what changes, store it."""
    sent = request.POST if request.method == "POST" else request.GET
    bots = _ticked(request, sent)
    known = catalogue.everything()
    offered = {
        p.wire_name: presentation.title(p.wire_name, p.param.unit)
        for p in known
        if p.param.settable_at(Level.BOT)
    }
    context: dict[str, Any] = {
        "bots": bots,
        "parameters": list(offered.items()),
        "message": sent.get("message", ""),
        "inherit": sent.get("inherit") == "on",
        "unknown": "",
        "row": None,
    }
    name = sent.get("parameter", "")
    if not bots or name not in offered:
        return render(request, "bots/bulk.html", context | {"unknown": name})
    if known[name].param.secret and not is_confirmed(request):
        return sent_to(request, "confirm")
    sections = parameters.sections(known, {}, Resolved(known, (), {}).chain)
    row = next(row for part in sections for row in part.rows if row.name == name)
    context["row"] = msgspec.structs.replace(row, own=True)
    if request.method == "POST":
        return _set(request, bots, name, context)
    return render(request, "bots/bulk.html", context)


def _set(request: HttpRequest, bots: list[Bot], name: str, context: dict[str, Any]) -> HttpResponse:
    values, problems = parameters.read(request.POST, {})
    value = INHERIT if context["inherit"] else values.get(name, "")
    entry = parameters.posted(request.POST, {}).get(name)
    row: parameters.Row = context["row"]
    if entry is not None:
        context["row"] = msgspec.structs.replace(row, entry=entry)
    if problems and value is not INHERIT:
        return _again(request, context, problems)
    if request.POST.get("do") != "save":
        context["impacts"] = [
            (bot, bot_preview(bot, params=with_value(bot, name, value))) for bot in bots
        ]
        wrong = {
            f"{bot.name}.{key}": text
            for bot, impact in context["impacts"]
            for key, text in impact.problems.items()
        }
        return _again(request, context, wrong)
    revisions = {bot.name: whole(request.POST.get(f"r.{bot.name}", "")) for bot in bots}
    try:
        done = bots_set(
            bots=bots,
            revisions=revisions,
            name=name,
            value=value,
            author=asking(request).name,
            message=context["message"],
        )
    except ParameterError as error:
        return _again(request, context, error.problems)
    except StaleRevision as error:
        return _again(request, context, {error.name: str(error)})
    said = ngettext(
        "%(name)s: %(count)s bot changed.", "%(name)s: %(count)s bots changed.", len(done)
    )
    messages.success(request, said % {"name": name, "count": len(done)})
    return redirect("bots:list")


def _again(request: HttpRequest, context: dict[str, Any], problems: dict[str, str]) -> HttpResponse:
    answer = context | {"problems": problems}
    return render(request, "bots/bulk.html", answer, status=422 if problems else 200)


def _ticked(request: HttpRequest, sent: QueryDict) -> list[Bot]:
    """The bots that were ticked and are visible.

    Raises:
        PermissionDenied: one of them may not be changed.
    """
    who = asking(request)
    names = sent.getlist("bot")[:MAX_BOTS]
    rows = who.visible_bots().select_related("base", *ROLES.values()).filter(name__in=names)
    found = list(rows.order_by("name"))
    if not all(map(who.may_change, found)):
        raise PermissionDenied(Permission.WRITE_CONFIGURATION)
    return found
