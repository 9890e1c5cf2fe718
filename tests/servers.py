"""Real PostgreSQL and Redis servers on free ports, in temporary directories, for as long as needed.

As a program it runs a command with both behind it::

    python -m tests.servers pytest -m "not pure"
"""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography.fernet import Fernet

from tests.databases import TEMPLATE_VARIABLE

START_SECONDS = 60.0

PACKAGES = {
    "postgres": "postgresql",
    "initdb": "postgresql",
    "redis-server": "redis-server",
    "chromium": "chromium",
    "flite": "flite",
    "openssl": "openssl",
    "xgettext": "gettext",
    "msgmerge": "gettext",
}
"""Debian packages of the programs that tests use."""


class MissingProgram(Exception):
    """A program is not installed; the text says which command installs it."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is missing: apt-get install -y {PACKAGES.get(name, name)}")


def program(name: str) -> str:
    """The path of ``name``; PostgreSQL's programs are not on the PATH of Debian.

    Raises:
        MissingProgram: it is not installed.
    """
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([*map(str, versions), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise MissingProgram(name)
    return found


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server with an empty database ``gateway``.

    Raises:
        MissingProgram: PostgreSQL is not installed.
    """
    initdb, server = program("initdb"), program("postgres")
    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        directory, port, user = Path(name), free_port(), _unprivileged_user()
        if user is not None:
            os.chown(directory, pwd.getpwnam(user).pw_uid, -1)
        data = str(directory / "data")
        subprocess.run(
            [initdb, "-D", data, "-U", "gateway", "-A", "trust", "-E", "UTF8", "--no-sync"],
            cwd=directory,
            user=user,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        # Durability is not what these tests are about.
        settings = {"listen_addresses": "127.0.0.1", "port": port, "fsync": "off"}
        settings |= {"unix_socket_directories": name, "max_connections": 300}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                [server, "-D", data, *options], cwd=directory, user=user, stdout=log, stderr=log
            )
        with _stopped_at_the_end(process):
            _wait_for_port(port, process, directory / "log")
            url = f"postgres://gateway@127.0.0.1:{port}"
            _create_database(url, process)
            yield f"{url}/gateway"


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """The URL of an empty Redis server that keeps nothing.

    Raises:
        MissingProgram: Redis is not installed.
    """
    server = program("redis-server")
    with tempfile.TemporaryDirectory(prefix="redis-") as name:
        port, log = free_port(), Path(name) / "log"
        options = {"bind": "127.0.0.1", "port": str(port), "save": "", "dir": name}
        options |= {"databases": "64", "logfile": str(log)}
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        process = subprocess.Popen([server, *words])
        with _stopped_at_the_end(process):
            _wait_for_port(port, process, log)
            yield f"redis://127.0.0.1:{port}/0"


def _unprivileged_user() -> str | None:
    """Whom PostgreSQL runs as when we are root, which it refuses."""
    if os.getuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _create_database(server: str, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE gateway")
                return
        except psycopg.OperationalError:
            # It listens before it serves.
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@contextlib.contextmanager
def _stopped_at_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(2)  # PostgreSQL: end sessions and stop; Redis: stop
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no server on port {port}: {log.read_text()}") from None
            time.sleep(0.05)
        else:
            return


def main(command: list[str]) -> int:
    """Run ``command`` with ``DATABASE_URL`` and ``REDIS_URL`` of fresh servers; its exit code.

    Without the programs nothing is run; that is a failure when ``GATEWAY_REQUIRE_PEERS`` is 1.
    """
    try:
        with postgres() as database_url, redis() as redis_url:
            environ = {**os.environ, "DATABASE_URL": database_url, "REDIS_URL": redis_url}
            environ[TEMPLATE_VARIABLE] = "gateway_migrated"
            environ.setdefault("FIELD_KEYS", Fernet.generate_key().decode("ascii"))
            return subprocess.run(command, env=environ, check=False).returncode
    except MissingProgram as problem:
        print(f"Not run on PostgreSQL and Redis: {problem}")
        return 1 if os.environ.get("GATEWAY_REQUIRE_PEERS") == "1" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
