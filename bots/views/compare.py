"""Two bots, or two states of one, beside each other."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bots.core.differences import Changes, differences
from bots.core.roles import Permission
from bots.forms.submission import whole
from bots.guards import asking, permitted
from bots.history import bot_at, revision_of
from bots.inspection import Inspection, inspect, only_differing, pairs
from bots.models import Bot
from bots.services.traces import settings_of
from bots.views.one_bot import bot_context, reached_bot


class CompareForm(forms.Form):
    """What a bot is compared with, as it stands in the URL; revision 0 is the present one."""

    def __init__(self, request: HttpRequest, bot: Bot) -> None:
        super().__init__(request.GET)
        names = list(asking(request).visible_bots().values_list("name", flat=True))
        present = gettext("present")
        own = [("", present), *_numbers(bot)]
        self.fields["revision"] = forms.ChoiceField(
            label=gettext("Revision of %(bot)s") % {"bot": bot.name}, choices=own, required=False
        )
        self.fields["with"] = forms.ChoiceField(
            label=gettext("Compare with"),
            choices=[("", gettext("Choose")), *((name, name) for name in names)],
            required=False,
        )
        other = Bot.objects.filter(name=request.GET.get("with", ""), name__in=names).first()
        self.other = other
        self.fields["with_revision"] = forms.ChoiceField(
            label=gettext("Its revision"),
            choices=[("", present), *(_numbers(other) if other else [])],
            required=False,
        )
        self.fields["all"] = forms.BooleanField(
            label=gettext("Show what is the same, too"), required=False
        )


def _numbers(bot: Bot) -> list[tuple[str, str]]:
    rows = bot.revisions.order_by("-number").values_list("number", "author")[:_OFFERED]
    return [(str(number), f"{number} · {author}") for number, author in rows]


_REVISIONS = ("revision", "with_revision")
_OFFERED = 100
"""Revisions that are offered; older ones by their number in the URL."""


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def compare_page(request: HttpRequest, name: str) -> HttpResponse:
    """A bot (``revision``) beside another (``with``, ``with_revision``); ``all`` shows the same."""
    bot = reached_bot(request, name)
    form = CompareForm(request, bot)
    context = bot_context(request, bot, "compare") | {"form": form, "before": bot.revision - 1}
    if request.GET.get("with"):
        other = reached_bot(request, request.GET["with"])
        context["old_revision"] = any(request.GET.get(key) for key in _REVISIONS)
        one = _side(bot, request.GET.get("revision", ""))
        two = _side(other, request.GET.get("with_revision", ""))
        context |= _compared(one, two, everything="all" in request.GET)
    return render(request, "bots/compare.html", context)


def _side(bot: Bot, number: str) -> Inspection:
    """The bot as it is, or as it was at a revision.

    Raises:
        Http404: there is no such revision, or what it used is gone.
    """
    if not number:
        return inspect(bot)
    try:
        return inspect(bot_at(revision_of(bot, whole(number))))
    except LookupError as error:
        raise Http404(str(error)) from None


def _compared(one: Inspection, two: Inspection, *, everything: bool) -> dict[str, Any]:
    groups = pairs(one, two)
    differing = only_differing(groups)
    return {
        "left": one,
        "right": two,
        "sides": [one, two],
        "left_title": _title(one.bot),
        "right_title": _title(two.bot),
        "settings": Changes(settings=differences(_settings(one), _settings(two))),
        "sections": groups if everything else differing,
        "count": sum(len(group.rows) for group in differing),
        "total": sum(len(group.rows) for group in groups),
    }


def _title(bot: Bot) -> str:
    return gettext("%(bot)s, revision %(number)d") % {"bot": bot.name, "number": bot.revision}


def _settings(side: Inspection) -> dict[str, Any]:
    """The fields that matter to calls, inherited providers included."""
    own = settings_of(side.bot)
    names = {field: own[field] for field in ("enabled", "is_base", "base", "access_mode")}
    kinds = {"bot": "provider"}
    chosen = {kinds.get(row.kind, f"{row.kind}_provider"): row.name for row in side.providers}
    return names | chosen
