"""What needs somebody's attention at this moment; and how the services of bots are doing.

First of all that is what is wrong by the alarms. Beside them there is what no alarm tells: faults
too few for one, and tests that failed.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from alarms import selectors as alarms
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm
from alarms.views.wording import text_of, title_of
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.models import Bot, Provider
from bots.people import Person
from bots.selectors import ROLES, effective, lineage, with_providers
from calls.models import ServiceFault
from calls.selectors import Sight

LATELY = timedelta(hours=1)
"""Faults of services count for this long."""
LISTED = 5
"""Of one sort of problem, so many are listed; the rest is a number."""
ALARMS_LISTED = 10
_PROVIDER = "provider:"


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs attention; ``alarm`` is the id of the alarm that it is, if it is one.

    ``of`` is what it is wrong with, ``since`` when it was raised, and ``cared`` whether somebody
    takes care of it: those are known of alarms.
    """

    severity: Severity
    title: str
    detail: str = ""
    url: str = ""
    alarm: str = ""
    of: str = ""
    since: datetime | None = None
    cared: bool = False


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider is doing: ``state`` is ``ok``, ``failing``, ``untested``."""

    name: str
    kind: str
    state: str
    faults: int
    worst: str
    """The fault that occurred most often lately, such as ``timeout``."""
    tested_at: datetime | None
    problem: str
    """Why its last test failed; empty when it did not."""
    used: bool


def provider_health(sight: Sight, now: datetime) -> list[Health]:
    """Every provider with its faults in visible calls of the last hour, the failing ones first."""
    faults = ServiceFault.objects.filter(at__gte=now - LATELY).exclude(provider="")
    if sight.who.bots is not None:
        faults = faults.filter(call__bot_name__in=sight.who.bots)
    counts: dict[str, Counter[str]] = {}
    for provider, fault in faults.order_by().values_list("provider", "fault"):
        counts.setdefault(provider, Counter())[fault] += 1
    found = [
        _health(provider, used, counts.get(provider.name, Counter()))
        for provider, used in _providers()
    ]
    order = ("failing", "untested", "ok")
    return sorted(found, key=lambda health: (order.index(health.state), health.kind, health.name))


def _providers() -> Iterator[tuple[Provider, bool]]:
    used = {pk for row in Bot.objects.values_list(*ROLES.values()) for pk in row}
    for provider in Provider.objects.order_by("kind", "name"):
        yield provider, provider.pk in used


def _health(provider: Provider, used: bool, faults: Counter[str]) -> Health:  # noqa: FBT001
    problem = _test_problem(provider)
    state = "failing" if problem or faults else "ok" if provider.tested_at else "untested"
    return Health(
        name=provider.name,
        kind=provider.get_kind_display(),
        state=state,
        faults=faults.total(),
        worst=next((fault for fault, _count in faults.most_common(1)), ""),
        tested_at=provider.tested_at,
        problem=problem,
        used=used,
    )


def _test_problem(provider: Provider) -> str:
    result = provider.test_result
    if not isinstance(result, dict) or result.get("ok", True):
        return ""
    told = [str(result[name]) for name in ("fault", "detail") if result.get(name)]
    return ": ".join(told) or _("failed")


# --- matters --------------------------------------------------------------------------------------


def matters(sight: Sight, health: list[Health], now: datetime) -> list[Matter]:
    """What needs attention and concerns the person: alarms first, worst first; silenced ones not.

    A provider with an alarm is not listed once more for its faults.
    """
    raised = alarms.visible_to(sight.who).exclude(silenced_until__gt=now)
    rows = list(raised[: ALARMS_LISTED + 1])
    found = [_alarm(row) for row in rows[:ALARMS_LISTED]]
    if len(rows) > ALARMS_LISTED:
        more = raised.count() - ALARMS_LISTED
        found.append(_more(more, Severity(rows[-1].severity), reverse("alarms:active")))
    if sight.who.may(Permission.READ_CONFIGURATION):
        told = set(raised.filter(source__startswith=_PROVIDER).values_list("source", flat=True))
        rest = [each for each in health if f"{_PROVIDER}{each.name}" not in told]
        found += _few(_failing_providers(rest), reverse("providers:list"))
    return found


def alarm_counts(who: Person, now: datetime) -> list[tuple[Severity, int]]:
    """How many visible alarms of each severity are active, worst first; silenced ones not."""
    rows = alarms.visible_to(who).exclude(silenced_until__gt=now)
    counted = rows.order_by("-severity").values_list("severity").annotate(count=Count("pk"))
    return [(Severity(severity), count) for severity, count in counted]


def _alarm(row: ActiveAlarm) -> Matter:
    return Matter(
        severity=Severity(row.severity),
        title=title_of(row.type),
        detail=text_of(row)[0],
        url=reverse("alarms:alarm", args=[row.alarm_id]),
        alarm=str(row.alarm_id),
        of=row.source,
        since=row.raised_at,
        cared=row.acknowledged_at is not None,
    )


def _few(found: Iterator[Matter], url: str) -> list[Matter]:
    listed = sorted(found, key=lambda matter: -matter.severity)
    more = len(listed) - LISTED
    if more <= 0:
        return listed
    return [*listed[:LISTED], _more(more, listed[LISTED].severity, url)]


def _more(count: int, severity: Severity, url: str) -> Matter:
    title = ngettext("%(count)s more like this", "%(count)s more like these", count)
    return Matter(severity=severity, title=title % {"count": count}, url=url)


def _failing_providers(health: list[Health]) -> Iterator[Matter]:
    for provider in health:
        if provider.problem:
            detail = provider.problem
            title = _("The last test of provider %(provider)s failed")
        elif provider.faults:
            title = _("Provider %(provider)s fails in calls")
            detail = ngettext(
                "%(count)s fault in the last hour, mostly %(fault)s.",
                "%(count)s faults in the last hour, mostly %(fault)s.",
                provider.faults,
            ) % {"count": provider.faults, "fault": provider.worst}
        else:
            continue
        yield Matter(
            severity=Severity.MINOR if provider.faults else Severity.WARNING,
            title=title % {"provider": provider.name},
            detail=detail,
            url=reverse("providers:page", args=[provider.name]),
        )


def broken_bots() -> Iterator[tuple[str, str]]:
    """Every bot that should take calls and cannot, by name, with the first thing that is wrong."""
    bots = {bot.pk: bot for bot in with_providers()}
    for bot in sorted(bots.values(), key=lambda bot: bot.name):
        if bot.is_base or not bot.enabled:
            continue
        try:
            effective(lineage(bot, bots))
        except ParameterError as error:
            name, problem = next(iter(error.problems.items()))
            yield bot.name, f"{name}: {problem}"
