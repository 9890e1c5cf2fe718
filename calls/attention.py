"""What needs somebody's attention at this moment, from what the gateway knows; and how the services
of bots are doing.

Everything here is a fact with a place to go to. Nothing is listed that may be wrong later.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from bots.core import registry
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.models import Bot, Provider
from bots.people import Person
from bots.selectors import ROLES, effective, lineage, unreadable_secrets, with_providers
from calls.hooks.registration import registered
from calls.models import Call, ServiceFault
from calls.selectors import Sight
from calls.statistics import latest

LATELY = timedelta(hours=1)
"""Faults of services count for this long."""
SILENT = timedelta(minutes=16)
"""Three runs of the task that summarises calls: without any, the worker does nothing."""
LISTED = 5
"""Of one sort of problem, so many are listed; the rest is a number."""


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that needs attention; ``severity`` is ``major`` or ``minor``."""

    severity: str
    title: str
    detail: str = ""
    url: str = ""


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
    """What needs attention and concerns the person, the worst first."""
    found: list[Matter] = []
    who = sight.who
    if who.bots is None:
        found += _worker(now)
    if who.may(Permission.READ_CONFIGURATION):
        found += _few(_broken_bots(who), reverse("bots:list"))
        found += _few(_failing_providers(health), reverse("providers:list"))
        if who.bots is None:
            found += _few(_secrets(), reverse("providers:list"))
            found += _few(_plugins(), "")
            found += _few(_hooks(), "")
    return sorted(found, key=lambda matter: matter.severity != "major")


def _few(found: Iterator[Matter], url: str) -> list[Matter]:
    listed = list(found)
    more = len(listed) - LISTED
    if more <= 0:
        return listed
    title = ngettext("%(count)s more like this", "%(count)s more like these", more)
    severity = listed[LISTED].severity
    return [*listed[:LISTED], Matter(severity=severity, title=title % {"count": more}, url=url)]


def _worker(now: datetime) -> Iterator[Matter]:
    """The background worker, which makes the summaries, has been silent for long."""
    last = latest()
    if last is None:
        since = Call.objects.order_by("started_at").values_list("started_at", flat=True).first()
    else:
        since = last
    if since is not None and now - since > SILENT:
        yield Matter(
            severity="major",
            title=_("The background worker does nothing"),
            detail=_(
                "Figures stand still, transcripts are not deleted when they are due, and lost "
                "calls stay open. Start the worker; its log says why it stopped."
            ),
        )


def _broken_bots(who: Person) -> Iterator[Matter]:
    visible = None if who.bots is None else set(who.bots)
    bots = {bot.pk: bot for bot in with_providers()}
    for bot in sorted(bots.values(), key=lambda bot: bot.name):
        if bot.is_base or not bot.enabled or (visible is not None and bot.name not in visible):
            continue
        try:
            effective(lineage(bot, bots))
        except ParameterError as error:
            name, problem = next(iter(error.problems.items()))
            yield Matter(
                severity="major",
                title=_("Bot %(bot)s takes no calls") % {"bot": bot.name},
                detail=f"{name}: {problem}",
                url=reverse("bots:edit", args=[bot.name]),
            )


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
            severity="major" if provider.faults else "minor",
            title=title % {"provider": provider.name},
            detail=detail,
            url=reverse("providers:page", args=[provider.name]),
        )


def _secrets() -> Iterator[Matter]:
    for place in unreadable_secrets():
        yield Matter(
            severity="major",
            title=_("A secret cannot be read: %(place)s") % {"place": place},
            detail=_("Give its key back in FIELD_KEYS, or set the secret again."),
        )


def _plugins() -> Iterator[Matter]:
    for name, reason in sorted(registry.broken.items()):
        yield Matter(
            severity="minor",
            title=_("The plug-in %(plugin)s cannot be loaded") % {"plugin": name},
            detail=reason,
        )


def _hooks() -> Iterator[Matter]:
    for name, reason in sorted(registered.broken.items()):
        yield Matter(
            severity="major",
            title=_("The hooks of %(module)s cannot be loaded") % {"module": name},
            detail=reason,
        )
