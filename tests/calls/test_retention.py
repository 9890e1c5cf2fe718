"""How long transcripts are kept: deleted when due, in bounded steps, and nothing else with them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls import services, tasks
from calls.models import Call, CallEvent, TranscriptEntry, TurnTiming
from calls.services import delete_expired_transcripts
from gateway_project.celery import AT_START, app
from tests.calls.conftest import MakeCall

pytestmark = [pytest.mark.db, pytest.mark.django_db]

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def talk(call: Call, lines: int) -> Call:
    said = {"offset_ms": 0, "side": "caller", "kind": "speech", "text": "my card number is"}
    TranscriptEntry.objects.bulk_create(
        TranscriptEntry(call=call, seq=seq, **said) for seq in range(1, lines + 1)
    )
    return call


def test_events_go_with_the_words(make_call: MakeCall) -> None:
    due = make_call(transcript_expires_at=NOW)
    kept = make_call(transcript_expires_at=NOW + timedelta(seconds=1))
    for call in (due, kept):
        CallEvent.objects.create(call=call, seq=1, offset_ms=0, source="voice", name="dtmf")
    delete_expired_transcripts(NOW)
    assert list(CallEvent.objects.values_list("call", flat=True)) == [kept.pk]


def with_lines() -> set[UUID]:
    return set(TranscriptEntry.objects.values_list("call", flat=True))


def test_only_transcripts_that_are_due_are_deleted(make_call: MakeCall) -> None:
    due = talk(make_call(transcript_expires_at=NOW), 3)
    kept = talk(make_call(transcript_expires_at=NOW + timedelta(seconds=1)), 3)
    going_on = talk(make_call(ended=False), 3)
    assert delete_expired_transcripts(NOW) == 1
    assert with_lines() == {kept.pk, going_on.pk}
    due.refresh_from_db()
    kept.refresh_from_db()
    assert (due.transcript_deleted_at, kept.transcript_deleted_at) == (NOW, None)


def test_the_rest_of_the_record_outlives_the_transcript(make_call: MakeCall) -> None:
    call = talk(make_call(transcript_expires_at=NOW), 1)
    moments = {"end_decided_ms": 2, "final_text_ms": 3, "sent_to_bot_ms": 4}
    TurnTiming.objects.create(call=call, turn=1, kind="speech", caller_stopped_ms=1, **moments)
    before = Call.objects.filter(pk=call.pk).values().get()
    delete_expired_transcripts(NOW)
    after = Call.objects.filter(pk=call.pk).values().get()
    assert after == before | {"transcript_deleted_at": NOW}
    assert call.timings.count() == 1


def test_a_transcript_is_deleted_once(make_call: MakeCall) -> None:
    talk(make_call(transcript_expires_at=NOW), 1)
    assert delete_expired_transcripts(NOW) == 1
    assert delete_expired_transcripts(NOW + timedelta(days=1)) == 0
    assert Call.objects.get().transcript_deleted_at == NOW


def test_calls_that_said_nothing_are_settled_too(make_call: MakeCall) -> None:
    make_call(transcript_expires_at=NOW)
    assert delete_expired_transcripts(NOW) == 1


def test_much_is_deleted_in_bounded_steps(
    make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "EXPIRY_CALLS", 2)
    monkeypatch.setattr(services, "EXPIRY_LINES", 4)
    for _ in range(5):
        talk(make_call(transcript_expires_at=NOW), 5)
    with CaptureQueriesContext(connection) as queries:
        assert delete_expired_transcripts(NOW) == 5
    assert with_lines() == set()
    deletions = [query["sql"] for query in queries if query["sql"].startswith("DELETE")]
    # Two calls with five lines each, twice, and one call: 4 + 4 + 2, 4 + 4 + 2, 4 + 1.
    assert len(deletions) == 8


def test_the_task_deletes_by_the_wall_clock(make_call: MakeCall) -> None:
    now = timezone.now()
    talk(make_call(transcript_expires_at=now - timedelta(seconds=1)), 1)
    kept = talk(make_call(transcript_expires_at=now + timedelta(hours=1)), 1)
    tasks.delete_expired_transcripts()
    assert with_lines() == {kept.pk}


def test_the_task_runs_every_hour_and_when_a_worker_starts() -> None:
    entry = app.conf.beat_schedule["delete-expired-transcripts"]
    assert entry["task"] == tasks.delete_expired_transcripts.name
    assert entry["schedule"] == timedelta(hours=1)
    assert "delete-expired-transcripts" in AT_START


@pytest.mark.parametrize(
    ("ended", "fields"),
    [
        (True, {"transcript_days": 7, "transcript_expires_at": None}),
        (True, {"transcript_days": 0, "transcript_expires_at": NOW}),
        (False, {"transcript_days": 7, "transcript_expires_at": NOW}),
    ],
    ids=["kept for ever", "not stored and yet due", "due before it is complete"],
)
def test_the_database_refuses_a_transcript_without_a_fate(
    ended: bool, fields: dict[str, object], make_call: MakeCall
) -> None:
    with pytest.raises(IntegrityError, match="call_transcript_expires"):
        make_call(ended=ended, **fields)
