"""One installation on this machine: who owns it, what runs in it, where people find it."""

import asyncio
import errno
import fcntl
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from gateway_project import backends, valkey
from gateway_project.environment import Environment
from gateway_project.preparation import ADMIN
from gateway_project.supervisor import CannotRun, Child, Program, Supervisor

Connecting = Coroutine[Any, Any, tuple[asyncio.StreamReader, asyncio.StreamWriter]]

READY_POLL_SECONDS = 0.1
DRAIN_MARGIN_SECONDS = 40
"""Beyond the drain itself: ending calls, writing records, closing sockets."""


@contextmanager
def claim(environment: Environment) -> Iterator[None]:
    """Hold ``VAR_DIR`` for this process, and see that the port is free.

    Raises:
        CannotRun: another gateway runs in ``VAR_DIR``, or the port cannot be opened.
    """
    problems = []
    if "web" in environment.role and (problem := _port_problem(environment)):
        problems.append(problem)
    if environment.web_processes > 1 and not sys.platform.startswith("linux"):
        problems.append("WEB_PROCESSES must be 1 on this system: only Linux shares a port fairly.")
    with (environment.var_dir / "gateway.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            problems.append(
                f"A gateway already runs in '{environment.var_dir}' (process {lock.read()}); "
                "stop it first, or set VAR_DIR to another directory."
            )
        if problems:
            raise CannotRun("\n".join(problems))
        for left in backends.process_socket(environment.var_dir, 0).parent.glob("web-*.sock"):
            left.unlink()  # of processes that were killed
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _port_problem(environment: Environment) -> str | None:
    host, port = environment.host, environment.port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address)
            trial.listen(1)
    except socket.gaierror:
        return f"HOST must be an address of this machine, not {host!r}."
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"Port {port} on {host} is taken by another program; set PORT to a free one."
        return f"Port {port} on {host} cannot be opened: {error.strerror}."
    return None


def programs(environment: Environment, base_dir: Path) -> list[Program]:
    """The child processes that ``environment`` asks for, foundations first.

    Raises:
        ImproperlyConfigured: the embedded server is wanted, but there is no program for it.
    """
    found = []
    if not environment.redis_url:
        server = backends.valkey_socket(environment.var_dir)
        command = valkey.command(server, environment.var_dir)
        found.append(Program(name="valkey", command=command, stop_seconds=5, foundation=True))
    manage = [sys.executable, str(base_dir / "manage.py")]
    # In a container the worker is root among nobody else; Celery warns of that at every start.
    quiet = ["-W", "ignore:You're running the worker with superuser privileges"]
    celery = [sys.executable, *quiet, "-m", "celery", "--quiet", "-A", "gateway_project"]
    drain = environment.drain_seconds + DRAIN_MARGIN_SECONDS
    # Threads: the tasks wait for the network and the database, and one process is quick to start.
    worker = ["worker", "--pool", "threads", "--concurrency", "4"]
    worker += ["--without-gossip", "--without-mingle"]
    commands = {
        "web": Program(name="web", command=[*manage, "web"], stop_seconds=drain),
        **{
            f"web-{number}": Program(
                name=f"web-{number}", command=[*manage, "web"], stop_seconds=drain
            )
            for number in range(2, environment.web_processes + 1)
        },
        "worker": Program(name="worker", command=[*celery, *worker], stop_seconds=30),
        "beat": Program(name="beat", command=[*celery, "beat"], stop_seconds=10),
    }
    return found + [
        program for name, program in commands.items() if name.partition("-")[0] in environment.role
    ]


async def start(supervisor: Supervisor, environment: Environment, base_dir: Path) -> None:
    """Start all programs; return when the gateway is ready and all of them run.

    Each waits for the one before it: side by side they would only delay the moment when calls can
    be taken. The other web processes start together.

    Raises:
        CannotRun: the embedded server does not answer.
    """
    others = []
    for program in programs(environment, base_dir):
        child = await supervisor.start(program)
        if program.foundation:
            await _embedded_server_answers(environment)
        elif program.name == "web":
            await _web_is_ready(environment)
        elif program.name.startswith("web-"):
            others.append(child)
    for child in others:
        await _until(partial(_process_answers_ready, environment.var_dir, child))


async def _embedded_server_answers(environment: Environment) -> None:
    socket_path = backends.valkey_socket(environment.var_dir)
    try:
        async with asyncio.timeout(15):
            await _until(lambda: valkey.answers(socket_path))
    except TimeoutError:
        log_file = environment.var_dir / valkey.LOG_NAME
        raise CannotRun(f"The embedded Valkey server does not answer; see {log_file}.") from None


async def _web_is_ready(environment: Environment) -> None:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(environment.host, environment.host)  # noqa: S104 - compared
    await _until(lambda: _answers_ready(host, environment.port))


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return once ``holds``; another process changes it and sends us no event."""
    while not await holds():  # noqa: ASYNC110 - see above
        await asyncio.sleep(READY_POLL_SECONDS)


async def _answers_ready(host: str, port: int) -> bool:
    return await _says_ready(asyncio.open_connection(host, port))


async def _process_answers_ready(var_dir: Path, child: Child) -> bool:
    path = backends.process_socket(var_dir, child.pid)
    return await _says_ready(asyncio.open_unix_connection(path))


async def _says_ready(connecting: Connecting) -> bool:
    try:
        async with asyncio.timeout(5):
            reader, writer = await connecting
            try:
                writer.write(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                status = await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status


def welcome(public_url: str, password: str | None, *, demo: bool, setting: str = "") -> str:
    """What the operator sees once the gateway is ready.

    ``setting`` is what a second terminal needs before a command to find this gateway.
    """
    bot = "demo" if demo else "<bot>"
    parts = urlsplit(public_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    voice = urlunsplit((scheme, parts.netloc, f"/voice/audiocodes/{bot}", "", ""))
    lines = ["", "The gateway is ready.", f"  Console        {public_url}/"]
    if password:
        lines.append(f"  Sign in as     {ADMIN}, password {password} (shown only now)")
    else:
        lines.append(f"  Sign in as     {ADMIN}")
    lines += [f"  REST API       {public_url}/api/docs", f"  For Live Hub   {voice}"]
    if demo:
        python = Path(sys.executable)
        if python.is_relative_to(Path.cwd()):
            python = python.relative_to(Path.cwd())
        call = f"{python} manage.py testcall demo --say 'I want to pay my bill'"
        lines.append(f"  A first call   {setting}{call}")
    return "\n".join([*lines, "  Stop           Ctrl-C", ""])
