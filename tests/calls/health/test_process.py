"""A web process looks at itself, and tells with its lease how it is doing."""

import asyncio
import gc
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import Settings
from structlog.testing import capture_logs

from alarms.core import catalogue
from alarms.desk import Desk
from calls.channels.browser import BrowserLeg
from calls.core.silence import Stream
from calls.database import db
from calls.health import process
from calls.health.lag import lag_p99_ms
from calls.health.vitals import Processor, common
from calls.leases import renew_lease
from calls.models import ProcessLease
from calls.session.host import NoCapacity, SessionHost
from calls.session.watched import Watched
from calls.telemetry.frames import Frames

pytestmark = pytest.mark.db


async def test_the_watchers_look_at_once_and_the_lease_tells_how_it_is(
    transactional_db: None, host: SessionHost, own_desk: Desk
) -> None:
    watchers = process.Watchers(host)
    watchers.start()
    async with asyncio.timeout(20):
        while not all(watchers._due):  # noqa: ASYNC110 - looking sends no event
            await asyncio.sleep(0.01)
    vitals = host.vitals()
    assert await host._renew_lease()
    await watchers.stop()
    assert lag_p99_ms() == 0.0
    stored = await db(lambda: ProcessLease.objects.get(owner=host.owner))
    assert stored.vitals.keys() == vitals.keys()
    assert {"calls": 0, "draining": False, "records_waiting": 0}.items() <= vitals.items()
    assert vitals["rss_mb"] > 20
    assert (stored.role, bool(stored.version)) == ("web", True)


async def test_a_watcher_that_breaks_keeps_no_other_from_looking() -> None:
    def broken() -> None:
        raise RuntimeError("a bug in a watcher")

    with capture_logs() as logs:
        await process._carefully(broken)
    assert [line["event"] for line in logs] == ["health.look_failed"]


async def test_a_watcher_that_hangs_keeps_no_other_from_looking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "LONGEST_LOOK_S", 0.01)

    async def hung() -> None:
        await asyncio.Event().wait()

    with capture_logs() as logs:
        await process._carefully(hung)
    assert [line["event"] for line in logs] == ["health.look_hangs"]


async def test_a_question_to_the_database_that_fails_late_is_no_error_of_the_loop(
    monkeypatch: pytest.MonkeyPatch, own_desk: Desk
) -> None:
    held, errors = threading.Event(), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _loop, error: errors.append(error))

    def asked() -> bool:
        held.wait(20)
        raise OperationalError("too late")

    monkeypatch.setattr(process, "_worker_is_there", asked)
    monkeypatch.setattr(process, "ANSWER_S", 0.01)
    database = process.Database()
    await database.look()
    await database.look()
    monkeypatch.setattr(process, "ANSWER_S", 20.0)
    held.set()
    await database.look()
    await asyncio.sleep(0)
    gc.collect()
    database.close()
    assert errors == []


async def test_after_a_bug_in_a_question_the_database_is_asked_anew(
    monkeypatch: pytest.MonkeyPatch, own_desk: Desk
) -> None:
    asked = 0

    def broken() -> bool:
        nonlocal asked
        asked += 1
        raise RuntimeError("a bug in a driver")

    monkeypatch.setattr(process, "_worker_is_there", broken)
    database = process.Database()
    with capture_logs() as logs:
        for _ in range(2):
            await process._carefully(database.look)
    database.close()
    assert [line["event"] for line in logs] == ["health.look_failed"] * 2
    assert asked == 2


async def test_people_pause_a_process_and_take_that_back(
    transactional_db: None, host: SessionHost
) -> None:
    lease = ProcessLease.objects.filter(owner=host.owner)

    async def told(*, drain: bool) -> bool:
        await db(lease.update, drain=drain)
        await host._renew_lease()
        return host.draining

    assert await told(drain=True)
    with pytest.raises(NoCapacity, match="takes no more calls"):
        host.admit()
    assert not await told(drain=False)
    host.admit()
    host.stopping = True
    assert await told(drain=False)


@pytest.mark.django_db
def test_a_lease_that_begins_anew_keeps_the_wish_to_drain() -> None:
    from django.utils import timezone

    now = timezone.now()
    assert not renew_lease("one", "here", 1, now)
    ProcessLease.objects.update(drain=True, renewed_at=now.replace(year=2020))
    assert renew_lease("one", "here", 1, now)


def test_a_processor_that_does_nothing_is_idle() -> None:
    assert Processor().percent() >= 0.0
    assert common(Processor())["threads"] >= 1


def test_memory_is_told_where_there_is_no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    from calls.health import vitals

    monkeypatch.setattr(vitals, "_STATM", Path("/nowhere"))
    assert common(Processor())["rss_mb"] > 20


def test_the_disk_of_a_database_in_a_file_is_looked_at(settings: Settings) -> None:
    from django.db import connection

    found = process.places()
    assert found["the gateway"] == settings.VAR_DIR
    assert ("the database" in found) is (connection.vendor == "sqlite")


def test_a_stream_counts_what_came_since_it_was_opened() -> None:
    frames = Frames()
    frames.came = 9
    watched = Watched("demo", began=0.0, permitted_s=1.0, frames=frames)
    seen = [watched.stream]
    watched.opened(5.0)
    frames.came += 2
    seen.append(watched.stream)
    watched.shut()
    assert [*seen, watched.stream] == [None, Stream(5.0, 2), None]


def test_only_a_leg_that_is_told_of_playing_says_what_was_heard() -> None:
    class Told:
        plays = True

    watched = Watched("demo", began=0.0, permitted_s=1.0, frames=Frames())
    leg: Any = Told()
    sound = watched.sound(leg)
    assert sound is not None
    assert sound.plays
    silent: Any = object()
    assert watched.sound(silent) is None
    browser: Any = BrowserLeg.__new__(BrowserLeg)
    assert watched.sound(browser) is None
    browser.plays = False
    assert watched.sound(browser) is not None


@pytest.mark.parametrize("kind", [catalogue.EVENT_LOOP_DELAYED, catalogue.CALL_CAPACITY])
def test_what_a_process_says_of_itself_ends_with_it(kind: Any) -> None:
    assert 0 < kind.forget_after_s <= 120
