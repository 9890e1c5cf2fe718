"""The web server: Daphne with start and drain hooks, bounded memory and one access line each.

Stock Daphne cuts every socket when it is asked to stop. This one stops listening, gives the
application time to bring its calls to an end, closes what is left with code 1012 and only then
leaves; a second signal ends it at once.
"""

import asyncio
import gc
import re
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import daphne.server  # NB first: it installs the Twisted reactor on an asyncio loop
import structlog
from daphne.endpoints import build_endpoint_description_strings
from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.internet import defer
from twisted.logger import STDLibLogObserver, globalLogPublisher

from calls.channels.straight import EXTENSION
from calls.core.ports import PASSED_ON
from gateway_project.numbering import REQUEST_ID, request_id
from gateway_project.websocket import GatewaySocket, Inbound

Hook = Callable[[], Awaitable[None]]

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Larger requests are answered with status 413; a form with a file of 1 MiB is three times that."""

MAX_MESSAGE_BYTES = 1024 * 1024
"""Larger messages and frames are answered with close code 1009."""

BACKLOG = 128
"""Connections that wait to be accepted."""

PROBED = ("/livez", "/readyz", "/metrics", "/metrics/process")
"""Asked by machines all day long; what fails there is told by a line of its own."""

CLOSE_GRACE_SECONDS = 5.0
"""How long connections may take to end after the drain."""

log = structlog.get_logger(__name__)


class Request(WebRequest):  # type: ignore[misc]  # the package ships no types
    """One HTTP request with a bounded body; the stock one goes to the disk whole, from anybody.

    It says nothing about where the gateway is mounted, and of its way here only what the reverse
    proxy itself has seen. Upgrades to WebSockets begin here too. It has its id from here on, so
    that its access line has it as well.
    """

    number = user_agent = ""

    def process(self) -> Any:
        """The request is there."""
        self.requestHeaders.removeHeader("Daphne-Root-Path")
        self.number = request_id(self._told(REQUEST_ID))
        self.requestHeaders.setRawHeaders(REQUEST_ID, [self.number])
        self.user_agent = self._told("User-Agent")
        if name := self.channel.factory.server.proxy_forwarded_address_header:
            told = b",".join(self.requestHeaders.getRawHeaders(name.encode(), []))
            self.requestHeaders.removeHeader("X-Forwarded-Port")
            peer = getattr(self.client, "host", "")  # a sibling has none, and tells what it saw
            self.requestHeaders.removeHeader(name)
            if told:  # else it did not come through the proxy
                self.requestHeaders.setRawHeaders(name, [_seen_by_proxy(told, peer)])
        if self.requestHeaders.hasHeader("Upgrade"):
            return super().process()
        # The task that answers takes it along, to the last piece of a stream.
        with structlog.contextvars.bound_contextvars(request_id=self.number):
            return super().process()

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Carry out a message of the application, or one of our own about its failure."""
        if message["type"] == "http.response.start" and self.number:
            sent = {name.lower() for name, _ in message.get("headers", ())}
            if REQUEST_ID.lower().encode() not in sent:
                self.setHeader(REQUEST_ID, self.number)
        known = {"request_id": self.number, "user_agent": self.user_agent}
        with structlog.contextvars.bound_contextvars(**{k: v for k, v in known.items() if v}):
            super().handle_reply(message)

    def _told(self, header: str) -> str:
        values: list[bytes] = self.requestHeaders.getRawHeaders(header.encode(), [b""])
        return values[-1].decode("latin-1")

    def setResponseCode(self, code: int, message: bytes | None = None) -> None:
        """The status, with its phrase also where Twisted knows none: dialers show it to people."""
        with suppress(ValueError):
            message = message or HTTPStatus(code).phrase.encode()
        super().setResponseCode(code, message)

    def gotLength(self, length: int | None) -> None:
        """The head of the request is there; None: the body comes in chunks of any number."""
        super().gotLength(length)
        self._left = MAX_BODY_BYTES
        if length is not None and length > MAX_BODY_BYTES:
            self._refuse()

    def handleContentChunk(self, data: bytes) -> None:
        """More of the body is there."""
        if self._left < len(data):
            self._refuse()
            return
        self._left -= len(data)
        super().handleContentChunk(data)

    def _refuse(self) -> None:
        if self._left >= 0:
            self._left = -1
            head = b"HTTP/1.1 413 Content Too Large", b"Connection: close", b"Content-Length: 0"
            self.channel.transport.write(b"\r\n".join([*head, b"", b""]))
            self.channel.transport.loseConnection()


class GatewayServer(daphne.server.Server):  # type: ignore[misc]  # the package ships no types
    """Serves one ASGI application on one TCP port.

    ``on_start`` is awaited on the event loop before the port is opened; ``on_drain`` after it was
    closed and before sockets are. WebSockets may stay open for any length of time: a peer that
    answers no ping for 20 s is dropped, nothing else limits them. With ``proxy_headers`` the peer's
    address and scheme are those that the one reverse proxy before it reports.

    With a ``private_socket`` the port may be shared with other processes (the kernel deals new
    connections out among those that listen), and this one can be asked for at that path besides: by
    the supervisor, and by siblings that pass on a socket of a client whose address they tell.
    """

    def __init__(
        self,
        application: Any,
        *,
        host: str,
        port: int,
        on_start: Hook,
        on_drain: Hook,
        proxy_headers: bool = False,
        private_socket: Path | None = None,
    ) -> None:
        endpoints = build_endpoint_description_strings(host=host, port=port)
        if private_socket is not None:
            private_socket.unlink(missing_ok=True)
            path = str(private_socket).replace("\\", "\\\\").replace(":", "\\:")
            endpoints = [f"unix:{path}:mode=600:lockfile=0"]
        self._shared = (host, port) if private_socket is not None else None
        super().__init__(
            application,
            endpoints=endpoints,
            signal_handlers=False,
            action_logger=log_access,
            http_timeout=60,
            websocket_timeout=-1,
            websocket_connect_timeout=8,
            websocket_handshake_timeout=10,
            websocket_max_message_size=MAX_MESSAGE_BYTES,
            websocket_max_frame_size=MAX_MESSAGE_BYTES,
            ping_interval=20,
            ping_timeout=20,
            application_close_timeout=10,
            verbosity=1,  # any other value makes Twisted take over standard output
            server_name="",
            proxy_forwarded_address_header="X-Forwarded-For" if proxy_headers else None,
            proxy_forwarded_proto_header="X-Forwarded-Proto" if proxy_headers else None,
        )
        self.on_start = on_start
        self.on_drain = on_drain
        self.exit_code = 0
        self._draining: asyncio.Task[None] | None = None
        self._connections_changed = asyncio.Event()
        self._ports: list[Any] = []

    def serve(self) -> int:
        """Run until a signal ends it; return the exit code."""
        loop: asyncio.AbstractEventLoop = daphne.server.twisted_loop
        asyncio.set_event_loop(loop)
        observer: Any = STDLibLogObserver("twisted")  # its interface is not known to the checker
        globalLogPublisher.addObserver(observer)
        loop.run_until_complete(_awaited(self.on_start))
        gc.freeze()  # what is there by now stays: looking through it takes longer than a frame
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.drain)
        try:
            self.run()
        finally:
            _close(loop)
        return self.exit_code

    def listen_success(self, port: Any) -> None:
        """The port is open; nothing was accepted yet."""
        self.ws_factory.protocol = GatewaySocket
        self.http_factory.buildProtocol = partial(_channel, self.http_factory)
        self.ws_factory.setProtocolOptions(
            # Answer a violation with its close code; the stock setting cuts the connection.
            failByDrop=False,
            closeHandshakeTimeout=CLOSE_GRACE_SECONDS,
            echoCloseCodeReason=True,
            allowNullOrigin=True,  # origins are the application's affair
        )
        if self._shared is not None:
            port = _shared_port(*self._shared, self.http_factory)
        self._ports.append(port)
        super().listen_success(port)
        address = port.getHost()
        log.info("server.listening", host=address.host, port=address.port)

    def listen_error(self, failure: Any) -> None:
        """The port cannot be opened."""
        self.exit_code = 1
        log.error("server.cannot_listen", error=failure.getErrorMessage())
        self.stop()

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Start the application for a request or socket; return the queue that feeds it."""
        if scope["type"] != "websocket":
            return super().create_application(protocol, scope)
        if not hasattr(protocol.transport.getPeer(), "host"):
            scope["client"] = _told_by_sibling(scope["headers"])
        scope["asgi"] = {"version": "3.0"}
        scope["extensions"] = {"websocket.http.response": {}, EXTENSION: protocol}
        inbound = Inbound(protocol)
        running = self.application(
            scope=scope, receive=inbound.get, send=partial(self.handle_reply, protocol)
        )
        self.connections[protocol]["application_instance"] = asyncio.ensure_future(running)
        return inbound

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Carry out a message of the application; waits while the peer is slow to read."""
        await super().handle_reply(protocol, message)
        if message["type"] == "websocket.send":
            await protocol.drained()

    def protocol_disconnected(self, protocol: Any) -> None:
        """A request or socket ended."""
        super().protocol_disconnected(protocol)
        self._connections_changed.set()

    def drain(self) -> None:
        """Bring everything to an end and stop; called again, stop at once."""
        if self._draining is None:
            log.info("server.draining")
            self._draining = asyncio.get_running_loop().create_task(self._drain())
        else:
            log.warning("server.stopped_at_once")
            self._draining.cancel()

    async def share(self, *, taking: bool) -> None:
        """Take new connections of a shared port, or leave them to those who share it.

        What is open goes on, and the private socket stays. Safe to call again, and before the port
        was first opened.

        Raises:
            OSError: the port cannot be opened again.
        """
        if self._shared is None or not self.listening_addresses or self._draining is not None:
            return
        if taking is bool(self._ports):
            return
        if taking:
            self._ports.append(port := _shared_port(*self._shared, self.http_factory))
            log.info("server.listening", host=self._shared[0], port=port.getHost().port)
            return
        port = self._ports.pop()
        self._shared = (self._shared[0], port.getHost().port)
        port.doRead()  # NB who waits to be accepted would be cut off
        await port.stopListening().asFuture(asyncio.get_running_loop())
        log.info("server.stepped_aside")

    async def _drain(self) -> None:
        try:
            for port in self._ports:
                await port.stopListening().asFuture(asyncio.get_running_loop())
            await self.on_drain()
            for protocol in list(self.connections):
                if isinstance(protocol, GatewaySocket) and protocol.state == protocol.STATE_OPEN:
                    protocol.close(1012, "the gateway restarts")
            async with asyncio.timeout(CLOSE_GRACE_SECONDS):
                await self._no_connections()
            log.info("server.drained")
        except TimeoutError:
            log.warning("server.drain_timeout", connections=len(self._open_connections()))
        finally:
            self.stop()

    async def _no_connections(self) -> None:
        while self._open_connections():
            self._connections_changed.clear()
            await self._connections_changed.wait()

    def _open_connections(self) -> list[Any]:
        return [p for p, state in self.connections.items() if "disconnected" not in state]

    def kill_all_applications(self) -> Any:
        """Cancel what still runs; the reactor waits for it."""
        running = [
            state["application_instance"]
            for state in self.connections.values()
            if "application_instance" in state
        ]
        for task in running:
            task.cancel()
        return defer.Deferred.fromFuture(asyncio.gather(*running, return_exceptions=True))


def _seen_by_proxy(told: bytes, peer: str) -> str:
    """The last address of ``X-Forwarded-For``, which is the proxy's word, else that of ``peer``.

    What stands before it came from the client, who may write what it likes.
    """
    last = told.decode("latin-1").rpartition(",")[2].strip()
    without_port = re.fullmatch(r"\[(.*)\](?::\d+)?|([^:]*):\d+", last)
    try:
        return str(ip_address((without_port[1] or without_port[2]) if without_port else last))
    except ValueError:
        return peer


def _shared_port(host: str, port: int, factory: HTTPFactory) -> Any:
    """A port of which others may have a share.

    Raises:
        OSError: it cannot be opened.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)  # noqa: FBT003 - the standard library's
        return daphne.server.reactor.adoptStreamPort(made.fileno(), family, factory)


def _told_by_sibling(headers: list[tuple[bytes, bytes]]) -> list[str | int] | None:
    """The address of the client whose socket a process of this gateway passes on."""
    told = dict(headers).get(PASSED_ON.lower().encode())
    return [told.decode("latin-1"), 0] if told else None


def _channel(factory: HTTPFactory, address: Any) -> Any:
    channel = HTTPFactory.buildProtocol(factory, address)
    if channel is not None:
        channel.requestFactory = Request
    return channel


async def _awaited(hook: Hook) -> None:
    await hook()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what the application left running on ``loop`` and close it."""
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def log_access(protocol: Any, action: str, details: dict[str, Any]) -> None:
    """One line for each finished request and socket, without query strings (they hold secrets)."""
    path = str(details.get("path", "")).partition("?")[0]
    line = log.bind(path=path, client=details.get("client"))
    match protocol, action:
        case "http", "complete":
            quiet = path in PROBED and details["status"] in (200, 503)
            (line.debug if quiet else line.info)(
                "http.served",
                method=details["method"],
                status=details["status"],
                ms=round(details["time_taken"] * 1000, 1),
            )
        case "websocket", "connected":
            line.info("websocket.opened")
        case "websocket", "disconnected":
            line.info("websocket.closed", code=details["code"], seconds=details["seconds"])
        case "websocket", "refused":
            line.info("websocket.refused", status=details["status"])
