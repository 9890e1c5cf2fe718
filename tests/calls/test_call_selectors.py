"""Reads of call records: visibility, the live table, filters, keyset pages, transcripts."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from bots.core.roles import granted
from bots.people import NOBODY, Person
from calls import selectors
from calls.core.waterfall import waterfall
from calls.models import Call, TranscriptEntry
from calls.selectors import (
    CallFilter,
    CallPage,
    Cursor,
    Seen,
    Sight,
    call_page,
    live_calls,
    visible_to,
)
from tests.calls.conftest import NOON, MakeCall, record_turn
from tests.worlds import World

pytestmark = pytest.mark.db

EVERYTHING = Sight(Person(user_id=1, name="all", permissions=granted(["administrator"])))
NOTHING = Sight(NOBODY)


def say(call: Call, seq: int, **fields: Any) -> TranscriptEntry:
    content = {"offset_ms": seq * 1000, "side": "bot", "kind": "speech", "text": f"line {seq}"}
    return TranscriptEntry.objects.create(call=call, seq=seq, **{**content, **fields})


def ids(calls: list[Call]) -> list[UUID]:
    return [call.pk for call in calls]


def test_people_with_an_active_account_see_all_calls_and_others_none(world: World) -> None:
    assert visible_to(world.admin).live
    assert visible_to(world.people["supervisor"]).live
    assert not visible_to(world.former).live
    assert not visible_to(world.stranger).live


@pytest.mark.parametrize("sight", [EVERYTHING, NOTHING])
def test_the_two_forms_of_visibility_agree(sight: Sight, make_call: MakeCall) -> None:
    call = make_call()
    assert sight.covers(call.bot_name) == sight.calls().filter(pk=call.pk).exists()


def test_live_calls_are_the_active_ones_newest_first_with_what_was_said_last(
    make_call: MakeCall,
) -> None:
    make_call()
    quiet, talking = make_call(ended=False), make_call(ended=False, caller="+49", is_test=True)
    say(talking, 1, text="Welcome", delay_ms=640)
    say(talking, 2, side="caller", text="x" * 100)
    say(talking, 3, side="system", kind="event", text="Transfer requested")
    rows, truncated = live_calls(EVERYTHING)
    assert [row["id"] for row in rows] == [str(talking.pk), str(quiet.pk)]
    assert rows[0] == {
        "id": str(talking.pk),
        "bot": "demo",
        "caller": "+49",
        "callee": "",
        "started_at": talking.started_at.isoformat(),
        "channel": "audiocodes",
        "mode": "voice",
        "is_test": True,
        "turns": 0,
        "last_line": "x" * 80,
        "last_side": "caller",
        "delay_ms": 640,
    }
    assert (rows[1]["last_line"], "delay_ms" in rows[1], truncated) == ("", False, False)


def test_live_calls_beyond_the_limit_are_left_out_and_it_is_said(
    make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "LIVE_LIMIT", 2)
    oldest = make_call(ended=False)
    make_call(ended=False)
    make_call(ended=False)
    rows, truncated = live_calls(EVERYTHING)
    assert truncated
    assert str(oldest.pk) not in {row["id"] for row in rows}


def test_live_calls_of_nobody_are_none(make_call: MakeCall) -> None:
    make_call(ended=False)
    assert live_calls(NOTHING) == ([], False)


def test_ended_calls_are_told_with_their_reason_or_its_code(make_call: MakeCall) -> None:
    active, told, coded = make_call(ended=False), make_call(), make_call(reason="")
    asked = frozenset(str(call.pk) for call in (active, told, coded))
    assert selectors.ended_among(EVERYTHING, asked) == {
        str(told.pk): "The caller hung up",
        str(coded.pk): "client-disconnected",
    }


def test_a_transcript_begins_after_the_number_asked_for(make_call: MakeCall) -> None:
    call = make_call()
    say(call, 2, full_text="line 2 and more", confidence=0.5)
    say(call, 1)
    say(make_call(), 1)
    assert [line.seq for line in selectors.transcript(call.pk)] == [1, 2]
    (line,) = selectors.transcript(call.pk, 1)
    assert (line.full_text, line.confidence, line.delay_ms) == ("line 2 and more", 0.5, None)


@pytest.mark.parametrize(
    ("chosen", "matching"),
    [
        (CallFilter(), {"plain", "other", "live"}),
        (CallFilter(bot="retail"), {"other"}),
        (CallFilter(state="active"), {"live"}),
        (CallFilter(reason="error"), {"other"}),
        (CallFilter(reason="stt:timeout"), {"other"}),
        (CallFilter(direction="outbound"), {"other"}),
        (CallFilter(is_test=True), {"live"}),
        (CallFilter(is_test=False), {"plain", "other"}),
        (CallFilter(since=NOON + timedelta(minutes=1)), {"other", "live"}),
        (CallFilter(number="151"), {"plain"}),
        (CallFilter(number="30990"), {"other"}),
        (CallFilter(number="live"), {"live"}),
        (CallFilter(number="liv"), set()),
        (CallFilter(bot="demo", is_test=False), {"plain"}),
    ],
)
def test_each_condition_of_the_filter_chooses_calls(
    chosen: CallFilter, matching: set[str], make_call: MakeCall
) -> None:
    make_call(conversation_id="plain", caller="+4915112345")
    make_call(
        conversation_id="other",
        bot_name="retail",
        reason_code="error",
        cause="stt:timeout",
        direction="outbound",
        callee="+4930990100",
    )
    make_call(conversation_id="live", ended=False, is_test=True)
    page = call_page(EVERYTHING, chosen, size=25)
    assert {call.conversation_id for call in page.calls} == matching
    assert page.total == len(matching)


def test_pages_lead_through_all_calls_forth_and_back_without_loss(make_call: MakeCall) -> None:
    # Three calls of one moment: only the id tells them apart.
    for minute in (0, 1, 1, 1, 2, 3, 4):
        make_call(started_at=NOON + timedelta(minutes=minute))
    everything = ids(list(Call.objects.order_by("-started_at", "id")))
    pages: list[CallPage] = []
    cursor = None
    while not pages or cursor is not None:
        page = call_page(EVERYTHING, CallFilter(), size=3, cursor=cursor)
        pages.append(page)
        cursor = page.older
    assert [each for page in pages for each in ids(page.calls)] == everything
    assert pages[0].newer is None
    back = pages[-1]
    while back.newer is not None:
        back = call_page(EVERYTHING, CallFilter(), size=3, cursor=back.newer)
    assert ids(back.calls) == everything[:3]
    assert back.older is not None


def test_a_page_beyond_the_last_call_is_empty(make_call: MakeCall) -> None:
    call = make_call()
    page = call_page(EVERYTHING, CallFilter(), size=3, cursor=Cursor(call.started_at, call.pk))
    assert (page.calls, page.newer, page.older, page.total) == ([], None, None, 1)


def test_many_calls_are_counted_up_to_a_limit(
    make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "COUNT_LIMIT", 2)
    make_call()
    make_call()
    assert not call_page(EVERYTHING, CallFilter(), size=1).total_is_capped
    make_call()
    make_call()
    page = call_page(EVERYTHING, CallFilter(), size=1)
    assert (page.total, page.total_is_capped) == (3, True)


@pytest.mark.parametrize("backwards", [True, False])
def test_a_cursor_is_read_as_it_was_written(backwards: bool) -> None:
    cursor = Cursor(NOON, UUID(int=7), backwards=backwards)
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    ["", "after", "sideways~2026-11-21T12:00:00+00:00~" + str(UUID(int=1)), "after~noon~x",
     "after~2026-11-21T12:00:00~" + str(UUID(int=1)), "after~2026-11-21T12:00:00+00:00~x"],
)  # fmt: skip
def test_a_broken_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several libraries speak here
        Cursor.parse(text)


def test_the_filter_offers_what_the_latest_calls_show(make_call: MakeCall) -> None:
    make_call(ended=False)
    make_call(bot_name="retail", reason_code="error", cause="stt:timeout")
    make_call(bot_name="retail")
    assert selectors.seen(EVERYTHING) == Seen(
        bots=["demo", "retail"],
        reasons=["client-disconnected", "error", "stt:timeout"],
    )
    assert selectors.seen(NOTHING) == Seen([], [])


def test_the_times_of_a_call_come_in_the_order_of_its_turns(make_call: MakeCall) -> None:
    call = make_call()
    for number in (2, 1):
        record_turn(call, number)
    record_turn(make_call(), 3)
    times = selectors.turn_times(call.pk)
    assert [each.turn for each in times] == [1, 2]
    assert waterfall(times[0]).silence_ms == 1120
