"""Outbound calls while processes are killed: does every one end once, and is every end told?

Starts a gateway, asks over real HTTP for sandbox calls and kills its processes with SIGKILL at
random moments meanwhile: web, worker, beat and the embedded Valkey, with ``--postgres`` also the
database server::

    .venv/bin/python -m benchmarks.dialout_chaos --count 200 --seconds 120

The exit code is 1 when an accepted call has not ended exactly once, when its dialer was not told
everything in order, or when a call is in a middle state 60 s after everything runs again.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pwd
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp

from tests import servers
from tests.e2e import installation
from tests.e2e.installation import Gateway
from tests.fakes.receiver import Receiver, receiving

CALLEES = ("talks", "hangs-up", "busy", "declines", "no-answer", "keys", "fails")
"""Callees whose calls are short: what lasts is what went wrong."""
FINAL = {"completed", "failed", "cancelled"}
MIDDLE_S = 60.0
GIVE_UP_S = 180.0
NOTIFIED_S = 300.0
KILL_EVERY_S = (6.0, 14.0)


class Postgres:
    """A PostgreSQL server that can be killed and comes back with what it had."""

    def __init__(self, directory: Path) -> None:
        self.port = servers.free_port()
        self.url = f"postgres://gateway@127.0.0.1:{self.port}/gateway"
        self._data = directory / "data"
        # It refuses to run as root.
        self._user = None if os.getuid() else "postgres"
        if self._user is not None:
            directory.chmod(0o755)
            self._data.mkdir()
            os.chown(self._data, pwd.getpwnam(self._user).pw_uid, -1)
        command = [servers.program("initdb"), "-D", str(self._data), "-U", "gateway", "-A", "trust"]
        subprocess.run(command, cwd="/", user=self._user, check=True, stdout=subprocess.DEVNULL)
        self.start()
        self._create()

    def start(self) -> None:
        """Start the server on what is there."""
        command = [servers.program("postgres"), "-D", str(self._data), "-p", str(self.port)]
        command += ["-c", "unix_socket_directories=", "-c", "max_connections=200"]
        self.process = subprocess.Popen(
            command,
            cwd="/",
            user=self._user,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _create(self) -> None:
        import psycopg

        for _ in range(300):
            with contextlib.suppress(psycopg.OperationalError):
                server = f"postgres://gateway@127.0.0.1:{self.port}/postgres"
                with psycopg.connect(server, autocommit=True) as connection:
                    connection.execute("CREATE DATABASE gateway")
                    return
            time.sleep(0.1)
        raise TimeoutError("PostgreSQL does not serve")

    def crash(self) -> None:
        """Kill the server, and start it again a moment later, as its supervisor would."""
        below = installation.descendants(self.process.pid)
        for pid in (self.process.pid, *below):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        time.sleep(2)
        self.start()

    def stop(self) -> None:
        """Stop the server."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


class Killer:
    """Kills a process of ``gateway``, or the database, every few seconds until it is stopped."""

    def __init__(self, gateway: Gateway, database: Postgres | None, seed: int) -> None:
        self.killed: Counter[str] = Counter()
        self._gateway = gateway
        self._database = database
        self._dice = random.Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        names = ["web", "web", "worker", "beat", "valkey"]
        names += ["postgres"] * 2 if self._database is not None else []
        while not self._stopped.wait(self._dice.uniform(*KILL_EVERY_S)):
            name = self._dice.choice(names)
            if name == "postgres" and self._database is not None:
                self._database.crash()
            elif (pid := self._gateway.children().get(name)) is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.killed[name] += 1


def prepare(gateway: Gateway) -> dict[str, str]:
    """A client that may dial out with the demo bot: what it authenticates with."""
    made = json.loads(
        gateway.manage(
            "apiclient", "create", "--name", "chaos", "--scope", "actions:dialout"
        ).stdout
    )
    gateway.query(
        "from bots.models import ApiClient, Bot\n"
        "from bots.services.outbound import dialout_allow\n"
        "ApiClient.objects.update(rate_per_second=1000, dialouts_per_second=20, max_dialouts=40)\n"
        f"dialout_allow(Bot.objects.get(name='demo'), '{made['client_id']}', 'chaos')"
    )
    return {"Authorization": aiohttp.encode_basic_auth(made["client_id"], made["client_secret"])}


async def ask(
    gateway: Gateway, auth: dict[str, str], notify_url: str, count: int, seconds: float
) -> list[str]:
    """Ask for ``count`` calls spread over ``seconds``; the ids of all, however often it takes."""
    timeout = aiohttp.ClientTimeout(total=20)
    async with (
        aiohttp.ClientSession(headers=auth, timeout=timeout) as session,
        asyncio.TaskGroup() as group,
    ):
        tasks = []
        for number in range(count):
            body = {
                "bot": "demo",
                "target": f"sip:{CALLEES[number % len(CALLEES)]}@sandbox",
                "caller": "+12025550199",
                "notifyUrl": notify_url,
                "answerTimeoutSec": 5,
                "parameters": {"sandboxMode": "text", "sandboxRingMs": 500},
            }
            tasks.append(group.create_task(_ask(session, gateway.url, body)))
            await asyncio.sleep(seconds / count)
    return [task.result() for task in tasks]


async def _ask(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> str:
    """One request, repeated with its key until it is answered."""
    key = {"Idempotency-Key": str(uuid4())}
    while True:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with session.post(
                f"{url}/api/v1/actions/dialout", json=body, headers=key
            ) as answer:
                if answer.status == 200:
                    return str((await answer.json())["conversationId"])
                if answer.status not in (409, 429, 500, 502, 503):
                    raise RuntimeError(f"{answer.status}: {await answer.text()}")
        await asyncio.sleep(0.5)


def rows(gateway: Gateway) -> dict[str, list[str]]:
    """The states that each call went through, by its id."""
    answer = gateway.query(
        "import json\n"
        "from calls.models import DialoutEvent\n"
        "found = {}\n"
        "for one, state in DialoutEvent.objects.order_by('seq').values_list('dialout', 'state'):\n"
        "    found.setdefault(str(one), []).append(state)\n"
        "print(json.dumps(found))"
    )
    return dict(json.loads(answer.splitlines()[-1]))


def until_over(gateway: Gateway) -> tuple[dict[str, list[str]], float]:
    """Wait until every call has ended; what they went through, and how many seconds it took."""
    began = time.monotonic()
    while True:
        found = rows(gateway)
        took = time.monotonic() - began
        if all(states[-1] in FINAL for states in found.values()) or took > GIVE_UP_S:
            return found, took
        time.sleep(1)


def told(receiver: Receiver) -> dict[str, list[str]]:
    """What the dialer was told of each call, in order, repeats left out."""
    found: dict[str, list[str]] = {}
    for body in receiver.bodies("/notify"):
        said = json.loads(body)
        heard = found.setdefault(said["conversationId"], [])
        if said["status"] not in heard:
            heard.append(said["status"])
    return found


def expected(states: list[str]) -> list[str]:
    """What the dialer of a call that went through ``states`` must have been told."""
    return ["answered", "completed"] if "answered" in states else ["failed"]


def judge(asked: list[str], found: dict[str, list[str]], heard: dict[str, list[str]]) -> list[str]:
    """Everything that went wrong, in words."""
    problems = []
    for one in asked:
        states = found.get(one, [])
        ends = [state for state in states if state in FINAL]
        if len(ends) != 1 or states[-1] not in FINAL:
            problems.append(f"{one} went through {states}")
        elif heard.get(one) != expected(states):
            problems.append(f"{one} went through {states}; its dialer was told {heard.get(one)}")
    if extra := found.keys() - set(asked):
        problems.append(f"{len(extra)} calls that nobody asked for")
    return problems


@contextlib.contextmanager
def environment(*, postgres: bool) -> Iterator[tuple[dict[str, str], Postgres | None]]:
    """What the gateway is started with, and the database server if it has one of its own."""
    # The dialer's receiver listens on this machine.
    changes = {"OUTBOUND_ALLOW": "127.0.0.0/8"}
    if not postgres:
        yield changes, None
        return
    from cryptography.fernet import Fernet

    with tempfile.TemporaryDirectory(prefix="postgres-") as name:
        database = Postgres(Path(name))
        changes |= {"DATABASE_URL": database.url, "FIELD_KEYS": Fernet.generate_key().decode()}
        try:
            yield changes, database
        finally:
            database.stop()


def run(count: int, seconds: float, seed: int, *, postgres: bool) -> list[str]:
    """Everything once; what went wrong."""
    with contextlib.ExitStack() as stack:
        environ, database = stack.enter_context(environment(postgres=postgres))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-")))
        receiver = stack.enter_context(receiving())
        gateway = stack.enter_context(installation.running(directory, environ))
        auth = prepare(gateway)
        with Killer(gateway, database, seed) as killer:
            asked = asyncio.run(ask(gateway, auth, f"{receiver.url}/notify", count, seconds))
        gateway.wait_until_ready()
        found, took = until_over(gateway)
        due = time.monotonic() + NOTIFIED_S
        while (problems := judge(asked, found, told(receiver))) and time.monotonic() < due:
            time.sleep(1)
        ends = Counter(states[-1] for states in found.values())
        queued = sum(states.count("queued") > 1 for states in found.values())
        repeats = len(receiver.bodies("/notify")) - sum(map(len, told(receiver).values()))
        print(f"killed: {dict(killer.killed)}")
        print(f"accepted {len(asked)}, ended {dict(ends)}, placed again after a crash {queued}")
        print(f"told {len(receiver.bodies('/notify'))} times, of these {repeats} repeats")
        print(f"all at their end {took:.0f} s after everything ran again")
        if took > MIDDLE_S:
            problems.append(f"calls were in a middle state for {took:.0f} s")
        return problems


def main() -> None:
    """Run, print, and fail when something went wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgres", action="store_true")
    given = parser.parse_args()
    problems = run(given.count, given.seconds, given.seed, postgres=given.postgres)
    for problem in problems:
        print(problem)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
