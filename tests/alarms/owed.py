"""Destinations and alarms for tests of what is owed to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from alarms.core.catalogue import STT_PROVIDER_FAILURE as STT
from alarms.core.severity import Severity
from alarms.core.state import Report
from alarms.models import Destination, Notification
from alarms.services.reporting import tell

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
AZURE = "provider:azure-1"


def destination(name: str = "nms", url: str = "https://hooks.example.com/", **values: Any) -> Any:
    """A destination of webhooks, as it is stored."""
    settings = {"params": {}, "credentials": {"alarmWebhookUrl": url}}
    usual = {"notifier": "webhook", "settings": settings, "min_severity": Severity.WARNING}
    return Destination.objects.create(name=name, **(usual | values))


def alarm(
    seconds: float = 0, source: str = AZURE, severity: Severity | None = None, **values: Any
) -> UUID:
    """Have it told that ``source`` fails; the alarm's id."""
    at = NOON + timedelta(seconds=seconds)
    values = {"type": STT.name, "detail": "timeout"} | values
    (event,) = tell([Report(source=source, at=at, severity=severity, **values)])
    return event.alarm_id


def over(seconds: float = 60, source: str = AZURE, kind: str = STT.name) -> None:
    """Have it told that it is over."""
    at = NOON + timedelta(seconds=seconds)
    tell([Report(type=kind, source=source, at=at, severity=Severity.CLEAR, count=0)])


def owed(name: str = "nms") -> list[tuple[str, int]]:
    """What is or was owed to a destination, oldest first: what happened, and the severity."""
    rows = Notification.objects.filter(destination__name=name).order_by("created_at")
    return [(row.kind, row.notice["severity"]) for row in rows]
