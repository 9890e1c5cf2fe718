"""Reads of call records: visibility, the live table, transcripts."""

from typing import Any

import pytest

from bots.core.roles import granted
from bots.people import NOBODY, Person
from calls import selectors
from calls.core.waterfall import waterfall
from calls.models import Call, TranscriptEntry
from calls.selectors import Sight, live_calls, visible_to
from tests.calls.conftest import MakeCall, record_turn
from tests.worlds import World

pytestmark = pytest.mark.db

EVERYTHING = Sight(Person(user_id=1, name="all", permissions=granted(["administrator"])))
NOTHING = Sight(NOBODY)


def say(call: Call, seq: int, **fields: Any) -> TranscriptEntry:
    content = {"offset_ms": seq * 1000, "side": "bot", "kind": "speech", "text": f"line {seq}"}
    return TranscriptEntry.objects.create(call=call, seq=seq, **{**content, **fields})


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


def test_a_prompt_stands_where_it_began_and_not_where_it_was_over(make_call: MakeCall) -> None:
    call = make_call()
    say(call, 1, kind="event", offset_ms=6900)
    say(call, 2, offset_ms=3000)
    say(call, 3, offset_ms=6900)
    assert [line.seq for line in selectors.transcript(call.pk)] == [2, 1, 3]


def test_the_times_of_a_call_come_in_the_order_of_its_turns(make_call: MakeCall) -> None:
    call = make_call()
    for number in (2, 1):
        record_turn(call, number)
    record_turn(make_call(), 3)
    times = selectors.turn_times(call.pk)
    assert [each.turn for each in times] == [1, 2]
    assert waterfall(times[0]).silence_ms == 1120
