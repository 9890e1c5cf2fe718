"""The courier at work: what is owed arrives, in order, whatever fails meanwhile."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import override_settings

from alarms import courier
from alarms.core.severity import Severity
from alarms.courier import Courier
from alarms.models import Destination, Notification
from alarms.services import emergency, notifying
from alarms.services.building import built
from alarms.services.destinations import retry
from alarms.services.notifying import on_wake
from bots import net
from bots.core import noticing
from tests.alarms.owed import alarm, destination, over
from tests.fakes.receiver import Receiver, Reply, receiving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


class Desk:
    """What is noticed about destinations."""

    def __init__(self) -> None:
        self.noticed: list[tuple[str, str]] = []
        self.changed = threading.Condition()

    def failed(self, alarm: str, source: str, detail: str, *, certain: bool) -> None:
        self._note("failed", source)

    def worked(self, alarm: str, source: str) -> None:
        self._note("worked", source)

    def _note(self, what: str, source: str) -> None:
        with self.changed:
            self.noticed.append((what, source))
            self.changed.notify_all()

    def wait(self, met: Callable[[list[tuple[str, str]]], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: met(self.noticed), 20)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def _own_requests(receiver: Receiver) -> Iterator[None]:
    receiver.received.clear()
    net.configure(("127.0.0.0/8",))
    yield
    net.configure(settings.OUTBOUND_ALLOW)


@pytest.fixture
def desk() -> Iterator[Desk]:
    before, found = list(noticing._listeners), Desk()
    noticing.listen(found)
    yield found
    noticing._listeners[:] = before


@contextmanager
def at_work(**options: Any) -> Iterator[Courier]:
    own = Courier(poll_s=0.05, **options)
    on_wake(own.wake)
    thread = threading.Thread(target=own.run)
    thread.start()
    try:
        yield own
    finally:
        own.stop()
        thread.join()


def kinds(receiver: Receiver, path: str = "/") -> list[str]:
    return [json.loads(body)["type"] for body in receiver.bodies(path)]


def settled() -> dict[str, int]:
    rows = Notification.objects.values_list("state", flat=True)
    return {state: list(rows).count(state) for state in set(rows)}


def test_what_is_owed_arrives_in_order(receiver: Receiver, desk: Desk) -> None:
    destination(url=receiver.url)
    with at_work():
        alarm()
        alarm(1, severity=Severity.CRITICAL)
        over()
        receiver.wait_for(3)
    assert kinds(receiver) == ["alarm.raised", "alarm.changed", "alarm.cleared"]
    assert settled() == {"delivered": 3}
    assert set(desk.noticed) == {("worked", "nms")}


def test_one_that_was_away_gets_it_later_and_in_order(receiver: Receiver, desk: Desk) -> None:
    destination(url=receiver.answers("/away", 500, Reply(fault="cut")))
    with at_work() as own:
        alarm()
        over()
        for count in (1, 2):
            receiver.wait_for(count)
            desk_waits = Notification.objects.filter(attempts=count)
            _until(desk_waits.exists)
            Notification.objects.filter(attempts=count).update(next_attempt_at="2026-01-01T00:00Z")
            own.wake()
        receiver.wait_for(4)
    assert kinds(receiver, "/away") == ["alarm.raised"] * 3 + ["alarm.cleared"]
    ids = [request.headers["webhook-id"] for request in receiver.received]
    assert len(set(ids)) == 2


def _until(met: Callable[[], bool]) -> None:
    """Wait for what another thread writes into the database."""
    pause = threading.Event()
    for _ in range(2000):
        if met():
            return
        pause.wait(0.01)
    pytest.fail("did not come")


def test_a_destination_that_fails_is_told_to_others_and_comes_back(
    receiver: Receiver, desk: Desk
) -> None:
    url = receiver.url.rpartition(":")[0] + ":1/"
    row = destination(url=url)
    for number in range(3):
        alarm(source=f"provider:{number}")
    with at_work() as own:
        desk.wait(lambda noticed: ("failed", "nms") in noticed)
        row.settings = {"params": {}, "credentials": {"alarmWebhookUrl": receiver.url}}
        row.save(update_fields=["settings"])
        Destination.objects.update(failures=0, open_until=None)
        Notification.objects.update(next_attempt_at="2026-01-01T00:00Z")
        own.wake()
        receiver.wait_for(3)
        desk.wait(lambda noticed: ("worked", "nms") in noticed)
    assert settled() == {"delivered": 3}


def test_one_that_says_nothing_does_not_hold_up_others(receiver: Receiver, desk: Desk) -> None:
    destination("slow", url=receiver.answers("/slow", Reply(fault="silent")))
    destination("fast", url=receiver.url + "/fast")
    with at_work(deadline_s=0.3):
        alarm()
        over()
        _until(lambda: Notification.objects.filter(attempts=1, state="waiting").exists())
        _until(lambda: Notification.objects.filter(state="delivered").count() == 2)
    slow = Notification.objects.filter(destination__name="slow", kind="raised").get()
    assert slow.last_problem.startswith("timeout: ")
    assert kinds(receiver, "/fast") == ["alarm.raised", "alarm.cleared"]


def test_a_secret_that_changes_in_its_vault_is_used_soon(
    receiver: Receiver, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(row: Destination) -> Any:
        made.append(row.name)
        return built(row)

    monkeypatch.setattr(courier, "FRESH_S", 0.0)
    monkeypatch.setattr(courier, "in_vaults", lambda _stored: ["alarmWebhookSecret"])
    monkeypatch.setattr(courier, "built", counted)
    destination(url=receiver.url)
    with at_work():
        alarm()
        receiver.wait_for(1)
        over()
        receiver.wait_for(2)
        alarm(100)
        receiver.wait_for(3)
    assert len(made) > 1


def test_what_another_version_wrote_is_given_up(receiver: Receiver, desk: Desk) -> None:
    destination(url=receiver.url)
    alarm()
    Notification.objects.update(notice={"from": "the future"})
    with at_work():
        _until(lambda: Notification.objects.filter(state="dead").exists())
    row = Notification.objects.get()
    assert row.last_problem == "another version of the gateway owed it"
    assert retry(notification=row)


def test_a_notifier_that_breaks_is_a_failure_like_any_other(desk: Desk) -> None:
    row = destination()
    Destination.objects.filter(pk=row.pk).update(settings={"params": None, "credentials": None})
    alarm()
    with at_work():
        _until(lambda: Notification.objects.filter(attempts=1).exists())
    assert Notification.objects.get().last_problem.startswith("internal: ")


def test_several_couriers_send_everything_once(receiver: Receiver, desk: Desk) -> None:
    destination(url=receiver.url)
    with at_work(), at_work(), at_work():
        for number in range(12):
            alarm(source=f"provider:{number}")
            over(source=f"provider:{number}")
        receiver.wait_for(24)
        _until(lambda: settled() == {"delivered": 24})
    assert len(receiver.received) == 24
    told: dict[str, list[str]] = {}
    for body in map(json.loads, receiver.bodies()):
        told.setdefault(body["data"]["source"], []).append(body["type"])
    assert set(map(tuple, told.values())) == {("alarm.raised", "alarm.cleared")}


def test_an_emergency_is_sent_without_the_database(
    receiver: Receiver, desk: Desk, tmp_path: Path
) -> None:
    destination(url=receiver.url)
    destination("refusing", url=receiver.always("/no", 500))
    with override_settings(VAR_DIR=tmp_path):
        emergency._watch.version = -1
        with at_work():
            _until(lambda: len(emergency._watch.destinations) == 2)
            emergency.away("connection refused")
            emergency.away("connection refused")
            receiver.wait_for(2)
            _until(lambda: bool((known := emergency.ended()) and known.told))
        emergency.written()
    assert kinds(receiver) == ["alarm.raised"]
    assert kinds(receiver, "/no") == ["alarm.raised"]
    (body,) = map(json.loads, receiver.bodies())
    assert body["data"]["type"] == "databaseUnavailable"
    assert not Notification.objects.exists()


def test_the_courier_of_a_process_starts_once_and_stops(receiver: Receiver, desk: Desk) -> None:
    destination(url=receiver.url)
    courier.start()
    courier.start()
    try:
        alarm()
        receiver.wait_for(1)
    finally:
        courier.stop()
        courier.stop()
    assert kinds(receiver) == ["alarm.raised"]
    notifying.wake()
    connections.close_all()
