"""A web server on loopback that answers as it is told, and names that resolve as they are told."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Asked(NamedTuple):
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class FakeWeb:
    """Answers each path with its handler in ``pages``; what was asked is in ``asked``."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.pages: dict[str, Handler] = {}
        self.asked: list[Asked] = []
        self.silence = asyncio.Event()
        """Never set: what a handler that gives no answer waits for."""

    def page(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> str:
        """Serve ``body`` at ``path``; answers the URL. Underscores in headers are dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(body=body, status=status, headers=named)

        return self.on(path, answer)

    def on(self, path: str, handler: Handler) -> str:
        """Let ``handler`` answer ``path``; answers the URL."""
        self.pages[path] = handler
        return self.url + path

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        headers = dict(request.headers)
        self.asked.append(Asked(request.method, request.path, headers, await request.read()))
        handler = self.pages.get(request.path)
        return await handler(request) if handler else web.Response(status=404)


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeWeb]:
    """A `FakeWeb` on a free port of 127.0.0.1."""
    application = web.Application(client_max_size=50_000_000)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    listener = socket.create_server(("127.0.0.1", 0))
    fake = FakeWeb(f"http{'s' if tls else ''}://127.0.0.1:{listener.getsockname()[1]}")
    application.router.add_route("*", "/{path:.*}", fake._answer)
    await runner.setup()
    try:
        await web.SockSite(runner, listener, ssl_context=tls).start()
        yield fake
    finally:
        await runner.cleanup()


class Names(AbstractResolver):
    """Resolves names as told: each answer once, the last one for ever. No answer: no such host."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self._answers = {name: list(addresses) for name, addresses in answers.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answers = self._answers.get(host.partition(".")[0], [[]])
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        if not addresses:
            raise OSError(None, "no such host")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        pass
