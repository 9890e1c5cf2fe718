"""Conformance runs of a bot: ask for one, follow it, read the graded report."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from bots.conformance import Finding, Grade, Group, Line, Report, report_of
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.guards import asking, permitted
from bots.models import Bot, ConformanceRun
from bots.services.conformance import KEPT, request_run
from bots.views.one_bot import bot_context, reached_bot

_OPENED = (Grade.FAILED, Grade.WARNING)
_LINE_CHARACTERS = 90


class ShownFinding(msgspec.Struct, frozen=True):
    """A finding with its part of the trace; ``opened``: it needs to be looked at."""

    finding: Finding
    lines: tuple[Line, ...]
    opened: bool

    @property
    def said(self) -> str:
        """The finding in a line: what is wrong, else what was measured."""
        facts = ", ".join(f"{name} {fact}" for name, fact in self.finding.facts.items())
        return self.finding.detail or (facts if len(facts) <= _LINE_CHARACTERS else "")


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def latest(request: HttpRequest, name: str) -> HttpResponse:
    """The latest run of a bot; a POST asks for another."""
    bot = _checkable_bot(request, name)
    if request.method == "POST":
        return _start(request, bot)
    runs = _runs(bot)
    return _page(request, bot, runs, runs[0] if runs else None)


@require_safe
@permitted(Permission.READ_CONFIGURATION)
@never_cache
def run_page(request: HttpRequest, name: str, run_id: UUID) -> HttpResponse:
    """One run, as long as it is kept."""
    bot = _checkable_bot(request, name)
    runs = _runs(bot)
    run = next((each for each in runs if each.pk == run_id), None)
    if run is None:
        raise Http404(gettext("There is no such check of this bot, or it is no longer kept."))
    return _page(request, bot, runs, run)


def _checkable_bot(request: HttpRequest, name: str) -> Bot:
    bot = reached_bot(request, name)
    if bot.is_base:
        raise Http404(gettext("A base bot takes no calls, so there is nothing to check."))
    return bot


def _start(request: HttpRequest, bot: Bot) -> HttpResponse:
    who = asking(request)
    if not who.may_change(bot):
        raise PermissionDenied(Permission.WRITE_CONFIGURATION)
    try:
        run = request_run(bot=bot, asked_by=who.name)
    except ParameterError as error:
        messages.error(request, "; ".join(error.problems.values()))
        return redirect("bots:conformance", bot.name)
    return redirect("bots:conformance_run", bot.name, run.pk)


def _runs(bot: Bot) -> list[ConformanceRun]:
    return list(ConformanceRun.objects.filter(bot=bot)[:KEPT])


def _page(
    request: HttpRequest, bot: Bot, runs: Sequence[ConformanceRun], run: ConformanceRun | None
) -> HttpResponse:
    context = bot_context(request, bot, "conformance")
    context |= {"runs": runs, "run": run, "moves": any(_moves(each) for each in runs)}
    if run is not None:
        known = Report(bot=bot.name, plugin="") if run.report is None else report_of(run.report)
        context |= {"moving": _moves(run), "report": known, "chapters": _chapters(known)}
    return render(request, "bots/conformance.html", context)


def _moves(run: ConformanceRun) -> bool:
    return run.state in ConformanceRun.UNFINISHED


def _chapters(report: Report) -> list[dict[str, Any]]:
    found = []
    for group in Group:
        shown = [
            ShownFinding(each, report.lines(each.check), each.grade in _OPENED)
            for each in report.findings
            if each.about.group is group
        ]
        if shown:
            found.append({"title": group.value, "findings": shown})
    return found
