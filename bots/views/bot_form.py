"""The pages on which a bot is created and changed."""

import copy
import json
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bots.core.errors import ParameterError
from bots.core.params.declare import Level
from bots.core.params.resolve import Origin
from bots.core.roles import Permission
from bots.forms import parameters
from bots.forms.settings import SettingsForm
from bots.forms.submission import CHOICE, Submitted, merge, submitted
from bots.guards import asking, is_confirmed, permitted
from bots.models import Bot
from bots.selectors import Outline, lineage, outline, with_providers
from bots.services import StaleRevision, bot_create, bot_preview, bot_update
from bots.services.traces import MAX_MESSAGE_CHARS, shown_params
from bots.views.one_bot import (
    bot_context,
    changeable_bot,
    problems_answer,
    reached_bot,
    why_not,
)

# --- showing --------------------------------------------------------------------------------------


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """A bot's settings and parameters, to be changed by who may."""
    bot = reached_bot(request, name)
    context = bot_context(request, bot, "edit")
    context |= _form(request, bot, context["broken"])
    return render(request, "bots/edit.html", context)


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def raw(request: HttpRequest, name: str) -> HttpResponse:
    """A bot's own values as JSON, secrets masked."""
    bot = reached_bot(request, name)
    text = json.dumps(shown_params(bot.params), indent=2, ensure_ascii=False)
    return render(request, "bots/raw.html", bot_context(request, bot, "raw") | {"json": text})


@require_POST
@permitted(Permission.WRITE_CONFIGURATION)
def rows(request: HttpRequest, name: str) -> HttpResponse:
    """The rows of the parameters as they are with the base and the providers that were chosen."""
    bot = changeable_bot(request, name)
    return render(request, "bots/_parameters.html", _chosen(request, bot))


def _form(request: HttpRequest, bot: Bot, problems: dict[str, str]) -> dict[str, Any]:
    found = _outline(bot)
    return {
        "form": _settings(request, bot, found),
        "chain": found.line[:-1] if found else (),
        **_rows(bot, found, parameters.entries(bot.params), problems),
    }


def _chosen(request: HttpRequest, bot: Bot) -> dict[str, Any]:
    """The rows with what was typed, on the ground of the base and providers that were chosen."""
    sent = submitted(request.POST, _settings(request, bot, None), bot.params)
    wanted = copy.copy(bot)
    for field, value in sent.changes.items():
        if field != "params":
            setattr(wanted, field, value)
    context = _rows(wanted, _outline(wanted), parameters.posted(request.POST, bot.params))
    return context | {"bot": bot, "may_change": not _refused(request, bot)}


def _rows(
    bot: Bot,
    found: Outline | None,
    own: dict[str, parameters.Entry],
    problems: dict[str, str] | None = None,
) -> dict[str, Any]:
    bare = copy.copy(bot)
    bare.params = {}
    below = _outline(bare)
    used = (below or found or outline([bare])).used
    sections = parameters.sections(used, own, (below or outline([bare])).chain, problems)
    count = sum(len(section.rows) for section in sections)
    later = sum(not row.marks.acting and not row.own for part in sections for row in part.rows)
    level = Level.BASE_BOT if bot.is_base else Level.BOT
    return {
        "sections": sections,
        "own_count": sum(section.own for section in sections),
        "count": count,
        "later_count": later,
        "itself": parameters.origin_words(Origin(level, f"bot {bot.name}")),
    }


def _outline(bot: Bot) -> Outline | None:
    """None when the base bots above do not make a line."""
    bases = {base.pk: base for base in with_providers().filter(is_base=True)}
    try:
        return outline(lineage(bot, bases))
    except ParameterError:
        return None


def _settings(request: HttpRequest, bot: Bot, found: Outline | None) -> SettingsForm:
    who = asking(request)
    return SettingsForm(
        request.POST if request.method == "POST" else None,
        bot=bot,
        outline=found,
        bases=who.visible_bots().filter(is_base=True),
        read_only=bool(_refused(request, bot)),
    )


def _refused(request: HttpRequest, bot: Bot) -> str:
    who = asking(request)
    return why_not(who) if bot._state.adding else why_not(who, bot)


# --- changing -------------------------------------------------------------------------------------


@require_POST
@permitted(Permission.WRITE_CONFIGURATION)
def review(request: HttpRequest, name: str) -> HttpResponse:
    """What a change would do, before it is stored."""
    bot = changeable_bot(request, name)
    sent, answer = _received(request, bot)
    if answer is not None:
        return answer
    try:
        impact = bot_preview(bot, **sent.changes)
    except LookupError:
        return problems_answer(request, {"name": gettext("This bot was deleted meanwhile.")})
    if impact.problems:
        return problems_answer(request, impact.problems, bot)
    context = {"bot": bot, "impact": impact, "sent": sent, "longest": MAX_MESSAGE_CHARS}
    return render(request, "bots/_review.html", context | _choices(request))


@require_POST
@permitted(Permission.WRITE_CONFIGURATION)
def save(request: HttpRequest, name: str) -> HttpResponse:
    """Store a change that was reviewed."""
    bot = changeable_bot(request, name)
    sent, answer = _received(request, bot)
    if answer is not None:
        return answer
    try:
        stored = bot_update(
            bot=bot,
            expected_revision=sent.expected,
            author=asking(request).name,
            message=sent.message,
            **sent.changes,
        )
    except ParameterError as error:
        return problems_answer(request, error.problems, bot)
    except StaleRevision:
        return _conflict(request, sent, reached_bot(request, name))
    messages.success(
        request,
        gettext("%(name)s is stored as revision %(number)s; it counts for new conversations.")
        % {"name": stored.name, "number": stored.revision},
    )
    raw_page = "json" in request.POST
    return _to(reverse("bots:raw" if raw_page else "bots:edit", args=[stored.name]))


def _received(request: HttpRequest, bot: Bot) -> tuple[Submitted, HttpResponse | None]:
    """What was sent, merged with what others stored meanwhile; an answer if that is all for now."""
    sent = submitted(request.POST, _settings(request, bot, None), bot.params)
    if sent.problems:
        return sent, problems_answer(request, sent.problems, bot)
    if sent.touches_secrets and not is_confirmed(request):
        return sent, render(request, "bots/_confirm.html", {"bot": bot})
    if sent.expected == bot.revision:
        return sent, None
    found = merge(sent, bot, _chosen_sides(request))
    if request.POST.get("merge") != str(bot.revision) or found.undecided:
        return sent, _conflict(request, sent, bot)
    return found.decided(), None


def _conflict(request: HttpRequest, sent: Submitted, bot: Bot) -> HttpResponse:
    found = merge(sent, bot, _chosen_sides(request))
    latest = bot.revisions.first()
    context = {"bot": bot, "merge": found, "sent": sent, "latest": latest}
    return render(request, "bots/_conflict.html", context)


def _chosen_sides(request: HttpRequest) -> dict[str, str]:
    return {
        key.removeprefix(CHOICE): str(value)
        for key, value in request.POST.items()
        if key.startswith(CHOICE)
    }


def _choices(request: HttpRequest) -> dict[str, Any]:
    """What was chosen between two changes, to be sent again with the save."""
    if "merge" not in request.POST:
        return {}
    sides = {f"{CHOICE}{name}": side for name, side in _chosen_sides(request).items()}
    return {"again": {"merge": request.POST["merge"], **sides}}


def _to(address: str) -> HttpResponse:
    return HttpResponse(status=204, headers={"HX-Redirect": address})


# --- creating -------------------------------------------------------------------------------------


@permitted(Permission.READ_CONFIGURATION)
@never_cache
def create(request: HttpRequest) -> HttpResponse:
    """A form for a bot that does not exist yet; ``base`` and ``kind`` in the URL begin it."""
    who = asking(request)
    bot = _begun(request)
    if request.method != "POST":
        context = {"bot": bot, "may_change": who.may_change_shared, "why_not": why_not(who)}
        return render(request, "bots/create.html", context | _form(request, bot, {}))
    if not who.may_change_shared:
        raise PermissionDenied(Permission.WRITE_CONFIGURATION)
    sent = submitted(request.POST, _settings(request, bot, None), {})
    if sent.problems:
        return problems_answer(request, sent.problems)
    if sent.touches_secrets and not is_confirmed(request):
        return render(request, "bots/_confirm.html", {"bot": bot})
    try:
        fields: dict[str, Any] = dict(sent.changes)
        stored = bot_create(author=who.name, message=sent.message, is_base=bot.is_base, **fields)
    except ParameterError as error:
        return problems_answer(request, error.problems)
    messages.success(request, gettext("%(name)s is there.") % {"name": stored.name})
    if not stored.is_base:
        messages.info(request, gettext("Check it on the page Conformance before callers do."))
    return _to(reverse("bots:edit", args=[stored.name]))


@require_POST
@permitted(Permission.WRITE_CONFIGURATION)
def create_rows(request: HttpRequest) -> HttpResponse:
    """The rows of a bot that does not exist yet, with the base and providers that were chosen."""
    return render(request, "bots/_parameters.html", _chosen(request, _begun(request)))


def _begun(request: HttpRequest) -> Bot:
    bases = asking(request).visible_bots().filter(is_base=True)
    base = bases.filter(name=request.GET.get("base", "")).first()
    return Bot(is_base=request.GET.get("kind") == "base", base=base)
