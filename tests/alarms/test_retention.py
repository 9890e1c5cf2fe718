"""What is kept of notifications, how many wait, and what is sent again by the clock."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from alarms.models import Destination, Notification
from alarms.services import handling, retention
from bots.core.roles import ROLES
from bots.people import Person
from tests.alarms.owed import alarm, destination, over, owed

pytestmark = pytest.mark.django_db

MIA = Person(user_id=1, name="mia", permissions=ROLES["operator"].grants)


def deliver() -> None:
    Notification.objects.update(state="delivered", finished_at=timezone.now())


def test_what_was_done_long_ago_is_deleted_but_not_of_active_alarms() -> None:
    destination()
    alarm()
    over()
    alarm(100)
    deliver()
    assert retention.expire(timezone.now() + retention.KEPT - timedelta(hours=1)) == 0
    assert retention.expire(timezone.now() + retention.KEPT + timedelta(hours=1)) == 2
    assert owed() == [("raised", 4)]


def test_no_more_is_kept_than_the_history_has() -> None:
    destination()
    destination("mail")
    for number in range(4):
        alarm(number * 100, f"provider:{number}")
        over(number * 100 + 60, f"provider:{number}")
    deliver()
    with override_settings(ALARM_HISTORY=5):
        assert retention.expire(timezone.now()) == 6
    assert len(owed()) == len(owed("mail")) == 5
    assert owed()[-1] == ("cleared", 0)


def test_what_waits_is_bounded() -> None:
    destination()
    for number in range(5):
        alarm(source=f"provider:{number}")
    assert retention.give_up(timezone.now(), most=2) == 3
    rows = Notification.objects.order_by("created_at")
    assert [row.state for row in rows] == ["dead"] * 3 + ["waiting"] * 2
    assert rows[0].last_problem == "more than 2 were waiting"
    assert retention.give_up(timezone.now(), most=2) == 0


def test_what_a_courier_that_died_had_leased_is_given_up_too() -> None:
    destination()
    alarm()
    Notification.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert retention.give_up(timezone.now(), most=0) == 1
    assert Notification.objects.get().lease_until is None


def test_active_alarms_are_sent_again_by_the_clock() -> None:
    row = destination(resend_minutes=10)
    destination("mail")
    alarm()
    silent = alarm(source="provider:silent")
    handling.silence([silent], who=MIA, until=timezone.now() + timedelta(days=9))
    deliver()
    now = timezone.now()
    assert retention.resend(now) == 0, "the first look only begins the time"
    assert retention.resend(now + timedelta(minutes=9)) == 0
    assert retention.resend(now + timedelta(minutes=10)) == 1
    assert retention.resend(now + timedelta(minutes=11)) == 0
    assert owed()[-1] == ("resent", 4)
    assert owed("mail") == [("raised", 4), ("raised", 4)]
    row.refresh_from_db()
    assert row.resent_at == now + timedelta(minutes=10)
    Destination.objects.update(enabled=False)
    assert retention.resend(now + timedelta(days=1)) == 0
