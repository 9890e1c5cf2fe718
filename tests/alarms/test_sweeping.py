"""What time alone does to alarms."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from alarms.core.catalogue import (
    API_AUTHENTICATION,
    BOT_MISCONFIGURED,
    CALL_CAPACITY,
    STT_PROVIDER_FAILURE,
)
from alarms.core.declare import AlarmType
from alarms.core.severity import Severity
from alarms.core.state import Report
from alarms.models import (
    ActiveAlarm,
    AlarmEvent,
    AlarmRule,
    Destination,
    Ledger,
    Notification,
)
from alarms.services.reporting import tell
from alarms.services.sweeping import OTHERS_FORGOTTEN_S, sweep

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


def raised(kind: AlarmType, source: str) -> ActiveAlarm:
    tell([Report(type=kind.name, source=source, at=NOON)])
    return ActiveAlarm.objects.get(type=kind.name, source=source)


def swept(seconds: float) -> list[tuple[str, str]]:
    events = sweep(NOON + timedelta(seconds=seconds))
    return [(event.source, event.kind) for event in events]


def test_what_nobody_speaks_of_any_more_is_over() -> None:
    raised(API_AUTHENTICATION, "api")
    assert swept(899) == []
    assert swept(900) == [("api", "cleared")]
    assert not ActiveAlarm.objects.exists()
    event = AlarmEvent.objects.order_by("seq")[1]
    assert (event.previous, event.severity, event.by) == (API_AUTHENTICATION.severity, 0, "")
    assert swept(901) == []


def test_who_speaks_of_it_keeps_it() -> None:
    raised(API_AUTHENTICATION, "api")
    tell([Report(type=API_AUTHENTICATION.name, source="api", at=NOON + timedelta(seconds=800))])
    assert swept(1500) == []
    assert swept(1700) == [("api", "cleared")]


def test_what_is_never_forgotten_stays_unless_it_stands_for_many() -> None:
    raised(BOT_MISCONFIGURED, "bot:taxi")
    raised(BOT_MISCONFIGURED, "bot:…others")
    assert swept(OTHERS_FORGOTTEN_S - 1) == []
    assert swept(10_000_000) == [("bot:…others", "cleared")]


def test_a_type_of_another_version_is_cleared() -> None:
    raised(STT_PROVIDER_FAILURE, "provider:x")
    ActiveAlarm.objects.update(type="ofAnotherVersion")
    assert swept(1) == [("provider:x", "cleared")]


def comes_and_goes(kind: AlarmType, source: str) -> None:
    """Raised three times within two seconds."""
    told = Report(type=kind.name, source=source, at=NOON)
    over = msgspec.structs.replace(told, severity=Severity.CLEAR)
    AlarmRule.objects.create(type=kind.name, clear_after_s=0, changed_at=NOON)
    tell([told, over, told, over, told])


def test_what_came_and_went_is_over_when_it_has_stayed_away() -> None:
    comes_and_goes(STT_PROVIDER_FAILURE, "provider:x")
    over = Report(
        type=STT_PROVIDER_FAILURE.name,
        source="provider:x",
        at=NOON + timedelta(seconds=10),
        severity=Severity.CLEAR,
    )
    assert [event.kind for event in tell([over])] == ["held"]
    assert swept(59) == []
    assert swept(60) == [("provider:x", "cleared")]


def test_what_a_clock_that_was_ahead_held_is_over() -> None:
    raised(STT_PROVIDER_FAILURE, "provider:x")
    ahead = NOON + timedelta(hours=1)
    ActiveAlarm.objects.update(held_since=ahead, held_until=ahead)
    assert swept(1) == [("provider:x", "cleared")]


def test_what_comes_and_goes_is_not_forgotten_before_it_has_stayed_away() -> None:
    comes_and_goes(CALL_CAPACITY, "process:x")
    for more in range(3):
        tell([Report(type=CALL_CAPACITY.name, source="process:x", at=NOON)])
        ActiveAlarm.objects.update(held_since=NOON, held_until=NOON + timedelta(seconds=more))
    tell([Report(type=CALL_CAPACITY.name, source="process:x", at=NOON)])
    version = Ledger.objects.get().version
    assert swept(CALL_CAPACITY.forget_after_s) == [("process:x", "held")]
    assert Ledger.objects.get().version == version + 1
    assert swept(479) == []
    assert Ledger.objects.get().version == version + 1
    assert swept(480) == [("process:x", "cleared")]


def test_a_silence_ends_and_destinations_learn_how_it_is() -> None:
    Destination.objects.create(name="noc", notifier="webhook")
    alarm = raised(STT_PROVIDER_FAILURE, "provider:x")
    Notification.objects.all().delete()
    Notification.objects.create(
        destination=Destination.objects.get(),
        seq=1,
        alarm_id=alarm.alarm_id,
        kind="raised",
        notice={},
        created_at=NOON,
        next_attempt_at=NOON,
    )
    alarm.silenced_until, alarm.silenced_by = NOON + timedelta(seconds=60), "mia"
    alarm.save()
    assert swept(59) == []
    assert swept(60) == [("provider:x", "unsilenced")]
    heard = ActiveAlarm.objects.get()
    assert (heard.silenced_until, heard.silenced_by) == (None, "")
    assert Notification.objects.filter(kind="resent").count() == 1
    assert swept(61) == []


def test_nothing_to_do_is_no_news() -> None:
    raised(STT_PROVIDER_FAILURE, "provider:x")
    before = Ledger.objects.get().version
    assert swept(60) == []
    assert Ledger.objects.get().version == before
