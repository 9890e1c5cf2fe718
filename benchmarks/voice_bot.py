"""What relaying audio between a caller and a voice agent costs, and how much later it arrives.

See benchmarks/README.md. Callers of the AudioCodes protocol in front, behind it an agent of the
Deepgram protocol that gives every piece of audio back at once; between them the gateway, the
deepgram-audiocodes-bridge (``--bridge``, a checkout), or nothing.
"""

import argparse
import asyncio
import base64
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

ROOT = Path(__file__).resolve().parent.parent
FRAME_S = 0.02
SETTLE_S = 3.0
FORMATS = {"raw/mulaw": 160, "raw/lpcm16": 640}
"""Formats of both sides, and the bytes of a frame."""
MARK = b"\xa5"
"""Begins each frame of speech; its number follows, to the end of the frame."""
SPEECH, PAUSE = 100, 25
"""Frames that a caller speaks and pauses, by turns."""


# --- servers, each in a process of its own --------------------------------------------------------


def serve_echo() -> None:
    """An agent that is set up like Deepgram's and says what it hears; a pause ends its answer."""

    async def converse(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(compress=False, max_msg_size=0)
        await ws.prepare(request)
        await ws.send_json({"type": "Welcome", "request_id": secrets.token_hex(8)})
        speaking = False
        async for message in ws:
            if message.type is not aiohttp.WSMsgType.BINARY:
                if message.json()["type"] == "Settings":
                    await ws.send_json({"type": "SettingsApplied"})
                continue
            speech = message.data.startswith(MARK)
            if speech != speaking:
                speaking = speech
                kind = "AgentStartedSpeaking" if speech else "AgentAudioDone"
                await ws.send_json({"type": kind})
            if speech:
                await ws.send_bytes(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/v1/agent/converse", converse)
    web.run_app(app, host="127.0.0.1", port=int(os.environ["PORT"]), print=None)


def serve_gateway() -> None:
    """The gateway's web server."""
    sys.path.insert(0, str(ROOT))
    from gateway_project.server import GatewayServer  # isort: skip  # first: it installs the reactor
    from gateway_project.asgi import application
    from gateway_project.management.commands import web as command

    server = GatewayServer(
        application,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        proxy_headers=False,
        on_start=command.start,
        on_drain=command.drain,
    )
    sys.exit(server.serve())


def serve_bridge() -> None:
    """The bridge, with the agent in place of Deepgram."""
    sys.path.insert(0, os.environ["BRIDGE"])
    from deepgram_audiocodes_bridge import (  # type: ignore[import-not-found]  # not ours
        BridgeConfig,
        DeepgramBridge,
        deepgram_handler,
    )

    deepgram_handler._DEEPGRAM_AGENT_URL = os.environ["AGENT_URL"]
    config = BridgeConfig(
        deepgram_api_key="key",
        deepgram_config={"agent": {}},
        ac_token=None,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        preferred_media_formats=tuple(FORMATS),
    )
    asyncio.run(DeepgramBridge(config).run())


def set_up() -> None:
    """A bot of the gateway that is the agent."""
    sys.path.insert(0, str(ROOT))
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")
    django.setup()
    from bots.services.bots import bot_create
    from bots.services.providers import provider_create

    provider = provider_create(
        name="agent",
        kind="bot",
        plugin="deepgram-agent",
        params={"deepgramUrl": os.environ["AGENT_URL"], "deepgramConcurrency": 1000},
        credentials={"deepgramKey": "key"},
    )
    bot_create(name="agent", author="benchmark", params={"bargeIn": True}, provider=provider)


ROLES = {"echo": serve_echo, "gateway": serve_gateway, "bridge": serve_bridge, "set-up": set_up}


@contextmanager
def running(role: str, **environ: str) -> Iterator[tuple[int, int]]:
    """A server process: its port and its id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "LOG_LEVEL": "ERROR", **environ, "PORT": str(port)}
    command = [sys.executable, __file__, "--role", role]
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


def cpu_s(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- callers --------------------------------------------------------------------------------------


class Caller:
    """One call: frames in real time, and how much later each is heard again.

    A caller hears one frame after the other: what comes early waits, what comes late makes a gap.
    """

    def __init__(self, media: str, until: float) -> None:
        self.delays_ms: list[float] = []
        self.sent = 0
        self.measuring = False
        self._media = media
        self._size = FORMATS[media]
        self._until = until
        self._sent_at: dict[bytes, float] = {}
        self._back = bytearray()
        self._heard_until = 0.0

    def frame(self) -> bytes:
        """The next frame, with its number all over."""
        number = self.sent.to_bytes(3, "big")
        speech = self.sent % (SPEECH + PAUSE) < SPEECH
        self.sent += 1
        if not speech:
            return bytes(self._size)
        frame = (MARK + number) * (self._size // 4)
        if self.measuring:
            self._sent_at[frame] = time.perf_counter()
        return frame

    def came_back(self, audio: bytes) -> None:
        """Some of it is heard again."""
        now = time.perf_counter()
        self._back += audio
        while len(self._back) >= self._size:
            frame = bytes(self._back[: self._size])
            del self._back[: self._size]
            heard_at = max(now, self._heard_until)
            self._heard_until = heard_at + FRAME_S
            if (sent_at := self._sent_at.pop(frame, None)) is not None:
                self.delays_ms.append((heard_at - sent_at) * 1000)

    async def talk(self, send: Any) -> None:
        """Frames until the end."""
        due = time.perf_counter() + FRAME_S * (secrets.randbelow(1000) / 1000)
        while due < self._until:
            await asyncio.sleep(due - time.perf_counter())
            await send(self.frame())
            due += FRAME_S

    async def direct(self, session: aiohttp.ClientSession, url: str) -> None:
        """With nothing between."""
        async with session.ws_connect(url, max_msg_size=0) as ws:
            await ws.receive()
            await ws.send_json({"type": "Settings"})

            async def read() -> None:
                async for message in ws:
                    if message.type is aiohttp.WSMsgType.BINARY:
                        self.came_back(message.data)

            reader = asyncio.create_task(read())
            await self.talk(ws.send_bytes)
            await asyncio.sleep(0.5)
            reader.cancel()

    async def through(self, session: aiohttp.ClientSession, url: str) -> None:
        """By the AudioCodes protocol."""
        async with session.ws_connect(url, max_msg_size=0) as ws:
            told: dict[str, asyncio.Event] = {
                kind: asyncio.Event() for kind in ("session.accepted", "userStream.started")
            }

            async def read() -> None:
                async for message in ws:
                    data = json.loads(message.data)
                    if data["type"] == "playStream.chunk":
                        self.came_back(base64.b64decode(data["audioChunk"]))
                    elif data["type"] in told:
                        told[data["type"]].set()
                    elif data["type"] == "session.error":
                        sys.exit(f"The call was refused: {data}")

            reader = asyncio.create_task(read())
            async with asyncio.timeout(20):
                await ws.send_json(
                    {
                        "type": "session.initiate",
                        "conversationId": secrets.token_hex(8),
                        "botName": "agent",
                        "caller": "+15550100",
                        "expectAudioMessages": True,
                        "supportedMediaFormats": [self._media],
                    }
                )
                await told["session.accepted"].wait()
                start = {"type": "event", "name": "start", "id": "1", "timestamp": "2026-01-01"}
                await ws.send_json({"type": "activities", "activities": [start]})
                await ws.send_json({"type": "userStream.start"})
                await told["userStream.started"].wait()

            async def send(audio: bytes) -> None:
                chunk = base64.b64encode(audio).decode()
                await ws.send_str(f'{{"type":"userStream.chunk","audioChunk":"{chunk}"}}')

            await self.talk(send)
            end = {"type": "session.end", "reasonCode": "client-disconnected", "reason": ""}
            await ws.send_json(end)
            await asyncio.sleep(0.5)
            reader.cancel()


async def measure(
    url: str, pid: int | None, media: str, calls: int, seconds: float, *, direct: bool
) -> str:
    """One row of the table."""
    until = time.perf_counter() + SETTLE_S + seconds
    callers = [Caller(media, until) for _ in range(calls)]
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        for caller in callers:
            tasks.create_task((caller.direct if direct else caller.through)(session, url))
        await asyncio.sleep(SETTLE_S)
        before = cpu_s(pid) if pid is not None else 0.0
        frames = sum(caller.sent for caller in callers)
        for caller in callers:
            caller.measuring = True
        await asyncio.sleep(seconds - 0.1)
        used = cpu_s(pid) - before if pid is not None else 0.0
        frames = sum(caller.sent for caller in callers) - frames
    delays = sorted(delay for caller in callers for delay in caller.delays_ms)
    spoken = frames * SPEECH / (SPEECH + PAUSE)
    lost = max(0.0, 100 - 100 * len(delays) / spoken)
    return (
        f"{used / frames * 1e6:10.0f} {percentile(delays, 50):8.1f} {percentile(delays, 99):8.1f} "
        f"{delays[-1]:8.1f} {frames:8d} {lost:8.1f}"
    )


def percentile(ordered: list[float], share: float) -> float:
    """The value below which ``share`` percent of ``ordered`` lie."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]


def prepared(var: str, agent_url: str) -> dict[str, str]:
    """The environment of a gateway with the bot, in folder ``var``."""
    own = {
        "VAR_DIR": var,
        "AGENT_URL": agent_url,
        "OUTBOUND_ALLOW": "127.0.0.0/8",
        "LOG_LEVEL": "ERROR",
    }
    environ = {**os.environ, **own}
    for command in (["manage.py", "prepare"], [__file__, "--role", "set-up"]):
        subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environ,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return own


def main() -> None:
    """Print the table, or be one of the servers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[20, 50])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--bridge", default="", help="a checkout of deepgram-audiocodes-bridge")
    parser.add_argument("--role", choices=ROLES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        ROLES[options.role]()
        return
    print(f"{options.seconds:g} s a row; processor time in microseconds, delays in milliseconds")
    titles = ("cpu/pair", "p50", "p99", "max", "frames", "lost %")
    print(f"{'':34}{titles[0]:>10} " + " ".join(f"{title:>8}" for title in titles[1:]))
    with ExitStack() as stack:
        echo, _ = stack.enter_context(running("echo"))
        agent = f"ws://127.0.0.1:{echo}/v1/agent/converse"
        own = prepared(stack.enter_context(tempfile.TemporaryDirectory()), agent)
        for calls in options.calls:
            for media in FORMATS:
                for between in ("nothing", "gateway", *(["bridge"] if options.bridge else [])):
                    with ExitStack() as row:
                        url, pid = agent, None
                        if between != "nothing":
                            environ = {**own, "BRIDGE": options.bridge}
                            port, pid = row.enter_context(running(between, **environ))
                            path = "/voice/audiocodes/agent" if between == "gateway" else "/"
                            url = f"ws://127.0.0.1:{port}{path}"
                        direct = between == "nothing"
                        row_ = asyncio.run(
                            measure(url, pid, media, calls, options.seconds, direct=direct)
                        )
                    print(f"{f'{calls} calls, {media}, {between}':34}{row_}", flush=True)


if __name__ == "__main__":
    main()
