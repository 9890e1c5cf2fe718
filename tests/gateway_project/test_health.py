"""Health: alive, ready, and which part is not."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest
from django.db import connections
from django.test import AsyncClient
from pytest_django.fixtures import Settings

from calls.session.host import session_host
from gateway_project import health
from tests import servers

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def events(settings: Settings) -> Iterator[str]:
    """A real server behind the channel layer."""
    with servers.redis() as url:
        settings.REDIS_URL = url
        yield url


@pytest.fixture
def no_events(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{servers.free_port()}/0"


async def test_the_process_is_alive_even_without_its_servers(no_events: None) -> None:
    response = await AsyncClient().get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.peer("redis-server")
async def test_ready_names_every_part_that_works(events: str) -> None:
    response = await AsyncClient().get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "parts": {"accepting": "ok", "database": "ok", "events": "ok"},
    }


async def test_a_missing_event_server_is_named_and_nothing_secret_is_shown(
    no_events: None, settings: Settings
) -> None:
    response = await AsyncClient().get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "not ready"
    assert response.json()["parts"]["events"] == "failed"
    assert response.json()["parts"]["database"] == "ok"
    assert "127.0.0.1" not in response.content.decode()


async def test_a_server_that_does_not_answer_fails_within_the_deadline(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        response = await AsyncClient().get("/readyz")
    assert response.json()["parts"]["events"] == "failed"


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The database is gone: new connections fail and none is kept."""
    connection = connections["default"]
    close_pool = getattr(connection, "close_pool", lambda: None)  # only PostgreSQL has one
    connection.close()
    close_pool()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", "/nonexistent/database")
        patch.setitem(connection.settings_dict, "HOST", "/nonexistent")
        patch.setattr(health, "CHECK_SECONDS", 0.5)
        yield
    close_pool()


async def test_a_database_that_cannot_be_opened_is_named(
    no_events: None, no_database: None
) -> None:
    response = await AsyncClient().get("/readyz")
    assert response.json()["parts"]["database"] == "failed"


async def test_a_process_that_stops_is_not_ready(
    no_events: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopping = threading.Event()
    stopping.set()
    monkeypatch.setattr(health, "draining", stopping)
    response = await AsyncClient().get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["accepting"] == "failed"
    assert (await AsyncClient().get("/livez")).status_code == 200


async def test_a_process_that_people_drain_is_not_ready_until_they_take_it_back(
    no_events: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_host(), "paused", True)
    response = await AsyncClient().get("/readyz")
    assert response.status_code == 503
    assert response.json()["parts"]["accepting"] == "failed"
    monkeypatch.setattr(session_host(), "paused", False)
    response = await AsyncClient().get("/readyz")
    assert response.json()["parts"]["accepting"] == "ok"


async def test_checks_run_side_by_side(no_events: None) -> None:
    answers = await asyncio.gather(*(AsyncClient().get("/readyz") for _ in range(4)))
    assert {answer.status_code for answer in answers} == {503}
