"""The console's pages of rules: what is customised about each type of alarm, and what it means.

Rules hold for everybody, so who handles alarms may change them only if that reaches all bots: a
rule can keep quiet what others wait for.
"""

import re
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from alarms.core.policy import Policy, policy_of
from alarms.core.rules import Rule
from alarms.core.severity import Severity
from alarms.core.wording import filled
from alarms.forms import RuleForm, rule_values
from alarms.models import AlarmEvent, AlarmRule
from alarms.selectors import events_visible_to, rule_visible_to
from alarms.services.rules import (
    PREVIEW_DAYS,
    preview,
    revision_of,
    rule_of,
    rule_revert,
    rule_update,
    stored_rule,
    type_named,
)
from alarms.views.wording import why_not as lacks
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.guards import asking, permitted
from bots.models import Bot, Provider
from bots.people import Person
from bots.services import StaleRevision

P = Permission
SUGGESTED = 40
"""So many entities are offered for the list at most."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One type in the table: what counts, and what of that is customised."""

    type: AlarmType
    policy: Policy
    rule: Rule
    row: AlarmRule | None
    others: int
    """So many of its sources are not for the reader's eyes."""
    customised: tuple[str, ...]
    raised: int


@require_safe
@permitted(P.SEE_ALARMS)
def rule_list(request: HttpRequest) -> HttpResponse:
    """Every type of alarm with what counts, and how often it was raised of late."""
    stored = {each.type: each for each in AlarmRule.objects.all()}
    since = now() - timedelta(days=PREVIEW_DAYS)
    who = asking(request)
    raised = events_visible_to(who).filter(kind=AlarmEvent.Kind.RAISED, at__gte=since)
    counts = dict(raised.order_by().values_list("type").annotate(Count("pk")))
    rows = [
        _row(kind, *rule_visible_to(who, stored.get(kind.name)), counts)
        for kind in CATALOGUE.values()
    ]
    only = request.GET.get("only") == "customised"
    context = {
        "rows": [each for each in rows if each.row is not None or not only],
        "only": only,
        "customised": len(stored),
        "days": PREVIEW_DAYS,
        "tab": "rules",
    }
    return render(request, "alarms/rules.html", context)


def _row(kind: AlarmType, row: AlarmRule | None, others: int, counts: dict[str, int]) -> Row:
    rule = rule_of(row)
    words = _words()
    return Row(
        type=kind,
        policy=policy_of(kind, rule),
        rule=rule,
        row=row,
        others=others,
        customised=tuple(words[name] for name in rule.changed()),
        raised=counts.get(kind.name, 0),
    )


def _words() -> dict[str, str]:
    return {
        "enabled": _("off"),
        "sources": _("only these"),
        "severity": _("severity"),
        "text": _("text"),
        "count": _("failures"),
        "window_s": _("time"),
        "hold_off_s": _("hold-off"),
        "clear_after_s": _("clear delay"),
    }


def why_not(who: Person) -> str:
    """Why ``who`` may not change rules; empty when they may."""
    if who.may(P.HANDLE_ALARMS) and who.bots is not None:
        return _("Rules hold for all bots; you reach only some.")
    return lacks(who)


# --- one rule -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(P.SEE_ALARMS)
@never_cache
def rule(request: HttpRequest, name: str) -> HttpResponse:
    """The rule of one type, to be customised."""
    who, kind = asking(request), _kind(name)
    row, others = rule_visible_to(who, stored_rule(kind))
    if request.method == "POST":
        _demand(who)
        form = RuleForm(request.POST, kind=kind)
        status = _store(request, kind, form)
        if status == 200:
            return redirect("alarms:rule", kind.name)
    else:
        status = 200
        form = RuleForm(initial=rule_values(rule_of(row), revision_of(row)), kind=kind)
    wanted = form.rule() if form.is_bound and form.is_valid() else rule_of(row)
    context: dict[str, Any] = {
        "type": kind,
        "row": row,
        "others": others,
        "declared": policy_of(kind),
        "form": form,
        "stale": status == 409,
        "revision": revision_of(row),
        "suggestions": _suggestions(who, kind),
        "why_not": why_not(who),
        "tab": "rules",
    }
    if who.bots is None:  # it counts what is wrong with everything
        context |= _preview(kind, wanted)
    return render(request, "alarms/rule.html", context, status=status)


def _store(request: HttpRequest, kind: AlarmType, form: RuleForm) -> int:
    """Store what ``form`` says; the status of the answer, 200: it is stored."""
    if not form.is_valid():
        return 422
    # "over": the person saw that others stored something meanwhile, and wants it replaced.
    based_on = request.POST.get("over") or request.POST.get("revision", "")
    expected = int(based_on) if re.fullmatch("[0-9]{1,20}", based_on) else 0
    try:
        rule_update(kind=kind, rule=form.rule(), expected_revision=expected)
    except ParameterError as error:
        form.refuse(error.problems)
        return 422
    except StaleRevision:
        return 409
    messages.success(request, _("The rule is stored and holds at once, for active alarms too."))
    return 200


@require_POST
@permitted(P.HANDLE_ALARMS)
def rule_preview(request: HttpRequest, name: str) -> HttpResponse:
    """What the rule in the form would mean; answers the panel that says so."""
    kind = _kind(name)
    _demand(asking(request))
    form = RuleForm(request.POST, kind=kind)
    if not form.is_valid():
        wrong = [
            f"{form.fields[field].label}: {errors[0]}" for field, errors in form.errors.items()
        ]
        return render(request, "alarms/_preview.html", {"type": kind, "wrong": wrong})
    try:
        context = _preview(kind, form.rule())
    except ParameterError as error:
        context = {"wrong": [f"{field}: {text}" for field, text in error.problems.items()]}
    return render(request, "alarms/_preview.html", {"type": kind, **context})


@require_POST
@permitted(P.HANDLE_ALARMS)
def revert(request: HttpRequest, name: str) -> HttpResponse:
    """Take back all that is customised about one type."""
    kind = _kind(name)
    _demand(asking(request))
    rule_revert(kind=kind)
    messages.success(request, _("%(title)s: as declared again.") % {"title": _(kind.title)})
    return redirect("alarms:rule", kind.name)


def _kind(name: str) -> AlarmType:
    try:
        return type_named(name)
    except LookupError:
        raise Http404(_("There is no such type of alarm.")) from None


def _demand(who: Person) -> None:
    if not who.may(P.HANDLE_ALARMS) or who.bots is not None:
        raise PermissionDenied(P.HANDLE_ALARMS)


def _preview(kind: AlarmType, wanted: Rule) -> dict[str, Any]:
    """What ``wanted`` would mean, and how its text reads."""
    policy = policy_of(kind, wanted)
    source, detail = kind.source(_("name")), _("what exactly is wrong")
    return {
        "preview": preview(kind=kind, rule=wanted),
        "days": PREVIEW_DAYS,
        "severity": Severity(policy.severity),
        "enabled": policy.enabled,
        "sample": filled(wanted.text or _(kind.text), source=source, detail=detail),
    }


def _suggestions(who: Person, kind: AlarmType) -> list[str]:
    """Names of entities for the list: of those there are, and of those in the history."""
    told = AlarmEvent.objects.filter(type=kind.name).order_by("source")
    prefix = f"{kind.entity}:"
    seen = told.values_list("source", flat=True).distinct()[:SUGGESTED]
    if who.bots is not None:
        return []
    names: Collection[str] = [each.removeprefix(prefix) for each in seen if each.startswith(prefix)]
    if kind.entity == "provider":
        role = kind.name[:3]  # bot, stt or tts
        providers = Provider.objects.filter(kind=role)
        names = [*providers.values_list("name", flat=True)[:SUGGESTED], *names]
    elif kind.entity == "bot":
        bots = Bot.objects.filter(is_base=False)
        names = [*bots.values_list("name", flat=True)[:SUGGESTED], *names]
    return sorted(set(names))[:SUGGESTED]
