"""What is stored, and the last runs of the tasks that keep house."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection
from pytest_django.fixtures import Settings

from calls.media.ttsstore import Entry
from calls.models import TaskRun
from calls.session.plugins import tts_store
from calls.system.runs import TASKS, ran, runs
from calls.system.storage import disks, storage
from gateway_project.celery import _began_run, _ended_run, app
from tests.calls.system.conftest import NOW

pytestmark = pytest.mark.db

SWEEP_TTS = "calls.tasks.sweep_tts_cache"


def test_every_task_that_is_shown_is_on_the_schedule_as_often_as_it_says() -> None:
    schedule = {entry["task"]: entry for entry in app.conf.beat_schedule.values()}
    for name, (_title, every) in TASKS.items():
        # A run that waited until the next one is due is dropped, so it lives no longer than that.
        assert timedelta(seconds=schedule[name]["options"]["expires"]) <= every, name


def test_a_task_that_never_ran_says_so(db: None) -> None:
    found = runs()
    assert [run.name for run in found] == list(TASKS)
    assert {(run.ended_at, run.seconds, run.problem) for run in found} == {(None, None, "")}
    assert not any(run.overdue(NOW) for run in found)


def test_the_latest_run_is_remembered_and_missed_turns_show(db: None) -> None:
    ran(SWEEP_TTS, NOW - timedelta(hours=1), NOW, "OSError")
    ran(SWEEP_TTS, NOW, NOW + timedelta(seconds=2))
    ran("calls.tasks.something_else", NOW, NOW)
    assert TaskRun.objects.count() == 1
    (run,) = (each for each in runs() if each.name == SWEEP_TTS)
    assert (run.seconds, run.problem, run.every) == (2.0, "", timedelta(minutes=10))
    last = NOW + timedelta(seconds=2, minutes=20)
    assert (run.overdue(last), run.overdue(last + timedelta(seconds=1))) == (False, True)


def test_the_worker_tells_of_each_run_and_what_it_failed_with(db: None) -> None:
    task = app.tasks[SWEEP_TTS]
    for failure, problem in ((None, ""), (PermissionError("no"), "PermissionError")):
        _began_run(task_id="t1")
        state = "FAILURE" if failure else "SUCCESS"
        _ended_run(task_id="t1", task=task, retval=failure, state=state)
        row = TaskRun.objects.get(name=SWEEP_TTS)
        assert row.problem == problem
        assert row.ended_at >= row.started_at


def test_a_run_that_cannot_be_remembered_is_no_failure_of_the_task(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection.execute_wrapper(_away):
        ran(SWEEP_TTS, NOW, NOW)


def _away(*_: object) -> None:
    raise DatabaseError("away")


def test_sizes_are_those_of_what_is_stored(db: None, settings: Settings, tmp_path: Path) -> None:
    settings.TTS_CACHE_DIR = tmp_path / "prompts" / "deep"
    settings.TTS_CACHE_HOURS, settings.TTS_CACHE_MB = 24, 3
    found = storage()
    assert (found.prompts, found.prompts_bytes, found.prompts_most_bytes) == (0, 0, 3_000_000)
    assert found.database_bytes > 10_000
    store = tts_store()
    store.write("voice", "key", Entry(store.clock(), b"\0" * 1000))
    found = storage()
    assert found.prompts == 1
    assert found.prompts_bytes is not None
    assert found.prompts_bytes > 1000


def test_prompts_that_cannot_be_read_are_unknown(
    db: None, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "of-voice").write_text("a file where a directory should be")
    settings.TTS_CACHE_DIR = tmp_path
    assert (storage().prompts, storage().prompts_bytes) == (None, None)


def test_each_disk_is_told_once_even_when_its_directory_is_yet_to_be_made(
    settings: Settings, tmp_path: Path
) -> None:
    settings.VAR_DIR, settings.TTS_CACHE_DIR = tmp_path, tmp_path / "not" / "there"
    (disk,) = disks()
    assert disk.path == str(tmp_path)
    assert 0 < disk.free_bytes < disk.total_bytes
    assert 0 < disk.used_percent <= 100
