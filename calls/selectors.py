"""Reads of call records: who may see what, live calls, history pages, transcripts.

Every reader of calls (pages, live feed) starts from `visible_to`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import OuterRef, Q, QuerySet, Subquery

from bots.core.roles import Permission
from bots.people import Person, person
from calls.core.publication import LAST_LINE_CHARS, Fields, LiveLine
from calls.core.waterfall import TurnTimes
from calls.models import Call, TranscriptEntry, TurnTiming

LIVE_LIMIT = 200
"""Live calls in one list."""
COUNT_LIMIT = 10_000
"""Calls are counted up to here; beyond, a page says "more than"."""
SEEN_SAMPLE = 500
"""How many of the latest calls are looked at to offer values in the filter."""


@dataclass(frozen=True)
class Sight:
    """What one person may see of calls; every question about a call is answered here."""

    who: Person

    @property
    def live(self) -> bool:
        """Whether they may see at all which calls are going on."""
        return self.who.may(Permission.SEE_LIVE)

    @property
    def history(self) -> bool:
        """Whether they may see call records at all."""
        return self.who.may(Permission.SEE_HISTORY)

    def calls(self) -> QuerySet[Call]:
        """The visible call records, live and past."""
        seen = Q()
        if not self.history:
            seen = Q(state=Call.State.ACTIVE) if self.live else Q(pk=None)
        elif not self.live:
            seen = Q(state=Call.State.ENDED)
        if self.who.bots is not None:
            seen &= Q(bot_name__in=self.who.bots)
        return Call.objects.filter(seen)

    def covers(self, bot: str) -> bool:
        """Whether live calls of the bot called ``bot`` are visible; agrees with `calls`."""
        return self.live and self.who.reaches(bot)

    def reads_live(self, bot: str, *, is_test: bool) -> bool:
        """Whether what is said in a visible live call of ``bot`` may be read along."""
        test = is_test and self.who.may(Permission.PLACE_TEST_CALLS)
        return self.covers(bot) and (self.who.may(Permission.READ_LIVE) or test)

    def reads(self, call: Call) -> bool:
        """Whether the transcript of a visible call may be read."""
        if call.state == Call.State.ACTIVE:
            return self.reads_live(call.bot_name, is_test=call.is_test)
        test = call.is_test and self.who.may(Permission.PLACE_TEST_CALLS)
        return self.who.may(Permission.READ_TRANSCRIPTS) or test

    def may(self, permission: Permission, bot: str) -> bool:
        """Whether the person may do that to calls of ``bot``."""
        return self.who.may(permission) and self.who.reaches(bot)


def visible_to(user: AbstractBaseUser | AnonymousUser) -> Sight:
    """What ``user`` may see."""
    return Sight(person(user))


# --- live -----------------------------------------------------------------------------------------


def live_calls(sight: Sight) -> tuple[list[Fields], bool]:
    """The newest `LIVE_LIMIT` live calls as fields of the live feed, and whether there are more."""
    said = TranscriptEntry.objects.filter(call=OuterRef("pk")).exclude(kind="event")
    latest = said.order_by("-seq")
    timed = said.filter(delay_ms__isnull=False).order_by("-seq")
    calls = sight.calls().filter(state=Call.State.ACTIVE).order_by("-started_at", "id").values(
        "id", "bot_name", "caller", "callee", "started_at", "channel", "mode", "is_test", "turns",
        last_line=Subquery(latest.values("text")[:1]),
        last_side=Subquery(latest.values("side")[:1]),
        delay_ms=Subquery(timed.values("delay_ms")[:1]),
    )  # fmt: skip
    rows: list[Any] = list(calls[: LIVE_LIMIT + 1])
    return [_live_fields(row) for row in rows[:LIVE_LIMIT]], len(rows) > LIVE_LIMIT


def ended_among(sight: Sight, call_ids: frozenset[str]) -> dict[str, str]:
    """Those of ``call_ids`` that are over in the database, with the reason."""
    ended = sight.calls().filter(pk__in=call_ids, state=Call.State.ENDED)
    return {
        str(pk): reason or code
        for pk, reason, code in ended.values_list("pk", "reason", "reason_code")
    }


def _live_fields(row: dict[str, Any]) -> Fields:
    known = {name: value for name, value in row.items() if value is not None}
    known |= {
        "id": str(known["id"]),
        "bot": known.pop("bot_name"),
        "started_at": known["started_at"].isoformat(),
        "last_line": known.get("last_line", "")[:LAST_LINE_CHARS],
    }
    return known


def transcript(call_id: UUID, since: int = 0) -> list[LiveLine]:
    """The stored lines of a call after number ``since``, in order."""
    entries = TranscriptEntry.objects.filter(call=call_id, seq__gt=since).order_by("seq")
    return [
        LiveLine(
            seq=entry.seq,
            offset_ms=entry.offset_ms,
            side=entry.side,
            kind=entry.kind,
            text=entry.text,
            full_text=entry.full_text,
            confidence=entry.confidence,
            delay_ms=entry.delay_ms,
        )
        for entry in entries
    ]


def turn_times(call_id: UUID) -> list[TurnTimes]:
    """The stored times of the turns of a call, in order."""
    names = TurnTimes.__struct_fields__
    stored = TurnTiming.objects.filter(call=call_id).order_by("turn").values(*names)
    return [TurnTimes(**times) for times in stored]


# --- history --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class CallFilter:
    """Which calls a history page shows; None and the empty string mean any."""

    bot: str = ""
    state: str = ""
    reason: str = ""
    """A reason code or a cause."""
    direction: str = ""
    is_test: bool | None = None
    since: datetime | None = None
    number: str = ""

    def condition(self) -> Q:
        """The filter as a query condition."""
        condition = Q()
        if self.bot:
            condition &= Q(bot_name=self.bot)
        if self.state:
            condition &= Q(state=self.state)
        if self.reason:
            condition &= Q(reason_code=self.reason) | Q(cause=self.reason)
        if self.direction:
            condition &= Q(direction=self.direction)
        if self.is_test is not None:
            condition &= Q(is_test=self.is_test)
        if self.since is not None:
            condition &= Q(started_at__gte=self.since)
        if self.number:
            condition &= (
                Q(caller__contains=self.number)
                | Q(callee__contains=self.number)
                | Q(conversation_id=self.number)
            )
        return condition


@dataclass(frozen=True)
class Cursor:
    """A place in the list of calls, newest first: between two calls, next to the one named."""

    started_at: datetime
    call_id: UUID
    backwards: bool = False

    def __str__(self) -> str:
        direction = "before" if self.backwards else "after"
        return f"{direction}~{self.started_at.isoformat()}~{self.call_id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read what ``str`` wrote; raises ValueError."""
        direction, started_at, call_id = text.split("~")
        if direction not in ("before", "after"):
            raise ValueError(f"unknown direction {direction!r}")
        place = datetime.fromisoformat(started_at)
        if place.tzinfo is None:
            raise ValueError("the time has no zone")
        return cls(place, UUID(call_id), backwards=direction == "before")


@dataclass(frozen=True)
class CallPage:
    """One page of calls, newest first, with the cursors of its neighbours."""

    calls: list[Call]
    total: int
    newer: Cursor | None
    older: Cursor | None

    @property
    def total_is_capped(self) -> bool:
        """Whether there are more calls than ``total`` says."""
        return self.total > COUNT_LIMIT


def call_page(
    sight: Sight, chosen: CallFilter, *, size: int, cursor: Cursor | None = None
) -> CallPage:
    """The ``size`` calls next to ``cursor`` (from the newest on without one) that match."""
    matching = sight.calls().filter(chosen.condition())
    total = matching.order_by()[: COUNT_LIMIT + 1].count()
    backwards = cursor is not None and cursor.backwards
    listed = (
        matching.order_by("started_at", "-id")
        if backwards
        else matching.order_by("-started_at", "id")
    )
    if cursor is not None:
        listed = listed.filter(_beyond(cursor))
    calls = list(listed.defer("bot_result")[: size + 1])
    more, calls = len(calls) > size, calls[:size]
    if backwards:
        calls.reverse()
    newer_exist = more if backwards else cursor is not None
    older_exist = True if backwards else more
    return CallPage(
        calls=calls,
        total=total,
        newer=Cursor(calls[0].started_at, calls[0].pk, backwards=True)
        if calls and newer_exist
        else None,
        older=Cursor(calls[-1].started_at, calls[-1].pk) if calls and older_exist else None,
    )


def _beyond(cursor: Cursor) -> Q:
    at, pk = cursor.started_at, cursor.call_id
    if cursor.backwards:
        return Q(started_at__gt=at) | Q(started_at=at, pk__lt=pk)
    return Q(started_at__lt=at) | Q(started_at=at, pk__gt=pk)


@dataclass(frozen=True)
class Seen:
    """What the latest calls show, each sorted, for a filter to offer."""

    bots: list[str]
    reasons: list[str]
    """Reason codes and causes."""


def seen(sight: Sight) -> Seen:
    """The bots and reasons of the latest `SEEN_SAMPLE` calls."""
    latest = sight.calls().order_by("-started_at", "id")
    rows = list(latest.values_list("bot_name", "reason_code", "cause")[:SEEN_SAMPLE])
    reasons = {reason for _, *both in rows for reason in both} - {""}
    return Seen(sorted({bot for bot, *_ in rows}), sorted(reasons))
