"""Figures of traffic per bot and period, and the summaries they are made of.

A period's summary is made from its call records once it is over, and made again while records may
still come late; what went on in the running period is counted from the records themselves. Test
calls are not counted.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Min, Q, QuerySet, Sum

from calls.core.callfilter import FAILED
from calls.core.statistics import TOTAL, Figures, most_at_once, packed, unpacked
from calls.core.waterfall import TurnTimes, waterfall
from calls.models import Call, TrafficSummary, TurnTiming

PERIOD = timedelta(minutes=5)
HOUR = timedelta(hours=1)
ALL = ""
"""Stands for all bots together where a bot's name stands otherwise."""
RECOMPUTED = 2
"""Periods that are made again in each run: a record may be written minutes late."""
COUNTED = HOUR
"""How far back records are counted when there are no summaries yet."""
CATCH_UP = timedelta(days=8)
"""How far back a gateway that was away, or never had summaries, makes them."""
KEPT = {PERIOD: timedelta(days=14), HOUR: timedelta(days=400)}
"""How long summaries of each length are kept."""

Bots = frozenset[str] | None
"""Which bots' figures are asked for; None means all."""


def period_start(at: datetime, length: timedelta = PERIOD) -> datetime:
    """When the period of ``length`` began that ``at`` is in."""
    seconds = int(length.total_seconds())
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, tz=at.tzinfo)


# --- counting records -----------------------------------------------------------------------------


def count(start: datetime, end: datetime, bots: Bots = None) -> dict[datetime, dict[str, Figures]]:
    """What happened from ``start`` to ``end``, by period and bot; `ALL` is every bot of ``bots``.

    A period without calls is there with `ALL` alone. A turn counts in the period in which its call
    ended.
    """
    found: dict[datetime, dict[str, Figures]] = {}
    at = start
    while at < end:
        found[at] = defaultdict(Figures)
        found[at][ALL] = Figures()
        at += PERIOD
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for began, ended, bot, code, cause in _calls(start, end, bots):
        for name in (ALL, bot):
            if start <= began < end:
                found[period_start(began)][name].started += 1
            if ended is not None and start <= ended < end:
                figures = found[period_start(ended)][name]
                figures.ended += 1
                if code == FAILED:
                    figures.failures[cause or code] += 1
            until = ended.timestamp() if ended is not None else float("inf")
            spans[name].append((began.timestamp(), until))
    _count_most(found, spans)
    _count_waits(found, start, end, bots)
    return found


def _calls(start: datetime, end: datetime, bots: Bots) -> Iterable[tuple[Any, ...]]:
    going = Q(state=Call.State.ACTIVE) | Q(ended_at__gt=start)
    calls = Call.objects.filter(going, started_at__lt=end, is_test=False).order_by()
    if bots is not None:
        calls = calls.filter(bot_name__in=bots)
    names = ("started_at", "ended_at", "bot_name", "reason_code", "cause")
    return calls.values_list(*names).iterator()


def _count_most(
    found: Mapping[datetime, dict[str, Figures]],
    spans: Mapping[str, list[tuple[float, float]]],
) -> None:
    for name, all_spans in spans.items():
        for at, figures in found.items():
            start, end = at.timestamp(), (at + PERIOD).timestamp()
            if most := most_at_once(all_spans, start, end):
                figures[name].most = most


def _count_waits(
    found: Mapping[datetime, dict[str, Figures]], start: datetime, end: datetime, bots: Bots
) -> None:
    names = TurnTimes.__struct_fields__
    turns = TurnTiming.objects.filter(
        call__ended_at__gte=start, call__ended_at__lt=end, call__is_test=False
    )
    if bots is not None:
        turns = turns.filter(call__bot_name__in=bots)
    rows = turns.order_by().values_list("call__ended_at", "call__bot_name", *names)
    for ended, bot, *times in rows.iterator():
        turn = waterfall(TurnTimes(**dict(zip(names, times, strict=True))))
        found[period_start(ended)][bot].count_wait(turn)
    for by_bot in found.values():
        for bot, figures in by_bot.items():
            if bot != ALL:
                by_bot[ALL].add(Figures(silences=figures.silences))


# --- making summaries -----------------------------------------------------------------------------


def summarise(now: datetime) -> int:
    """Make the summaries of periods that are over; return how many periods were made.

    Those of the last minutes are made again, and what is missing after a pause is made up for, the
    latest first. Safe to run twice, also at once.
    """
    missing = _missing(period_start(now))
    for start, end in missing:
        _store(start, end)
    return sum((end - start) // PERIOD for start, end in missing)


def _missing(over: datetime) -> list[tuple[datetime, datetime]]:
    """The periods to be made before ``over``: stretches that lie in one hour each, newest first."""
    recent = over - RECOMPUTED * PERIOD
    first = Call.objects.aggregate(first=Min("started_at"))["first"] or recent
    at = max(period_start(min(first, recent)), over - CATCH_UP)
    rows = TrafficSummary.objects.filter(seconds=int(PERIOD.total_seconds()), bot_name=ALL)
    known = set(rows.filter(start__gte=at, start__lt=recent).values_list("start", flat=True))
    hours: dict[datetime, list[datetime]] = defaultdict(list)
    while at < over:
        if at not in known:
            hours[period_start(at, HOUR)].append(at)
        at += PERIOD
    stretches = [(min(periods), max(periods) + PERIOD) for periods in hours.values()]
    return sorted(stretches, reverse=True)


def _store(start: datetime, end: datetime) -> None:
    """Replace the summaries from ``start`` to ``end``, which are in one hour, and the hour's."""
    rows = [
        _row(at, PERIOD, bot, figures)
        for at, by_bot in count(start, end).items()
        for bot, figures in by_bot.items()
    ]
    hour = period_start(start, HOUR)
    seconds = int(PERIOD.total_seconds())
    periods = TrafficSummary.objects.filter(seconds=seconds)
    with transaction.atomic():
        # Locks out another run, which would want to write the same rows.
        list(periods.select_for_update().filter(start__gte=hour, start__lt=hour + HOUR))
        periods.filter(start__gte=start, start__lt=end).delete()
        TrafficSummary.objects.bulk_create(rows, ignore_conflicts=True)
        in_hour = periods.filter(start__gte=hour, start__lt=hour + HOUR)
        sums: dict[str, Figures] = defaultdict(Figures)
        for row in in_hour:
            sums[row.bot_name].add(_figures(row))
        whole = TrafficSummary.objects.filter(seconds=int(HOUR.total_seconds()), start=hour)
        whole.delete()
        TrafficSummary.objects.bulk_create(
            [_row(hour, HOUR, bot, figures) for bot, figures in sums.items()],
            ignore_conflicts=True,
        )


def _row(start: datetime, length: timedelta, bot: str, figures: Figures) -> TrafficSummary:
    return TrafficSummary(
        start=start,
        seconds=int(length.total_seconds()),
        bot_name=bot,
        started=figures.started,
        ended=figures.ended,
        most=figures.most,
        failures=dict(figures.failures),
        silences=packed(figures.silences),
    )


def _figures(row: TrafficSummary) -> Figures:
    figures = Figures(started=row.started, ended=row.ended, most=row.most)
    figures.failures.update(row.failures)
    figures.silences = unpacked(row.silences)
    return figures


def latest() -> datetime | None:
    """The start of the last period that was summarised."""
    rows = TrafficSummary.objects.filter(seconds=int(PERIOD.total_seconds()), bot_name=ALL)
    return rows.order_by("-start").values_list("start", flat=True).first()


def delete_old_summaries(now: datetime) -> int:
    """Delete the summaries that were kept for long enough; return how many."""
    deleted = 0
    for length, kept in KEPT.items():
        seconds = int(length.total_seconds())
        old = TrafficSummary.objects.filter(seconds=seconds, start__lt=now - kept)
        deleted += old.delete()[0]
    return deleted


# --- reading --------------------------------------------------------------------------------------


class Traffic(msgspec.Struct, frozen=True):
    """The figures of some bots over a while: by period, oldest first, and in sum."""

    step: timedelta
    periods: dict[datetime, Figures]
    total: Figures


def traffic(bots: Bots, since: datetime, now: datetime, step: timedelta) -> Traffic:
    """The figures of ``bots`` from the period that ``since`` is in up to ``now``.

    ``step`` is the length of a period, `PERIOD` or `HOUR`. What has no summary yet is counted.
    """
    at = period_start(since, step)
    found = Traffic(step, {}, Figures())
    while at <= now:
        found.periods[at] = Figures()
        at += step
    fresh = _unsummarised(now)
    rows = _summaries(bots, period_start(since, step), step)
    rows = rows.filter(bot_name=ALL) if bots is None else rows
    parts = [(row.start, _figures(row)) for row in rows]
    counted = count(fresh, period_start(now) + PERIOD, bots)
    parts += [(period_start(at, step), by_bot[ALL]) for at, by_bot in counted.items()]
    for at, figures in parts:
        if at in found.periods:
            found.periods[at].add(figures)
            found.total.add(figures)
    return found


def busiest(
    bots: Bots, since: datetime, now: datetime, step: timedelta, limit: int
) -> dict[str, Figures]:
    """The figures of the ``limit`` bots with the most calls since then, the busiest first."""
    fresh = _unsummarised(now)
    rows = _summaries(bots, period_start(since, step), step).exclude(bot_name=ALL)
    calls = Counter(dict(rows.order_by().values_list("bot_name").annotate(Sum("started"))))
    counted = count(fresh, period_start(now) + PERIOD, bots).values()
    for by_bot in counted:
        calls.update({bot: figures.started for bot, figures in by_bot.items() if bot != ALL})
    found = {bot: Figures() for bot, _ in calls.most_common(limit)}
    columns = ("bot_name", "started", "ended", "failures", f"silences__{TOTAL}")
    for bot, started, ended, failures, waits in rows.filter(bot_name__in=found).values_list(
        *columns
    ):
        part = Figures(started=started, ended=ended, failures=Counter(failures))
        part.silences = unpacked({TOTAL: waits or {}})
        found[bot].add(part)
    for by_bot in counted:
        for bot in found.keys() & by_bot.keys():
            found[bot].add(by_bot[bot])
    return found


def _unsummarised(now: datetime) -> datetime:
    """The start of the first period without a summary, not long before ``now``."""
    running, last = period_start(now), latest()
    earliest = running - COUNTED
    return min(running, max(earliest, last + PERIOD)) if last is not None else earliest


def _summaries(bots: Bots, since: datetime, step: timedelta) -> QuerySet[TrafficSummary]:
    rows = TrafficSummary.objects.filter(seconds=int(step.total_seconds()), start__gte=since)
    if bots is not None:
        rows = rows.filter(bot_name__in=bots)
    return rows.order_by("start")


def most_since(since: datetime, now: datetime, bots: Bots) -> int:
    """How many calls went on at once, at most, from ``since`` until ``now``; exact.

    For some bots no summary says so: those of each bot give a bound for each period, and the
    periods with the highest are counted until none can be higher.
    """
    rows = _summaries(bots, since, PERIOD)
    rows = rows.filter(bot_name=ALL) if bots is None else rows
    bounds: dict[datetime, int] = defaultdict(int)
    for start, most in rows.values_list("start", "most"):
        bounds[start] += most
    exact = count_most(max(since, _unsummarised(now)), now, bots)
    if bots is None or len(bots) == 1:
        return max([exact, *bounds.values()])
    for start in sorted(bounds, key=lambda at: -bounds[at]):
        if bounds[start] <= exact:
            break
        exact = max(exact, count_most(start, start + PERIOD, bots))
    return exact


def count_most(start: datetime, end: datetime, bots: Bots) -> int:
    """How many calls went on at once, at most, from ``start`` to ``end``, from the records."""
    spans = [
        (began.timestamp(), ended.timestamp() if ended is not None else float("inf"))
        for began, ended, *_ in _calls(start, end, bots)
    ]
    return most_at_once(spans, start.timestamp(), end.timestamp())
