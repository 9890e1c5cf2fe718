"""Search among call records: one filter, pages by key in both directions, words of transcripts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from uuid import UUID

from django.db import connection
from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from calls.core.callfilter import FAILED, TRANSFERRED, CallFilter
from calls.models import Call, CallEvent, TranscriptEntry, TurnTiming
from calls.selectors import Sight

COUNT_LIMIT = 10_000
"""Calls are counted up to here; beyond, a page says "more than"."""
SEARCHED_CALLS = 2_000
"""Words that are said often, or not indexed, are searched in so many of the latest calls."""
RARE_LINES = 2_000
"""Words that stand in more lines than these are said often."""
SEEN_SAMPLE = 500
"""How many of the latest calls are looked at to offer values in the filter."""
BATCH = 500
"""Calls that `every` reads at a stretch."""


# --- the filter -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What a filter chooses: ``calls``, in no order.

    ``is_cut`` says that older calls, which match the rest of it, were not searched for its text.
    """

    calls: QuerySet[Call]
    is_cut: bool = False


def matching(sight: Sight, chosen: CallFilter) -> Found:
    """The visible calls that match; words are searched only for who may read what was said."""
    found = sight.calls().filter(_condition(chosen))
    if chosen.longer_s is not None:
        lasted = ExpressionWrapper(F("ended_at") - F("started_at"), output_field=DurationField())
        found = found.alias(lasted=lasted).filter(lasted__gt=timedelta(seconds=chosen.longer_s))
    if not chosen.text:
        return Found(found)
    if not sight.searches:
        return Found(found.none())
    said = TranscriptEntry.objects.filter(kind="speech").order_by()
    if text_is_indexed():
        # Of rare words every call is found, of those that half the callers say the latest.
        lines = said.filter(text__icontains=chosen.text).values_list("call", flat=True)
        calls = list(lines[: RARE_LINES + 1])
        if len(calls) <= RARE_LINES:
            return Found(found.filter(pk__in=set(calls)))
    latest = found.order_by("-started_at", "id").values_list("pk", flat=True)
    searched = list(latest[: SEARCHED_CALLS + 1])
    # NB not the expression of the index, which finds all calls of all times before it looks at ours
    lowered = said.alias(lowered=Lower("text")).filter(lowered__contains=chosen.text.lower())
    ours = lowered.filter(call__in=searched[:SEARCHED_CALLS]).values_list("call", flat=True)
    return Found(Call.objects.filter(pk__in=set(ours)), len(searched) > SEARCHED_CALLS)


@cache
def text_is_indexed() -> bool:
    """Whether the database has an index of what was said; asked once per process."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_indexes WHERE indexname = 'transcript_text_trigrams'")
        return cursor.fetchone() is not None


def _condition(chosen: CallFilter) -> Q:
    equal = {
        "bot_name": chosen.bot,
        "direction": chosen.direction,
        "channel": chosen.channel,
        "mode": chosen.mode,
        "ended_by": chosen.ended_by,
    }
    condition = Q(**{name: value for name, value in equal.items() if value})
    if chosen.tests != "shown":
        condition &= Q(is_test=chosen.tests == "only")
    if chosen.since is not None:
        condition &= Q(started_at__gte=chosen.since)
    if chosen.until is not None:
        condition &= Q(started_at__lt=chosen.until)
    if chosen.reason:
        condition &= Q(reason_code=chosen.reason) | Q(cause=chosen.reason)
    if chosen.slower_ms is not None:
        condition &= Q(silence_max_ms__gt=chosen.slower_ms)
    if chosen.number:
        condition &= _number(chosen.number)
    if chosen.result:
        condition &= _RESULTS[chosen.result]
    for trait in sorted(chosen.has):
        condition &= _traits()[trait]
    return condition


_RESULTS = {
    "active": Q(state=Call.State.ACTIVE),
    "failed": Q(reason_code=FAILED),
    "transferred": Q(reason_code=TRANSFERRED),
    "completed": Q(state=Call.State.ENDED) & ~Q(reason_code__in=(FAILED, TRANSFERRED)),
}


def _traits() -> dict[str, Q]:
    own = {"call": OuterRef("pk")}
    return {
        "fault": Q(faults__gt=0),
        "transfer": Q(reason_code=TRANSFERRED)
        | Q(Exists(CallEvent.objects.filter(name="transfer", **own))),
        "recording": ~Q(recordings=[]),
        "dtmf": Q(Exists(TurnTiming.objects.filter(kind="dtmf", **own))),
    }


def _number(text: str) -> Q:
    found = Q(caller__contains=text) | Q(callee__contains=text) | Q(conversation_id=text)
    try:
        return found | Q(pk=UUID(text))
    except ValueError:
        return found


# --- pages ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cursor:
    """A place in the list of calls, newest first: between two calls, next to the one named.

    ``row`` counts, from 1, where the page behind it begins; it is only shown.
    """

    started_at: datetime
    call_id: UUID
    backwards: bool = False
    row: int = 1

    def __str__(self) -> str:
        direction = "before" if self.backwards else "after"
        return f"{direction}~{self.started_at.isoformat()}~{self.call_id}~{self.row}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what ``str`` wrote; raises ValueError."""
        direction, started_at, call_id, row = text.split("~")
        if direction not in ("before", "after"):
            raise ValueError(f"unknown direction {direction!r}")
        place = datetime.fromisoformat(started_at)
        if place.tzinfo is None:
            raise ValueError("the time has no zone")
        if not 1 < place.year < 9999:
            raise ValueError("a time that other zones do not have")
        first = int(row) if len(row) < 10 else 0
        place = place.astimezone(UTC)  # PostgreSQL knows no zone beyond 16 hours
        return cls(place, UUID(call_id), backwards=direction == "before", row=max(1, first))


@dataclass(frozen=True)
class CallPage:
    """One page of calls, newest first, with the cursors of its neighbours."""

    calls: list[Call]
    total: int
    first: int
    """The number of the first call among all that match, from 1."""
    newer: Cursor | None
    older: Cursor | None

    @property
    def last(self) -> int:
        """The number of the last call among all that match."""
        return self.first + len(self.calls) - 1

    @property
    def total_is_capped(self) -> bool:
        """Whether there are more calls than ``total`` says."""
        return self.total > COUNT_LIMIT


def call_page(found: QuerySet[Call], *, size: int, cursor: Cursor | None = None) -> CallPage:
    """The ``size`` calls of ``found`` next to ``cursor``; from the newest on without one."""
    total = found.order_by()[: COUNT_LIMIT + 1].count()
    backwards = cursor is not None and cursor.backwards
    calls = _next(found, size + 1, cursor)
    more, calls = len(calls) > size, calls[:size]
    if backwards:
        calls.reverse()
    newer_exist = more if backwards else cursor is not None
    older_exist = True if backwards else more
    first = cursor.row if cursor is not None and newer_exist else 1
    return CallPage(
        calls=calls,
        total=total,
        first=first,
        newer=Cursor(calls[0].started_at, calls[0].pk, backwards=True, row=max(1, first - size))
        if calls and newer_exist
        else None,
        older=Cursor(calls[-1].started_at, calls[-1].pk, row=first + len(calls))
        if calls and older_exist
        else None,
    )


def following(
    found: QuerySet[Call], *, size: int, after: Cursor | None = None
) -> tuple[list[Call], Cursor | None]:
    """The ``size`` calls of ``found`` behind ``after``, newest first, and where more begin.

    Unlike `call_page` it counts nothing and knows no way back.
    """
    calls = _next(found, size + 1, after)
    last = calls[size - 1] if len(calls) > size else None
    return calls[:size], Cursor(last.started_at, last.pk) if last is not None else None


def every(found: QuerySet[Call]) -> Iterator[list[Call]]:
    """All calls of ``found``, newest first, in batches that are each a query of its own.

    No statement runs for long, however many there are; calls that begin meanwhile are not among
    them.
    """
    cursor: Cursor | None = None
    while calls := _next(found, BATCH, cursor):
        yield calls
        cursor = Cursor(calls[-1].started_at, calls[-1].pk)


def _next(found: QuerySet[Call], size: int, cursor: Cursor | None) -> list[Call]:
    backwards = cursor is not None and cursor.backwards
    order = ("started_at", "-id") if backwards else ("-started_at", "id")
    listed = found if cursor is None else found.filter(_beyond(cursor))
    return list(listed.order_by(*order).defer("bot_result")[:size])


def _beyond(cursor: Cursor) -> Q:
    at, pk = cursor.started_at, cursor.call_id
    # NB the condition on the time alone lets the database begin in the middle of its index.
    if cursor.backwards:
        return Q(started_at__gte=at) & (Q(started_at__gt=at) | Q(pk__lt=pk))
    return Q(started_at__lte=at) & (Q(started_at__lt=at) | Q(pk__gt=pk))


# --- what the filter offers -----------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What the latest calls show, each sorted, for a filter to offer."""

    bots: list[str]
    reasons: list[str]
    """Reason codes and causes."""
    channels: list[str]


def seen(sight: Sight) -> Seen:
    """The bots, reasons and channels of the latest `SEEN_SAMPLE` calls."""
    latest = sight.calls().order_by("-started_at", "id")
    rows = list(latest.values_list("bot_name", "channel", "reason_code", "cause")[:SEEN_SAMPLE])
    reasons = {reason for _, _, *both in rows for reason in both} - {""}
    return Seen(
        bots=sorted({bot for bot, *_ in rows}),
        reasons=sorted(reasons),
        channels=sorted({channel for _, channel, *_ in rows}),
    )
