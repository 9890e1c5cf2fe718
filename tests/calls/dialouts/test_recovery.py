"""Recovery: whatever state a dialout was left in, it goes on or ends, once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from calls.core.dialout import FINAL, State
from calls.dialouts.claims import PLACING_LIMIT
from calls.dialouts.progress import put_back
from calls.dialouts.recovery import LOST, NOT_ANSWERED, NOT_PLACED, OUT_OF_TIME, recover
from calls.leases import LEASE_SECONDS, renew_lease
from calls.models import Dialout, ProcessLease
from calls.services import close_lost_calls
from calls.tasks import close_lost_calls as sweep
from tests.calls.dialouts.rows import (
    NOON,
    OWNER,
    brought,
    call_of,
    dialout,
    seconds,
    story,
    told,
)

pytestmark = [pytest.mark.db, pytest.mark.django_db]

LATER = NOON + seconds(LEASE_SECONDS + 1)


def after(row: Dialout, at: float = LEASE_SECONDS + 1) -> tuple[str, str]:
    """What has become of ``row`` when recovery has run."""
    recover(NOON + seconds(at))
    row.refresh_from_db()
    return row.state, row.reason


def alive(at: float = LEASE_SECONDS + 1) -> None:
    renew_lease(OWNER, "host", 1, NOON + seconds(at))


def test_what_a_lost_process_had_not_handed_over_is_queued_again_but_not_for_ever() -> None:
    row = brought(State.PLACING)
    for _ in range(2):
        assert after(row) == ("queued", "")
        Dialout.objects.filter(pk=row.pk).update(
            state="placing", owner="web-9", placed_at=NOON, deadline_at=LATER
        )
    assert after(row) == ("failed", NOT_PLACED)
    assert told(row) == ["dialout.failed"]


def test_going_back_to_the_queue_for_another_reason_does_not_count() -> None:
    row = brought(State.PLACING)
    put_back(row.pk, owner=OWNER, reason="The carrier is busy", at=NOON)
    Dialout.objects.filter(pk=row.pk).update(
        state="placing", owner="web-9", placed_at=NOON, deadline_at=LATER
    )
    assert after(row) == ("queued", "")
    assert row.events.latest("seq").reason == LOST


def test_what_a_lost_process_had_taken_back_is_cancelled_rather_than_queued() -> None:
    row = brought(State.PLACING, cancel_requested=True)
    assert after(row)[0] == "cancelled"


@pytest.mark.parametrize(("state", "ends"), [(State.PLACING, "failed"), (State.DIALING, "failed")])
def test_what_a_lost_process_had_handed_over_is_lost(state: State, ends: str) -> None:
    row = brought(state, carrier="c")
    assert after(row) == (ends, LOST)
    assert row.reason_code == "error"


def test_a_call_that_comes_back_to_any_process_is_waited_for() -> None:
    row = brought(State.DIALING, carrier="c", callback_digest="d", deadline_at=NOON + seconds(90))
    assert after(row, 59) == ("dialing", "")
    assert after(row, 60) == ("failed", LOST)


def test_a_live_process_keeps_what_it_has_until_the_deadline() -> None:
    row = brought(State.DIALING, carrier="c", deadline_at=NOON + seconds(50))
    alive(40)
    assert after(row, 49) == ("dialing", "")
    assert after(row, 50) == ("failed", NOT_ANSWERED)
    assert row.reason_code == "no-answer"


def test_a_placement_that_takes_too_long_fails() -> None:
    row = brought(State.PLACING, carrier="c")
    alive(60)
    assert after(row, 59) == ("placing", "")
    assert after(row, 60) == ("failed", NOT_PLACED)


def test_an_answered_call_goes_on_as_long_as_its_process_lives() -> None:
    row = brought(State.ANSWERED, carrier="c", deadline_at=NOON)
    call_of(row)
    alive()
    assert after(row) == ("answered", "")


def test_an_answered_call_of_a_lost_process_ends_with_its_record() -> None:
    row = brought(State.ANSWERED, carrier="c")
    call_of(row)
    assert after(row) == ("answered", "")
    assert close_lost_calls(LATER) == 1
    row.refresh_from_db()
    assert (row.state, row.reason_code) == ("completed", "error")


def test_an_answered_call_without_a_record_ends_with_its_process() -> None:
    row = brought(State.ANSWERED, carrier="c")
    assert after(row) == ("completed", LOST)
    assert told(row) == ["dialout.answered", "dialout.completed"]


def test_without_a_better_word_of_the_carrier_the_call_has_the_last() -> None:
    row = brought(State.DIALING, carrier="c", callback_digest="d", deadline_at=NOON + seconds(8))
    call_of(row, ended="error")
    alive(8)
    assert after(row, 7) == ("dialing", "")
    assert after(row, 8) == ("failed", "The far end said so")


def test_what_waits_for_longer_than_it_may_fails() -> None:
    row = dialout(not_after=NOON + seconds(60))
    assert after(row, 59) == ("queued", "")
    assert after(row, 60) == ("failed", OUT_OF_TIME)
    assert story(row) == [("queued", ""), ("failed", "error")]


def test_the_sweep_recovers_by_the_wall_clock() -> None:
    row = brought(State.ANSWERED, carrier="c")
    ProcessLease.objects.create(
        owner="steady", host="host", pid=2, since=NOON, renewed_at=timezone.now()
    )
    sweep()
    row.refresh_from_db()
    assert row.state == "completed"


def test_while_nobody_may_judge_only_deadlines_count() -> None:
    row = brought(State.PLACING)
    assert recover(LATER, judging=False) == 0
    row.refresh_from_db()
    assert row.state == "placing"
    overdue = NOON + seconds(PLACING_LIMIT.total_seconds())
    assert recover(overdue, judging=False) == 1


@pytest.mark.django_db(transaction=True)
def test_processes_that_recover_at_once_end_everything_once() -> None:
    usual: dict[str, Any] = {"carrier": "c"}
    rows = [brought(State.DIALING, **usual) for _ in range(4)]
    rows += [brought(State.ANSWERED, **usual) for _ in range(4)]
    for row in rows[::2]:
        call_of(row)
    starts = Barrier(4)

    def run(_: int) -> None:
        starts.wait(30)
        try:
            close_lost_calls(LATER)
            recover(LATER)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    recover(LATER)
    for row in rows:
        assert sum(state in FINAL for state, _ in story(row)) == 1
        assert len(told(row)) == (2 if ("answered", "") in story(row) else 1)
