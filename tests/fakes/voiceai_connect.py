"""VoiceAI Connect as far as its dialout API goes: tokens, orders, the call to the bot, reports.

Source: AudioCodes "Outbound calling": ``POST /api/v1/actions/dialout`` with a Bearer token or HTTP
Basic, a reply with the conversation id, notifications to ``notifyUrl``. What leads back to the
gateway is given by the test: `VoiceAIConnect.voice` brings the call, `VoiceAIConnect.post` reports.
"""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
from aiohttp import web

from tests.fakes.web import FakeWeb, serving

CLIENT, SECRET, TOKEN = "gateway", "s3cret & more", "s3cret-permanent"

Order = dict[str, Any]
Voice = Callable[[str, Order], Awaitable[None]]
Post = Callable[[str, Order], Awaitable[int]]


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """How it behaves; ``calls`` says when the voice socket comes, seen from the reply.

    ``fails``: the reason code that is reported in place of a call. ``overtakes``: the report comes
    before the reply.
    """

    status: int = 200
    retry_after: str = ""
    reply: str | None = None
    """In place of the documented reply."""
    calls: Literal["before", "after", "never"] = "after"
    fails: str = ""
    overtakes: bool = False
    silent: bool = False
    """Takes the order and never replies."""
    token_status: int = 200
    refuses_tokens: int = 0
    """So many requests with a good token are answered 401."""


class VoiceAIConnect:
    """One installation with one client."""

    def __init__(self, server: FakeWeb) -> None:
        self.url = server.url
        self.server = server
        self.script = Script()
        self.orders: list[Order] = []
        self.tokens: list[str] = []
        self.authorizations: list[str] = []
        self.posted: list[tuple[str, int]] = []
        """Status words that were reported, and how the gateway answered."""
        self.voice: Voice | None = None
        self.post: Post | None = None
        self._refused = 0
        self._calls: set[asyncio.Task[None]] = set()
        server.on("/oauth/token", self._token)
        server.on("/api/v1/actions/dialout", self._dialout)

    async def settle(self) -> None:
        """Wait until the calls that were begun are over; what went wrong in one is raised."""
        while self._calls:
            done, _ = await asyncio.wait(self._calls)
            self._calls -= done
            await asyncio.gather(*done)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        fields = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        wanted = {
            "grant_type": "client_credentials",
            "client_id": CLIENT,
            "client_secret": SECRET,
        }
        if fields != wanted:
            return web.json_response({"error": "invalid_client"}, status=401)
        if self.script.token_status != 200:
            return web.Response(status=self.script.token_status)
        self.tokens.append(f"token-{len(self.tokens) + 1}")
        return web.json_response(
            {"access_token": self.tokens[-1], "token_type": "Bearer", "expires_in": 900}
        )

    def _known(self, authorization: str) -> bool:
        basic = "Basic " + b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization in (basic, f"Bearer {TOKEN}"):
            return True
        if not self.tokens or authorization != f"Bearer {self.tokens[-1]}":
            return False
        self._refused += 1
        return self._refused > self.script.refuses_tokens

    async def _dialout(self, request: web.Request) -> web.StreamResponse:
        self.authorizations.append(request.headers.get("Authorization", ""))
        if not self._known(self.authorizations[-1]):
            return web.json_response({"error": "unauthorized"}, status=401)
        if request.method != "POST":
            return web.Response(status=405)
        script, order = self.script, json.loads(await request.text())
        self.orders.append(order)
        if script.status != 200:
            headers = {"Retry-After": script.retry_after} if script.retry_after else {}
            return web.json_response({"error": "no"}, status=script.status, headers=headers)
        conversation_id = str(uuid4())
        if script.silent:
            self._begin(conversation_id, order)
            await self.server.silence.wait()
        if script.calls == "before" or script.overtakes:
            await self._carry(conversation_id, order)
        else:
            self._begin(conversation_id, order)
        if script.reply is not None:
            return web.Response(text=script.reply, content_type="application/json")
        return web.json_response({"conversationId": conversation_id})

    def _begin(self, conversation_id: str, order: Order) -> None:
        task = asyncio.get_running_loop().create_task(self._carry(conversation_id, order))
        self._calls.add(task)

    async def _carry(self, conversation_id: str, order: Order) -> None:
        if self.script.fails:
            await self.report(
                order, conversation_id, "failed", reasonCode=self.script.fails, reason="It says so"
            )
        elif self.script.calls != "never" and self.voice is not None:
            await self.voice(conversation_id, order)

    async def report(self, order: Order, conversation_id: str, status: str, **more: str) -> None:
        """Notify the gateway."""
        assert self.post is not None
        body = {"conversationId": conversation_id, "status": status, **more}
        self.posted.append((status, await self.post(order["notifyUrl"], body)))


@asynccontextmanager
async def voiceai_connect() -> AsyncIterator[VoiceAIConnect]:
    """A `VoiceAIConnect` on a free port of 127.0.0.1."""
    async with serving() as server:
        fake = VoiceAIConnect(server)
        try:
            yield fake
        finally:
            for task in fake._calls:
                task.cancel()
            await asyncio.gather(*fake._calls, return_exceptions=True)
