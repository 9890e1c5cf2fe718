"""What one process has seen lately, and when that is worth a report.

Failures count when there are enough within a window, conditions when they have held for a while.
Time is an argument: seconds of a clock that only goes forward. Memory is bounded: a source has one
entry however often it fails, and a type `MAX_SOURCES` entries.
"""

from collections import OrderedDict, deque
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from alarms.core.policy import Policy
from alarms.core.severity import Severity
from alarms.core.state import WITNESS_S, Report

MAX_SOURCES = 500
"""Sources of one type that are told apart; all beyond are one."""
OTHERS = "…others"
"""The name of that one."""
MAX_TIMES = 1_000
"""Times of failures that are remembered of one source."""
REPEAT_S = 2.0
"""Between two reports of failures while the alarm is active."""
LOOK_S = WITNESS_S / 3
"""Between two reports of a condition that goes on."""
RETRY_S = 2.0
"""Between two wishes to clear an alarm that stays: others may have seen it since."""
GAP_S = 120.0
"""A condition that nobody looked at for this long is seen for the first time."""


class Key(NamedTuple):
    """One source of one type."""

    type: str
    source: str


class _Entry:
    __slots__ = (
        "at", "certain", "detail", "looked", "own", "row", "said_at", "said_severity", "severity",
        "since", "times", "tried_at", "unsaid", "wish",
    )  # fmt: skip

    def __init__(self, count: int) -> None:
        self.times: deque[float] = deque(maxlen=min(count, MAX_TIMES))
        self.unsaid = 0
        self.row = 0
        """Failures since it worked, or since an alarm was told of."""
        self.certain = False
        self.since: float | None = None
        self.looked = False
        self.severity: Severity | None = None
        self.detail = ""
        self.at = float("-inf")
        self.wish = False
        self.own = False
        self.said_at = self.tried_at = float("-inf")
        self.said_severity: Severity | None = None


class Evidence:
    """What was told in this process, by type and source; not safe for several threads."""

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self._entries: dict[str, OrderedDict[str, _Entry]]
        self._entries = {name: OrderedDict() for name in policies}
        self._policies = policies
        self._dirty: dict[Key, None] = {}
        self._failing: dict[Key, None] = {}
        """What has failed and not worked since, where that is to be known."""

    def __contains__(self, key: Key) -> bool:
        """Whether it would be news that it works; safe in any thread."""
        return key in self._dirty or key in self._failing

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    def follow(self, policies: Mapping[str, Policy]) -> None:
        """Judge by ``policies`` from here on."""
        self._policies = policies
        for name, entries in self._entries.items():
            for entry in entries.values():
                most = min(policies[name].count, MAX_TIMES)
                if entry.times.maxlen != most:
                    entry.times = deque(entry.times, maxlen=most)

    def failed(self, key: Key, detail: str, now: float, *, certain: bool = False) -> None:
        """It failed; ``certain``: one failure is enough."""
        entry, policy = self._marked(key), self._policies[key.type]
        together_s = max(policy.window_s, policy.in_a_row_s if entry.row else 0.0)
        if entry.times and now - entry.times[-1] > together_s:
            entry.unsaid = 0
        entry.times.append(now)
        entry.unsaid += 1
        entry.row += 1
        if policy.in_a_row_s and key.source in self._entries[key.type]:
            self._failing[key] = None
        entry.certain |= certain
        entry.detail, entry.severity, entry.at, entry.wish = detail, None, now, False

    def holds(self, key: Key, detail: str, now: float, *, severity: Severity | None = None) -> None:
        """A condition holds, told again at every look."""
        entry = self._marked(key)
        if entry.since is None or now - entry.at > GAP_S:
            entry.since = now
        entry.looked = True
        entry.detail, entry.severity, entry.at, entry.wish = detail, severity, now, False

    def over(self, key: Key, *, certain: bool = False) -> None:
        """It works, or does not hold; ``certain``: whoever says so speaks for all."""
        entry = self._marked(key)
        entry.own = certain or entry.own or entry.since is not None
        entry.since, entry.looked, entry.wish, entry.row = None, False, True, 0
        self._failing.pop(key, None)

    def due(self, now: float, clock: datetime, active: Collection[Key]) -> list[Report]:
        """What is worth a report; ``clock`` is the time of day, ``active`` what is an alarm.

        Call `told` when the reports are written; until then they are due again, with what came in
        between.
        """
        reports: list[Report] = []
        for key in list(self._dirty):
            entry = self._entries[key.type][key.source]
            if not self._policies[key.type].applies(key.source):
                self._forget(key)
                continue
            found = self._reports(key, entry, now, clock, active=key in active)
            reports += found
            if not found and not self._waits(entry, active=key in active):
                entry.wish = entry.own = False
                del self._dirty[key]
        return reports

    def told(self, reports: Sequence[Report], now: float) -> None:
        """These were written."""
        for report in reports:
            entry = self._entries[report.type].get(report.source)
            if entry is None:
                continue
            if report.clears:
                entry.tried_at = now
                continue
            entry.unsaid = max(0, entry.unsaid - report.count)
            entry.row = 0
            entry.certain = entry.looked = False
            entry.said_at, entry.said_severity = now, report.severity

    def _marked(self, key: Key) -> _Entry:
        """The entry of ``key``, made if need be, to be looked at by `due`."""
        entries = self._entries[key.type]
        entry = entries.get(key.source)
        if entry is None:
            if len(entries) >= MAX_SOURCES:
                oldest = Key(key.type, next(iter(entries)))
                if oldest in self._dirty:
                    key = Key(key.type, others(key.source))
                else:
                    del entries[oldest.source]
                    self._failing.pop(oldest, None)
            entry = entries.setdefault(key.source, _Entry(self._policies[key.type].count))
        entries.move_to_end(key.source)
        self._dirty[key] = None
        return entry

    def _forget(self, key: Key) -> None:
        del self._entries[key.type][key.source]
        del self._dirty[key]
        self._failing.pop(key, None)

    def _reports(
        self, key: Key, entry: _Entry, now: float, clock: datetime, *, active: bool
    ) -> list[Report]:
        found = []
        if self._raises(key, entry, now, active=active):
            found.append(_report(key, entry, now, clock))
        quiet_s = self._policies[key.type].clear_after_s
        due = now - entry.at >= quiet_s and now - entry.tried_at >= RETRY_S
        if entry.wish and due and (active or found):
            found.append(_over(key, entry, clock))
        return found

    def _raises(self, key: Key, entry: _Entry, now: float, *, active: bool) -> bool:
        policy = self._policies[key.type]
        since_said = now - entry.said_at
        if entry.looked and entry.since is not None:
            if not active:
                return now - entry.since >= policy.hold_off_s
            return since_said >= LOOK_S or entry.severity != entry.said_severity
        if not entry.unsaid:
            return False
        if active:
            return since_said >= REPEAT_S
        times = entry.times
        # Of very many only the last are remembered: the same rate over a shorter time.
        share = len(times) / policy.count
        span_s = times[-1] - times[0] if len(times) == times.maxlen else float("inf")
        return (
            entry.certain
            or (entry.unsaid >= policy.count and span_s <= policy.window_s * share)
            or (entry.row >= policy.count and span_s <= policy.in_a_row_s * share)
        )

    def _waits(self, entry: _Entry, *, active: bool) -> bool:
        """Whether time alone may make a report due."""
        if active and (entry.wish or entry.unsaid):
            return True
        return entry.looked


def others(source: str) -> str:
    """What stands for ``source`` when there are too many: ``provider:…others``."""
    return f"{source.partition(':')[0]}:{OTHERS}"


def _report(key: Key, entry: _Entry, now: float, clock: datetime) -> Report:
    return Report(
        type=key.type,
        source=key.source,
        at=clock - timedelta(seconds=max(0.0, now - entry.at)),
        severity=entry.severity,
        detail=entry.detail,
        count=entry.unsaid,
    )


def _over(key: Key, entry: _Entry, clock: datetime) -> Report:
    return Report(
        type=key.type,
        source=key.source,
        at=clock,
        severity=Severity.CLEAR,
        count=0,
        own=entry.own,
    )
