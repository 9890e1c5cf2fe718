"""Which database, channel layer and broker the settings use, from the URLs of the environment."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit, urlunsplit

import environ

_SOCKET_PATH_LIMIT = 100
"""Bytes; the kernel takes 107 for a Unix socket and the server adds a suffix while it starts."""

_SQLITE_OPTIONS = {
    # A transaction that reads first and writes later would fail at once when another process wrote
    # in between; IMMEDIATE takes the write lock at the start and waits for it.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000; "
        "PRAGMA foreign_keys=ON;"
    ),
}


def database(url: str, var_dir: Path) -> dict[str, Any]:
    """The Django database for ``url``; SQLite in ``var_dir`` when it is empty."""
    config: dict[str, Any] = environ.Env.db_url_config(
        url or f"sqlite:///{quote(str(var_dir / 'gateway.sqlite3'))}"
    )
    if config["ENGINE"] == "django.db.backends.sqlite3":
        config["NAME"] = str(Path(config["NAME"]).absolute())
        return {**config, "OPTIONS": {**_SQLITE_OPTIONS, **config.get("OPTIONS", {})}}
    # Persistent connections and an event loop do not go together; a pool per process does.
    pool = {"min_size": 1, "max_size": 10, "timeout": 5, "max_lifetime": 1800}
    options = {"pool": pool, **config.get("OPTIONS", {})}
    return {**config, "CONN_MAX_AGE": 0, "OPTIONS": options}


def valkey_socket(var_dir: Path) -> Path:
    """Where the embedded server of this ``var_dir`` listens.

    The kernel limits the length of a socket path; a ``var_dir`` that is too deep gets a directory
    of its own under the temporary directory, named after the user and the ``var_dir``.
    """
    socket = var_dir / "valkey.sock"
    if len(os.fsencode(socket)) <= _SOCKET_PATH_LIMIT:
        return socket
    digest = hashlib.sha256(os.fsencode(var_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"voice-gateway-{os.getuid()}-{digest}" / "valkey.sock"


def process_socket(var_dir: Path, pid: int) -> Path:
    """Where the web process ``pid`` of this ``var_dir`` listens for its siblings."""
    return valkey_socket(var_dir).with_name(f"web-{pid}.sock")


def layer_url(redis_url: str, var_dir: Path) -> str:
    """The URL of the server for the channel layer; the embedded one when ``redis_url`` is empty."""
    return redis_url or f"unix://{valkey_socket(var_dir)}?db=0"


def layer_prefix(layer: str) -> str:
    """What names the channels of this gateway on the server of ``layer``.

    NB Publish and subscribe of Redis ignore the database number: without the prefix two gateways on
    one server would hear each other.
    """
    return f"gateway-{_database_number(urlsplit(layer))}"


def broker_url(layer: str) -> str:
    """The Celery broker on the same server as ``layer``, in the next database number."""
    parts = urlsplit(layer)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    query.pop("db", None)
    number = str(_database_number(parts) + 1)
    if parts.scheme == "unix":
        query["virtual_host"] = number
        return f"redis+socket://{parts.netloc}{parts.path}?{urlencode(query)}"
    return urlunsplit((parts.scheme, parts.netloc, f"/{number}", urlencode(query), ""))


def _database_number(parts: SplitResult) -> int:
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    return int(path or parse_qs(parts.query).get("db", ["0"])[-1])
