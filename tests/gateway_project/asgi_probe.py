"""An application that does what its path says, served by our server: the far side of server tests.

A process of it prints one JSON object a line: the port once it is open, then what the hooks and
sockets saw. ``asgi_probe.py FD`` imports all that takes long and forks such a process for each
message on the socket ``FD``: JSON of its arguments, with the files that it prints and logs to. The
answer is its number; ``{"wait": number}`` is answered with its exit code.
"""

import asyncio
import json
import os
import socket
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

# What is imported and not used is what takes long and each fork finds loaded.
import autobahn.twisted.websocket  # noqa: F401
import django.http  # noqa: F401
import structlog
import twisted.internet.asyncioreactor
import twisted.internet.endpoints
import twisted.logger
import twisted.web.http  # noqa: F401

import calls.channels.straight  # noqa: F401
import gateway_project.numbering
import gateway_project.websocket  # noqa: F401

if TYPE_CHECKING:
    from gateway_project.server import GatewayServer

MEBIBYTE = 1024 * 1024


def tell(**facts: Any) -> None:
    print(json.dumps(facts), flush=True)


class Probe:
    server: "GatewayServer"

    def __init__(self) -> None:
        self.calls_end = asyncio.Event()
        self.calls: set[asyncio.Task[Any] | None] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self.http(scope, send)
        else:
            assert "websocket.http.response" in scope["extensions"]
            await getattr(self, scope["path"].strip("/"))(scope, receive, send)

    async def http(self, scope: Any, send: Any) -> None:
        structlog.get_logger().info("probe.asked", asked=scope["path"])
        if scope["path"] == "/broken":
            raise RuntimeError("as wanted")
        if scope["path"] in ("/aside", "/back"):
            await self.server.share(taking=scope["path"] == "/back")
        if scope["path"] == "/scope":
            tell(scope=[scope["root_path"], scope["client"][0]])
        if scope["path"] == "/passed-on":
            tell(scope=[name.decode() for name, _ in scope["headers"] if b"forwarded" in name])
        status = int(scope["path"][1:]) if scope["path"][1:].isdecimal() else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    async def denied(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"application/json")]
        await receive()
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b'{"a":', "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"1}"})
        tell(after_refusal=(await receive())["type"])

    async def rejected(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close"})

    async def whose(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        tell(scope=[scope["root_path"], scope["client"][0]])
        await send({"type": "websocket.close"})

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})
        tell(echo_ended=message["code"])

    async def straight(self, scope: Any, receive: Any, send: Any) -> None:
        """Echo without a task between, except what the peer is too slow for."""
        way = scope["extensions"]["gateway.straight"]
        late = 0

        def take(message: str | bytes) -> None:
            nonlocal late
            text = message if isinstance(message, str) else message.hex()
            late += not way.send_now(text)

        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": (await receive())["text"]})
        way.hand_over(take)
        tell(straight_ended=(await receive())["code"], late=late)

    async def late(self, scope: Any, receive: Any, send: Any) -> None:
        """Still talk to a peer that has left."""
        await self.echo(scope, receive, send)
        await send({"type": "websocket.send", "text": "too late"})
        tell(late="taken")

    async def close(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "headers": [(b"x-probe", b"yes")]})
        code = int((await receive())["text"])
        await send({"type": "websocket.close", "code": code, "reason": "as asked"})

    async def flood(self, scope: Any, receive: Any, send: Any) -> None:
        """Send 200 MiB to whoever connects."""
        await receive()
        await send({"type": "websocket.accept"})
        for sent in range(200):
            await send({"type": "websocket.send", "bytes": bytes(MEBIBYTE)})
            tell(sent=sent)
        tell(flood_ended=True)

    async def deaf(self, scope: Any, receive: Any, send: Any) -> None:
        """Take no message until the process is asked to stop."""
        await receive()
        await send({"type": "websocket.accept"})
        await self.calls_end.wait()

    async def call(self, scope: Any, receive: Any, send: Any) -> None:
        """A call that ends by itself while the server drains."""
        await receive()
        await send({"type": "websocket.accept"})
        self.calls.add(asyncio.current_task())
        await self.calls_end.wait()
        await send({"type": "websocket.send", "text": "goodbye"})

    async def crash(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("the application broke")


def serve(mode: str, port: int = 0, private: str = "") -> int:
    """Serve until a signal ends it; the exit code."""
    from gateway_project.server import GatewayServer  # NB it opens what forks must not share

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    probe = Probe()

    async def on_start() -> None:
        await server.share(taking=True)  # too early: it changes nothing
        tell(started=True)

    async def on_drain() -> None:
        tell(draining=True)
        if mode == "stuck":
            await asyncio.Event().wait()
        probe.calls_end.set()
        await asyncio.gather(*filter(None, probe.calls))

    class Server(GatewayServer):
        def listen_success(self, port: Any) -> None:
            super().listen_success(port)
            tell(port=self._ports[-1].getHost().port)

    server = Server(
        probe,
        host="127.0.0.1",
        port=port,
        on_start=on_start,
        on_drain=on_drain,
        proxy_headers=mode == "proxied",
        private_socket=Path(private) if private else None,
    )
    probe.server = server
    code = server.serve()
    tell(exit=code)
    return code


def fork(asked: dict[str, Any], control: socket.socket, files: list[int]) -> int:
    """The number of a process that serves as ``asked``."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            control.close()
            for file, standard in zip(files, (1, 2), strict=True):
                os.dup2(file, standard)
                os.close(file)
            code = serve(**asked)
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(code)  # the rest of this process belongs to who forked it
    for file in files:
        os.close(file)
    return child


def main() -> None:
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, files, _, _ = socket.recv_fds(control, 4096, 2)
        if not message:
            return
        asked = json.loads(message)
        if "wait" in asked:
            answer = os.waitstatus_to_exitcode(os.waitpid(asked["wait"], 0)[1])
        else:
            answer = fork(asked, control, files)
        control.send(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
