"""Everything that waits for its turn."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from alarms.models import Destination, Notification
from bots.deliveries.outbox import put
from bots.models import Delivery
from calls.models import CallExport, Dialout
from calls.system.processes import processes
from calls.system.queues import Queue, queues
from tests.calls.system.conftest import NOW, MakeLease

pytestmark = pytest.mark.db

EARLY, LATE = NOW - timedelta(minutes=5), NOW - timedelta(minutes=1)


def found(at: datetime = NOW) -> dict[str, Queue]:
    return {each.name: each for each in queues(at, processes(at))}


def test_nothing_waits_at_first(db: None) -> None:
    assert {name: (each.waiting, each.oldest, each.dead) for name, each in found().items()} == {
        "deliveries": (0, None, 0),
        "alarm-notifications": (0, None, 0),
        "dialouts": (0, None, None),
        "exports": (0, None, None),
        "records": (0, None, None),
    }


def test_deliveries_that_wait_and_those_that_were_given_up(db: None) -> None:
    for number, at in enumerate((LATE, EARLY, EARLY, EARLY)):
        put(
            stream=f"call:{number}", kind="call.ended", url="https://crm.example/", body="{}",
            bot="demo", at=at,
        )  # fmt: skip
    for number, state in ((2, "dead"), (3, "delivered")):
        Delivery.objects.filter(stream=f"call:{number}").update(state=state, finished_at=NOW)
    told = found()["deliveries"]
    assert (told.waiting, told.oldest, told.dead) == (2, EARLY, 1)


def test_alarm_notifications_that_wait_and_those_that_were_given_up(db: None) -> None:
    there = Destination.objects.create(name="noc", notifier="syslog")
    for state, at in (("waiting", LATE), ("waiting", EARLY), ("dead", EARLY), ("delivered", EARLY)):
        Notification.objects.create(
            destination=there, seq=1, alarm_id=uuid.uuid4(), kind="raised", notice={}, state=state,
            created_at=at, next_attempt_at=at,
            finished_at=None if state == "waiting" else NOW,
        )  # fmt: skip
    told = found()["alarm-notifications"]
    assert (told.waiting, told.oldest, told.dead) == (2, EARLY, 1)


def test_outbound_calls_wait_from_the_moment_when_they_are_due(db: None) -> None:
    for due in (EARLY, LATE, NOW + timedelta(minutes=1)):
        Dialout.objects.create(
            bot_name="demo", requested_by="dialer", target="tel:+15550100", not_before=due,
            not_after=NOW + timedelta(hours=1), created_at=EARLY,
        )  # fmt: skip
    told = found()["dialouts"]
    assert (told.waiting, told.oldest) == (2, EARLY)


def test_exports_that_no_worker_has_begun(db: None, django_user_model: type[User]) -> None:
    user = django_user_model.objects.create_user("anna")
    for state in ("waiting", "running", "ready", "failed"):
        CallExport.objects.create(user=user, format="csv", query="", state=state, expires_at=NOW)
    told = found()["exports"]
    assert told.waiting == 1
    assert told.oldest is not None


def test_records_of_living_processes_add_up(make_lease: MakeLease) -> None:
    make_lease("a", vitals={"records_waiting": 3})
    make_lease("b", vitals={"records_waiting": 4})
    make_lease("dead", vitals={"records_waiting": 9}, renewed_at=NOW - timedelta(minutes=5))
    assert found()["records"].waiting == 7
