"""Alarms for tests, raised and cleared as processes would."""

from datetime import datetime, timedelta

from django.utils import timezone

from alarms.core.catalogue import STT_PROVIDER_FAILURE
from alarms.core.declare import AlarmType
from alarms.core.severity import Severity
from alarms.core.state import Report
from alarms.models import ActiveAlarm, AlarmEvent
from alarms.services.reporting import tell


def raised(
    kind: AlarmType = STT_PROVIDER_FAILURE,
    name: str = "stt-1",
    *,
    at: datetime | None = None,
    count: int = 3,
    detail: str = "timeout",
) -> ActiveAlarm:
    """An alarm that is active; ``at``: since when."""
    source = kind.source(name)
    moment = at or timezone.now()
    tell([Report(type=kind.name, source=source, at=moment, detail=detail, count=count)])
    return ActiveAlarm.objects.get(type=kind.name, source=source)


def over_of(alarm: ActiveAlarm, at: datetime) -> Report:
    """What tells that the alarm is over at ``at``."""
    return Report(type=alarm.type, source=alarm.source, at=at, severity=Severity.CLEAR, count=0)


def cleared(alarm: ActiveAlarm, *, after_s: float = 60.0) -> AlarmEvent:
    """The alarm is over, so long after it was told last."""
    tell([over_of(alarm, alarm.last_at + timedelta(seconds=after_s))])
    return AlarmEvent.objects.get(alarm_id=alarm.alarm_id, kind=AlarmEvent.Kind.CLEARED)
