"""Reads of call records: who may see what, live calls, transcripts.

Every reader of calls (pages, live feed) starts from `visible_to`.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import OuterRef, Q, QuerySet, Subquery

from bots.core.roles import Permission
from bots.people import Person, person
from calls.core.publication import LAST_LINE_CHARS, Fields, LiveLine
from calls.core.waterfall import TurnTimes
from calls.models import Call, Dialout, TranscriptEntry, TurnTiming

LIVE_LIMIT = 1_000
"""Live calls in one list."""


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

    def dialouts(self) -> QuerySet[Dialout]:
        """The visible outbound calls that were asked for, whatever became of them."""
        if not self.history:
            return Dialout.objects.none()
        reached = Q() if self.who.bots is None else Q(bot_name__in=self.who.bots)
        return Dialout.objects.filter(reached)

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

    @property
    def searches(self) -> bool:
        """Whether what was said in visible calls may be searched."""
        return self.who.may(Permission.READ_TRANSCRIPTS)

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
    """The stored lines of a call after number ``since``, in the order in which they began.

    A prompt is numbered when it has been spoken, so what happens meanwhile has a lower number.
    """
    lines = TranscriptEntry.objects.filter(call=call_id, seq__gt=since)
    entries = lines.order_by("offset_ms", "seq")
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
