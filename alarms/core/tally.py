"""How many alarms there are, how bad, and which of them people must hear of at once.

Rail, title and sound of every page follow from a tally; it says nothing of what is wrong.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol
from uuid import UUID

import msgspec

from alarms.core.severity import Severity

LOUD = Severity.MAJOR
"""From here on people are told at once, unless somebody takes care of it already."""
LOUD_AT_MOST = 100


class Counted(Protocol):
    """What counts of an active alarm."""

    @property
    def alarm_id(self) -> UUID:
        """Which alarm."""
        ...

    @property
    def severity(self) -> int:
        """How bad it is."""
        ...

    @property
    def acknowledged_at(self) -> datetime | None:
        """Since when somebody takes care of it."""
        ...

    @property
    def silenced_until(self) -> datetime | None:
        """Until when nobody is told of it."""
        ...


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Active alarms by severity (its word), the worst, and who has to be heard.

    ``loud`` has id and severity of each; of very many the worst.
    """

    total: int
    worst: str
    counts: dict[str, int]
    loud: list[tuple[str, int]]


def tally(alarms: Iterable[Counted], now: datetime) -> Tally:
    """The tally of ``alarms``, of which those are loud that nobody acknowledged or silenced."""
    listed = sorted(alarms, key=lambda alarm: -alarm.severity)
    counts: dict[str, int] = {}
    for alarm in listed:
        word = Severity(alarm.severity).word
        counts[word] = counts.get(word, 0) + 1
    loud = [(str(each.alarm_id), each.severity) for each in listed if _is_loud(each, now)]
    return Tally(
        total=len(listed),
        worst=next(iter(counts), ""),
        counts=counts,
        loud=loud[:LOUD_AT_MOST],
    )


def _is_loud(alarm: Counted, now: datetime) -> bool:
    silenced = alarm.silenced_until is not None and alarm.silenced_until > now
    return alarm.severity >= LOUD and alarm.acknowledged_at is None and not silenced
