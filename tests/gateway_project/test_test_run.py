"""What the shared fixtures promise to every test."""

import socket

import pytest
from django.db import connection

from tests.worlds import World, browser


@pytest.mark.pure
def test_a_test_cannot_reach_another_machine() -> None:
    with socket.socket() as reaching, pytest.raises(ConnectionRefusedError, match="loopback"):
        reaching.connect(("192.0.2.1", 80))


@pytest.mark.wire
def test_a_test_can_reach_its_own_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        socket.create_connection(listener.getsockname()).close()


@pytest.mark.db
def test_the_world_has_people_with_and_without_access(world: World) -> None:
    assert world.admin.is_superuser
    assert not world.people["supervisor"].is_staff
    assert not world.former.is_active
    assert world.dialer.allowed_scopes == ["actions:dialout", "calls:read"]
    assert "_auth_user_id" in browser(world.people["supervisor"]).session
    assert "_auth_user_id" not in browser(world.stranger).session


@pytest.mark.db
@pytest.mark.django_db
def test_a_test_never_uses_the_database_of_an_installation() -> None:
    assert "test" in str(connection.settings_dict["NAME"])


@pytest.mark.peer
def test_the_postgresql_of_a_session_answers(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.peer
def test_the_redis_of_a_session_answers(redis_url: str) -> None:
    from redis import Redis

    with Redis.from_url(redis_url) as client:
        assert client.ping()
