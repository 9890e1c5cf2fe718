"""A real gateway for tests: ``manage.py gateway`` with a directory and database of its own."""

import base64
import contextlib
import http.client
import io
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests import databases, planted
from tests.databases import Template

ROOT = Path(__file__).resolve().parent.parent.parent
READY_SECONDS = 90.0
STOP_SECONDS = 60.0


class Shell:
    """A ``manage.py shell`` that runs one piece of Python after the other; started when first used.

    Each piece has names of its own. It costs seconds to start one, so a gateway keeps it.
    """

    LOOP = """
import contextlib, io, json, sys, traceback
for line in sys.stdin:
    printed, problem = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(json.loads(line), {})
        except Exception:
            problem = traceback.format_exc()
    print(json.dumps([printed.getvalue(), problem]), flush=True)
"""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._process: subprocess.Popen[str] | None = None

    @property
    def started(self) -> bool:
        """Whether it was ever used."""
        return self._process is not None

    def run(self, statement: str, timeout: float) -> str:
        """What ``statement`` prints; fails when it raises, or says nothing for ``timeout`` s."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "shell", "-v", "0", "-c", self.LOOP],
                env=dict(self._env),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(statement) + "\n")
        self._process.stdin.flush()
        answered = select.select([self._process.stdout], [], [], timeout)[0]
        assert answered, f"no answer in {timeout} s: {statement}"
        printed, problem = json.loads(self._process.stdout.readline())
        assert not problem, problem
        return str(printed).strip()

    def close(self) -> None:
        """End it, if it was ever started."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A gateway that runs; ``env`` is the environment it was started with."""

    url: str
    ws_url: str
    admin_password: str
    env: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes]
    shell: "Shell"

    @property
    def port(self) -> int:
        """The TCP port of console, API and voice."""
        return int(self.env["PORT"])

    def manage(self, *args: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run ``manage.py`` with ``args`` in the environment of the gateway."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *args],
            env=dict(self.env),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def query(self, statement: str, *, timeout: float = 60) -> str:
        """Run Python statements in the gateway's ``manage.py shell``; what they print."""
        return self.shell.run(statement, timeout)

    def ready(self) -> bool:
        """Whether ``/readyz`` answers 200."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def wait_until_ready(self) -> None:
        """Return once `ready` and said so; fail with the log when it ends or takes too long."""
        deadline = time.monotonic() + READY_SECONDS
        while not (self.ready() and "The gateway is ready." in self.log.read_text()):
            assert self.process.poll() is None, f"the gateway ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"not ready: {self.log.read_text()}"
            time.sleep(0.1)

    def children(self) -> dict[str, int]:
        """The process ids of the supervisor's children by name; ``web-2`` is the second of web."""
        found: dict[str, int] = {}
        for pid in _children(self.process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            name = next((w for w in ("web", "worker", "beat") if w in words), "valkey")
            twins = sum(each.partition("-")[0] == name for each in found)
            found[f"{name}-{twins + 1}" if twins else name] = pid
        return found


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def descendants(pid: int) -> list[int]:
    """The process ids of all processes below ``pid``."""
    below = _children(pid)
    return below + [deeper for child in below for deeper in descendants(child)]


def free_port() -> int:
    """A TCP port that nobody uses at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def all_gone(pids: list[int]) -> Iterator[None]:
    """On leaving, wait until all ``pids`` have ended; fail when one stays."""
    with contextlib.ExitStack() as stack:
        descriptors = {}
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                descriptors[pid] = os.pidfd_open(pid)
                stack.callback(os.close, descriptors[pid])
        yield
        for pid, descriptor in descriptors.items():
            assert select.select([descriptor], [], [], 10)[0], f"process {pid} is still there"


@contextlib.contextmanager
def started(
    directory: Path, environ: Mapping[str, str] | None = None, *, password: str = "s3cret-of-admin"
) -> Iterator[Gateway]:
    """A gateway in ``directory``, not yet ready; killed with all its children at the end."""
    port = free_port()
    env = {
        **os.environ,
        "VAR_DIR": str(directory / "var"),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DEMO": "1",
        "DRAIN_SECONDS": "5",
        "GATEWAY_ADMIN_PASSWORD": password,
        **(environ or {}),
    }
    env.pop("DJANGO_SETTINGS_MODULE", None)
    log = directory / "gateway.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "gateway"],
            env=env,
            cwd=directory,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    shell = Shell(env)
    try:
        yield Gateway(
            url=f"http://127.0.0.1:{port}",
            ws_url=f"ws://127.0.0.1:{port}",
            admin_password=password,
            env=env,
            log=log,
            process=process,
            shell=shell,
        )
    finally:
        shell.close()
        process.kill()
        process.wait()
        planted.keep("gateway.log", log.read_text(errors="replace"))


@contextlib.contextmanager
def running(directory: Path, environ: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """A gateway that is ready; stopped by SIGTERM, which must end it and all its children."""
    with started(directory, environ) as gateway:
        gateway.wait_until_ready()
        yield gateway
        _keep_what_it_shows(gateway)
        stop(gateway)


_TOLD = """
import base64
from django.core import serializers
from django.utils import timezone
from alarms.models import ActiveAlarm, AlarmEvent, Notification
from gateway_project.diagnostics import bundle
for model in (ActiveAlarm, AlarmEvent, Notification):
    print(serializers.serialize("json", model.objects.all()))
print("ZIP", base64.b64encode(bundle(timezone.now())).decode())
"""


def _keep_what_it_shows(gateway: Gateway) -> None:
    """Metrics, alarms and the diagnostics file of ``gateway``, for `tests.planted`."""
    if planted.directory() is None or "web" not in gateway.env.get("ROLE", "web"):
        return
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", "/metrics")
        planted.keep("metrics.txt", connection.getresponse().read().decode())
    if gateway.shell.started:
        told, _, archive = gateway.query(_TOLD).rpartition("ZIP ")
        planted.keep("alarms.json", told)
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(archive))) as files:
            for name in files.namelist():
                planted.keep(f"diagnostics-{name}", files.read(name).decode())


def stop(gateway: Gateway) -> None:
    """Stop ``gateway`` as an operator would; exit code 0, and no process stays behind."""
    with all_gone(descendants(gateway.process.pid)):
        gateway.process.send_signal(signal.SIGTERM)
        code = gateway.process.wait(STOP_SECONDS)
        assert code == 0, f"exit code {code}: {gateway.log.read_text()}"


@contextlib.contextmanager
def own_backends(source: Template, directory: Path, redis_number: int) -> Iterator[dict[str, str]]:
    """Environment for a gateway in ``directory`` on the servers this test run uses, if it uses any.

    Its database is a copy of ``source``; of the Redis server it takes two numbers.
    """
    with databases.copied(source, directory / "var") as changes:
        if url := os.environ.get("REDIS_URL", ""):
            changes["REDIS_URL"] = urlunsplit(urlsplit(url)._replace(path=f"/{redis_number}"))
        yield changes
