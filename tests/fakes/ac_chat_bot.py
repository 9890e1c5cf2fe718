"""A bot with the AudioCodes Bot API in chat mode: a loopback server that answers as it is told."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal, NamedTuple

import msgspec
from aiohttp import web

from tests.fakes.web import FakeWeb, serving

TOKEN = "s3cret-bot-token"

Step = Literal["health", "create", "activities", "refresh", "disconnect", "websocket"]
Fault = int | Literal["cut", "silent", "page"]
"""A status, or: the connection is cut, nothing comes, a page that is no JSON comes."""


class Request(NamedTuple):
    """One request as it arrived."""

    step: Step
    conversation: str
    body: dict[str, Any]


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot behaves; ``tokens`` are accepted, None: anybody is let in.

    ``answers`` by text of a message or name of an event.
    """

    tokens: tuple[str, ...] | None = (TOKEN,)
    answers: dict[str, list[Any]] = {}
    expires: Any = 60
    websocket: bool = False
    created: dict[str, Any] | None = None
    """In place of the documented answer to a creation."""
    refreshed: dict[str, Any] = {}
    knows_again: bool = True
    """An activity that it has had is answered with nothing, as Rasa does."""


class ChatBot:
    """The bot; `requests` is what it was asked, `fails` the faults that come next, by step."""

    def __init__(self, server: FakeWeb, script: Script) -> None:
        self.url = f"{server.url}/hooks/bot"
        self.script = script
        self.requests: list[Request] = []
        self.proofs: list[str] = []
        self.fails: dict[Step, deque[Fault]] = defaultdict(deque)
        self.always: dict[Step, Fault] = {}
        self.conversations: dict[str, list[str]] = {}
        self.sockets: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.left = asyncio.Event()
        """A socket was closed by the gateway, or is lost."""
        self.came = asyncio.Condition()
        self.released = asyncio.Event()
        """Ends the silence of the requests that wait."""
        self._server = server
        server.on("/hooks/bot", self._at_the_door)

    def steps(self, *wanted: Step) -> list[Request]:
        """The requests of some steps, or all."""
        return [each for each in self.requests if not wanted or each.step in wanted]

    async def until(self, step: Step, count: int = 1) -> list[Request]:
        """Wait until so many requests of a step have come."""
        async with self.came, asyncio.timeout(10):
            await self.came.wait_for(lambda: len(self.steps(step)) >= count)
        return self.steps(step)

    async def _at_the_door(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET":
            return await self._answered("health", request, {"type": "ac-bot-api", "success": True})
        if not self._lets_in(request):
            return await self._answered("create", request, {})
        name = json.loads(await request.read()).get("conversation", "")
        if name in self.conversations:
            return web.json_response({"message": "Conversation already exists"}, status=500)
        # NB a fault comes after the deed: the caller cannot know.
        self.conversations[name] = []
        for step, path in (
            ("activities", self._activities),
            ("refresh", self._refresh),
            ("disconnect", self._disconnect),
            ("websocket", self._websocket),
        ):
            self._server.on(f"/hooks/conversation/{name}/{step}", path)
        urls: dict[str, Any] = {
            f"{step}URL": f"conversation/{name}/{step}"
            for step in ("activities", "refresh", "disconnect")
        }
        if self.script.websocket:
            urls["websocketURL"] = f"conversation/{name}/websocket"
        answer = {**urls, "expiresSeconds": self.script.expires}
        return await self._answered("create", request, self.script.created or answer)

    async def _activities(self, request: web.Request) -> web.StreamResponse:
        known = self.conversations.get(_conversation(request))
        activity = json.loads(await request.read())["activities"][0]
        answers: list[Any] = []
        if not self._lets_in(request):
            known = None
        if known is not None and (activity["id"] not in known or not self.script.knows_again):
            known.append(activity["id"])
            key = activity.get("text") or activity.get("name")
            answers = [_activity(each) for each in self.script.answers.get(key, [])]
        return await self._answered("activities", request, {"activities": answers})

    async def _refresh(self, request: web.Request) -> web.StreamResponse:
        return await self._answered("refresh", request, self.script.refreshed)

    async def _disconnect(self, request: web.Request) -> web.StreamResponse:
        answer = await self._answered("disconnect", request, {})
        if answer.status == 200:
            self.conversations.pop(_conversation(request), None)
        return answer

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        refusal = await self._refusal("websocket", request)
        if refusal is not None:
            return refusal
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await self._note("websocket", request)
        self.sockets.put_nowait(socket)
        async for message in socket:
            self.requests.append(Request("websocket", "said", {"data": message.data}))
        self.left.set()
        return socket

    async def _answered(
        self, step: Step, request: web.Request, answer: dict[str, Any]
    ) -> web.StreamResponse:
        await self._note(step, request)
        refusal = await self._refusal(step, request)
        return refusal or web.json_response(answer)

    async def _note(self, step: Step, request: web.Request) -> None:
        body = json.loads(await request.read() or b"{}")
        self.proofs.append(request.headers.get("Authorization", ""))
        async with self.came:
            self.requests.append(Request(step, _conversation(request), body))
            self.came.notify_all()

    def _lets_in(self, request: web.Request) -> bool:
        tokens = self.script.tokens
        proof = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return tokens is None or proof in tokens

    async def _refusal(self, step: Step, request: web.Request) -> web.StreamResponse | None:
        if not self._lets_in(request):
            return web.Response(status=401)
        if step not in ("health", "create") and _conversation(request) not in self.conversations:
            return web.Response(status=404)
        fault = self.fails[step].popleft() if self.fails[step] else self.always.get(step)
        if fault == "silent":
            await self.released.wait()
        if fault in ("silent", "cut"):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if fault == "page":
            return web.Response(text="<html>Welcome</html>", content_type="text/html")
        return None if fault is None else web.Response(status=int(fault))


def _conversation(request: web.Request) -> str:
    parts = request.path.split("/")
    return parts[3] if len(parts) > 4 else ""


def _activity(answer: Any) -> Any:
    return {"type": "message", "text": answer} if isinstance(answer, str) else answer


@asynccontextmanager
async def chat_bot(script: Script | None = None) -> AsyncIterator[ChatBot]:
    """A `ChatBot` on a free port of 127.0.0.1."""
    async with serving() as server:
        bot = ChatBot(server, script or Script())
        try:
            yield bot
        finally:
            bot.released.set()
            while not bot.sockets.empty():
                await bot.sockets.get_nowait().close()
