"""Changes of state: guarded, written down, told once, whoever races for them."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, transaction

from bots import secrets
from bots.models import Delivery
from calls.core.dialout import FINAL, Outcome, State
from calls.dialouts import advance, request_cancel
from calls.dialouts.states import finish
from calls.models import Dialout
from tests.calls.dialouts.rows import NOON, NOTIFY_URL, brought, dialout, seconds, story, told

pytestmark = [pytest.mark.db, pytest.mark.django_db]

BUSY = Outcome(State.FAILED, "busy", "The line is busy")


def test_a_change_is_written_with_its_event_and_its_time() -> None:
    row = brought(State.ANSWERED)
    assert advance(row.pk, State.COMPLETED, at=NOON + seconds(9), reason_code="transferred")
    row.refresh_from_db()
    assert (row.state, row.reason_code, row.ended_at) == (
        "completed",
        "transferred",
        NOON + seconds(9),
    )
    assert story(row) == [
        ("queued", ""),
        ("placing", ""),
        ("dialing", ""),
        ("answered", ""),
        ("completed", "transferred"),
    ]
    assert list(row.events.values_list("seq", flat=True)) == [1, 2, 3, 4, 5]
    assert told(row) == ["dialout.answered", "dialout.completed"]


def test_a_change_from_another_state_is_none() -> None:
    row = brought(State.ANSWERED)
    assert not finish(row.pk, BUSY, at=NOON)
    assert not advance(row.pk, State.ANSWERED, at=NOON)
    assert story(row)[-1] == ("answered", "")
    assert told(row) == ["dialout.answered"]


@pytest.mark.parametrize("known", [{"url": "nonsense", "secret": ""}, {}])
def test_a_dialout_ends_although_its_dialer_cannot_be_told(known: dict[str, str]) -> None:
    row = dialout(notify=secrets.sealed_texts(known))
    assert finish(row.pk, BUSY, at=NOON)
    assert told(row) == []


def test_the_states_it_may_come_from_can_be_narrowed() -> None:
    row = brought(State.DIALING)
    assert not finish(row.pk, BUSY, at=NOON, only_from=[State.QUEUED])
    assert finish(row.pk, BUSY, at=NOON, only_from=[State.DIALING])


def test_the_dialer_is_told_in_its_own_words_where_it_wants_to_be() -> None:
    row = dialout(notify=secrets.sealed_texts({"url": NOTIFY_URL, "secret": "whsec_c2VjcmV0"}))
    assert finish(row.pk, BUSY, at=NOON)
    delivery = Delivery.objects.get()
    assert json.loads(delivery.body) == {
        "conversationId": str(row.pk),
        "status": "failed",
        "reasonCode": "busy",
        "reason": "The line is busy",
        "timestamp": "2026-11-21T12:00:00.000+00:00",
        "sequence": 1,
    }
    assert (delivery.kind, delivery.bot_name) == ("dialout.failed", "seller")
    assert secrets.opened_texts(delivery.target) == {
        "url": NOTIFY_URL,
        "secret": "whsec_c2VjcmV0",
    }


def test_who_gave_no_address_is_told_nothing() -> None:
    row = dialout(notify=None)
    assert finish(row.pk, BUSY, at=NOON)
    assert told(row) == []


def test_an_address_that_no_key_opens_does_not_keep_a_dialout_from_its_end() -> None:
    row = dialout(notify={"$secret": "not ours"})
    assert finish(row.pk, BUSY, at=NOON)
    row.refresh_from_db()
    assert row.state == "failed"
    assert told(row) == []


def test_a_reason_that_no_column_takes_is_cut_and_cleaned() -> None:
    row = dialout()
    outcome = Outcome(State.FAILED, "error", "half \ud800\x00" + "x" * 1000)
    assert finish(row.pk, outcome, at=NOON)
    row.refresh_from_db()
    assert row.reason.startswith("half ?x")
    assert len(row.reason) == 500


def test_what_goes_back_to_the_queue_is_nobodys() -> None:
    row = brought(State.PLACING, carrier="c", callback_digest="d", carrier_call_id="1")
    assert advance(row.pk, State.QUEUED, at=NOON, reason="Its process was lost")
    row.refresh_from_db()
    assert (row.owner, row.carrier, row.callback_digest, row.carrier_call_id) == ("", "", "", "")
    assert (row.placed_at, row.deadline_at, row.reason) == (None, None, "")
    assert row.events.latest("seq").reason == "Its process was lost"


@pytest.mark.parametrize(
    ("state", "came", "after"),
    [
        (State.QUEUED, "cancelled", "cancelled"),
        (State.PLACING, "asked", "placing"),
        (State.DIALING, "asked", "dialing"),
        (State.ANSWERED, "answered", "answered"),
        (State.COMPLETED, "over", "completed"),
        (State.FAILED, "over", "failed"),
        (State.CANCELLED, "over", "cancelled"),
    ],
)
def test_a_dialout_is_taken_back_while_it_is_not_answered(
    state: State, came: str, after: str
) -> None:
    row = brought(state)
    assert request_cancel(row.pk, now=NOON) == came
    row.refresh_from_db()
    assert (row.state, row.cancel_requested) == (after, came == "asked")
    if came == "cancelled":
        assert story(row)[-1] == ("cancelled", "cancelled")
        assert told(row) == ["dialout.failed"]


def test_what_is_not_there_cannot_be_taken_back() -> None:
    with pytest.raises(LookupError):
        request_cancel(Dialout().pk, now=NOON)


@pytest.mark.django_db(transaction=True)
def test_of_eight_ends_at_once_exactly_one_comes_true() -> None:
    rows = [brought(State.DIALING) for _ in range(4)]
    ends = [BUSY, Outcome(State.CANCELLED, "cancelled", ""), Outcome(State.FAILED, "error", "")]
    starts = Barrier(8)

    def race(number: int) -> list[bool]:
        starts.wait(30)
        try:
            won = []
            for row in rows:
                with transaction.atomic():
                    won.append(finish(row.pk, ends[number % 3], at=NOON))
            return won
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(race, range(8)))
    for number, row in enumerate(rows):
        assert sum(each[number] for each in won) == 1
        assert sum(state in FINAL for state, _ in story(row)) == 1
        assert told(row) == ["dialout.failed"]
