"""One installation: claimed by one process, its programs, and its welcome."""

import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway_project import installation
from gateway_project.environment import Environment, read
from gateway_project.supervisor import CannotRun
from tests import servers

pytestmark = pytest.mark.wire


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return read({"VAR_DIR": str(tmp_path), "PORT": str(servers.free_port())})


def claim_fails(environment: Environment, problem: str) -> None:
    with pytest.raises(CannotRun, match=problem), installation.claim(environment):
        pytest.fail("claimed")


def test_an_installation_is_claimed_by_one_process_at_a_time(environment: Environment) -> None:
    with installation.claim(environment):
        claim_fails(environment, rf"already runs .* \(process {os.getpid()}\)")
    with installation.claim(environment):
        pass


def test_a_port_that_is_taken_is_named(environment: Environment) -> None:
    with socket.create_server(("127.0.0.1", environment.port)):
        claim_fails(environment, f"Port {environment.port} on 127.0.0.1 is taken")


def test_a_process_without_web_needs_no_port(environment: Environment) -> None:
    worker = replace(environment, role=frozenset({"worker"}))
    with socket.create_server(("127.0.0.1", environment.port)), installation.claim(worker):
        pass


@pytest.mark.parametrize(
    ("host", "problem"),
    [("no such host", "HOST must be an address"), ("192.0.2.1", "cannot be opened")],
)
def test_an_address_that_is_not_ours_is_named(
    environment: Environment, host: str, problem: str
) -> None:
    claim_fails(replace(environment, host=host), problem)


def names(environment: Environment) -> list[str]:
    return [program.name for program in installation.programs(environment, Path("/srv/gateway"))]


def test_the_embedded_server_comes_first_and_only_without_a_redis_url(
    environment: Environment,
) -> None:
    assert names(environment) == ["valkey", "web", "worker", "beat"]
    assert names(replace(environment, redis_url="redis://host/0")) == ["web", "worker", "beat"]


def test_the_role_chooses_the_programs(environment: Environment) -> None:
    role = frozenset({"beat", "web"})
    assert names(replace(environment, role=role, redis_url="redis://host")) == ["web", "beat"]


def test_as_many_web_processes_are_started_as_wanted(environment: Environment) -> None:
    three = replace(environment, web_processes=3, redis_url="redis://host")
    assert names(three) == ["web", "web-2", "web-3", "worker", "beat"]
    assert names(replace(three, role=frozenset({"worker"}))) == ["worker"]


def test_what_killed_processes_left_is_cleared_away(environment: Environment) -> None:
    left = environment.var_dir / "web-4711.sock"
    left.touch()
    with installation.claim(environment):
        assert not left.exists()


def test_only_linux_shares_a_port(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with (
        pytest.raises(CannotRun, match="WEB_PROCESSES must be 1"),
        installation.claim(replace(environment, web_processes=2)),
    ):
        pass


def test_web_gets_the_time_to_drain(environment: Environment) -> None:
    long = replace(environment, drain_seconds=600)
    programs = {p.name: p for p in installation.programs(long, Path("/srv/gateway"))}
    assert programs["web"].stop_seconds > 600
    assert programs["web"].command == [sys.executable, "/srv/gateway/manage.py", "web"]
    assert programs["valkey"].foundation


def test_the_welcome_shows_where_to_click_and_a_new_password_once() -> None:
    text = installation.welcome("http://127.0.0.1:8000", "s3cret", demo=True, setting="PORT=81 ")
    assert "http://127.0.0.1:8000/" in text
    assert "admin, password s3cret (shown only now)" in text
    assert "ws://127.0.0.1:8000/voice/audiocodes/demo" in text
    assert " PORT=81 " in text
    assert "testcall demo" in text


def test_the_welcome_of_a_public_gateway_without_demo() -> None:
    text = installation.welcome("https://gateway.example.com", None, demo=False)
    assert "wss://gateway.example.com/voice/audiocodes/<bot>" in text
    assert "password" not in text
    assert "testcall" not in text
