"""The console's first page: how calls are doing now, and what needs attention."""

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Any

import msgspec
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.timezone import get_current_timezone, now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bots.core.roles import Permission
from bots.guards import permitted
from calls.attention import alarm_counts, matters, provider_health
from calls.core.callfilter import zone
from calls.core.statistics import STAGES, TOTAL, Figures
from calls.models import Call
from calls.selectors import Sight, visible_to
from calls.statistics import HOUR, PERIOD, Traffic, busiest, most_since, traffic
from calls.views.live import voice_url

RANGES: dict[str, tuple[str | Promise, timedelta, timedelta]] = {
    "1h": (_("Last hour"), timedelta(hours=1), PERIOD),
    "24h": (_("Last 24 hours"), timedelta(days=1), PERIOD),
    "7d": (_("Last 7 days"), timedelta(days=7), HOUR),
}
"""Periods that the page can show: title, how far back, length of the parts."""
RATE_MINUTES = 5
"""Calls per minute are those that began in so many minutes."""
BOTS_SHOWN = 10
CAUSES_SHOWN = 8
STAGE_TITLES: dict[str, str | Promise] = {
    TOTAL: _("Whole wait"),
    "endpointing": _("End of speech decided"),
    "recognition": _("Recognised"),
    "collection": _("Input collected"),
    "bot": _("Bot answered"),
    "synthesis": _("Synthesised"),
    "delivery": _("Sent to the caller"),
}
TIME_ZONE = "time_zone"
"""Key of the session: the zone in which the person wants to see times."""


@require_safe
@permitted(*Permission)
@never_cache
def dashboard(request: HttpRequest) -> HttpResponse:
    """The first page; its parts are fetched again one by one, see `dashboard_part`."""
    sight = visible_to(request.user)
    chosen = _range(request)
    context: dict[str, Any] = {
        "ranges": [(name, title) for name, (title, *_rest) in RANGES.items()],
        "range": chosen,
        "sees": sight.history or sight.live,
        "empty": not sight.calls().exists(),
        "setting": settings.ENVIRONMENT.setting,
        "voice_url": voice_url(request),
    }
    for part, (_template, fill) in PARTS.items():
        if context["sees"] and (sight.history or part != "period"):
            context |= fill(request, sight)
    return render(request, "dashboard/dashboard.html", context)


@require_safe
@permitted(Permission.SEE_HISTORY, Permission.SEE_LIVE)
@never_cache
def dashboard_part(request: HttpRequest, part: str) -> HttpResponse:
    """One part of the first page as it is at this moment."""
    sight = visible_to(request.user)
    if part not in PARTS or (part == "period" and not sight.history):
        raise Http404
    template, fill = PARTS[part]
    return render(request, template, {"range": _range(request), **fill(request, sight)})


def _range(request: HttpRequest) -> str:
    name = request.GET.get("range", "")
    return name if name in RANGES else next(iter(RANGES))


def _zone(request: HttpRequest) -> tzinfo:
    own = {"zone": [request.session.get(TIME_ZONE, "")]}
    return zone(dict(request.GET.lists()), zone(own, get_current_timezone()))


# --- figures of this moment -----------------------------------------------------------------------


def _tiles(request: HttpRequest, sight: Sight) -> dict[str, Any]:
    at, bots = now(), sight.who.bots
    calls = sight.calls().filter(is_test=False)
    found: dict[str, Any] = {}
    if sight.who.may(Permission.SEE_ALARMS):
        found["severities"] = alarm_counts(sight.who, at)
    if sight.live:
        found["going_on"] = calls.filter(state=Call.State.ACTIVE).count()
    if sight.history:
        midnight = at.astimezone(_zone(request)).replace(hour=0, minute=0, second=0, microsecond=0)
        lately = calls.filter(started_at__gt=at - timedelta(minutes=RATE_MINUTES)).count()
        hour = traffic(bots, at - HOUR, at, PERIOD).total
        found |= {
            "most_today": max(most_since(midnight, at, bots), found.get("going_on", 0)),
            "per_minute": lately / RATE_MINUTES,
            "hour": hour,
            "failed_percent": _percent(hour),
            "wait_ms": hour.wait_ms(0.5),
            "late_wait_ms": hour.wait_ms(0.95),
        }
    return found


def _percent(figures: Figures) -> float | None:
    share = figures.failed_share
    return None if share is None else round(100 * share, 1)


# --- figures of a period --------------------------------------------------------------------------


class Bar(msgspec.Struct, frozen=True):
    """One cause of failures: ``share`` of the most frequent one, 0 to 100."""

    name: str
    count: int
    share: int
    url: str


class Stage(msgspec.Struct, frozen=True):
    """How long one stage of the wait took; the bars are of 100 in all stages alike."""

    title: str | Promise
    usual_ms: int
    late_ms: int
    usual_bar: float
    late_bar: float
    is_total: bool


class BotRow(msgspec.Struct, frozen=True):
    """The figures of one bot."""

    name: str
    figures: Figures
    failed_percent: float | None
    wait_ms: int | None
    late_wait_ms: int | None
    url: str
    failed_url: str


def _period(request: HttpRequest, sight: Sight) -> dict[str, Any]:
    name = _range(request)
    _title, span, step = RANGES[name]
    at, bots = now(), sight.who.bots
    found = traffic(bots, at - span, at, step)
    rows = _rows(found)
    by_bot = busiest(bots, at - span, at, PERIOD if span <= HOUR else HOUR, BOTS_SHOWN)
    return {
        "period_title": RANGES[name][0],
        "series": _series(step, rows, one=bots is None or len(bots) == 1),
        "rows": [row for row in reversed(rows) if row.figures.started or row.figures.ended],
        "causes": _causes(found.total, name),
        "stages": _stages(found.total),
        "bots": [_bot_row(bot, figures, name) for bot, figures in by_bot.items()],
    }


class Row(msgspec.Struct, frozen=True):
    """One period: a place of the charts, a row of the table beside them."""

    start: datetime
    figures: Figures
    wait_ms: int | None
    late_wait_ms: int | None


def _rows(found: Traffic) -> list[Row]:
    return [
        Row(start, figures, figures.wait_ms(0.5), figures.wait_ms(0.95))
        for start, figures in found.periods.items()
    ]


def _series(step: timedelta, rows: list[Row], *, one: bool) -> dict[str, Any]:
    return {
        "step": int(step.total_seconds()),
        "history": reverse("calls:history"),
        "times": [int(row.start.timestamp()) for row in rows],
        "started": [row.figures.started for row in rows],
        "failed": [row.figures.failed for row in rows],
        "usual": [row.wait_ms for row in rows],
        "late": [row.late_wait_ms for row in rows],
        # Of several bots of many, only the sum of each bot's most is known, which is too much.
        "most": [row.figures.most for row in rows] if one else [],
    }


def _causes(total: Figures, name: str) -> list[Bar]:
    most = max(total.failures.values(), default=0)
    return [
        Bar(cause, count, round(100 * count / most), _history(name, result="failed", reason=cause))
        for cause, count in total.failures.most_common(CAUSES_SHOWN)
    ]


def _stages(total: Figures) -> list[Stage]:
    widest = total.wait_ms(0.95)
    if not widest:
        return []
    found = []
    for stage in STAGES:
        usual, late = total.wait_ms(0.5, stage) or 0, total.wait_ms(0.95, stage) or 0
        found.append(
            Stage(
                title=STAGE_TITLES[stage],
                usual_ms=usual,
                late_ms=late,
                usual_bar=min(100.0, round(100 * usual / widest, 1)),
                late_bar=min(100.0, round(100 * late / widest, 1)),
                is_total=stage == TOTAL,
            )
        )
    return found


def _bot_row(bot: str, figures: Figures, name: str) -> BotRow:
    return BotRow(
        name=bot,
        figures=figures,
        failed_percent=_percent(figures),
        wait_ms=figures.wait_ms(0.5),
        late_wait_ms=figures.wait_ms(0.95),
        url=_history(name, bot=bot),
        failed_url=_history(name, bot=bot, result="failed"),
    )


def _history(name: str, **conditions: str) -> str:
    return f"{reverse('calls:history')}?{urlencode({'range': name, **conditions})}"


# --- what needs attention -------------------------------------------------------------------------


def _attention(_request: HttpRequest, sight: Sight) -> dict[str, Any]:
    at = now()
    reads = sight.who.may(Permission.READ_CONFIGURATION)
    health = provider_health(sight, at) if reads else []
    return {"matters": matters(sight, health, at), "health": health, "as_of": at}


PARTS: dict[str, tuple[str, Callable[[HttpRequest, Sight], dict[str, Any]]]] = {
    "tiles": ("dashboard/_tiles.html", _tiles),
    "attention": ("dashboard/_attention.html", _attention),
    "period": ("dashboard/_period.html", _period),
}
"""What the page fetches again while it is open: template, and what fills it."""
