"""Who is told of which change."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from alarms.core.catalogue import DESTINATION_FAILING, DISK_SPACE
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, AlarmEvent, Notification
from alarms.services import handling, notifying
from alarms.services.destinations import resend_all
from alarms.services.notices import notice_of, read
from alarms.services.notifying import Emergency
from alarms.services.reporting import tell_emergency
from bots.core.roles import ROLES
from bots.people import Person
from tests.alarms.owed import NOON, alarm, destination, over, owed

pytestmark = pytest.mark.django_db

MIA = Person(user_id=1, name="mia", permissions=ROLES["operator"].grants)


def test_a_destination_is_told_of_raise_change_and_clear() -> None:
    destination()
    key = alarm()
    alarm(1, severity=Severity.CRITICAL)
    alarm_again = ActiveAlarm.objects.get()
    over()
    assert owed() == [("raised", 4), ("changed", 5), ("cleared", 0)]
    rows = list(Notification.objects.order_by("created_at"))
    assert {row.alarm_id for row in rows} == {key} == {alarm_again.alarm_id}
    notice = read(rows[1])
    assert (notice.type, notice.number, notice.source) == (
        "sttProviderFailure",
        3,
        "provider:azure-1",
    )
    assert (notice.severity, notice.previous) == (Severity.CRITICAL, Severity.MAJOR)
    assert notice.raised_at == NOON
    assert notice.at == NOON + timedelta(seconds=1)
    assert notice.id == str(rows[1].pk)
    assert notice.runbook_url.endswith("/alarms/types/sttProviderFailure/")
    assert str(key) in notice.console_url
    assert [row.seq for row in rows] == [1, 2, 3]


def test_times_grow_within_an_alarm_even_in_one_batch() -> None:
    destination()
    alarm()
    over()
    first, second = Notification.objects.order_by("created_at")
    assert (first.kind, second.kind) == ("raised", "cleared")
    assert first.created_at < second.created_at


def test_a_clock_that_was_set_back_does_not_change_the_order() -> None:
    row = destination()
    alarm()
    ahead = timezone.now() + timedelta(minutes=5)
    Notification.objects.update(created_at=ahead, state="delivered", finished_at=ahead)
    assert resend_all(destination=row) == 1
    over()
    times = list(Notification.objects.order_by("pk").values_list("created_at", flat=True))
    assert min(times) == ahead
    assert len(set(times)) == 3
    assert owed() == [("raised", 4), ("resent", 4), ("cleared", 0)]


@pytest.mark.parametrize(
    "values",
    [
        {"min_severity": Severity.CRITICAL},
        {"types": ["diskSpaceLow"]},
        {"sources": ["provider:google*"]},
        {"enabled": False},
    ],
)
def test_what_a_destination_does_not_want_it_is_not_told(values: dict[str, Any]) -> None:
    destination(**values)
    alarm()
    over()
    assert owed() == []


@pytest.mark.parametrize(
    "values", [{"types": ["sttProviderFailure"]}, {"sources": ["azure-*"]}, {"min_severity": 4}]
)
def test_what_it_wants_it_is_told(values: dict[str, Any]) -> None:
    destination(**values)
    alarm()
    assert owed() == [("raised", 4)]


def test_whoever_was_told_is_told_what_follows() -> None:
    destination(min_severity=Severity.CRITICAL)
    alarm()
    alarm(1, severity=Severity.CRITICAL)
    alarm(2, severity=Severity.MINOR)
    over()
    assert owed() == [("changed", 5), ("changed", 3), ("cleared", 0)]


def test_a_silenced_alarm_is_quiet_until_it_clears() -> None:
    destination()
    key = alarm()
    handling.silence([key], who=MIA, until=timezone.now() + timedelta(hours=1))
    alarm(1, severity=Severity.CRITICAL)
    over()
    assert owed() == [("raised", 4), ("cleared", 0)]


def test_after_a_silence_the_present_state_is_told() -> None:
    destination()
    destination("pager", min_severity=Severity.CRITICAL)
    key = alarm()
    handling.silence([key], who=MIA, until=timezone.now() + timedelta(hours=1))
    alarm(1, severity=Severity.CRITICAL)
    handling.acknowledge([key], who=MIA)
    handling.unsilence([key], who=MIA)
    assert owed() == [("raised", 4), ("resent", 5)]
    assert owed("pager") == [("resent", 5)]


def test_a_destination_never_hears_of_its_own_failure() -> None:
    destination("nms")
    destination("mail")
    alarm(source=DESTINATION_FAILING.source("nms"), type=DESTINATION_FAILING.name)
    over(source=DESTINATION_FAILING.source("nms"), kind=DESTINATION_FAILING.name)
    assert owed("nms") == []
    assert owed("mail") == [("raised", 3), ("cleared", 0)]


def test_couriers_are_woken_when_it_is_committed(
    django_capture_on_commit_callbacks: Any,
) -> None:
    woken: list[int] = []
    notifying.on_wake(lambda: woken.append(1))
    with django_capture_on_commit_callbacks(execute=True):
        alarm(source="provider:nobody-cares")
    assert not woken
    destination()
    with django_capture_on_commit_callbacks(execute=True):
        alarm()
    assert woken == [1]


def test_a_type_that_is_gone_is_not_told() -> None:
    alarm()
    event = AlarmEvent.objects.get()
    event.type = "forgottenLongAgo"
    assert notice_of(event, key=uuid4(), kind="raised", at=NOON) is None
    destination()
    assert notifying.enqueue([event]) == 0


def test_what_was_told_in_an_emergency_is_delivered_already() -> None:
    told, other = destination("nms"), destination("mail")
    emergency = Emergency(
        alarm_id=UUID(int=7), at=NOON, severity=5, text="away", detail="", told=(told.pk,)
    )
    tell_emergency(emergency, NOON)
    states = dict(Notification.objects.values_list("destination", "state"))
    assert states == {told.pk: "delivered", other.pk: "waiting"}
    tell_emergency(emergency, NOON)
    assert Notification.objects.count() == 2


def test_other_types_are_other_alarms() -> None:
    destination(types=[DISK_SPACE.name])
    alarm(source="disk:/var", type=DISK_SPACE.name)
    assert [kind for kind, _ in owed()] == ["raised"]
