"""Exports: exactly what is filtered, safe in spreadsheets, in batches, audited, of their owner."""

import csv
import io
import json
from collections.abc import AsyncIterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.exceptions import TooManyFieldsSent
from django.http import StreamingHttpResponse
from django.test import Client
from django.utils import timezone
from django.utils.timezone import now
from pytest_django import Settings

from bots.audit import Actor, acting
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.models import AuditEvent, Bot
from calls import exporting, tasks
from calls.exporting import (
    KEPT,
    WAITING_AT_MOST,
    delete_expired_exports,
    export_create,
    order,
    path_of,
    write_next_export,
    written,
)
from calls.models import Call, CallExport, TranscriptEntry
from calls.selectors import visible_to
from gateway_project.celery import AT_START, app
from tests.calls.conftest import NOON, MakeCall
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db]

MANAGER = "call-data-manager"


@pytest.fixture(autouse=True)
def _own_directory(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def text_of(user: User, query: str, kind: str, *, transcript: bool = False) -> str:
    wanted = order(query, kind, transcript=transcript, now=now())
    return "".join(text for text, _rows in written(visible_to(user), wanted))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def say(call: Call, seq: int, text: str, **fields: Any) -> None:
    content = {"offset_ms": 0, "side": "caller", "kind": "speech", "text": text}
    TranscriptEntry.objects.create(call=call, seq=seq, **(content | fields))


def post(client: Client, **data: str) -> tuple[int, str]:
    """What the export page answers: the status, and the content or where it leads."""
    response = client.post("/calls/export", data)
    if response.status_code == 200:
        return 200, downloaded(response)
    return response.status_code, response.headers.get("location", "")


def downloaded(response: Any) -> str:
    async def read() -> bytes:
        stream = cast("AsyncIterable[bytes]", cast("StreamingHttpResponse", response))
        return b"".join([piece async for piece in stream])

    return async_to_sync(read)().decode()


def test_a_csv_file_has_the_columns_that_were_chosen(world: World, make_call: MakeCall) -> None:
    call = make_call(caller="+4915112345", is_test=False)
    text = text_of(world.people[MANAGER], "columns=started,bot,parties,duration", "csv")
    (row,) = rows_of(text)
    assert row == {
        "id": str(call.pk),
        "started_at": "2026-11-21T12:00:00.000Z",
        "ended_at": "2026-11-21T12:01:15.000Z",
        "bot": "demo",
        "is_test": "false",
        "direction": "inbound",
        "caller": "+4915112345",
        "callee": "",
        "duration_s": "75.0",
    }


def test_every_column_can_be_written(world: World, make_call: MakeCall) -> None:
    from calls.columns import COLUMNS

    make_call(recordings=["r-1", "r-2"], silence_max_ms=900)
    query = "columns=" + ",".join(column.name for column in COLUMNS)
    (row,) = rows_of(text_of(world.people[MANAGER], query, "csv"))
    assert (row["recordings"], row["silence_max_ms"], row["silence_median_ms"]) == (
        "r-1 r-2",
        "900",
        "",
    )
    document = json.loads(text_of(world.people[MANAGER], query, "jsonl"))
    assert document["recordings"] == ["r-1", "r-2"]
    assert document["silence_median_ms"] is None
    assert list(document) == list(row)


def test_texts_of_callers_are_no_formulas_in_a_spreadsheet(
    world: World, make_call: MakeCall
) -> None:
    make_call(caller="=HYPERLINK(1)", callee="@x", reason="+1+1")
    (row,) = rows_of(text_of(world.people[MANAGER], "", "csv"))
    assert (row["caller"], row["callee"], row["reason"]) == ("'=HYPERLINK(1)", "'@x", "'+1+1")
    document = json.loads(text_of(world.people[MANAGER], "", "jsonl"))
    assert document["caller"] == "=HYPERLINK(1)"


def test_what_is_exported_is_what_is_filtered_and_visible(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calls.search.BATCH", 2)
    retail = Bot.objects.create(name="retail")
    for minute in range(5):
        make_call(started_at=NOON - timedelta(minutes=minute), bot_name="retail")
    make_call(bot_name="other")
    make_call(bot_name="retail", is_test=True)
    make_call(started_at=now() + timedelta(hours=1), bot_name="retail")
    scoped = with_role(MANAGER, name="scoped", bots=[retail])
    for user, query, bots in (
        (world.people[MANAGER], "", ["retail"] * 5 + ["other"]),
        (world.people[MANAGER], "bot=retail&at=nonsense&size=25", ["retail"] * 5),
        (world.people[MANAGER], "test=only", ["retail"]),
        (world.people[MANAGER], "bot=retail&range=custom&to=2999-01-01T00:00", ["retail"] * 5),
        (scoped, "", ["retail"] * 5),
        (scoped, "bot=other", []),
        (world.newcomer, "", []),
    ):
        assert sorted(row["bot"] for row in rows_of(text_of(user, query, "csv"))) == sorted(bots)
    times = [row["started_at"] for row in rows_of(text_of(scoped, "", "csv"))]
    assert times == sorted(times, reverse=True)


def test_what_was_said_is_only_in_json_lines_for_who_may_read_it(
    world: World, make_call: MakeCall
) -> None:
    call = make_call()
    say(call, 1, "pay <my> bill", confidence=0.5)
    say(call, 2, "Sure", side="bot", full_text="Sure thing", delay_ms=0)
    make_call(started_at=NOON - timedelta(hours=1))
    user = world.people[MANAGER]
    first, second = text_of(user, "", "jsonl", transcript=True).splitlines()
    assert json.loads(first)["transcript"] == [
        {
            "seq": 1,
            "offset_ms": 0,
            "side": "caller",
            "kind": "speech",
            "text": "pay <my> bill",
            "confidence": 0.5,
        },
        {
            "seq": 2,
            "offset_ms": 0,
            "side": "bot",
            "kind": "speech",
            "text": "Sure",
            "full_text": "Sure thing",
            "delay_ms": 0,
        },
    ]
    assert json.loads(second)["transcript"] == []
    assert "pay" not in text_of(user, "", "csv", transcript=True)
    assert "transcript" not in json.loads(text_of(user, "", "jsonl").splitlines()[0])
    viewer = text_of(world.people["viewer"], "", "jsonl", transcript=True)
    assert json.loads(viewer.splitlines()[0])["transcript"] is None


# --- the page -------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)  # it is read by other threads
def test_a_small_export_is_downloaded_at_once_and_audited(
    world: World, make_call: MakeCall
) -> None:
    make_call(caller="+491")
    client = browser(world.people[MANAGER])
    response = client.post("/calls/export", {"query": "bot=demo", "format": "csv"})
    assert 'attachment; filename="calls-' in response.headers["content-disposition"]
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert [row["caller"] for row in rows_of(downloaded(response))] == ["+491"]
    event = AuditEvent.objects.get(action=Action.CALLS_EXPORTED)
    assert event.actor == MANAGER
    assert event.after is not None
    assert (event.after["rows"], event.after["format"]) == (1, "csv")
    assert event.after["filter"]["bot"] == "demo"
    assert not CallExport.objects.exists()


def test_who_may_not_export_or_read_is_refused(world: World, make_call: MakeCall) -> None:
    make_call()
    for role in ("viewer", "operator", "supervisor", "account-manager"):
        assert post(browser(world.people[role]), format="csv")[0] == 403
    client = browser(world.people[MANAGER])
    assert post(client)[0] == 302
    assert post(client, format="exe")[0] == 302
    assert not AuditEvent.objects.filter(action=Action.CALLS_EXPORTED).exists()
    assert post(client, format="jsonl", transcript="yes")[0] == 200
    assert client.get("/calls/export").status_code == 405


def test_a_large_export_becomes_a_file_that_only_its_owner_gets(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calls.views.export.AT_ONCE", 1)
    make_call(caller="+491")
    say(make_call(caller="+492"), 1, "pay my bill")
    owner, other = browser(world.people[MANAGER]), browser(world.admin)
    asked = {"query": "bot=demo", "format": "jsonl", "transcript": "yes"}
    assert post(owner, **asked) == (302, "/calls/exports/")
    assert "being written" in owner.get("/calls/exports/").content.decode()
    tasks.write_exports()
    export = CallExport.objects.get()
    assert (export.state, export.rows, export.problem) == (CallExport.State.READY, 2, "")
    assert path_of(export).stat().st_mode & 0o777 == 0o600
    page = owner.get("/calls/exports/").content.decode()
    assert f"/calls/exports/{export.pk}" in page
    assert "hx-trigger" not in page.partition('id="exports"')[2].partition("<table")[0]
    response = owner.get(f"/calls/exports/{export.pk}")
    lines = [json.loads(line) for line in downloaded(response).splitlines()]
    assert [line["caller"] for line in lines] == ["+492", "+491"]
    assert lines[0]["transcript"][0]["text"] == "pay my bill"
    assert int(response.headers["content-length"]) == path_of(export).stat().st_size
    assert other.get(f"/calls/exports/{export.pk}").status_code == 404
    assert str(export.pk) not in other.get("/calls/exports/").content.decode()
    messages = AuditEvent.objects.filter(action=Action.CALLS_EXPORTED).values_list("message")
    assert [text for (text,) in messages] == [
        "The file was downloaded",
        "The file was written",
        "Written into a file",
    ]
    path_of(export).unlink()
    assert owner.get(f"/calls/exports/{export.pk}").status_code == 404


# --- files ----------------------------------------------------------------------------------------


def large(
    user: User, kind: str = "csv", query: str = "", *, transcript: bool = False
) -> CallExport:
    wanted = order(query, kind, transcript=transcript, now=now())
    with acting(Actor(name=user.username, user_id=user.pk)):
        return export_create(user, query, wanted, 1)


def test_a_file_has_what_its_owner_may_see_when_it_is_written(
    world: World, make_call: MakeCall
) -> None:
    call = make_call()
    say(call, 1, "secret words")
    user = world.people[MANAGER]
    large(user, "jsonl", transcript=True)
    user.groups.clear()
    found = write_next_export(now())
    assert found is not None
    assert (found.state, found.rows) == (CallExport.State.FAILED, 0)
    assert "no longer" in found.problem
    assert not path_of(found).exists()
    assert write_next_export(now()) is None


def test_calls_that_began_after_it_was_asked_for_are_not_in_a_file(
    world: World, make_call: MakeCall
) -> None:
    make_call(started_at=now() - timedelta(hours=1))
    large(world.people[MANAGER], query="range=24h")
    make_call(started_at=now() + timedelta(seconds=1))
    found = write_next_export(now() + timedelta(hours=30))
    assert found is not None
    assert found.rows == 1


def test_days_in_a_file_are_those_of_who_asked_for_it(world: World, make_call: MakeCall) -> None:
    tenth = datetime(2026, 3, 1, 10, tzinfo=UTC)  # midnight there
    for minutes in (-30, 30):
        make_call(started_at=tenth + timedelta(minutes=minutes))
    with timezone.override("Pacific/Kiritimati"):
        large(world.people[MANAGER], query="range=custom&from=2026-03-02T00:00&q=%00")
    found = write_next_export(now())
    assert found is not None
    assert found.rows == 1


def test_too_many_calls_for_a_file_are_refused_in_words(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_call()
    make_call()
    monkeypatch.setattr(exporting, "MOST_ROWS", 1)
    large(world.people[MANAGER])
    found = write_next_export(now())
    assert found is not None
    assert "Narrow the filter" in found.problem


def test_a_full_disk_fails_the_export_in_words(
    world: World, make_call: MakeCall, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "exports").write_text("no directory")
    large(world.people[MANAGER])
    found = write_next_export(now())
    assert found is not None
    assert found.state == CallExport.State.FAILED
    assert "could not be written" in found.problem


def test_an_export_that_cannot_be_made_does_not_count_as_under_way(world: World) -> None:
    export = large(world.people[MANAGER])
    CallExport.objects.update(query="a=1&" * 2_000)
    with pytest.raises(TooManyFieldsSent):
        write_next_export(now())
    export.refresh_from_db()
    assert export.state == CallExport.State.FAILED
    assert "Export again" in export.problem


def test_a_person_may_have_only_so_many_exports_under_way(world: World) -> None:
    for _ in range(WAITING_AT_MOST):
        large(world.people[MANAGER])
    with pytest.raises(ParameterError):
        large(world.people[MANAGER])
    large(world.admin)


def test_an_export_whose_worker_died_is_given_up_and_others_go_on(world: World) -> None:
    running = CallExport.State.RUNNING
    dead, alive, waiting = (large(world.people[MANAGER]) for _ in range(3))
    CallExport.objects.filter(pk__in=[dead.pk, alive.pk]).update(state=running)
    CallExport.objects.filter(pk=alive.pk).update(created_at=now() - timedelta(minutes=1))
    CallExport.objects.filter(pk=dead.pk).update(created_at=now() - timedelta(hours=2))
    written_one = write_next_export(now())
    assert written_one == waiting
    dead.refresh_from_db()
    assert dead.state == CallExport.State.FAILED
    assert "Export again" in dead.problem
    CallExport.objects.filter(pk=dead.pk).update(state=running, created_at=now())
    large(world.people[MANAGER])
    assert write_next_export(now()) is None, "two are being written"


def test_files_are_deleted_a_day_later_also_without_a_row(
    world: World, make_call: MakeCall, tmp_path: Path
) -> None:
    large(world.people[MANAGER])
    found = write_next_export(now())
    assert found is not None
    orphan = tmp_path / "exports" / "orphan.csv"
    orphan.touch()
    assert delete_expired_exports(now()) == 0
    assert path_of(found).exists()
    assert browser(world.people[MANAGER]).get(f"/calls/exports/{found.pk}").status_code == 200
    CallExport.objects.update(expires_at=now())
    assert browser(world.people[MANAGER]).get(f"/calls/exports/{found.pk}").status_code == 404
    assert delete_expired_exports(now().astimezone(UTC) + KEPT + timedelta(minutes=1)) == 1
    assert not path_of(found).exists()
    assert not orphan.exists()
    assert not CallExport.objects.exists()


def test_the_worker_looks_for_exports_and_cleans_up() -> None:
    schedule = app.conf.beat_schedule
    assert schedule["write-exports"]["task"] == tasks.write_exports.name
    assert schedule["delete-old-figures"]["task"] == tasks.delete_old_figures.name
    assert "delete-old-figures" in AT_START
