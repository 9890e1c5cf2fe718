"""What one process tells supervisors about its calls: current state, pending news, drop policy.

`Publication` is the pure half of `calls.live`: the session reports to it at any rate, and `take`
gives numbered batches in which news about one call is merged. A watcher that misses a number knows
that it missed something and asks for `state`.
"""

import math
from collections import deque
from typing import Any, TypeVar

import msgspec

from calls.core.waterfall import TurnTimes

LINE_LIMIT = 10_000
"""Lines that wait to be published; beyond it the oldest go, and a batch number is skipped."""
RECENT_LINES = 200
"""Lines kept of each live call, for watchers that join before the rows are in the database."""
RECENT_TURNS = 500
"""Turns kept of each live call, and at most waiting of it; the waterfall is drawn from them."""
RECENT_EVENTS = 200
"""Events kept of each live call, and at most waiting of it."""
INTERIM_GAP = 0.2
"""Seconds between two publications of interim text of one call."""
ENDED_GRACE = 10.0
"""Seconds for which an ended call can still be asked for."""
BATCH_CALLS = 50
"""Calls in one batch, so that one message to the channel layer stays small."""

LAST_LINE_CHARS = 80
"""How much of a line the table of live calls shows."""

Fields = dict[str, Any]
T = TypeVar("T")


class LiveLine(msgspec.Struct, frozen=True, kw_only=True):
    """One final line of a transcript, numbered like its database row (``seq`` from 1, no gaps).

    ``offset_ms`` counts from the start of the call; the rest is that of `RecordLine`.
    """

    seq: int
    offset_ms: int
    side: str
    kind: str
    text: str
    full_text: str = ""
    confidence: float | None = None
    delay_ms: int | None = None


class LiveEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened in a call beside what was said, numbered like its database row.

    The fields are those of `calls.models.CallEvent`; ``detail`` holds no words of the conversation.
    """

    seq: int
    offset_ms: int
    source: str
    name: str
    detail: dict[str, Any] = {}


class CallNews(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """News about one call; applied in the order fields, lines, turns, events, interim, gone.

    ``bot`` and ``is_test`` are always there, because they decide who may see and read the call.
    Empty interim text takes the interim line away. ``gone`` is the reason the call ended.
    """

    id: str
    bot: str
    is_test: bool = False
    fields: Fields = {}
    lines: tuple[LiveLine, ...] = ()
    turns: tuple[TurnTimes, ...] = ()
    events: tuple[LiveEvent, ...] = ()
    interim: dict[str, str] = {}
    gone: str | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """News of one process; ``number`` is one more than before, or something was lost."""

    number: int
    news: tuple[CallNews, ...]


class _Known:
    """The current state of one call."""

    def __init__(self) -> None:
        self.fields: Fields = {}
        self.lines: deque[LiveLine] = deque(maxlen=RECENT_LINES)
        self.turns: deque[TurnTimes] = deque(maxlen=RECENT_TURNS)
        self.events: deque[LiveEvent] = deque(maxlen=RECENT_EVENTS)
        self.interim: dict[str, str] = {}
        self.gone: str | None = None

    @property
    def bot(self) -> str:
        return str(self.fields.get("bot", ""))

    @property
    def is_test(self) -> bool:
        return bool(self.fields.get("is_test"))


class _Pending:
    """News of one call that no batch has carried yet."""

    def __init__(self) -> None:
        self.fields: Fields = {}
        self.lines: list[LiveLine] = []
        self.turns: deque[TurnTimes] = deque(maxlen=RECENT_TURNS)
        self.events: deque[LiveEvent] = deque(maxlen=RECENT_EVENTS)
        self.interim: dict[str, str] = {}
        self.gone: str | None = None

    def __bool__(self) -> bool:
        told = self.fields or self.lines or self.turns or self.events or self.interim
        return bool(told or self.gone is not None)


class Publication:
    """All that one process has to tell; ``now`` is any monotonic clock in seconds."""

    def __init__(self) -> None:
        self.number = 0
        self.dropped_lines = 0
        self.dropped_interim = 0
        self._known: dict[str, _Known] = {}
        self._pending: dict[str, _Pending] = {}  # in the order of the oldest news
        self._waiting_lines = 0
        self._interim_at: dict[str, float] = {}
        self._ended: deque[tuple[float, str]] = deque()

    def change(self, call_id: str, fields: Fields) -> None:
        """Merge ``fields`` into the call; the first change makes it known."""
        self._known.setdefault(call_id, _Known()).fields.update(fields)
        self._news(call_id).fields.update(fields)

    def line(self, call_id: str, line: LiveLine) -> None:
        """Add a final line in place of its side's interim text; unknown calls are ignored."""
        known = self._known.get(call_id)
        if known is None:
            return
        known.lines.append(line)
        known.interim.pop(line.side, None)
        pending = self._news(call_id)
        pending.interim.pop(line.side, None)
        pending.lines.append(line)
        if line.kind != "event":
            self.change(call_id, _summary(line))
        self._waiting_lines += 1
        if self._waiting_lines > LINE_LIMIT:
            self._drop_oldest_line()

    def turn(self, call_id: str, times: TurnTimes) -> None:
        """Add the times of a turn that has ended; unknown calls are ignored."""
        known = self._known.get(call_id)
        if known is None:
            return
        known.turns.append(times)
        self._wait(self._news(call_id).turns, times)

    def event(self, call_id: str, event: LiveEvent) -> None:
        """Add something that happened; unknown calls are ignored."""
        known = self._known.get(call_id)
        if known is None:
            return
        known.events.append(event)
        self._wait(self._news(call_id).events, event)

    def interim(self, call_id: str, side: str, text: str) -> None:
        """Show ``text`` as what ``side`` is saying; the latest wins, empty removes."""
        known = self._known.get(call_id)
        if known is None or known.gone is not None:
            return
        if text:
            known.interim[side] = text
        else:
            known.interim.pop(side, None)
        self._news(call_id).interim[side] = text

    def end(self, call_id: str, reason: str, now: float) -> None:
        """The call is over; it stays known for `ENDED_GRACE`. Unknown calls are ignored."""
        known = self._known.get(call_id)
        if known is None or known.gone is not None:
            return
        known.gone = reason
        known.interim.clear()
        pending = self._news(call_id)
        pending.gone = reason
        pending.interim.clear()
        self._ended.append((now, call_id))

    def take(self, now: float) -> Batch | None:
        """The next batch, or None when there is nothing that may be told at ``now``."""
        self.forget(now)
        news: list[CallNews] = []
        for call_id in list(self._pending):
            told = self._tell(call_id, now)
            if told is not None:
                news.append(told)
            if len(news) == BATCH_CALLS:
                break
        if not news:
            return None
        self.number += 1
        return Batch(number=self.number, news=tuple(news))

    def lose(self) -> None:
        """Skip a number: news was lost, so whoever watches must ask for `state`."""
        self.number += 1

    def drop_interim(self) -> None:
        """Throw pending interim text away, because it is old by the time it can be told."""
        for call_id, pending in list(self._pending.items()):
            self.dropped_interim += len(pending.interim)
            pending.interim.clear()
            if not pending:
                del self._pending[call_id]

    def forget(self, now: float) -> None:
        """Let go of calls that ended `ENDED_GRACE` ago, told or not."""
        while self._ended and now - self._ended[0][0] >= ENDED_GRACE:
            _, call_id = self._ended.popleft()
            untold = self._pending.pop(call_id, None)
            if untold is not None:
                self._waiting_lines -= len(untold.lines)
                self.dropped_lines += len(untold.lines)
                self.lose()
            del self._known[call_id]
            self._interim_at.pop(call_id, None)

    def state(self, call_id: str | None = None) -> Batch:
        """Everything known, of all calls by their fields alone, or of one call with all the rest.

        It holds at least what all batches up to its number told.
        """
        chosen = list(self._known) if call_id is None else [call_id] * (call_id in self._known)
        news = [self._describe(each, with_lines=call_id is not None) for each in chosen]
        return Batch(number=self.number, news=tuple(news))

    @property
    def waiting(self) -> bool:
        """Whether there is news that `take` has not given, though perhaps not yet due."""
        return bool(self._pending)

    def _news(self, call_id: str) -> _Pending:
        return self._pending.setdefault(call_id, _Pending())

    def _wait(self, waiting: deque[T], item: T) -> None:
        if len(waiting) == waiting.maxlen:
            self.lose()
        waiting.append(item)

    def _tell(self, call_id: str, now: float) -> CallNews | None:
        pending = self._pending.pop(call_id)
        if pending.interim and now - self._interim_at.get(call_id, -math.inf) < INTERIM_GAP:
            self._news(call_id).interim = pending.interim
            pending.interim = {}
        if not pending:
            return None
        if pending.interim:
            self._interim_at[call_id] = now
        self._waiting_lines -= len(pending.lines)
        return CallNews(
            id=call_id,
            bot=self._known[call_id].bot,
            is_test=self._known[call_id].is_test,
            fields=pending.fields,
            lines=tuple(pending.lines),
            turns=tuple(pending.turns),
            events=tuple(pending.events),
            interim=pending.interim,
            gone=pending.gone,
        )

    def _describe(self, call_id: str, *, with_lines: bool) -> CallNews:
        known = self._known[call_id]
        return CallNews(
            id=call_id,
            bot=known.bot,
            is_test=known.is_test,
            fields=dict(known.fields),
            lines=tuple(known.lines) if with_lines else (),
            turns=tuple(known.turns) if with_lines else (),
            events=tuple(known.events) if with_lines else (),
            interim=dict(known.interim) if with_lines else {},
            gone=known.gone,
        )

    def _drop_oldest_line(self) -> None:
        oldest = next(pending for pending in self._pending.values() if pending.lines)
        del oldest.lines[0]
        self._waiting_lines -= 1
        self.dropped_lines += 1
        self.lose()


def _summary(line: LiveLine) -> Fields:
    summary: Fields = {"last_line": line.text[:LAST_LINE_CHARS], "last_side": line.side}
    if line.delay_ms is not None:
        summary["delay_ms"] = line.delay_ms
    return summary
