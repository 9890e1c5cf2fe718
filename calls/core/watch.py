"""What one supervisor's browser has been told: snapshots and batches in, numbered frames out.

`Watch` is the pure half of `calls.consumers`. Frames are JSON text; every frame but interim text
and heartbeats carries ``seq``, which rises by one per connection, and the browser acknowledges
them. A browser that does not keep up gets nothing but one ``resync`` when it has caught up, and
then asks for a snapshot; so does one whose watch missed a batch of a publisher.

Lines of a followed call are delivered in order and once, whether they come from the database, a
batch or a publisher's state; lines behind a gap are held until the gap is filled. Its turns are
delivered once, in any order: they carry their number.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from calls.core.publication import Batch, CallNews, Fields, LiveLine
from calls.core.waterfall import TurnTimes, waterfall

VERSION = 1
UNACKED_FRAMES = 500
UNACKED_BYTES = 1 << 20
UNACKED_SECONDS = 30.0
"""How long a browser may leave frames without any acknowledgement."""
SUBSCRIPTIONS = 16
"""Calls whose lines and turns one connection may follow."""
GAP_TRIES = 5
"""How often missing lines are looked for before what is there is shown without them."""

_encode = msgspec.json.Encoder().encode


def frame(kind: str, /, **fields: Any) -> str:
    """One frame as JSON text; ``t`` is its kind."""
    return _encode({"t": kind, **fields}).decode()


class _Followed:
    """One subscribed call: its last line and the turns delivered, and lines held behind a gap."""

    def __init__(self, since: int) -> None:
        self.last = since
        self.held: dict[int, LiveLine] = {}
        self.tries = 0
        self.turns: set[int] = set()


class Watch:
    """The state of one connection; ``may_see`` decides by bot, ``now`` is monotonic seconds."""

    def __init__(self, may_see: Callable[[str], bool]) -> None:
        self.seq = 0
        self.muted = "start"
        self.wants_state = False
        self._may_see = may_see
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
        listed = list(rows)
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

    def follow(self, call_id: str, since: int) -> bool:
        """Deliver lines of the call from number ``since + 1`` on, and every turn.

        False beyond `SUBSCRIPTIONS`.
        """
        if call_id not in self._followed and len(self._followed) >= SUBSCRIPTIONS:
            return False
        self._followed[call_id] = _Followed(since)
        return True

    def unfollow(self, call_id: str) -> None:
        """Deliver no more lines and turns of the call."""
        self._followed.pop(call_id, None)

    def lines(self, call_id: str, lines: Iterable[LiveLine], now: float) -> list[str]:
        """Lines of a call from any origin, in any order; out come those that are next."""
        followed = self._followed.get(call_id)
        if followed is None or self.muted:
            return []
        followed.held.update((line.seq, line) for line in lines if line.seq > followed.last)
        frames = []
        while (line := followed.held.pop(followed.last + 1, None)) is not None:
            followed.last = line.seq
            frames += self._line(call_id, line, now)
        if not followed.held:
            followed.tries = 0
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

    def missing(self, now: float) -> tuple[list[tuple[str, int]], list[str]]:
        """Which followed calls wait for lines, with the last number delivered.

        Call it about once a second. The second part is frames: lines whose predecessors were
        looked for `GAP_TRIES` times in vain.
        """
        wanted: list[tuple[str, int]] = []
        frames: list[str] = []
        for call_id, followed in self._followed.items():
            if not followed.held:
                continue
            followed.tries += 1
            if followed.tries > GAP_TRIES:
                followed.last = min(followed.held) - 1
                frames += self.lines(call_id, (), now)
            else:
                wanted.append((call_id, followed.last))
        return wanted, frames

    def shown(self) -> frozenset[str]:
        """The calls the browser shows as live or follows."""
        return frozenset(self._shown | self._followed.keys())

    def gone(self, call_id: str, reason: str, now: float) -> list[str]:
        """The call is over."""
        self._shown.discard(call_id)
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
        for item in news:
            if not self._may_see(item.bot):
                continue
            if item.fields and item.gone is None:
                self._shown.add(item.id)
            if item.fields:
                fields = {**item.fields, "bot": item.bot}
                frames += self._numbered(now, "call", op="upsert", id=item.id, f=fields)
            frames += self.lines(item.id, item.lines, now)
            frames += self.turns(item.id, item.turns, now)
            if item.id in self._followed and not self.muted:
                frames += [
                    frame("interim", id=item.id, side=side, text=text)
                    for side, text in item.interim.items()
                ]
            if item.gone is not None:
                frames += self.gone(item.id, item.gone, now)
        return frames

    def _line(self, call_id: str, line: LiveLine, now: float) -> list[str]:
        fields = msgspec.structs.asdict(line)
        return self._numbered(now, "line", id=call_id, n=fields.pop("seq"), **fields)

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
