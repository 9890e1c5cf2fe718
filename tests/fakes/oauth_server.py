"""A token server for client credentials (RFC 6749, section 4.4) that fails as it is told."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal
from urllib.parse import parse_qs

from aiohttp import web

from tests.fakes.web import FakeWeb, serving

CLIENT, SECRET = "gateway", "s3cret & more"


class OAuthServer:
    """Gives out ``token-1``, ``token-2`` ...; `asked` holds the fields of each request."""

    def __init__(self, server: FakeWeb) -> None:
        self.url = server.on("/token", self._token)
        self.asked: list[dict[str, str]] = []
        self.given: list[str] = []
        self.expires_in: Any = 300
        self.fails: deque[int | Literal["cut"] | dict[str, Any]] = deque()
        """What the next requests are answered in place of a token."""
        self.retry_after = ""
        self.held = asyncio.Event()
        """Cleared, it answers nobody until it is set."""
        self.held.set()
        self.came = asyncio.Event()
        self.at_once = 0
        self.most_at_once = 0

    async def _token(self, request: web.Request) -> web.StreamResponse:
        fields = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        self.asked.append(fields)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.came.set()
        try:
            await self.held.wait()
        finally:
            self.at_once -= 1
        if self.fails:
            return self._failure(request, self.fails.popleft())
        if (fields.get("client_id"), fields.get("client_secret")) != (CLIENT, SECRET):
            return web.json_response({"error": "invalid_client"}, status=401)
        self.given.append(f"token-{len(self.given) + 1}")
        answer = {"access_token": self.given[-1], "token_type": "Bearer"}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        return web.json_response(answer)

    def _failure(
        self, request: web.Request, fault: int | Literal["cut"] | dict[str, Any]
    ) -> web.StreamResponse:
        if isinstance(fault, dict):
            return web.json_response(fault)
        if fault == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.Response(status=fault, headers={"Retry-After": self.retry_after})


@asynccontextmanager
async def oauth_server() -> AsyncIterator[OAuthServer]:
    """An `OAuthServer` on a free port of 127.0.0.1."""
    async with serving() as server:
        fake = OAuthServer(server)
        try:
            yield fake
        finally:
            fake.held.set()
