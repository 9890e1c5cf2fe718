"""Notices as they are made for destinations, and whether a destination wants one."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.conf import settings

from alarms.core.catalogue import CATALOGUE, DESTINATION_FAILING
from alarms.core.declare import AlarmType
from alarms.core.patterns import listed
from alarms.core.ports import Notice, NoticeKind
from alarms.core.severity import Severity
from alarms.core.trap import TEST_NUMBER
from alarms.models import ActiveAlarm, AlarmEvent, Destination, Notification
from alarms.services.addresses import console_url, runbook_url

TEST = "test"
"""The type of alarm that a test says it is."""


def notice_of(
    alarm: AlarmEvent | ActiveAlarm, *, key: UUID, kind: NoticeKind, at: datetime
) -> Notice | None:
    """What destinations are told of ``alarm`` as notification ``key``; None: its type is gone."""
    declared = CATALOGUE.get(alarm.type)
    if declared is None:
        return None
    event = alarm if isinstance(alarm, AlarmEvent) and kind != "resent" else None
    previous = event.previous if event is not None else None
    return about(
        declared,
        id=str(key),
        kind=kind,
        seq=event.seq if event is not None else 0,
        alarm_id=str(alarm.alarm_id),
        source=alarm.source,
        severity=Severity(alarm.severity),
        previous=None if previous is None else Severity(previous),
        text=alarm.text,
        detail=alarm.detail,
        at=at,
        raised_at=alarm.raised_at,
        count=alarm.count,
    )


def about(declared: AlarmType, **values: Any) -> Notice:
    """A notice about an alarm of a type with ``values``; the rest follows from the type."""
    return Notice(
        type=declared.name,
        number=declared.number,
        title=declared.title,
        cause=declared.cause,
        gateway=str(settings.GATEWAY_NAME),
        runbook_url=runbook_url(declared.name),
        console_url=console_url(values["alarm_id"]),
        **values,
    )


def test_notice(key: UUID, at: datetime, by: str) -> Notice:
    """What a test sends, which ``by`` asked for."""
    return Notice(
        id=str(key),
        kind="test",
        seq=0,
        alarm_id=str(uuid4()),
        type=TEST,
        number=TEST_NUMBER,
        title="Test",
        source="destination",
        severity=Severity.INDETERMINATE,
        previous=None,
        text="A test of this destination; nothing is wrong.",
        detail=f"Sent by {by}." if by else "",
        cause="",
        at=at,
        raised_at=at,
        count=1,
        gateway=str(settings.GATEWAY_NAME),
        runbook_url="",
        console_url=f"{settings.PUBLIC_URL}/",
    )


def stored(notice: Notice, destination: Destination, at: datetime) -> Notification:
    """The row, not yet saved, by which ``notice`` is owed to ``destination`` from ``at`` on."""
    return Notification(
        id=UUID(notice.id),
        destination=destination,
        seq=notice.seq,
        alarm_id=UUID(notice.alarm_id),
        kind=notice.kind,
        notice=msgspec.to_builtins(notice),
        created_at=at,
        next_attempt_at=at,
    )


def read(row: Notification) -> Notice:
    """The notice that ``row`` owes.

    Raises:
        msgspec.ValidationError: another version wrote it, with other fields.
    """
    values: Mapping[str, Any] = row.notice
    return msgspec.convert(values, Notice)


def concerns(destination: Destination, kind: str, source: str) -> bool:
    """Whether ``destination`` may be told of alarms of this type and source at all.

    That it fails itself is for others.
    """
    own = DESTINATION_FAILING.source(destination.name)
    return not (kind == DESTINATION_FAILING.name and source == own)


def wants(destination: Destination, kind: str, source: str, severity: int) -> bool:
    """Whether ``destination`` is to be told of a new alarm like this."""
    return (
        severity >= destination.min_severity
        and (not destination.types or kind in destination.types)
        and listed(destination.sources, source)
        and concerns(destination, kind, source)
    )
