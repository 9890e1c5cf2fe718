"""The console's pages of types of alarms: what each means for callers, and what to do about it."""

import msgspec
from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from alarms.core.policy import policy_of
from alarms.core.severity import Severity
from alarms.models import AlarmRule
from alarms.selectors import events_visible_to, rule_visible_to, visible_to
from alarms.services.rules import rule_of, stored_rule
from alarms.views.active import rows as active_rows
from alarms.views.history import event_rows
from bots.core.roles import Permission
from bots.guards import asking, permitted

RECENT = 20
"""So many of the latest changes stand on a runbook."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One type in the list: how bad it is by the rule in force, how many there are now."""

    type: AlarmType
    severity: Severity
    enabled: bool
    customised: bool
    active: int


@require_safe
@permitted(Permission.SEE_ALARMS)
def types(request: HttpRequest) -> HttpResponse:
    """Every type of alarm, in the order of their numbers."""
    active = visible_to(asking(request)).order_by().values_list("type").annotate(Count("pk"))
    counts = dict(active)
    rules = {rule.type: rule for rule in AlarmRule.objects.all()}
    listed = [_listed(kind, rules.get(kind.name), counts) for kind in CATALOGUE.values()]
    return render(request, "alarms/types.html", {"listed": listed, "tab": "types"})


@require_safe
@permitted(Permission.SEE_ALARMS)
def runbook(request: HttpRequest, name: str) -> HttpResponse:
    """What one type of alarm means, what to do, and how it did of late."""
    kind = CATALOGUE.get(name)
    if kind is None:
        raise Http404(_("There is no such type of alarm."))
    who = asking(request)
    row, others = rule_visible_to(who, stored_rule(kind))
    rule = row or AlarmRule(type=name)
    active = visible_to(who).filter(type=name).order_by("-severity", "-raised_at")
    events = events_visible_to(who).filter(type=name).order_by("-seq")
    context = {
        "type": kind,
        "rule": rule,
        "others": others,
        "policy": policy_of(kind, rule_of(row)),
        "customised": row is not None,
        "oid": f"{settings.SNMP_ENTERPRISE}.0.{kind.number}",
        "rows": active_rows(list(active[:RECENT]), who, now()),
        "events": event_rows(list(events[:RECENT]), who),
        "tab": "types",
    }
    return render(request, "alarms/runbook.html", context)


def _listed(kind: AlarmType, rule: AlarmRule | None, counts: dict[str, int]) -> Listed:
    severity = kind.severity if rule is None or rule.severity is None else rule.severity
    return Listed(
        type=kind,
        severity=Severity(severity),
        enabled=rule is None or rule.enabled,
        customised=rule is not None,
        active=counts.get(kind.name, 0),
    )
