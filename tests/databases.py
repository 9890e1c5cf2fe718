"""Databases with every table: migrated once in a test run, then copied for whoever needs one.

Migrating takes seconds of computing, copying takes a blink. Each worker of a run copies its test
database from here, and so do the gateways that end-to-end tests start.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent

TEMPLATE_VARIABLE = "DATABASE_TEMPLATE"
"""Names a database that this test run may make on the PostgreSQL server of ``DATABASE_URL``."""


LEAVE_SECONDS = 10.0
"""How long whoever is connected to a database at the end of a run may take to go."""


@dataclass(frozen=True, kw_only=True)
class Template:
    """A migrated database to copy: a SQLite file, or a PostgreSQL database of the same server.

    With neither a copy is an empty database. So it is where PostgreSQL is not this run's own, as
    nothing may be left behind there.
    """

    file: Path | None = None
    name: str = ""


def template(shared: Path) -> Template:
    """The migrated database of this test run, made by whichever worker asks first.

    ``shared`` is a directory of all workers of the run.
    """
    url, name = os.environ.get("DATABASE_URL", ""), os.environ.get(TEMPLATE_VARIABLE, "")
    made = Template(name=name) if url else Template(file=shared / "migrated" / "gateway.sqlite3")
    if url and not name:
        return made
    done = shared / "migrated.done"
    with (shared / "migrated.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            _migrate(shared / "migrated", _create(url, name) if url else "")
            done.touch()
    return made


def _migrate(directory: Path, url: str) -> None:
    directory.mkdir()
    environ = {**os.environ, "VAR_DIR": str(directory), "DATABASE_URL": url}
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"]
    subprocess.run(command, env=environ, cwd=directory, check=True)


@contextlib.contextmanager
def copied(source: Template, var_dir: Path) -> Iterator[dict[str, str]]:
    """The environment of a gateway in ``var_dir`` whose database is a copy of ``source``.

    A PostgreSQL database is dropped at the end.
    """
    url, name = os.environ.get("DATABASE_URL", ""), f"gateway_e2e_{secrets.token_hex(6)}"
    if not url:
        if source.file is not None:
            var_dir.mkdir(exist_ok=True)
            shutil.copyfile(source.file, var_dir / source.file.name)
        yield {}
        return
    copy = _create(url, name, source.name)
    try:
        yield {"DATABASE_URL": copy}
    finally:
        _on_server(url, "DROP DATABASE {} WITH (FORCE)", name)


def leave(name: str) -> None:
    """End what is connected to the PostgreSQL database ``name``, so that it can be dropped.

    A thread that outlives its test may be asking just now: it has `LEAVE_SECONDS` to finish, then
    it is told who had to be cut off.
    """
    import psycopg

    others = "FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    server = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres"))
    deadline = time.monotonic() + LEAVE_SECONDS
    with psycopg.connect(server, autocommit=True) as connection:
        while left := connection.execute(f"SELECT state, query {others}", [name]).fetchall():
            if time.monotonic() > deadline:
                # The run is over: there is no test left that could fail.
                print(f"{name} was left open by {left}", file=sys.stderr)
                connection.execute(f"SELECT pg_terminate_backend(pid) {others}", [name])
                return
            time.sleep(0.1)  # the server tells nobody when a connection ends


def _create(url: str, name: str, source: str = "") -> str:
    """The URL of a new database beside the one of ``url``."""
    if source:
        _on_server(url, "CREATE DATABASE {} TEMPLATE {}", name, source)
    else:
        _on_server(url, "CREATE DATABASE {}", name)
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _on_server(url: str, statement: str, *names: str) -> None:
    import psycopg
    from psycopg import sql

    server = urlunsplit(urlsplit(url)._replace(path="/postgres"))
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
