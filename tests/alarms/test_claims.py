"""Who sends what: leases, order, circuits, and what is given up."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from alarms.models import Destination, Notification
from alarms.services.claims import LEASE_S, Result, Verdict, claim, settle
from bots.core.delivering import AT_ONCE, FAILURES_TO_OPEN, MAX_ATTEMPTS, OPEN_S, Outcome
from tests.alarms.owed import alarm, destination, over

pytestmark = pytest.mark.django_db

GOOD = Outcome(status=200)
BAD = Outcome(problem="timeout: no answer in time")


def later(seconds: float = 0) -> datetime:
    return timezone.now() + timedelta(seconds=seconds)


def attempt(outcome: Outcome, at: datetime) -> list[Verdict]:
    """Claim what is due and settle it all in the same way."""
    return settle([Result(row, outcome, at) for row in claim(at, 10)])


def state() -> Destination:
    return Destination.objects.get()


def test_what_is_leased_is_not_leased_again_until_the_lease_ends() -> None:
    destination()
    alarm()
    now = later()
    assert len(claim(now, 10)) == 1
    assert claim(now, 10) == []
    assert claim(now + timedelta(seconds=LEASE_S - 1), 10) == []
    assert len(claim(now + timedelta(seconds=LEASE_S), 10)) == 1


def test_changes_of_an_alarm_go_one_after_the_other() -> None:
    destination()
    alarm()
    over()
    alarm(source="provider:other")
    now = later()
    first = claim(now, 10)
    assert sorted((row.kind, row.notice["source"]) for row in first) == [
        ("raised", "provider:azure-1"),
        ("raised", "provider:other"),
    ]
    settle([Result(row, GOOD, now) for row in first])
    assert [row.kind for row in claim(now, 10)] == ["cleared"]


def test_one_destination_does_not_hold_up_another() -> None:
    destination("nms")
    destination("mail")
    alarm()
    over()
    now = later()
    raised = {row.destination.name: row for row in claim(now, 10)}
    assert raised.keys() == {"nms", "mail"}
    settle([Result(raised["nms"], GOOD, now), Result(raised["mail"], BAD, now)])
    assert [(row.destination.name, row.kind) for row in claim(now, 10)] == [("nms", "cleared")]


def test_a_destination_gets_a_few_at_a_time() -> None:
    destination()
    for number in range(AT_ONCE + 3):
        alarm(source=f"provider:{number}")
    now = later()
    assert len(claim(now, 2)) == 2
    assert len(claim(now, 10)) == AT_ONCE - 2
    assert claim(now, 10) == []


def test_failures_are_repeated_until_they_are_given_up() -> None:
    destination()
    alarm()
    now = later()
    verdicts = []
    for _ in range(MAX_ATTEMPTS):
        verdicts += attempt(BAD, now)
        now += timedelta(days=1)
    row = Notification.objects.get()
    assert (row.state, row.attempts, row.last_problem) == ("dead", MAX_ATTEMPTS, BAD.problem)
    assert [verdict.works for verdict in verdicts] == [None, None, *[False] * (MAX_ATTEMPTS - 2)]
    assert verdicts[-1] == Verdict("nms", works=False, problem=BAD.problem)


def test_a_wait_lies_between_attempts() -> None:
    destination()
    alarm()
    now = later()
    attempt(BAD, now)
    assert claim(now + timedelta(seconds=3.9), 10) == []
    assert len(claim(now + timedelta(seconds=6.1), 10)) == 1


def test_one_that_works_again_gets_at_once_what_waits() -> None:
    destination()
    alarm()
    now = later()
    for _ in range(3):
        attempt(BAD, now)
        now += timedelta(minutes=3)
    attempt(BAD, now)
    alarm(source="provider:other")
    now = later(700)
    assert [row.notice["source"] for row in claim(now, 10)] == ["provider:other"]
    now += timedelta(seconds=LEASE_S)
    attempt(GOOD, now)
    assert [row.notice["source"] for row in claim(now, 10)] == ["provider:azure-1"]


def test_what_cannot_work_is_given_up_at_once() -> None:
    destination()
    alarm()
    (verdict,) = attempt(Outcome(hopeless=True, problem="address not allowed"), later())
    assert verdict.works is False
    assert Notification.objects.get().state == "dead"
    assert state().failures == 0


def test_a_destination_that_fails_is_left_in_peace_and_tried_again() -> None:
    destination()
    for number in range(FAILURES_TO_OPEN + 2):
        alarm(source=f"provider:{number}")
    now = later()
    attempt(BAD, now)
    attempt(BAD, now)
    assert state().open_until == now + timedelta(seconds=OPEN_S)
    now += timedelta(seconds=OPEN_S + 10)
    (probe,) = claim(now, 10)
    (verdict,) = settle([Result(probe, GOOD, now)])
    assert verdict.works is True
    assert (state().failures, state().open_until, state().last_success_at) == (0, None, now)
    assert len(claim(now, 10)) == AT_ONCE


def test_a_result_without_its_lease_changes_nothing() -> None:
    destination()
    alarm()
    now = later()
    (late,) = claim(now, 10)
    now += timedelta(seconds=LEASE_S)
    (mine,) = claim(now, 10)
    settle([Result(late, BAD, now)])
    row = Notification.objects.get()
    assert (row.state, row.attempts, row.lease_until) == ("waiting", 0, mine.lease_until)


def test_what_was_deleted_meanwhile_is_left_out() -> None:
    destination()
    alarm()
    (row,) = claim(later(), 10)
    state().delete()
    assert settle([Result(row, GOOD, later())]) == []


def test_what_was_switched_off_meanwhile_is_said_to_be_nothing() -> None:
    destination()
    alarm()
    (row,) = claim(later(), 10)
    Destination.objects.update(enabled=False, failures=9)
    assert settle([Result(row, BAD, later())]) == []


def test_what_is_switched_off_gets_nothing() -> None:
    destination()
    alarm()
    Destination.objects.update(enabled=False)
    assert claim(later(), 10) == []
