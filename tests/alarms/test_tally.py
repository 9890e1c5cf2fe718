"""How many alarms there are, and of which people hear at once."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from alarms.core.severity import Severity
from alarms.core.tally import LOUD_AT_MOST, Tally, tally

pytestmark = pytest.mark.pure

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    alarm_id: UUID
    severity: int
    acknowledged_at: datetime | None = None
    silenced_until: datetime | None = None


def alarm(number: int, severity: int, **values: datetime) -> Alarm:
    return Alarm(alarm_id=UUID(int=number), severity=severity, **values)


def test_nothing_wrong_is_no_tally() -> None:
    assert tally([], NOON) == Tally(total=0, worst="", counts={}, loud=[])


def test_alarms_are_counted_by_severity_worst_first() -> None:
    told = tally([alarm(1, Severity.MINOR), alarm(2, Severity.CRITICAL), alarm(3, 3)], NOON)

    assert (told.total, told.worst) == (3, "critical")
    assert list(told.counts.items()) == [("critical", 1), ("minor", 2)]


def test_major_and_worse_is_loud_until_somebody_takes_care_of_it() -> None:
    told = tally(
        [
            alarm(1, Severity.MINOR),
            alarm(2, Severity.MAJOR),
            alarm(3, Severity.CRITICAL),
            alarm(4, Severity.CRITICAL, acknowledged_at=NOON),
            alarm(5, Severity.MAJOR, silenced_until=NOON + timedelta(seconds=1)),
            alarm(6, Severity.MAJOR, silenced_until=NOON),
        ],
        NOON,
    )

    assert told.loud == [(str(UUID(int=3)), 5), (str(UUID(int=2)), 4), (str(UUID(int=6)), 4)]
    assert told.total == 6


def test_of_very_many_the_worst_are_loud() -> None:
    many = [alarm(number, Severity.MAJOR) for number in range(LOUD_AT_MOST)]

    told = tally([*many, alarm(1000, Severity.CRITICAL)], NOON)

    assert len(told.loud) == LOUD_AT_MOST
    assert told.loud[0] == (str(UUID(int=1000)), 5)
