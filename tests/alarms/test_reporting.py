"""Reports become alarms, events and, at the same moment, news for everybody else."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from alarms.core.catalogue import DATABASE_UNAVAILABLE, DISK_SPACE
from alarms.core.catalogue import STT_PROVIDER_FAILURE as STT
from alarms.core.evidence import MAX_SOURCES, Key
from alarms.core.severity import Severity
from alarms.core.state import Report
from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule, Destination, Ledger, Notification
from alarms.services import recurrences
from alarms.services.ledger import locked_ledger, write
from alarms.services.notifying import Emergency
from alarms.services.reporting import reapply, tell, tell_emergency

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=40)


def report(seconds: float, source: str = "provider:azure-1", **values: Any) -> Report:
    values = {"type": STT.name, "detail": "timeout"} | values
    return Report(source=source, at=NOON + timedelta(seconds=seconds), **values)


def over(seconds: float, source: str = "provider:azure-1", **values: Any) -> Report:
    return report(seconds, source, severity=Severity.CLEAR, count=0, **values)


def customise(**values: Any) -> None:
    AlarmRule.objects.update_or_create(
        type=STT.name, defaults={"changed_at": timezone.now(), **values}
    )


def story() -> list[tuple[str, str, int | None, int, int]]:
    """Source, what happened, the severity before and after, how often it was told."""
    columns = ("source", "kind", "previous", "severity", "count")
    return list(AlarmEvent.objects.order_by("seq").values_list(*columns))


def test_an_alarm_comes_changes_and_goes() -> None:
    events = tell([report(0, count=3)])
    alarm = ActiveAlarm.objects.get()
    assert [event.alarm_id for event in events] == [alarm.alarm_id]
    assert (alarm.type, alarm.source, alarm.severity) == (STT.name, "provider:azure-1", 4)
    assert (alarm.text, alarm.detail) == ("Speech recognition of azure-1 fails: timeout", "timeout")
    assert alarm.raised_at == alarm.changed_at == alarm.last_at == NOON
    tell([report(5, severity=Severity.CRITICAL)])
    tell([report(6, severity=Severity.CRITICAL, count=2)])
    assert tell([over(10)]) == []
    tell([over(16)])
    assert not ActiveAlarm.objects.exists()
    assert story() == [
        ("provider:azure-1", "raised", None, 4, 3),
        ("provider:azure-1", "changed", 4, 5, 4),
        ("provider:azure-1", "cleared", 5, 0, 6),
    ]
    assert set(AlarmEvent.objects.values_list("alarm_id", flat=True)) == {alarm.alarm_id}
    assert [event.at for event in AlarmEvent.objects.order_by("seq")] == [
        NOON + timedelta(seconds=seconds) for seconds in (0, 5, 16)
    ]


def test_the_same_in_one_transaction_tells_the_same_story() -> None:
    tell([report(0, count=3), report(5, severity=Severity.CRITICAL), over(16), report(17)])
    assert [what for _, what, *_ in story()] == ["raised", "changed", "cleared", "raised"]
    assert [count for *_, count in story()] == [3, 4, 4, 1]
    assert len(set(AlarmEvent.objects.values_list("alarm_id", flat=True))) == 2
    assert ActiveAlarm.objects.get().raised_at == NOON + timedelta(seconds=17)


def test_an_alarm_that_was_there_goes_and_comes_again_in_one_transaction() -> None:
    tell([report(0)])
    first = ActiveAlarm.objects.get()
    tell([over(16), report(17)])
    second = ActiveAlarm.objects.get()
    assert first.alarm_id != second.alarm_id
    assert second.count == 1


def test_what_came_and_went_at_once_is_only_in_the_history() -> None:
    customise(clear_after_s=0)
    tell([report(0), over(1)])
    assert not ActiveAlarm.objects.exists()
    assert len(story()) == 2


def test_a_report_that_comes_late_does_not_raise_what_was_cleared() -> None:
    tell([report(0)])
    tell([over(60)])
    assert tell([report(59)]) == []
    assert [event.kind for event in tell([report(60)])] == ["raised"]
    assert [event.kind for event in tell([over(90), report(89)])] == ["cleared"]


def test_that_an_alarm_was_over_is_known_for_longer_than_the_history_holds_it(
    settings: Settings,
) -> None:
    settings.ALARM_HISTORY = 1
    tell([report(0)])
    tell([over(60)])
    tell([report(61, "provider:google")])
    assert story() == [("provider:google", "raised", None, STT.severity, 1)]
    assert tell([report(59)]) == []


def test_a_clock_that_was_ahead_keeps_no_alarm_quiet_and_none_active() -> None:
    ahead = (timezone.now() + timedelta(hours=1) - NOON).total_seconds()
    tell([report(ahead - 60)])
    tell([over(ahead)])
    now = (timezone.now() - NOON).total_seconds()
    assert [event.kind for event in tell([report(now)])] == ["raised"]
    tell([report(ahead)])
    tell([over(now)])
    assert ActiveAlarm.objects.get().last_at < timezone.now() + 2 * recurrences.AHEAD
    assert [event.kind for event in tell([over(now + 60)])] == ["cleared"]


def test_sources_and_types_do_not_touch_each_other() -> None:
    tell([report(0), report(0, "provider:google"), report(0, "host", type=DISK_SPACE.name)])
    tell([over(60)])
    left = ActiveAlarm.objects.order_by("source").values_list("source", flat=True)
    assert list(left) == ["host", "provider:google"]


def test_what_nobody_knows_and_nothing_at_all_change_nothing() -> None:
    assert tell([]) == tell([report(0, type="ofAnotherVersion")]) == []
    assert not Ledger.objects.exists()


def test_a_rule_that_another_process_has_not_heard_of_counts() -> None:
    customise(enabled=False)
    assert tell([report(0)]) == []
    customise(enabled=True, severity=2, text="{source} is tired")
    tell([report(0)])
    alarm = ActiveAlarm.objects.get()
    assert (alarm.severity, alarm.text) == (2, "azure-1 is tired")


def test_an_acknowledgement_holds_until_it_gets_worse() -> None:
    tell([report(0)])
    ActiveAlarm.objects.update(acknowledged_at=NOON, acknowledged_by="mia", comment="on it")
    tell([report(1, severity=Severity.MINOR)])
    alarm = ActiveAlarm.objects.get()
    assert (alarm.acknowledged_by, alarm.comment) == ("mia", "on it")
    tell([report(2, severity=Severity.CRITICAL)])
    alarm = ActiveAlarm.objects.get()
    assert (alarm.acknowledged_at, alarm.acknowledged_by, alarm.comment) == (None, "", "")


# --- what comes and goes --------------------------------------------------------------------------


def comes_and_goes() -> None:
    """Three times within two minutes; it is away since the last."""
    for minute in (0, 60, 120):
        tell([report(minute)])
        tell([over(minute + 10)])


def test_what_comes_and_goes_is_held_and_no_destination_is_told_so() -> None:
    Destination.objects.create(name="noc", notifier="webhook")
    comes_and_goes()
    alarm = ActiveAlarm.objects.get()
    assert alarm.detail == "timeout; comes and goes, raised 3 times in the last hour"
    away = NOON + timedelta(seconds=130), NOON + timedelta(seconds=180)
    assert (alarm.held_since, alarm.held_until) == away
    assert [kind for _, kind, *_ in story()][-3:] == ["cleared", "raised", "held"]
    version = Ledger.objects.get().version
    assert tell([over(140)]) == []
    assert Ledger.objects.get().version == version
    tell([report(150)])
    # Pages see that it is back; whoever was told of it has heard nothing else.
    assert Ledger.objects.get().version > version
    assert ActiveAlarm.objects.get().held_since is None
    tell([over(160)])
    assert ActiveAlarm.objects.get().held_until == NOON + timedelta(seconds=150 + 120)
    assert [event.kind for event in tell([over(270)])] == ["cleared"]
    kinds = Notification.objects.order_by("created_at").values_list("kind", flat=True)
    assert list(kinds) == ["raised", "cleared"] * 3


def test_sources_come_and_go_each_for_itself() -> None:
    comes_and_goes()
    tell([report(130, "provider:google"), report(130, "host", type=DISK_SPACE.name)])
    tell([over(150, "provider:google"), over(150, "host", type=DISK_SPACE.name)])
    assert ActiveAlarm.objects.get().source == "provider:azure-1"


def test_what_people_do_about_what_is_held_acts_at_once() -> None:
    comes_and_goes()
    customise(enabled=False)
    assert [event.kind for event in reapply(STT, LATER)] == ["cleared"]


def test_times_of_long_ago_are_forgotten() -> None:
    comes_and_goes()
    now = timezone.now()
    assert recurrences.forget(now + timedelta(hours=23)) == 0
    assert recurrences.forget(now + timedelta(hours=25)) == 1
    tell([report(600)])
    assert ActiveAlarm.objects.get().detail == "timeout"


def test_times_of_a_clock_that_was_ahead_become_old_too() -> None:
    key = Key(STT.name, "provider:azure-1")
    recurrences.remember({key: [NOON, LATER, LATER + timedelta(hours=9)]})
    found = recurrences.of([key.type], [key.source], latest=LATER)
    assert found == {key: (NOON, LATER, LATER)}


# --- the ledger -----------------------------------------------------------------------------------


def test_there_is_one_ledger_with_an_engine_of_its_own() -> None:
    ledger = locked_ledger()
    assert locked_ledger() == ledger
    engine = bytes.fromhex(ledger.engine_id)
    assert 5 <= len(engine) <= 32
    assert engine[0] & 0x80
    assert engine[4] == 5


def test_whoever_shows_alarms_learns_of_each_change_and_of_nothing_else() -> None:
    def version() -> int:
        return Ledger.objects.get().version

    tell([report(0)])
    raised = version()
    tell([report(1)])
    repeated = version()
    assert repeated > raised
    # Somebody looked and saw nothing new: pages need not be drawn again.
    tell([report(2, count=0)])
    assert version() == repeated
    assert ActiveAlarm.objects.get().last_at == NOON + timedelta(seconds=2)
    tell([report(3, count=0, detail="refused")])
    reworded = version()
    assert reworded > repeated
    tell([report(59, count=0, detail="refused")])
    assert version() == reworded
    tell([report(61, count=0, detail="refused")])
    assert version() > reworded


def test_the_history_keeps_as_many_as_it_may(settings: Any) -> None:
    settings.ALARM_HISTORY = 5
    customise(clear_after_s=0)
    for number in range(4):
        tell([report(0, f"provider:{number}"), over(0, f"provider:{number}")])
    assert list(AlarmEvent.objects.values_list("seq", flat=True)) == [8, 7, 6, 5, 4]
    names = [f"provider:{number}" for number in range(5, 9)]
    tell([each for name in names for each in (report(0, name), over(0, name))])
    assert list(AlarmEvent.objects.values_list("seq", flat=True)) == [16, 15, 14, 13, 12]
    assert Ledger.objects.get().last_seq == 16


def test_beyond_the_bound_of_a_type_all_sources_are_one() -> None:
    tell([report(0, f"provider:{number}") for number in range(MAX_SOURCES - 1)])
    tell([report(0, "provider:a"), report(1, "provider:b"), report(1, "provider:c", count=2)])
    alarms = ActiveAlarm.objects.filter(type=STT.name)
    assert alarms.count() == MAX_SOURCES + 1
    rest = alarms.get(source="provider:…others")
    assert (rest.count, rest.text) == (3, "Speech recognition of …others fails: timeout")
    # Those that are known go on, another type has room of its own.
    tell([report(2, "provider:a"), report(2, "host", type=DISK_SPACE.name)])
    assert alarms.get(source="provider:a").count == 2
    assert ActiveAlarm.objects.filter(type=DISK_SPACE.name).get().source == "host"
    tell([over(60, "provider:a"), over(60, "provider:0"), report(61, "provider:d")])
    assert alarms.filter(source="provider:d").exists()


def test_destinations_are_owed_what_happened_in_the_same_transaction() -> None:
    Destination.objects.create(name="noc", notifier="webhook", min_severity=Severity.CRITICAL)
    tell([report(0), report(1, severity=Severity.CRITICAL), over(30)])
    kinds = Notification.objects.order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["changed", "cleared"]


def test_of_a_silenced_alarm_only_its_end_is_told() -> None:
    Destination.objects.create(name="noc", notifier="webhook")
    tell([report(0)])
    ActiveAlarm.objects.update(silenced_until=NOON + timedelta(hours=1))
    tell([report(1, severity=Severity.CRITICAL)])
    tell([over(30)])
    kinds = Notification.objects.order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["raised", "cleared"]


# --- rules that change ----------------------------------------------------------------------------


def test_a_rule_acts_at_once_on_what_is_active() -> None:
    tell([report(0), report(0, "provider:google"), report(0, "host", type=DISK_SPACE.name)])
    customise(sources=["azure-*"], severity=5, text="{source}: {detail}!")
    ActiveAlarm.objects.update(acknowledged_at=NOON, acknowledged_by="mia")
    events = reapply(STT, NOON + timedelta(seconds=3), by="mia")
    assert {(event.source, event.kind, event.previous, event.by) for event in events} == {
        ("provider:azure-1", "changed", 4, "mia"),
        ("provider:google", "cleared", 4, "mia"),
    }
    alarm = ActiveAlarm.objects.get(type=STT.name)
    assert (alarm.severity, alarm.text, alarm.acknowledged_by) == (5, "azure-1: timeout!", "")
    assert alarm.changed_at == NOON + timedelta(seconds=3)
    assert ActiveAlarm.objects.get(type=DISK_SPACE.name).acknowledged_by == "mia"


def test_a_rule_that_changes_nothing_is_news_for_those_who_keep_rules() -> None:
    tell([report(0)])
    before = Ledger.objects.get().version
    customise(count=5)
    assert reapply(STT, NOON) == []
    assert Ledger.objects.get().version == before + 1


def test_a_reported_severity_survives_rules_that_do_not_name_one() -> None:
    tell([report(0, severity=Severity.WARNING)])
    customise(count=5)
    assert reapply(STT, NOON) == []
    assert [event.severity for event in reapply(STT, NOON, unfixed=True)] == [4]
    customise(severity=1)
    ActiveAlarm.objects.update(acknowledged_at=NOON, acknowledged_by="mia")
    assert [event.severity for event in reapply(STT, NOON)] == [1]
    assert ActiveAlarm.objects.get().acknowledged_by == "mia"


# --- after the database was away ------------------------------------------------------------------


def emergency(told: tuple[int, ...] = ()) -> Emergency:
    return Emergency(
        alarm_id=uuid.uuid4(), at=NOON, severity=5, text="away", detail="gone", told=told
    )


def database_over(seconds: float) -> Report:
    return over(seconds, "database", type=DATABASE_UNAVAILABLE.name)


def test_what_destinations_were_told_meanwhile_is_written_once() -> None:
    noc = Destination.objects.create(name="noc", notifier="webhook")
    told = emergency(told=(noc.pk,))
    assert [event.kind for event in tell_emergency(told, LATER)] == ["raised"]
    assert tell_emergency(told, LATER) == []
    alarm = ActiveAlarm.objects.get()
    assert (alarm.alarm_id, alarm.source, alarm.raised_at) == (told.alarm_id, "database", NOON)
    assert Notification.objects.get().state == Notification.State.DELIVERED
    tell([database_over(60)])
    assert not ActiveAlarm.objects.exists()
    assert tell_emergency(told, LATER) == []
    assert len(story()) == 2


def test_what_two_machines_told_meanwhile_ends_for_whoever_was_told() -> None:
    noc = Destination.objects.create(name="noc", notifier="webhook")
    first, second = emergency(), emergency(told=(noc.pk,))
    tell_emergency(first, LATER)
    assert [event.kind for event in tell_emergency(second, LATER)] == ["raised", "cleared"]
    assert tell_emergency(second, LATER) == []
    assert ActiveAlarm.objects.get().alarm_id == first.alarm_id
    owed = Notification.objects.filter(alarm_id=second.alarm_id).order_by("seq")
    assert list(owed.values_list("kind", "state")) == [
        ("raised", "delivered"),
        ("cleared", "waiting"),
    ]


def test_a_version_is_made_without_events() -> None:
    before = locked_ledger().version
    assert write(locked_ledger(), []) == []
    assert Ledger.objects.get().version == before + 1
