"""Figures of traffic that can be added up: calls, failures, and how long callers waited.

Waits are counted on a logarithmic scale, so that percentiles of any period and any bots come from
sums; a percentile is off by at most `RELATIVE_ERROR` of itself.
Source: C. Masson, J. E. Rim, H. K. Lee, DDSketch, VLDB 2019.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate

import msgspec

from calls.core.waterfall import SEGMENTS, Waterfall

RELATIVE_ERROR = 0.02
TOTAL = "total"
"""The stage that stands for the whole wait."""
STAGES = (TOTAL, *SEGMENTS)

_GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_LOG_GAMMA = math.log(_GAMMA)

Histogram = Counter[int]
"""How many waits fell into each class of the scale."""


@lru_cache(maxsize=16_384)
def scale_class(ms: int) -> int:
    """The class of a wait of ``ms`` milliseconds; 0 holds those that took no time."""
    return 0 if ms < 1 else 1 + math.ceil(math.log(ms) / _LOG_GAMMA)


def class_ms(number: int) -> float:
    """The milliseconds that stand for class ``number``: off by `RELATIVE_ERROR` at most."""
    return 0.0 if number < 1 else 2 * _GAMMA ** (number - 1) / (_GAMMA + 1)


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The wait in milliseconds that ``share`` (0 to 1) of all did not exceed; None without any."""
    total = sum(histogram.values())
    if not total:
        return None
    numbers = sorted(histogram)
    sums = list(accumulate(histogram[number] for number in numbers))
    return class_ms(numbers[bisect_left(sums, max(1, math.ceil(share * total)))])


class Figures(msgspec.Struct, kw_only=True):
    """What happened to calls in one period.

    ``most`` is how many went on at once at most: known for one period and the same calls only, so
    that adding up other bots gives a bound, not the number.
    """

    started: int = 0
    ended: int = 0
    most: int = 0
    failures: Counter[str] = msgspec.field(default_factory=Counter)
    """Calls that ended out of order, by cause."""
    silences: dict[str, Histogram] = msgspec.field(default_factory=dict)
    """Per stage (see `STAGES`) the waits for a reply."""

    @property
    def failed(self) -> int:
        """Calls that ended out of order."""
        return self.failures.total()

    @property
    def failed_share(self) -> float | None:
        """The share of ended calls that failed, 0 to 1; None when none ended."""
        return self.failed / self.ended if self.ended else None

    def add(self, other: "Figures") -> None:
        """Add what happened in another period, or to other calls of this one."""
        self.started += other.started
        self.ended += other.ended
        self.most = max(self.most, other.most)
        self.failures.update(other.failures)
        for stage, histogram in other.silences.items():
            self.silences.setdefault(stage, Counter()).update(histogram)

    def count_wait(self, turn: Waterfall) -> None:
        """Count one turn; one whose answer was never heard has no wait."""
        if turn.silence_ms is None:
            return
        took = {segment.name: segment.ms for segment in turn.segments}
        took[TOTAL] = turn.silence_ms
        for stage in STAGES:
            counts = self.silences.setdefault(stage, Counter())
            counts[scale_class(took.get(stage, 0))] += 1

    def wait_ms(self, share: float, stage: str = TOTAL) -> int | None:
        """The wait that ``share`` of the turns did not exceed in ``stage``, whole milliseconds."""
        found = percentile(self.silences.get(stage, {}), share)
        return None if found is None else round(found)


def packed(silences: Mapping[str, Histogram]) -> dict[str, dict[str, int]]:
    """The waits as JSON."""
    return {
        stage: {str(number): count for number, count in sorted(histogram.items())}
        for stage, histogram in silences.items()
    }


def unpacked(stored: Mapping[str, Mapping[str, int]]) -> dict[str, Histogram]:
    """The waits that `packed` wrote."""
    return {
        stage: Counter({int(number): count for number, count in histogram.items()})
        for stage, histogram in stored.items()
    }


def most_at_once(spans: Iterable[tuple[float, float]], start: float, end: float) -> int:
    """How many of ``spans`` went on at one moment from ``start`` up to ``end``, at most.

    A span is when a call began and ended; one that ends at the moment another begins makes way.
    """
    changes: list[tuple[float, int]] = []
    for began, ended in spans:
        if began < end and ended > start:
            changes += ((max(began, start), 1), (ended, -1))
    most = going = 0
    for _, change in sorted(changes):
        going += change
        most = max(most, going)
    return most
