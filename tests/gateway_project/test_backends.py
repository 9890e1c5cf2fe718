"""Database, channel layer and broker from their URLs."""

import os
from pathlib import Path

import pytest

from gateway_project import backends

pytestmark = pytest.mark.pure

VAR = Path("/srv/gateway/var")


def test_without_a_url_the_database_is_a_file_in_the_private_directory() -> None:
    config = backends.database("", VAR)
    assert config["ENGINE"] == "django.db.backends.sqlite3"
    assert config["NAME"] == "/srv/gateway/var/gateway.sqlite3"
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in config["OPTIONS"]["init_command"]


def test_a_private_directory_with_unusual_characters_is_kept() -> None:
    assert (
        backends.database("", Path("/srv/a b?c#d%20"))["NAME"] == "/srv/a b?c#d%20/gateway.sqlite3"
    )


def test_a_sqlite_url_keeps_its_path_and_options() -> None:
    config = backends.database("sqlite:////data/x.sqlite3?timeout=5", VAR)
    assert config["NAME"] == "/data/x.sqlite3"
    assert config["OPTIONS"]["timeout"] == 5
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_postgresql_gets_a_pool_instead_of_persistent_connections() -> None:
    config = backends.database("postgres://user:p%40ss@db:5433/gateway?sslmode=require", VAR)
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert (config["HOST"], config["PORT"], config["NAME"]) == ("db", 5433, "gateway")
    assert (config["USER"], config["PASSWORD"]) == ("user", "p@ss")
    assert config["CONN_MAX_AGE"] == 0
    assert config["OPTIONS"]["sslmode"] == "require"
    assert config["OPTIONS"]["pool"]["max_size"] == 10


def test_the_embedded_server_listens_in_the_private_directory() -> None:
    assert backends.valkey_socket(VAR) == VAR / "valkey.sock"
    assert backends.layer_url("", VAR) == "unix:///srv/gateway/var/valkey.sock?db=0"


def test_a_path_too_long_for_a_socket_is_replaced_by_a_short_one() -> None:
    deep, other = Path("/" + "d" * 100), Path("/" + "e" * 100)
    socket = backends.valkey_socket(deep)
    assert len(os.fsencode(socket)) <= 100
    assert socket == backends.valkey_socket(deep)
    assert socket != backends.valkey_socket(other)
    assert str(os.getuid()) in socket.parent.name


@pytest.mark.parametrize(
    ("layer", "broker"),
    [
        ("redis://host:6379/0", "redis://host:6379/1"),
        ("redis://host", "redis://host/1"),
        ("redis://host?db=4", "redis://host/5"),
        ("rediss://user:p%40ss@host:6380/2", "rediss://user:p%40ss@host:6380/3"),
        (
            "rediss://host/0?ssl_cert_reqs=required",
            "rediss://host/1?ssl_cert_reqs=required",
        ),
        ("unix:///run/v.sock?db=0", "redis+socket:///run/v.sock?virtual_host=1"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=1"),
    ],
)
def test_the_broker_is_the_next_database_of_the_same_server(layer: str, broker: str) -> None:
    assert backends.layer_url(layer, VAR) == layer
    assert backends.broker_url(layer) == broker


@pytest.mark.parametrize(
    ("layer", "prefix"),
    [
        ("redis://host", "gateway-0"),
        ("redis://host/3", "gateway-3"),
        ("redis://host?db=4", "gateway-4"),
        ("unix:///run/v.sock?db=2", "gateway-2"),
    ],
)
def test_gateways_in_different_databases_of_one_server_do_not_hear_each_other(
    layer: str, prefix: str
) -> None:
    assert backends.layer_prefix(layer) == prefix
