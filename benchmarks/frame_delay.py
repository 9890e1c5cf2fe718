"""How long a caller's frame waits in the gateway beside a slow query in the same process.

See benchmarks/README.md. Four rows: our voice consumer and a stock Channels consumer, each
quiet and beside a 500 ms query twice a second.
"""

import argparse
import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
FRAME_S = 0.02
PROBE_EVERY = 5
"""Every fifth frame is followed by a probe: ten a second and call."""
QUERY_S = 0.5
SETTLE_S = 2.0


def serve(*, stock: bool, slow: bool) -> None:
    """The server process: the gateway's web server with one or the other carrier."""
    sys.path.insert(0, str(ROOT))
    from gateway_project.server import GatewayServer  # isort: skip  # first: it installs the reactor
    from gateway_project.asgi import application
    from gateway_project.management.commands import web

    async def start() -> None:
        await web.start()
        if slow:
            start.query = asyncio.create_task(slow_queries())  # type: ignore[attr-defined]

    app = stock_application() if stock else application
    port = int(os.environ["PORT"])
    server = GatewayServer(
        app, host="127.0.0.1", port=port, proxy_headers=False, on_start=start, on_drain=web.drain
    )
    sys.exit(server.serve())


async def slow_queries() -> None:
    """A query of half a second, twice a second, as Channels code runs its queries."""
    from channels.db import database_sync_to_async
    from django.db import connection

    def query() -> None:
        with connection.cursor() as cursor:
            connection.connection.create_function("wait", 1, time.sleep)
            cursor.execute("SELECT wait(%s)", [QUERY_S])

    while True:
        await database_sync_to_async(query)()


def stock_application() -> Any:
    """The same call object, carried by a consumer as the Channels documentation writes it."""
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.routing import URLRouter
    from django.urls import path

    from bots.selectors import call_configuration
    from calls.channels.ac_stream import AcStream
    from calls.database import db
    from calls.session.host import session_host

    class StockConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
        channel_layer_alias = "none"  # the comparison is about dispatch, not about Redis

        async def connect(self) -> None:
            bot = self.scope["url_route"]["kwargs"]["bot"]
            configuration = await db(call_configuration, bot)
            self.outbox: asyncio.Queue[str] = asyncio.Queue()
            self.stream = AcStream(
                bot=bot,
                configuration=configuration,
                is_test=True,
                host=session_host(),
                send=self.outbox.put_nowait,
                close=lambda _code: None,
            )
            await self.accept()
            self.writer = asyncio.create_task(self.write())

        async def write(self) -> None:
            while True:
                await self.send(text_data=await self.outbox.get())

        async def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
            self.stream.receive(text_data or bytes_data)

        async def disconnect(self, code: int) -> None:
            self.writer.cancel()
            self.stream.lost()

    return URLRouter([path("voice/audiocodes/<slug:bot>", StockConsumer.as_asgi())])


Seconds = list[float]


async def one_call(
    session: aiohttp.ClientSession, url: str, until: float
) -> tuple[Seconds, Seconds]:
    """One caller: frames in real time, probes among them; answers delays and own lateness in s."""
    delays: Seconds = []
    late: Seconds = []
    asked: Seconds = []
    async with session.ws_connect(url, max_msg_size=0) as ws:
        ready = asyncio.Event()

        async def read() -> None:
            async for message in ws:
                kind = json.loads(message.data)["type"]
                if kind == "session.accepted":
                    ready.set()
                elif kind == "userStream.started":
                    delays.append(time.perf_counter() - asked.pop(0))

        reader = asyncio.create_task(read())
        await ws.send_json(
            {
                "type": "session.initiate",
                "conversationId": secrets.token_hex(8),
                "botName": "demo",
                "caller": "+15550100",
                "expectAudioMessages": True,
                "supportedMediaFormats": ["raw/lpcm16"],
            }
        )
        async with asyncio.timeout(10):
            await ready.wait()
        frame = json.dumps({"type": "userStream.chunk", "audioChunk": "AAAA" * 213 + "AAA="})
        probe = json.dumps({"type": "userStream.start"})
        due = time.perf_counter() + FRAME_S * (secrets.randbelow(1000) / 1000)
        count = 0
        while due < until:
            await asyncio.sleep(due - time.perf_counter())
            late.append(time.perf_counter() - due)
            if count % PROBE_EVERY == 0:
                asked.append(time.perf_counter())
                await ws.send_str(probe)
            await ws.send_str(frame)
            due += FRAME_S
            count += 1
        await ws.send_json({"type": "session.end", "reasonCode": "client-disconnected"})
        await asyncio.sleep(1)
        reader.cancel()
    return delays, late


async def measure(port: int, calls: int, seconds: float) -> str:
    """One row of the table."""
    url = f"ws://127.0.0.1:{port}/voice/audiocodes/demo"
    until = time.perf_counter() + SETTLE_S + seconds
    async with aiohttp.ClientSession() as session:
        results = await asyncio.gather(*(one_call(session, url, until) for _ in range(calls)))
    delays = sorted(1000 * d for ds, _ in results for d in ds)
    late = sorted(1000 * d for _, ls in results for d in ls)
    return (
        f"{percentile(delays, 50):8.1f} {percentile(delays, 99):8.1f} {delays[-1]:8.1f} "
        f"{len(delays):8d} {percentile(late, 99):9.1f}"
    )


def percentile(ordered: Seconds, share: float) -> float:
    """The value below which ``share`` percent of ``ordered`` lie."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


@contextmanager
def running(var: Path, *flags: str) -> Iterator[int]:
    """A server process on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "VAR_DIR": str(var), "PORT": str(port), "LOG_LEVEL": "WARNING"}
    command = [sys.executable, __file__, "--serve", *flags]
    server = subprocess.Popen(command, env=environ, cwd=ROOT)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield port
    finally:
        server.kill()
        server.wait()


def main() -> None:
    """Print the table, or be the server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--stock", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--slow", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(stock=options.stock, slow=options.slow)
    print(f"{options.calls} calls, {options.seconds:g} s a row, milliseconds")
    print(f"{'':34}{'p50':>8} {'p99':>8} {'max':>8} {'answers':>8} {'pacer_p99':>9}")
    with tempfile.TemporaryDirectory() as folder:
        var = Path(folder)
        environ = {**os.environ, "VAR_DIR": folder, "DEMO": "1", "LOG_LEVEL": "WARNING"}
        prepare = [sys.executable, "manage.py", "prepare"]
        subprocess.run(prepare, cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
        for carrier, flags in (("gateway consumer", []), ("stock Channels consumer", ["--stock"])):
            for beside, more in (("quiet", []), ("slow query", ["--slow"])):
                with running(var, *flags, *more) as port:
                    row = asyncio.run(measure(port, options.calls, options.seconds))
                print(f"{carrier + ', ' + beside:34}{row}", flush=True)


if __name__ == "__main__":
    main()
