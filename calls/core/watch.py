"""What one supervisor's browser has been told: snapshots and batches in, numbered frames out.

`Watch` is the pure half of `calls.consumers`. Frames are JSON text; every frame but interim text
and heartbeats carries ``seq``, which rises by one per connection, and the browser acknowledges
them. A browser that does not keep up gets nothing but one ``resync`` when it has caught up, and
then asks for a snapshot; so does one whose watch missed a batch of a publisher.

Lines and events of a followed call are delivered in order and once, whether they come from the
database, a batch or a publisher's state; those behind a gap are held until the gap is filled. Its
turns are delivered once, in any order: they carry their number.

What is said in a call (lines, interim text, the last line in the table) reaches only those who may
read it, and so do its turns and events.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from calls.core.publication import Batch, CallNews, Fields, LiveEvent, LiveLine
from calls.core.waterfall import TurnTimes, waterfall

VERSION = 1
UNACKED_FRAMES = 5_000
"""A page acknowledges every two seconds; a thousand live calls tell some hundred things in one."""
UNACKED_BYTES = 4 << 20
UNACKED_SECONDS = 30.0
"""How long a browser may leave frames without any acknowledgement."""
SUBSCRIPTIONS = 16
"""Calls whose lines and turns one connection may follow."""
GAP_TRIES = 5
"""How often what is missing is looked for before what is there is shown without it."""

_encode = msgspec.json.Encoder().encode


def frame(kind: str, /, **fields: Any) -> str:
    """One frame as JSON text; ``t`` is its kind."""
    return _encode({"t": kind, **fields}).decode()


class Rights(Protocol):
    """What the person at the browser may see of live calls (`calls.selectors.Sight`)."""

    def covers(self, bot: str) -> bool:
        """Whether calls of ``bot`` are visible."""
        ...

    def reads_live(self, bot: str, *, is_test: bool) -> bool:
        """Whether what is said in them may be read."""
        ...


N = TypeVar("N", LiveLine, LiveEvent)


class _Track(Generic[N]):
    """Numbered items of one call: the last one delivered, and those held behind a gap."""

    def __init__(self, since: int) -> None:
        self.last = since
        self.held: dict[int, N] = {}

    def take(self, items: Iterable[N]) -> list[N]:
        """Items in any order; out come those that are next."""
        self.held.update((item.seq, item) for item in items if item.seq > self.last)
        ready = []
        while (item := self.held.pop(self.last + 1, None)) is not None:
            self.last = item.seq
            ready.append(item)
        return ready

    def skip(self) -> None:
        """Go on without what is missing."""
        if self.held:
            self.last = min(self.held) - 1


class _Followed:
    """One subscribed call: what of it was delivered."""

    def __init__(self, since: int, since_event: int) -> None:
        self.lines: _Track[LiveLine] = _Track(since)
        self.events: _Track[LiveEvent] = _Track(since_event)
        self.turns: set[int] = set()
        self.tries = 0
        self.over = False

    @property
    def waits(self) -> bool:
        return bool(self.lines.held or self.events.held)

    def settle(self) -> None:
        """A gap that was filled takes nothing from the tries of the next."""
        if not self.waits:
            self.tries = 0


class Watch:
    """The state of one connection; ``rights`` are asked each time, ``now`` is monotonic seconds."""

    def __init__(self, rights: Callable[[], Rights]) -> None:
        self.seq = 0
        self.muted = "start"
        self.wants_state = False
        self._rights = rights
        self._sources: dict[str, int] = {}
        self._shown: set[str] = set()
        self._followed: dict[str, _Followed] = {}
        self._unacked: deque[tuple[int, int]] = deque()
        self._unacked_bytes = 0
        self._progress_at = 0.0

    def hello(self, heartbeat: int) -> str:
        """The first frame of a connection; ``heartbeat`` is the seconds between two heartbeats."""
        return frame("hello", v=VERSION, seq=self.seq, hb=heartbeat)

    def snapshot(self, rows: Iterable[Fields], now: float, *, truncated: bool) -> list[str]:
        """All live calls from the database; takes the place of everything the browser shows."""
        self.muted = ""
        rights = self._rights()
        listed = [
            row
            if rights.reads_live(row["bot"], is_test=bool(row.get("is_test")))
            else _without_words(row)
            for row in rows
        ]
        self._shown = {row["id"] for row in listed}
        return self._numbered(now, "snapshot", view="calls", rows=listed, truncated=truncated)

    def batch(self, source: str, batch: Batch, now: float) -> list[str]:
        """A batch (or, without news, a heartbeat) from ``source``; a missed number is a resync."""
        expected = self._sources.get(source, 0) + bool(batch.news)
        if source not in self._sources and batch.number != expected:
            self.wants_state = True  # it has a past that no snapshot of this connection covers
        elif batch.number > expected:
            self._sources[source] = batch.number
            return self.resync("gap")
        elif batch.number < expected:
            return []  # a state answer has overtaken it
        self._sources[source] = batch.number
        return self._apply(batch.news, now)

    def state(self, source: str, batch: Batch, now: float) -> list[str]:
        """A publisher's answer to a request for its state; repeats what is known already."""
        self._sources[source] = max(batch.number, self._sources.get(source, 0))
        return self._apply(batch.news, now)

    def resync(self, why: str) -> list[str]:
        """Tell the browser, once, to drop what it has; nothing more goes out until `snapshot`."""
        if self.muted:
            return []
        self.muted = why
        return [frame("resync", why=why, seq=self.seq)]

    def follow(self, call_id: str, since: int, since_event: int = 0) -> bool:
        """Deliver lines of the call from number ``since + 1`` on, events likewise, every turn.

        False beyond `SUBSCRIPTIONS`. Whether the call may be read is up to the caller.
        """
        if call_id not in self._followed and len(self._followed) >= SUBSCRIPTIONS:
            return False
        self._followed[call_id] = _Followed(since, since_event)
        return True

    def unfollow(self, call_id: str) -> None:
        """Deliver no more lines, turns and events of the call."""
        self._followed.pop(call_id, None)

    @property
    def followed(self) -> frozenset[str]:
        """The calls that are followed."""
        return frozenset(self._followed)

    def reached(self, call_id: str) -> tuple[int, int]:
        """The numbers of the last line and of the last event delivered; zeros when not followed."""
        followed = self._followed.get(call_id)
        return (followed.lines.last, followed.events.last) if followed is not None else (0, 0)

    def lines(self, call_id: str, lines: Iterable[LiveLine], now: float) -> list[str]:
        """Lines of a call from any origin, in any order; out come those that are next."""
        followed = self._followed.get(call_id)
        if followed is None or self.muted:
            return []
        frames: list[str] = []
        for line in followed.lines.take(lines):
            frames += self._item(call_id, "line", line, now)
        followed.settle()
        return frames

    def events(self, call_id: str, events: Iterable[LiveEvent], now: float) -> list[str]:
        """Events of a call from any origin, in any order; out come those that are next."""
        followed = self._followed.get(call_id)
        if followed is None or self.muted:
            return []
        frames: list[str] = []
        for event in followed.events.take(events):
            frames += self._item(call_id, "event", event, now)
        followed.settle()
        return frames

    def turns(self, call_id: str, turns: Iterable[TurnTimes], now: float) -> list[str]:
        """Turns of a call from any origin; out come the waterfalls of those that are new."""
        followed = self._followed.get(call_id)
        if followed is None or self.muted:
            return []
        frames = []
        for times in turns:
            if times.turn not in followed.turns:
                followed.turns.add(times.turn)
                shown = msgspec.structs.asdict(waterfall(times))
                frames += self._numbered(now, "turn", id=call_id, **shown)
        return frames

    def missing(self, now: float) -> tuple[list[str], list[str]]:
        """Which followed calls wait for lines or events before those that are there.

        Call it about once a second. The second part is frames: what was there when the rest had
        been looked for `GAP_TRIES` times in vain.
        """
        wanted: list[str] = []
        frames: list[str] = []
        for call_id, followed in self._followed.items():
            if not followed.waits:
                continue
            followed.tries += 1
            if followed.tries > GAP_TRIES:
                followed.lines.skip()
                followed.events.skip()
                frames += self.lines(call_id, (), now) + self.events(call_id, (), now)
            else:
                wanted.append(call_id)
        return wanted, frames

    def shown(self) -> frozenset[str]:
        """The calls the browser shows as live or follows, and was not told to be over."""
        going_on = {call_id for call_id, kept in self._followed.items() if not kept.over}
        return frozenset(self._shown | going_on)

    def gone(self, call_id: str, reason: str, now: float) -> list[str]:
        """The call is over."""
        self._shown.discard(call_id)
        if call_id in self._followed:
            self._followed[call_id].over = True
        return self._numbered(now, "call", op="gone", id=call_id, reason=reason)

    def ack(self, seq: int, now: float) -> list[str]:
        """The browser has applied everything up to ``seq``."""
        while self._unacked and self._unacked[0][0] <= seq:
            self._unacked_bytes -= self._unacked.popleft()[1]
            self._progress_at = now
        if self.muted == "slow" and not self._unacked:
            return [frame("resync", why="slow", seq=self.seq)]
        return []

    def overdue(self, now: float) -> bool:
        """Whether the browser has left frames unacknowledged for too long to be alive."""
        return bool(self._unacked) and now - self._progress_at > UNACKED_SECONDS

    def _apply(self, news: Iterable[CallNews], now: float) -> list[str]:
        frames: list[str] = []
        rights = self._rights()
        for item in news:
            if not rights.covers(item.bot):
                continue
            reads = rights.reads_live(item.bot, is_test=item.is_test)
            fields = item.fields if reads else _without_words(item.fields)
            if fields and item.gone is None:
                self._shown.add(item.id)
            if fields:
                told = {**fields, "bot": item.bot}
                frames += self._numbered(now, "call", op="upsert", id=item.id, f=told)
            if reads and item.id in self._followed:
                frames += self._said(item, now)
            if item.gone is not None:
                frames += self.gone(item.id, item.gone, now)
        return frames

    def _said(self, item: CallNews, now: float) -> list[str]:
        if self.muted:
            return []
        return [
            *self.lines(item.id, item.lines, now),
            *self.turns(item.id, item.turns, now),
            *self.events(item.id, item.events, now),
            *(
                frame("interim", id=item.id, side=side, text=text)
                for side, text in item.interim.items()
            ),
        ]

    def _item(self, call_id: str, kind: str, item: LiveLine | LiveEvent, now: float) -> list[str]:
        fields = msgspec.structs.asdict(item)
        return self._numbered(now, kind, id=call_id, n=fields.pop("seq"), **fields)

    def _numbered(self, now: float, kind: str, /, **fields: Any) -> list[str]:
        if self.muted:
            return []
        self.seq += 1
        text = frame(kind, seq=self.seq, **fields)
        if not self._unacked:
            self._progress_at = now
        self._unacked.append((self.seq, len(text)))
        self._unacked_bytes += len(text)
        if len(self._unacked) > UNACKED_FRAMES or self._unacked_bytes > UNACKED_BYTES:
            self.muted = "slow"
        return [text]


def _without_words(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if name != "last_line"}
