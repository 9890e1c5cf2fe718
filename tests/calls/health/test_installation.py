"""Looking at the whole installation: in turns, never twice at a time."""

from datetime import datetime, timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone
from structlog.testing import capture_logs

from calls import tasks
from calls.health import installation
from calls.health.installation import Watchers
from calls.models import ProcessLease
from tests.calls.health.conftest import Told

pytestmark = [pytest.mark.db]


@pytest.mark.django_db
def test_everybody_looks_at_first_and_then_when_it_is_their_turn(told: Told) -> None:
    watchers = Watchers()
    with capture_logs() as logs:
        watchers.look(timezone.now())
        due = list(watchers._due)
        watchers.look(timezone.now())
    assert all(due)
    assert due == watchers._due
    assert logs == []
    tasks.watch_installation()


def test_one_that_breaks_keeps_no_other_from_looking() -> None:
    seen: list[str] = []

    def broken(_now: datetime) -> None:
        raise RuntimeError("a bug in a watcher")

    def away(_now: datetime) -> None:
        raise OperationalError("no")

    watchers = Watchers()
    watchers._looks = [(1.0, broken), (1.0, away), (1.0, lambda _now: seen.append("looked"))]
    with capture_logs() as logs:
        watchers.look(timezone.now())
    assert seen == ["looked"]
    assert [line["event"] for line in logs] == ["health.look_failed", "health.no_database"]


def test_one_that_takes_long_is_left_alone_and_keeps_no_other_from_looking() -> None:
    watchers = Watchers()
    seen: list[str] = []

    def long(now: datetime) -> None:
        seen.append("long")
        watchers.look(now)  # as the next run of the task, meanwhile

    watchers._looks = [(0.0, long), (0.0, lambda _now: seen.append("short"))]
    watchers.look(timezone.now())
    assert seen == ["long", "short", "short"]


@pytest.mark.django_db
def test_nobody_is_taken_for_dead_by_whoever_cannot_judge(told: Told) -> None:
    from alarms.core.catalogue import PROCESS_LOST
    from calls.leases import renew_lease

    now = timezone.now()
    renew_lease("dead", "here", 1, now - timedelta(seconds=60))
    installation.look_at_processes(now)
    assert told.active(PROCESS_LOST) == {}


@pytest.mark.parametrize(
    ("role", "vitals", "alone", "words"),
    [
        ("web", {"calls": 1}, False, "1 call was cut off"),
        ("web", {"calls": 0}, False, "another web process is at work"),
        ("web", [], True, "its work waits for another one"),
        ("worker", {"calls": "x"}, True, "its work waits for another one"),
    ],
)
def test_what_was_lost_with_a_process_is_told(
    role: str, vitals: object, alone: bool, words: str
) -> None:
    now = timezone.now()
    lease = ProcessLease(owner="x", host="here", pid=7, renewed_at=now, role=role, vitals=vitals)
    told = installation._last_words(lease, now, alone=alone)
    assert told == f"{role} on here, pid 7, silent for 0 s; {words}"


def test_figures_of_another_version_count_for_nothing() -> None:
    assert installation._of_process({"providers": {"a": [2, 1], "b": 3, "c": [1, 2, 3]}}) == {
        "a": (2, 1)
    }
    assert installation._of_process(None) == {}
