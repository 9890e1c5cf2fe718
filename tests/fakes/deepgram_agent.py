"""Deepgram's Voice Agent as far as a client can tell: a strict server on the loopback.

It holds clients to the documented protocol (`deepgram_reading`) and behaves along a `Script`:
it hears by the level of the caller's audio, recognises what it is told to, calls functions and
speaks tones, faster than real time. Run alone, ``python -m tests.fakes.deepgram_agent``, it speaks
words, and lets a person try a voice agent without an account.

Source: https://developers.deepgram.com/reference/voice-agent/voice-agent
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from aiohttp import web

from bots.core.audio import LPCM16_16K, AudioFormat, Converter
from bots.core.ports import SynthesisRequest
from bots.core.registry import NoParams
from bots.speech.offline_tts import OfflineTts, OfflineTtsParams
from tests.fakes.deepgram_script import KEY, Call, Fault, Script, Turn, tone
from tests.fakes.deepgram_session import Session

PATH = "/v1/agent/converse"
MAX_MESSAGE_BYTES = 16 * 1_048_576
"""A larger message ends the connection with 1009."""
_WAIT_S = 20.0

__all__ = ["KEY", "Call", "Fault", "Script", "Session", "Turn", "serving", "tone"]


class _Refusal(NamedTuple):
    status: int
    code: str
    message: str


_REFUSALS: dict[Fault, _Refusal] = {
    "no credit": _Refusal(402, "ASR_PAYMENT_REQUIRED", "Project does not have enough credits."),
    "no access": _Refusal(403, "INSUFFICIENT_PERMISSIONS", "No access to the requested model."),
    "too many requests": _Refusal(429, "TOO_MANY_REQUESTS", "Too many concurrent agents."),
}
_WRONG_KEY = _Refusal(401, "INVALID_AUTH", "Invalid credentials.")


class FakeAgent:
    """The server: each connection follows the next of ``scripts``, the last one for ever."""

    def __init__(self, scripts: tuple[Script, ...]) -> None:
        self.scripts = list(scripts)
        self.sessions: list[Session] = []
        """Those that were let in, in order."""
        self.refused: list[str] = []
        """Reasons why connections were not."""
        self.base = ""
        self._connections = 0
        self._arrived = asyncio.Condition()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self.base.replace("http", "ws", 1) + PATH

    async def session(self, number: int = 0) -> Session:
        """The session ``number``, counted from 0, as soon as it is there."""
        async with asyncio.timeout(_WAIT_S), self._arrived:
            await self._arrived.wait_for(lambda: len(self.sessions) > number)
        return self.sessions[number]

    @property
    def violations(self) -> list[str]:
        """What clients did against the documents, in all sessions."""
        return [each for session in self.sessions for each in session.violations]

    def application(self) -> web.Application:
        """What is served."""
        application = web.Application()
        application.router.add_get(PATH, self._converse)
        for path in ("/v1/models", "/v1/projects", "/v1/agent/settings/think/models"):
            application.router.add_get(path, self._list)
        return application

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        script = self.scripts[min(self._connections, len(self.scripts) - 1)]
        self._connections += 1
        session = Session(request, script, self._connections)
        refusal = _refusal(request, script)
        if refusal is not None:
            self.refused.append(refusal.code)
            return _refuse(refusal, session.request_id)
        browser = "Sec-WebSocket-Protocol" in request.headers
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES,
            compress=False,
            protocols=("token",) if browser else (),
            timeout=1.0,
        )
        socket.headers["dg-request-id"] = session.request_id
        await socket.prepare(request)
        self.sessions.append(session)
        async with self._arrived:
            self._arrived.notify_all()
        await session.run(socket)
        return socket

    async def _list(self, request: web.Request) -> web.Response:
        refusal = _refusal(request, self.scripts[0])
        if refusal is not None:
            return _refuse(refusal, "00000000-0000-4000-8000-000000000000")
        return web.json_response({request.path.rpartition("/")[2]: []})


def _refusal(request: web.Request, script: Script) -> _Refusal | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        scheme, _, key = request.headers.get("Sec-WebSocket-Protocol", "").partition(", ")
    known = scheme.lower() in ("token", "bearer") and key == script.key
    if not known or script.has("wrong key"):
        return _WRONG_KEY
    return next((each for fault, each in _REFUSALS.items() if script.has(fault)), None)


def _refuse(refusal: _Refusal, request_id: str) -> web.Response:
    body = {"err_code": refusal.code, "err_msg": refusal.message, "request_id": request_id}
    headers = {"dg-error": refusal.message, "dg-request-id": request_id}
    return web.json_response(body, status=refusal.status, headers=headers)


@asynccontextmanager
async def serving(*scripts: Script, port: int = 0) -> AsyncIterator[FakeAgent]:
    """A `FakeAgent` on 127.0.0.1; sessions that are open at the end are cut."""
    agent = FakeAgent(scripts or (Script(),))
    runner = web.AppRunner(agent.application(), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, bound = runner.addresses[0][:2]
        agent.base = f"http://{host}:{bound}"
        yield agent
    finally:
        for session in agent.sessions:
            session.cut()
        await runner.cleanup()


_TURNS = (
    Turn(said="some words", reply="I hear you. I am not a real agent, I only follow a script."),
    Turn(said="more words", reply="I hear you again. Speak up, and you will interrupt me."),
)


async def spoken(text: str, audio: AudioFormat) -> bytes:
    """``text`` in the voice of an engine that is installed beside the gateway."""
    voice = OfflineTts(OfflineTtsParams(), NoParams())
    request = SynthesisRequest(text=text, language="en-US", rate_hz=LPCM16_16K.rate_hz)
    converter = Converter(LPCM16_16K, audio)
    pieces = [converter.push(piece) async for piece in voice.synthesise(request)]
    return b"".join(pieces) + converter.flush()


async def _alone(port: int, key: str) -> None:
    script = Script(key=key, turns=_TURNS, voice=spoken)
    async with serving(script, port=port) as agent:
        print(json.dumps({"url": agent.url, "key": key}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--key", default=KEY)
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_alone(options.port, options.key))
