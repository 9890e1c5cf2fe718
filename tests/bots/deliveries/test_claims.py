"""Leases of deliveries: in order, within what a destination takes, and lost in time."""

from datetime import UTC, datetime, timedelta

import pytest

from bots.core.delivering import AT_ONCE, FAILURES_TO_OPEN, MAX_ATTEMPTS, OPEN_S, Outcome
from bots.deliveries.claims import LEASE_S, Result, claim, settle
from bots.models import Delivery, Destination
from tests.bots.deliveries.owed import again, owe

pytestmark = [pytest.mark.db, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
URL = "https://crm.example/hook"
OTHER = "https://erp.example/hook"
GOOD, BAD = Outcome(status=200), Outcome(status=500, problem="HTTP 500")


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def ended(outcome: Outcome, at: datetime, *deliveries: Delivery) -> list[Delivery]:
    return settle([Result(delivery, outcome, at) for delivery in deliveries])


def test_what_is_not_due_is_left_alone() -> None:
    owe(URL, at=after(1))
    assert claim(NOW, 10) == []
    assert len(claim(after(1), 10)) == 1


def test_a_stream_waits_for_its_first_until_that_is_done_with() -> None:
    first, second = owe(URL, at=NOW), owe(URL, at=NOW)
    claimed = claim(NOW, 10)
    assert claimed == [first]
    ended(BAD, NOW, *claimed)
    assert claim(NOW, 10) == [], "the second would overtake the first, which is tried again"
    claimed = claim(after(10), 10)
    assert claimed == [first]
    ended(GOOD, after(10), *claimed)
    assert claim(after(10), 10) == [second]


def test_what_was_given_up_holds_nothing_back() -> None:
    first, second = owe(URL, at=NOW), owe(URL, at=NOW)
    assert ended(Outcome(status=410), NOW, *claim(NOW, 10)) == [first]
    assert again(first).state == Delivery.State.DEAD
    assert claim(NOW, 10) == [second]


def test_a_destination_gets_four_at_a_time_and_others_do_not_wait_for_it() -> None:
    busy = [owe(URL, stream=f"busy {n}", at=NOW) for n in range(100)]
    other = owe(OTHER, stream="other", at=after(1))
    claimed = claim(after(1), 50)
    assert len(claimed) == AT_ONCE + 1
    assert other in claimed
    assert claim(after(1), 50) == [], "they are leased, whoever asks"
    ended(GOOD, after(1), *claimed)
    assert len(claim(after(1), 50)) == AT_ONCE
    assert len(claim(after(1), 50)) == 0
    assert len(busy) == 100


def test_no_more_are_leased_than_were_asked_for() -> None:
    for stream in range(6):
        owe(f"https://crm{stream % 3}.example/", stream=f"s {stream}", at=NOW)
    assert len(claim(NOW, 2)) == 2
    assert len(claim(NOW, 9)) == 4


def test_a_lease_that_ran_out_is_somebody_elses_and_the_late_result_changes_nothing() -> None:
    owe(URL, at=NOW)
    [late] = claim(NOW, 10)
    assert claim(after(LEASE_S - 1), 10) == []
    [taken] = claim(after(LEASE_S), 10)
    assert ended(Outcome(status=404), after(LEASE_S), late) == []
    stored = again(taken)
    assert (stored.state, stored.lease_until) == (Delivery.State.WAITING, after(2 * LEASE_S))
    ended(GOOD, after(LEASE_S), taken)
    assert again(taken).state == Delivery.State.DELIVERED


def test_a_result_is_written_with_what_is_known_of_it() -> None:
    owe(URL, at=NOW)
    [delivery] = claim(NOW, 10)
    ended(BAD, NOW, delivery)
    stored = again(delivery)
    assert (stored.attempts, stored.last_status, stored.last_problem) == (1, 500, "HTTP 500")
    assert after(4) <= stored.next_attempt_at <= after(6)
    destination = Destination.objects.get()
    assert (destination.failures, destination.last_failure_at) == (1, NOW)
    assert destination.last_problem == "HTTP 500"
    [delivery] = claim(after(6), 10)
    ended(GOOD, after(6), delivery)
    stored = again(delivery)
    assert (stored.state, stored.attempts, stored.finished_at) == ("delivered", 2, after(6))
    destination.refresh_from_db()
    assert (destination.failures, destination.last_success_at) == (0, after(6))


def test_the_seventh_failure_is_the_last() -> None:
    delivery = owe(URL, at=NOW)
    moment = NOW
    for attempt in range(1, MAX_ATTEMPTS + 1):
        moment += timedelta(days=1)
        [claimed] = claim(moment, 10)
        dead = ended(BAD, moment, claimed)
        assert bool(dead) is (attempt == MAX_ATTEMPTS)
    stored = again(delivery)
    assert (stored.state, stored.attempts, stored.finished_at) == ("dead", 7, moment)


def test_a_destination_that_fails_is_left_in_peace_and_then_tried_with_one() -> None:
    for stream in range(FAILURES_TO_OPEN + 5):
        owe(URL, stream=f"s {stream}", at=NOW)
    failed = 0
    while claimed := claim(NOW, 10):
        failed += len(claimed)
        ended(BAD, NOW, *claimed)
    assert failed in range(FAILURES_TO_OPEN, FAILURES_TO_OPEN + AT_ONCE)
    assert claim(after(OPEN_S - 1), 10) == []
    [probe] = claim(after(OPEN_S), 10)
    assert claim(after(OPEN_S), 10) == []
    ended(GOOD, after(OPEN_S), probe)
    assert len(claim(after(OPEN_S), 10)) == AT_ONCE
