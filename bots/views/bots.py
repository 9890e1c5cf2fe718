"""The list of bots, and what is done to a bot as a whole: pause, clone, delete, mint a token."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.core.errors import ParameterError
from bots.core.figures import BotFigures, bot_figures
from bots.core.roles import Permission
from bots.guards import asking, confirmed, permitted
from bots.inventory import BotFilter, Choices, Listed, as_tree, choices, inventory, matching
from bots.models import Bot
from bots.services import (
    StaleRevision,
    bot_clone,
    bot_delete,
    bot_pause,
    bot_usage,
    mint_voice_token,
)
from bots.views.one_bot import bot_context, changeable_bot, reached_bot, why_not

PAGE_SIZE = 50
NO_CALLS = BotFigures()
SORTS = ("name", "live", "day", "failed", "changed")


class FilterForm(forms.Form):
    """The filter of the list as it stands in the URL; a wrong value is no condition."""

    text = forms.CharField(
        label=_("Name"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    base = forms.ChoiceField(label=_("Inherits from"), required=False)
    provider = forms.ChoiceField(label=_("Provider"), required=False)
    language = forms.ChoiceField(label=_("Language"), required=False)
    state = forms.ChoiceField(
        label=_("State"),
        required=False,
        choices=[
            ("", _("Any")),
            ("enabled", _("Takes calls")),
            ("paused", _("Paused")),
            ("broken", _("Does not work")),
        ],
    )

    def __init__(self, data: Any, offered: Choices) -> None:
        super().__init__(data)
        for name, values in (
            ("base", offered.bases),
            ("provider", offered.providers),
            ("language", offered.languages),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101 - declared above
            field.choices = [("", _("Any")), *((value, value) for value in values)]

    def chosen(self) -> BotFilter:
        """The conditions of the URL."""
        self.is_valid()
        return BotFilter(**{name: value.strip() for name, value in self.cleaned_data.items()})


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def bot_list(request: HttpRequest) -> HttpResponse:
    """Every bot the person may see; filter, sort, page and the tree are in the URL."""
    who = asking(request)
    everything = inventory(who)
    form = FilterForm(request.GET, choices(everything))
    chosen = form.chosen()
    sees = who.may(Permission.SEE_HISTORY) or who.may(Permission.SEE_LIVE)
    figures = bot_figures() if sees else {}
    tree = request.GET.get("tree") == "1"
    sort = request.GET.get("sort", "")
    found = matching(everything, chosen)
    found = as_tree(found) if tree else _sorted(found, sort, figures)
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": [
            (each, figures.get(each.bot.name, NO_CALLS), why_not(who, each.bot)) for each in page
        ],
        "filtered": chosen != BotFilter(),
        "total": len(found),
        "any": bool(everything),
        "sees_calls": sees,
        "tree": tree,
        "sort": sort,
        "tree_query": _query(request, tree=None if tree else "1", sort=None, page=None),
        "sorts": {name: _query(request, sort=name, tree=None, page=None) for name in SORTS},
        "newer_query": _query(request, page=page.number - 1),
        "older_query": _query(request, page=page.number + 1),
        "why_not": why_not(who),
        "may_write": who.may(Permission.WRITE_CONFIGURATION),
    }
    return render(request, "bots/list.html", context)


def _sorted(found: list[Listed], sort: str, figures: Any) -> list[Listed]:
    def calls(each: Listed) -> BotFigures:
        known: BotFigures = figures.get(each.bot.name, NO_CALLS)
        return known

    match sort:
        case "live":
            return sorted(found, key=lambda each: -calls(each).live)
        case "day":
            return sorted(found, key=lambda each: -calls(each).day)
        case "failed":
            return sorted(found, key=lambda each: -calls(each).failed_percent)
        case "changed":
            return sorted(found, key=lambda each: each.changed_at, reverse=True)
        case _:
            return found


def _query(request: HttpRequest, **changes: Any) -> str:
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    return query.urlencode()


# --- one bot as a whole ---------------------------------------------------------------------------


@require_POST
@permitted(Permission.WRITE_CONFIGURATION)
def pause(request: HttpRequest, name: str) -> HttpResponse:
    """Pause the bot, or with ``do=resume`` have it take calls again."""
    bot = changeable_bot(request, name)
    resume = request.POST.get("do") == "resume"
    try:
        bot_pause(
            bot=bot,
            enabled=resume,
            expected_revision=bot.revision,
            author=asking(request).name,
        )
    except (ParameterError, StaleRevision) as error:
        messages.error(request, str(error))
    else:
        said = gettext("%(name)s takes calls.") if resume else gettext("%(name)s is paused.")
        messages.success(request, said % {"name": bot.name})
    return _back(request, bot)


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.WRITE_CONFIGURATION)
@never_cache
def clone(request: HttpRequest, name: str) -> HttpResponse:
    """Asks how the clone is called, and makes it."""
    bot = reached_bot(request, name)
    if not asking(request).may_change_shared:
        raise PermissionDenied(Permission.WRITE_CONFIGURATION)
    context = bot_context(request, bot, "clone") | {"problems": {}}
    if request.method != "POST":
        return render(request, "bots/clone.html", context | {"name": f"{bot.name}-copy"})
    given = request.POST.get("name", "").strip()
    title = request.POST.get("display_name", "").strip()
    standalone = request.POST.get("standalone") == "on"
    try:
        made = bot_clone(
            bot=bot,
            name=given,
            display_name=title,
            standalone=standalone,
            author=asking(request).name,
        )
    except ParameterError as error:
        typed = {"name": given, "display_name": title, "standalone": standalone}
        answer = context | typed | {"problems": error.problems}
        return render(request, "bots/clone.html", answer, status=422)
    said = gettext("%(name)s is a clone of %(source)s.")
    messages.success(request, said % {"name": made.name, "source": bot.name})
    return redirect("bots:edit", made.name)


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.WRITE_CONFIGURATION)
@never_cache
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Says what uses the bot; deletes it when nothing does and its name was typed."""
    bot = changeable_bot(request, name)
    problems: dict[str, str] = {}
    if request.method == "POST":
        problems = _delete(request, bot)
        if not problems:
            messages.success(request, gettext("%(name)s is deleted.") % {"name": bot.name})
            return redirect("bots:list")
    context = bot_context(request, bot, "delete")
    context |= {"usage": bot_usage(bot), "problems": problems, "revisions": bot.revisions.count()}
    return render(request, "bots/delete.html", context, status=422 if problems else 200)


def _delete(request: HttpRequest, bot: Bot) -> dict[str, str]:
    if request.POST.get("typed", "").strip() != bot.name:
        return {"typed": gettext("Type the name %(name)s.") % {"name": bot.name}}
    try:
        bot_delete(
            bot=bot,
            expected_revision=bot.revision,
            author=asking(request).name,
            message=request.POST.get("reason", "").strip(),
        )
    except ParameterError as error:
        return error.problems
    except StaleRevision as error:
        return {"typed": str(error)}
    return {}


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.WRITE_CONFIGURATION)
@confirmed
@never_cache
def token(request: HttpRequest, name: str) -> HttpResponse:
    """Mints a permanent token and shows it this once."""
    bot = changeable_bot(request, name)
    context = bot_context(request, bot, "token")
    if request.method != "POST":
        return render(request, "bots/token.html", context)
    try:
        minted = mint_voice_token(bot, author=asking(request).name)
    except ParameterError as error:
        messages.error(request, "; ".join(error.problems.values()))
        return redirect("bots:edit", bot.name)
    return render(request, "bots/token.html", context | {"minted": minted})


def _back(request: HttpRequest, bot: Bot) -> HttpResponse:
    to_list = request.POST.get("from") == "list"
    return redirect("bots:list") if to_list else redirect("bots:edit", bot.name)
