"""The record writer on a real database: what it is given is there, whatever happens meanwhile."""

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from bots.models import Bot
from bots.secrets import sealed_texts
from calls import records
from calls.facts import (
    CallClosed,
    CallDescribed,
    CallOpened,
    EffectiveValues,
    EventHappened,
    Fact,
    LineHeard,
    ServiceFailure,
    TurnTimed,
)
from calls.models import Call, CallEvent, ServiceFault, Snapshot, TranscriptEntry, TurnTiming
from calls.records import RecordWriter, write
from calls.services import close_lost_calls

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
ENOUGH_S = 30.0
UNENCODABLE = "half a character: \ud800"


def opened(call_id: uuid.UUID, *, bot_id: int | None = None) -> CallOpened:
    return CallOpened(
        call_id=call_id,
        conversation_id=f"conversation {call_id}",
        channel="audiocodes",
        mode="voice",
        direction="inbound",
        is_test=False,
        bot_id=bot_id,
        bot_name="demo",
        bot_revision=3,
        caller="+15550100",
        callee="",
        owner="web-1",
        started_at=NOON,
        transcript_days=1,
    )


def line(call_id: uuid.UUID, seq: int, text: str = "Hello.") -> LineHeard:
    return LineHeard(
        call_id=call_id,
        seq=seq,
        offset_ms=seq * 1000,
        side="bot",
        kind="speech",
        text=text,
        full_text="",
        confidence=None,
        delay_ms=400,
    )


def timed(call_id: uuid.UUID, turn: int, **moments: int | None) -> TurnTimed:
    values: dict[str, Any] = {
        "kind": "speech",
        "caller_stopped_ms": 1000,
        "end_decided_ms": 1500,
        "final_text_ms": 1600,
        "sent_to_bot_ms": 1600,
        "bot_answered_ms": 2000,
        "audio_ready_ms": 2100,
        "audio_sent_ms": 2120,
        "playback_ended_ms": 4000,
    }
    return TurnTimed(call_id=call_id, turn=turn, **values | moments)


def closed(call_id: uuid.UUID, **fields: Any) -> CallClosed:
    values: dict[str, Any] = {
        "ended_at": NOON + timedelta(seconds=75),
        "ended_by": "caller",
        "reason_code": "client-disconnected",
        "reason": "Client Side",
        "cause": "",
        "turns": 2,
        "frames_in": 3750,
        "frames_dropped": 1,
        "bot_result": None,
        "recordings": [],
        "transcript_expires_at": NOON + timedelta(days=1, seconds=75),
    }
    return CallClosed(call_id=call_id, **values | fields)


def whole_call(call_id: uuid.UUID) -> list[Fact]:
    described = CallDescribed(call_id=call_id, caller="+15550111", callee="+15550199")
    lines = [line(call_id, seq) for seq in (1, 2, 3)]
    turns = [timed(call_id, turn) for turn in (1, 2)]
    return [opened(call_id), described, *lines, *turns, closed(call_id)]


def written(facts: list[Fact]) -> RecordWriter:
    """A writer that was given ``facts`` and has written all it could."""
    writer = RecordWriter()
    writer.start()
    for fact in facts:
        writer.put(fact)
    assert writer.stop(ENOUGH_S)
    return writer


def spoken(call_id: uuid.UUID) -> list[tuple[int, str]]:
    return list(TranscriptEntry.objects.filter(call=call_id).values_list("seq", "text"))


def answered_by(call_id: uuid.UUID) -> list[tuple[int, int | None]]:
    return list(TurnTiming.objects.filter(call=call_id).values_list("turn", "playback_ended_ms"))


@pytest.fixture
def call_id() -> uuid.UUID:
    return uuid.uuid4()


class Outage:
    """Makes statements of the writer's connection fail as when the server went away."""

    def __init__(self) -> None:
        self.fails: Callable[[str], bool] = lambda _statement: False
        self.asked = threading.Event()
        self.failed = threading.Event()

    def connected(self, *, connection: BaseDatabaseWrapper, **_: Any) -> None:
        if threading.current_thread().name == "records":
            connection.execute_wrappers.append(self._execute)

    def _execute(
        self, execute: Callable[..., Any], sql: str, params: Any, many: Any, context: Any
    ) -> Any:
        self.asked.set()
        if self.fails(sql):
            self.failed.set()
            raise OperationalError("the server went away")
        return execute(sql, params, many, context)


@pytest.fixture
def outage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outage]:
    monkeypatch.setattr(records, "RETRY_S", (0.001,))
    outage = Outage()
    connection_created.connect(outage.connected)
    yield outage
    connection_created.disconnect(outage.connected)


def test_a_call_is_in_the_database_from_its_start_to_its_end(call_id: uuid.UUID) -> None:
    bot = Bot.objects.create(name="demo")
    _, *rest = whole_call(call_id)
    written([opened(call_id, bot_id=bot.pk), *rest])

    call = Call.objects.get(pk=call_id)
    assert (call.state, call.bot, call.bot_name, call.bot_revision) == ("ended", bot, "demo", 3)
    assert (call.caller, call.callee) == ("+15550111", "+15550199")
    assert (call.started_at, call.ended_at) == (NOON, NOON + timedelta(seconds=75))
    assert (call.ended_by, call.reason_code, call.reason) == (
        "caller",
        "client-disconnected",
        "Client Side",
    )
    assert (call.turns, call.frames_in, call.frames_dropped) == (2, 3750, 1)
    assert spoken(call_id) == [(1, "Hello."), (2, "Hello."), (3, "Hello.")]


def test_a_call_that_goes_on_is_active(call_id: uuid.UUID) -> None:
    written([opened(call_id), line(call_id, 1)])

    assert Call.objects.get(pk=call_id).state == Call.State.ACTIVE


def test_writing_the_same_facts_again_changes_nothing(call_id: uuid.UUID) -> None:
    facts = whole_call(call_id)
    write(facts)
    before = Call.objects.filter(pk=call_id).values().get()
    write(facts)
    later = timed(call_id, 2, playback_ended_ms=9000)
    write([closed(call_id, reason="later", turns=9), line(call_id, 2, "Changed."), later])

    assert Call.objects.filter(pk=call_id).values().get() == before
    assert spoken(call_id) == [(1, "Hello."), (2, "Hello."), (3, "Hello.")]
    assert answered_by(call_id) == [(1, 4000), (2, 4000)]


def test_more_facts_than_a_batch_holds_are_all_written_in_order(call_id: uuid.UUID) -> None:
    count = 2 * records.BATCH_ROWS + 50
    lines: list[Fact] = [line(call_id, seq, f"Line {seq}") for seq in range(1, count + 1)]
    written([opened(call_id), *lines, closed(call_id)])

    assert spoken(call_id) == [(seq, f"Line {seq}") for seq in range(1, count + 1)]
    assert Call.objects.get(pk=call_id).state == Call.State.ENDED


@pytest.mark.parametrize(
    "bad",
    [line(uuid.uuid4(), 1), line(uuid.UUID(int=7), 2, UNENCODABLE), closed(uuid.uuid4(), turns=-1)],
    ids=["unknown call", "text no database takes", "end of an unknown call"],
)
def test_a_fact_that_is_refused_takes_no_other_with_it(call_id: uuid.UUID, bad: Fact) -> None:
    opening, *rest = whole_call(call_id)
    written([opened(uuid.UUID(int=7)), opening, bad, *rest])

    assert Call.objects.get(pk=call_id).state == Call.State.ENDED
    assert len(spoken(call_id)) == 3
    assert TranscriptEntry.objects.count() == 3


def test_a_call_whose_bot_was_deleted_meanwhile_is_recorded_without_it(call_id: uuid.UUID) -> None:
    _, *rest = whole_call(call_id)
    written([opened(call_id, bot_id=987_654), *rest])

    call = Call.objects.get(pk=call_id)
    assert (call.bot, call.bot_name, call.state) == (None, "demo", Call.State.ENDED)
    assert len(spoken(call_id)) == 3


@pytest.mark.parametrize("text", ["\x00", UNENCODABLE])
def test_a_call_ends_even_if_the_bots_result_cannot_be_stored(
    call_id: uuid.UUID, text: str
) -> None:
    written([opened(call_id), closed(call_id, bot_result={"ticket": text})])

    call = Call.objects.get(pk=call_id)
    assert (call.state, call.turns) == (Call.State.ENDED, 2)


def test_a_call_whose_webhook_breaks_is_recorded_without_it(call_id: uuid.UUID) -> None:
    _, *rest = whole_call(call_id)
    broken = msgspec.structs.replace(opened(call_id), webhook=sealed_texts({"no": "events"}))
    written([broken, *rest])

    call = Call.objects.get(pk=call_id)
    assert (call.webhook, call.state) == (None, Call.State.ENDED)
    assert len(spoken(call_id)) == 3


def test_a_result_of_the_bot_is_kept(call_id: uuid.UUID) -> None:
    written([opened(call_id), closed(call_id, bot_result={"ticket": 7})])

    assert Call.objects.get(pk=call_id).bot_result == {"ticket": 7}


def test_what_ended_a_call_and_what_was_recorded_of_it_are_kept(call_id: uuid.UUID) -> None:
    written([opened(call_id), closed(call_id, cause="tts:timeout", recordings=["r-1", "r-2"])])

    call = Call.objects.get(pk=call_id)
    assert (call.cause, call.recordings) == ("tts:timeout", ["r-1", "r-2"])
    assert call.transcript_expires_at == NOON + timedelta(days=1, seconds=75)


@pytest.mark.parametrize("missing", ["", "bot_answered", "audio_ready", "audio_sent"])
def test_a_turn_is_stored_as_far_as_it_came(call_id: uuid.UUID, missing: str) -> None:
    later = list(TurnTimed.__struct_fields__[7:])
    nothing = later[later.index(f"{missing}_ms") :] if missing else []
    fact = timed(call_id, 1, **dict.fromkeys(nothing))
    written([opened(call_id), fact])

    stored = TurnTiming.objects.values(*TurnTimed.__struct_fields__).get()
    assert stored == msgspec.structs.asdict(fact)


@pytest.mark.parametrize("name", TurnTimed.__struct_fields__[4:-1])
def test_times_of_a_turn_that_go_back_are_refused_alone(call_id: uuid.UUID, name: str) -> None:
    written([opened(call_id), timed(call_id, 1, **{name: 999}), timed(call_id, 2)])

    assert answered_by(call_id) == [(2, 4000)]


def test_what_a_voice_agent_says_it_took_is_kept_with_the_turn(call_id: uuid.UUID) -> None:
    took = {"stt_ms": 120, "think_ms": 410}
    turn = msgspec.structs.replace(timed(call_id, 1), agent=took)
    written([opened(call_id), turn])

    assert TurnTiming.objects.get(call=call_id).agent == took


@pytest.mark.parametrize("name", ["bot_answered_ms", "audio_ready_ms", "audio_sent_ms"])
def test_times_of_a_turn_with_a_hole_are_refused(call_id: uuid.UUID, name: str) -> None:
    written([opened(call_id), timed(call_id, 1, **{name: None})])

    assert answered_by(call_id) == []


def test_an_end_that_is_refused_for_good_does_not_stop_the_writer(call_id: uuid.UUID) -> None:
    other = uuid.uuid4()
    written([opened(call_id), opened(other), closed(other, turns=-1), closed(call_id)])

    assert Call.objects.get(pk=call_id).state == Call.State.ENDED
    assert Call.objects.get(pk=other).state == Call.State.ACTIVE


def test_a_full_queue_gives_up_lines_and_never_the_start_or_the_end_of_a_call(
    call_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_QUEUED", 3)
    writer = RecordWriter()
    for fact in whole_call(call_id):
        writer.put(fact)
    writer.start()
    assert writer.stop(ENOUGH_S)

    assert writer.lost_details == 4
    call = Call.objects.get(pk=call_id)
    assert (call.state, call.callee) == (Call.State.ENDED, "+15550199")
    assert spoken(call_id) == [(1, "Hello.")]


def test_a_full_batch_is_written_without_waiting_for_the_next_flush(
    call_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch, outage: Outage
) -> None:
    written([opened(call_id)])
    outage.asked.clear()
    monkeypatch.setattr(records, "FLUSH_S", 3600)
    writer = RecordWriter()
    writer.start()
    for seq in range(1, records.BATCH_ROWS + 1):
        writer.put(line(call_id, seq))

    assert outage.asked.wait(ENOUGH_S)
    assert writer.stop(ENOUGH_S)
    assert len(spoken(call_id)) == records.BATCH_ROWS


def test_a_call_that_begins_is_written_without_waiting_for_the_next_flush(
    call_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch, outage: Outage
) -> None:
    monkeypatch.setattr(records, "FLUSH_S", 3600)
    writer = RecordWriter()
    writer.start()
    writer.put(opened(call_id))

    assert outage.asked.wait(ENOUGH_S)
    assert writer.stop(ENOUGH_S)


def test_a_writer_can_be_stopped_before_it_started_and_started_again(call_id: uuid.UUID) -> None:
    writer = RecordWriter()
    assert writer.stop(0)
    writer.put(opened(call_id))
    for fact in (line(call_id, 1), closed(call_id)):
        writer.start()
        writer.start()
        assert [thread.name for thread in threading.enumerate()].count("records") == 1
        writer.put(fact)
        assert writer.stop(ENOUGH_S)

    assert Call.objects.get(pk=call_id).state == Call.State.ENDED
    assert len(spoken(call_id)) == 1


def test_a_database_that_is_away_delays_records_and_loses_none(
    call_id: uuid.UUID, outage: Outage
) -> None:
    outage.fails = lambda _statement: True
    writer = RecordWriter()
    writer.start()
    for fact in whole_call(call_id):
        writer.put(fact)

    assert not writer.stop(0.05)
    assert outage.failed.wait(ENOUGH_S)
    assert not Call.objects.filter(pk=call_id).exists()
    outage.fails = lambda _statement: False
    assert writer.stop(ENOUGH_S)
    assert Call.objects.get(pk=call_id).state == Call.State.ENDED
    assert len(spoken(call_id)) == 3


def test_an_outage_while_the_good_facts_are_sorted_from_a_bad_one_loses_none(
    call_id: uuid.UUID, outage: Outage
) -> None:
    lines_written = iter([False, False, True])
    outage.fails = lambda statement: "transcriptentry" in statement and next(lines_written, False)
    written([opened(call_id), line(uuid.uuid4(), 1), line(call_id, 1), closed(call_id)])

    assert outage.failed.is_set()
    assert spoken(call_id) == [(1, "Hello.")]
    assert Call.objects.get(pk=call_id).state == Call.State.ENDED


@pytest.mark.parametrize("result", [{"when": NOON}, {"deep": None}])
def test_a_result_that_is_no_json_does_not_stop_the_writer(
    call_id: uuid.UUID, result: dict[str, Any]
) -> None:
    if "deep" in result:
        for _ in range(100_000):
            result = {"deep": result}
    other = uuid.uuid4()
    written([opened(call_id), closed(call_id, bot_result=result), *whole_call(other)])

    call = Call.objects.get(pk=call_id)
    assert (call.state, call.bot_result) == (Call.State.ENDED, None)
    assert Call.objects.get(pk=other).state == Call.State.ENDED


def test_a_process_that_was_taken_for_dead_completes_its_records_all_the_same(
    call_id: uuid.UUID,
) -> None:
    written([opened(call_id)])
    assert close_lost_calls(NOON + timedelta(seconds=60)) == 1
    written([line(call_id, 1), closed(call_id)])

    call = Call.objects.get(pk=call_id)
    assert (call.ended_by, call.reason) == ("caller", "Client Side")
    assert call.ended_at == NOON + timedelta(seconds=75)


def happened(call_id: uuid.UUID, seq: int, **fields: Any) -> EventHappened:
    values: dict[str, Any] = {"offset_ms": seq, "source": "bot", "name": "config", "detail": {}}
    return EventHappened(call_id=call_id, seq=seq, **values | fields)


def failure(call_id: uuid.UUID) -> ServiceFailure:
    return ServiceFailure(
        call_id=call_id,
        at=NOON,
        service="stt",
        provider="ears",
        fault="timeout",
        detail="no result",
    )


def snapshot(digest: str = "d", **values: Any) -> EffectiveValues:
    return EffectiveValues(digest=digest, values=values)


def test_events_and_faults_of_a_call_are_kept(call_id: uuid.UUID) -> None:
    detail = {"activityParams": {"bargeIn": True}}
    written([opened(call_id), happened(call_id, 1, detail=detail), failure(call_id)])
    write([happened(call_id, 1, name="again")])

    stored = CallEvent.objects.values("call", "seq", "offset_ms", "source", "name", "detail").get()
    assert stored == {
        "call": call_id, "seq": 1, "offset_ms": 1, "source": "bot", "name": "config",
        "detail": detail,
    }  # fmt: skip
    fault = ServiceFault.objects.get()
    assert (fault.call_id, fault.at, fault.provider) == (call_id, NOON, "ears")
    assert (fault.service, fault.fault, fault.detail) == ("stt", "timeout", "no result")


def test_an_event_that_is_refused_takes_no_other_with_it(call_id: uuid.UUID) -> None:
    bad = happened(call_id, 2, name=UNENCODABLE)
    written([opened(call_id), happened(call_id, 1), bad, failure(uuid.uuid4()), line(call_id, 1)])

    assert list(CallEvent.objects.values_list("seq", flat=True)) == [1]
    assert spoken(call_id) == [(1, "Hello.")]


def test_calls_with_the_same_configuration_share_one_snapshot(call_id: uuid.UUID) -> None:
    same = [uuid.uuid4() for _ in range(3)]
    first, second, third = (
        msgspec.structs.replace(opened(each), snapshot=snapshot(bargeIn=[True, "default"]))
        for each in same
    )
    written([first, second])
    written([third])
    written([msgspec.structs.replace(opened(call_id), snapshot=snapshot("e"))])

    assert Snapshot.objects.count() == 2
    shared = Snapshot.objects.get(digest="d")
    assert shared.values == {"bargeIn": [True, "default"]}
    assert set(shared.calls.values_list("pk", flat=True)) == set(same)


def test_a_call_is_recorded_even_if_its_snapshot_cannot_be(call_id: uuid.UUID) -> None:
    bad = snapshot("d" * 65, text=UNENCODABLE)
    written([msgspec.structs.replace(opened(call_id, bot_id=987_654), snapshot=bad)])

    call = Call.objects.get(pk=call_id)
    assert (call.bot, call.bot_name) == (None, "demo")


def test_how_long_callers_waited_is_kept(call_id: uuid.UUID) -> None:
    end = closed(call_id, faults=2, silence_median_ms=640, silence_max_ms=4000)
    written([opened(call_id), end])

    call = Call.objects.get(pk=call_id)
    assert (call.faults, call.silence_median_ms, call.silence_max_ms) == (2, 640, 4000)
