"""What calls and carriers tell of dialouts, written by the record writer with the call's record."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from calls.core.dialout import State
from calls.dialouts import progress
from calls.facts import (
    CallClosed,
    CallOpened,
    DialoutAnswered,
    DialoutDetected,
    DialoutPutBack,
    DialoutRefused,
    DialoutTaken,
    Fact,
)
from calls.models import Call, Dialout
from calls.records import RecordWriter, write
from calls.services import LOST_CAUSE, close_lost_calls
from tests.calls.dialouts.rows import NOON, OWNER, brought, dialout, seconds, story, told

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def opened(row: Dialout, call_id: UUID, **fields: Any) -> CallOpened:
    values: dict[str, Any] = {
        "call_id": call_id,
        "conversation_id": str(row.pk),
        "channel": "test",
        "mode": "text",
        "direction": "outbound",
        "is_test": False,
        "bot_id": None,
        "bot_name": "seller",
        "bot_revision": 1,
        "caller": "",
        "callee": row.target,
        "owner": OWNER,
        "started_at": NOON,
        "transcript_days": 0,
        "dialout_id": row.pk,
    }
    return CallOpened(**values | fields)


def answered(row: Dialout, call_id: UUID) -> DialoutAnswered:
    return DialoutAnswered(call_id=call_id, dialout_id=row.pk, at=NOON + seconds(4))


def closed(row: Dialout, call_id: UUID, code: str, ended_by: str = "caller") -> CallClosed:
    return CallClosed(
        call_id=call_id,
        ended_at=NOON + seconds(30),
        ended_by=ended_by,
        reason_code=code,
        reason="So it was",
        cause="",
        turns=1,
        frames_in=0,
        frames_dropped=0,
        bot_result=None,
        recordings=[],
        transcript_expires_at=None,
        dialout_id=row.pk,
    )


def whole(row: Dialout, call_id: UUID) -> list[Fact]:
    return [
        opened(row, call_id),
        DialoutTaken(dialout_id=row.pk, at=NOON, carrier_call_id="far-1"),
        answered(row, call_id),
        DialoutDetected(call_id=call_id, dialout_id=row.pk, detected="human"),
        closed(row, call_id, "client-disconnected"),
    ]


def write_one_by_one(facts: Sequence[Fact]) -> None:
    for fact in facts:
        write([fact])


def write_twice(facts: Sequence[Fact]) -> None:
    write(facts)
    write(facts)


def write_again_in_pieces(facts: Sequence[Fact]) -> None:
    write(facts[:3])
    write(facts[1:])
    write_one_by_one(facts)


@pytest.mark.parametrize("way", [write, write_one_by_one, write_twice, write_again_in_pieces])
def test_a_call_carries_its_dialout_from_the_carrier_to_its_end(way: Any) -> None:
    row, call_id = brought(State.PLACING), uuid4()
    way(whole(row, call_id))
    row.refresh_from_db()
    assert story(row) == [
        ("queued", ""),
        ("placing", ""),
        ("dialing", ""),
        ("answered", ""),
        ("completed", "client-disconnected"),
    ]
    assert told(row) == ["dialout.answered", "dialout.completed"]
    assert (row.call_id, row.machine, row.carrier_call_id) == (call_id, "human", "far-1")
    assert (row.answered_at, row.ended_at) == (NOON + seconds(4), NOON + seconds(30))


def test_a_reply_without_an_id_does_not_take_away_the_one_that_a_report_told() -> None:
    row = brought(State.PLACING, carrier="c", carrier_call_id="far-1")
    write([DialoutTaken(dialout_id=row.pk, at=NOON, carrier_call_id="")])
    row.refresh_from_db()
    assert (row.state, row.carrier_call_id) == ("dialing", "far-1")


def test_a_process_gives_up_what_it_did_not_have_placed() -> None:
    claimed, about_to, asked = (brought(State.PLACING, carrier=name) for name in ("", "c", "c"))
    others = brought(State.PLACING, owner="web-2")
    progress.give_up(OWNER, [about_to.pk, others.pk], reason="The end", at=NOON)
    for row, state in zip(
        (claimed, about_to, asked, others), ("queued", "queued", "placing", "placing"), strict=True
    ):
        row.refresh_from_db()
        assert row.state == state
    assert claimed.events.filter(state="queued", reason="The end").exists()


def test_the_carriers_reply_may_come_after_the_end() -> None:
    row, call_id = brought(State.PLACING), uuid4()
    first, reply, *rest = whole(row, call_id)
    write([first, *rest])
    write([reply])
    assert story(row)[-1] == ("completed", "client-disconnected")


@pytest.mark.parametrize("code", ["busy", "no-answer", "declined"])
def test_a_call_that_was_not_answered_fails_its_dialout_in_the_same_words(code: str) -> None:
    row, call_id = brought(State.DIALING), uuid4()
    write([opened(row, call_id), closed(row, call_id, code)])
    assert story(row)[-1] == ("failed", code)
    assert told(row) == ["dialout.failed"]


def test_a_dialout_that_was_taken_back_while_it_rang_is_cancelled() -> None:
    row, call_id = brought(State.DIALING, cancel_requested=True), uuid4()
    write([opened(row, call_id), closed(row, call_id, "bot-disconnected", "operator")])
    assert story(row)[-1] == ("cancelled", "cancelled")


def test_an_answer_overtakes_a_wish_to_cancel() -> None:
    row, call_id = brought(State.DIALING, cancel_requested=True), uuid4()
    write([opened(row, call_id), answered(row, call_id), closed(row, call_id, "bot-disconnected")])
    assert story(row)[-1] == ("completed", "bot-disconnected")


def test_the_process_that_has_the_call_has_the_dialout() -> None:
    row, call_id = brought(State.DIALING, owner="web-1"), uuid4()
    write([opened(row, call_id, owner="web-2")])
    row.refresh_from_db()
    assert (row.owner, row.call_id) == ("web-2", call_id)


def test_a_second_call_for_a_dialout_changes_nothing_of_it() -> None:
    row, first, second = brought(State.DIALING), uuid4(), uuid4()
    write([opened(row, first), opened(row, second, owner="web-2")])
    write([answered(row, second), closed(row, second, "client-disconnected")])
    row.refresh_from_db()
    assert (row.owner, row.call_id, row.state) == (OWNER, first, "dialing")


def test_an_unclear_end_waits_for_the_better_word_of_a_carrier_that_reports() -> None:
    row, call_id = brought(State.DIALING, callback_digest="d" * 64), uuid4()
    Dialout.objects.filter(pk=row.pk).update(deadline_at=NOON + seconds(90))
    write([opened(row, call_id), closed(row, call_id, "error")])
    row.refresh_from_db()
    assert (row.state, row.deadline_at) == ("dialing", NOON + seconds(33))


def test_a_clear_end_waits_for_nobody() -> None:
    row, call_id = brought(State.DIALING, callback_digest="d" * 64), uuid4()
    write([opened(row, call_id), closed(row, call_id, "busy")])
    assert story(row)[-1] == ("failed", "busy")


def test_a_carrier_that_refuses_fails_the_dialout_of_its_process_only() -> None:
    row = brought(State.PLACING)

    def refused(owner: str) -> DialoutRefused:
        return DialoutRefused(
            dialout_id=row.pk, owner=owner, at=NOON, reason_code="declined", reason="No"
        )

    write([refused("web-2")])
    assert story(row)[-1] == ("placing", "")
    write([refused(OWNER)])
    assert story(row)[-1] == ("failed", "declined")


def test_what_was_refused_and_taken_back_is_cancelled() -> None:
    row = brought(State.PLACING, cancel_requested=True)
    fact = DialoutRefused(dialout_id=row.pk, owner=OWNER, at=NOON, reason_code="error", reason="")
    write_twice([fact])
    assert story(row)[-1] == ("cancelled", "cancelled")


@pytest.mark.parametrize(("taken_back", "after"), [(False, "queued"), (True, "cancelled")])
def test_a_busy_carrier_is_asked_again_later(*, taken_back: bool, after: str) -> None:
    row = brought(State.PLACING, carrier="c", cancel_requested=taken_back)
    later = NOON + seconds(20)
    write_twice(
        [DialoutPutBack(dialout_id=row.pk, owner=OWNER, at=NOON, reason="Busy", not_before=later)]
    )
    row.refresh_from_db()
    assert row.state == after
    assert row.not_before == (NOON if taken_back else later)
    assert len(story(row)) == 3


def handed(row: Dialout, owner: str = OWNER) -> bool:
    return progress.handed_over(row.pk, owner=owner, carrier="c", callback_digest="d", at=NOON)


def test_a_dialout_is_handed_over_once_and_by_its_process() -> None:
    row = brought(State.PLACING)
    assert not handed(row, "web-2")
    assert handed(row)
    assert not handed(row)


def test_what_was_taken_back_before_it_was_handed_over_never_is() -> None:
    row = brought(State.PLACING, cancel_requested=True)
    assert not handed(row)
    assert story(row)[-1] == ("cancelled", "cancelled")


def test_a_lost_call_ends_its_dialout_and_both_once() -> None:
    row, call_id = brought(State.PLACING), uuid4()
    write([opened(row, call_id), answered(row, call_id)])
    assert close_lost_calls(NOON + seconds(60)) == 1
    assert close_lost_calls(NOON + seconds(60)) == 0
    assert Call.objects.get().cause == LOST_CAUSE
    assert story(row)[-1] == ("completed", "error")
    write([closed(row, call_id, "client-disconnected")])
    assert story(row)[-1] == ("completed", "error")
    assert told(row) == ["dialout.answered", "dialout.completed"]


@pytest.mark.django_db(transaction=True)
def test_facts_of_dialouts_are_kept_when_details_are_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("calls.records.MAX_QUEUED", 0)
    row, call_id = brought(State.PLACING), uuid4()
    writer = RecordWriter()
    for fact in whole(row, call_id):
        writer.put(fact)
    writer.start()
    assert writer.stop(30)
    assert story(row)[-1] == ("completed", "client-disconnected")


@pytest.mark.django_db(transaction=True)
def test_a_fact_that_is_refused_takes_no_dialout_with_it() -> None:
    row, call_id = brought(State.PLACING), uuid4()
    odd = opened(dialout(), uuid4(), bot_name="half \ud800")
    writer = RecordWriter()
    writer.start()
    for fact in [odd, *whole(row, call_id)]:
        writer.put(fact)
    assert writer.stop(30)
    assert story(row)[-1] == ("completed", "client-disconnected")
