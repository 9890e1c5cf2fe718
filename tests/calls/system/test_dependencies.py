"""What the gateway depends on, tried."""

import socket
from collections.abc import Iterator

import pytest
from celery import current_app
from django.db import connection
from pytest_django.fixtures import Settings

from calls.system import dependencies as parts
from calls.system.dependencies import Dependency, dependencies
from calls.system.processes import processes
from tests import servers
from tests.calls.system.conftest import NOW, MakeLease

pytestmark = pytest.mark.db


@pytest.fixture
def broker() -> Iterator[None]:
    """The broker that a test sets is given back."""
    before = current_app.conf.broker_url
    yield
    current_app.conf.broker_url = before


@pytest.fixture(autouse=True)
def nothing_there(settings: Settings, broker: None) -> None:
    """Neither bus nor broker; nobody listens at that port."""
    settings.REDIS_URL = f"redis://:hidden-word@127.0.0.1:{servers.free_port()}/0"
    current_app.conf.broker_url = settings.REDIS_URL


def found() -> dict[str, Dependency]:
    return {each.name: each for each in dependencies(processes(NOW))}


def test_the_database_says_what_it_is_and_how_fast(db: None) -> None:
    database = found()["database"]
    assert database.state in ("ok", "slow")
    assert database.what.startswith(connection.display_name)
    assert any(character.isdigit() for character in database.what)
    assert database.ms is not None


def test_what_does_not_answer_fails_and_gives_away_no_address(db: None) -> None:
    told = found()
    for name in ("bus", "broker"):
        assert told[name].state == "failing"
        assert told[name].problem
        assert "127.0.0.1" not in told[name].problem
        assert "hidden-word" not in repr(told[name])


def test_what_is_silent_fails_within_the_deadline(
    db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "DEADLINE_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        current_app.conf.broker_url = settings.REDIS_URL
        told = found()
    assert (told["bus"].state, told["broker"].state) == ("failing", "failing")


@pytest.mark.peer("redis-server")
def test_a_bus_and_a_broker_that_work_are_told_with_what_waits(
    db: None, settings: Settings, redis_url: str
) -> None:
    settings.REDIS_URL = current_app.conf.broker_url = redis_url
    told = found()
    assert (told["bus"].state, told["broker"].state) == ("ok", "ok")
    assert told["bus"].what.split()[0] in ("Redis", "Valkey")
    assert told["broker"].count == 0
    # NB a connection of the application's pool may be to the broker of another test.
    with current_app.connection_for_write() as opened:
        for _ in range(2):
            current_app.send_task("tests.nothing", connection=opened)
        assert found()["broker"].count == 2
        opened.default_channel.queue_purge(current_app.conf.task_default_queue)


def test_a_part_that_takes_long_is_slow(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SLOW_MS", 0.0)
    assert found()["database"].state == "slow"


def test_workers_and_speech_are_told_by_processes_that_live(make_lease: MakeLease) -> None:
    told = found()
    assert (told["worker"].state, told["worker"].count) == ("failing", 0)
    assert (told["speech"].state, told["speech"].count) == ("absent", 0)
    make_lease("w1", role="worker")
    make_lease("dead", role="worker", renewed_at=NOW.replace(hour=11, minute=30))
    make_lease("web", vitals={"speech_workers": 2})
    make_lease("web-2", vitals={"speech_workers": 1})
    told = found()
    assert (told["worker"].state, told["worker"].count) == ("ok", 1)
    assert (told["speech"].state, told["speech"].count) == ("ok", 3)
