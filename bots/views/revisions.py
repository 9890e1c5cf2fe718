"""The past of a bot: its revisions, what each changed, and the way back to one."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bots.core.differences import Changes
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.forms.submission import whole
from bots.guards import asking, permitted
from bots.history import (
    bot_at,
    changes_between,
    past_page,
    revision_before,
    revision_of,
)
from bots.models import Bot, BotRevision
from bots.selectors import ROLES
from bots.services import StaleRevision, bot_preview, bot_restore
from bots.views.one_bot import bot_context, changeable_bot, reached_bot
from bots.views.wording import what_changed


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def revision_list(request: HttpRequest, name: str) -> HttpResponse:
    """Every change of a bot, the latest first; the page is in the URL as ``below``."""
    bot = reached_bot(request, name)
    page = past_page(bot, below=whole(request.GET.get("below", "")))
    context = bot_context(request, bot, "revisions") | {
        "page": page,
        "entries": [
            (each.revision, what_changed(each.changes), _names(each.changes))
            for each in page.entries
        ],
    }
    return render(request, "bots/revisions.html", context)


def _names(changes: Changes) -> list[str]:
    """The parameters that changed, as long as they are a few."""
    names = [each.name for each in changes.parameters]
    return names if len(names) <= _FEW else []


_FEW = 3


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def revision_detail(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """What one revision changed, or with ``against=present`` what has changed since."""
    bot = reached_bot(request, name)
    revision = _revision(bot, number)
    since = request.GET.get("against") == "present"
    present = _revision(bot, bot.revision)
    earlier = revision_before(revision)
    changes = changes_between(revision, present) if since else changes_between(earlier, revision)
    context = bot_context(request, bot, "revisions") | {
        "revision": revision,
        "earlier": earlier,
        "present": present,
        "later": number + 1 if number < bot.revision else None,
        "since": since,
        "changes": changes,
        "words": what_changed(changes),
    }
    return render(request, "bots/revision.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.WRITE_CONFIGURATION)
@never_cache
def revision_restore(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """What a way back to revision ``number`` would do, and by POST that way itself."""
    bot = changeable_bot(request, name)
    revision = _revision(bot, number)
    problems: dict[str, str] = {}
    if request.method == "POST":
        expected = whole(request.POST.get("revision", ""))
        try:
            after = bot_restore(
                bot=bot,
                number=number,
                expected_revision=expected,
                author=asking(request).name,
            )
        except StaleRevision:
            text = gettext("Somebody has changed this bot meanwhile. This is what it would do now.")
            messages.error(request, text)
            return redirect("bots:restore", name, number)
        except ParameterError as error:
            problems = error.problems
        else:
            text = gettext("%(bot)s is as it was at revision %(number)d, by revision %(revision)d.")
            words = {"bot": bot.name, "number": number, "revision": after.revision}
            messages.success(request, text % words)
            return redirect("bots:revisions", name)
    context = bot_context(request, bot, "revisions") | _restoring(bot, revision)
    context["problems"] = problems or context["problems"]
    return render(request, "bots/restore.html", context)


def _restoring(bot: Bot, revision: BotRevision) -> dict[str, Any]:
    """What the page of a restoration shows: differences, impact on heirs, problems."""
    context: dict[str, Any] = {
        "revision": revision,
        "changes": changes_between(_revision(bot, bot.revision), revision),
        "back": reverse("bots:revision", args=[bot.name, revision.number]),
        "impact": None,
        "problems": {},
    }
    try:
        then = bot_at(revision)
    except LookupError as error:
        return context | {"problems": {"base": str(error)}}
    fields = ("display_name", "is_base", "enabled", "base", *ROLES.values(), "params")
    changes: Any = {field: getattr(then, field) for field in fields}
    impact = bot_preview(bot, held=revision.params, **changes)
    return context | {"impact": impact, "problems": impact.problems}


def _revision(bot: Bot, number: int) -> BotRevision:
    try:
        return revision_of(bot, number)
    except LookupError:
        raise Http404(gettext("This bot has no such revision.")) from None
