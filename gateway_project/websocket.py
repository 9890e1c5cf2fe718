"""The WebSocket side of our server: real refusals, any close code, bounded memory.

What the stock protocol of Daphne lacks and calls need: an HTTP answer of the application's choice
before the upgrade (ASGI extension ``websocket.http.response``), close code 1009 for messages above
the limit, close codes outside 3000-4999, and back-pressure in both directions.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from autobahn.util import encode_truncate
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

SEND_STALL_SECONDS = 10.0
"""A peer that takes no data for this long is cut off."""

INBOUND_BYTES = 1024 * 1024
INBOUND_MESSAGES = 256
"""Reading from the peer pauses while more than this waits for the application."""

_CLOSE_REASON_BYTES = 123
_NO_CODE = 1005
"""RFC 6455, 7.4.1: the peer closed without a code."""


class Inbound(asyncio.Queue[dict[str, Any]]):
    """Messages for the application; pauses reading from the peer while too much waits.

    What one read of the socket brought in is taken whole: the bound may be passed by 64 KiB.
    """

    def __init__(self, socket: "GatewaySocket") -> None:
        super().__init__()
        self._socket = socket
        self._bytes = 0

    def _put(self, item: dict[str, Any]) -> None:
        super()._put(item)
        self._bytes += _size(item)
        if self._bytes > INBOUND_BYTES or self.qsize() > INBOUND_MESSAGES:
            self._socket.pause_reading()

    def _get(self) -> dict[str, Any]:
        item: dict[str, Any] = super()._get()
        self._bytes -= _size(item)
        if self._bytes <= INBOUND_BYTES // 2 and self.qsize() <= INBOUND_MESSAGES // 2:
            self._socket.resume_reading()
        return item


def _size(message: dict[str, Any]) -> int:
    return len(message.get("text") or message.get("bytes") or "")


@implementer(IPushProducer)
class Outbound:
    """Whether the transport takes more data; the transport itself switches it."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def pauseProducing(self) -> None:
        """The transport's buffer is full."""
        self._open.clear()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        self._open.set()

    def stopProducing(self) -> None:
        """The connection is gone; nobody needs to wait."""
        self._open.set()

    async def drained(self) -> None:
        """Return once the transport takes more data."""
        await self._open.wait()


class GatewaySocket(WebSocketProtocol):  # type: ignore[misc]  # the package ships no types
    """One WebSocket connection."""

    def onConnect(self, request: Any) -> Any:
        """The peer asks for the upgrade; the application decides."""
        self.outbound = Outbound()
        self.reading = True
        self.refusal: dict[str, Any] | None = None
        self.refusal_body = b""
        self.refused = False
        return super().onConnect(request)

    def onOpen(self) -> None:
        """The upgrade is done; from here on the transport reports when its buffer is full."""
        # NB The HTTP channel that parsed the request is still registered as the producer.
        self.transport.unregisterProducer()
        self.transport.registerProducer(self.outbound, streaming=True)
        super().onOpen()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: FBT001 - signature of the base class
        """The connection is gone, or its request for an upgrade was malformed."""
        if not hasattr(self, "server"):
            return
        self.server.protocol_disconnected(self)
        code = code or _NO_CODE
        if hasattr(self, "application_queue"):
            self.application_queue.put_nowait({"type": "websocket.disconnect", "code": code})
        if not self.refused:
            self._log("disconnected", code=code, seconds=round(self.duration(), 1))

    def pause_reading(self) -> None:
        """Let the peer's data wait in the kernel."""
        if self.reading and self.state == self.STATE_OPEN:
            self.reading = False
            self.transport.pauseProducing()

    def resume_reading(self) -> None:
        """Read on after `pause_reading`."""
        if not self.reading:
            self.reading = True
            self.transport.resumeProducing()

    def handle_reply(self, message: dict[str, Any]) -> None:
        """Carry out one message of the application."""
        match message["type"]:
            case "websocket.accept" if message.get("headers"):
                self._accept_with_headers(message)
            case "websocket.send" if self.state == self.STATE_OPEN:
                self._send(message)
            case "websocket.send" if self.state in (self.STATE_CLOSING, self.STATE_CLOSED):
                pass  # The peer left; its "websocket.disconnect" is on its way to the application.
            case "websocket.close" if self.state == self.STATE_CONNECTING:
                self.serverReject()
            case "websocket.close":
                self.close(message.get("code") or 1000, message.get("reason") or "")
            case "websocket.http.response.start":
                self.refusal = message
            case "websocket.http.response.body":
                self.refusal_body += message.get("body", b"")
                if not message.get("more_body", False):
                    self._refuse()
            case _:
                super().handle_reply(message)

    def serverReject(self) -> None:
        """Refuse the upgrade with 403: the application closed or did not answer in time."""
        self.refusal = {"status": 403}
        self._refuse()

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame with any code the protocol knows; ``reason`` is cut to fit."""
        self.sendCloseFrame(code=code, reasonUtf8=encode_truncate(reason, _CLOSE_REASON_BYTES))

    async def drained(self) -> None:
        """Wait while the peer is slow; a peer that stays slow is cut off."""
        try:
            async with asyncio.timeout(SEND_STALL_SECONDS):
                await self.outbound.drained()
        except TimeoutError:
            self.wasNotCleanReason = f"the peer took no data for {SEND_STALL_SECONDS:.0f} s"
            self.dropConnection(abort=True)

    def _send(self, message: dict[str, Any]) -> None:
        text = message.get("text")
        if text is None:
            self.sendMessage(message["bytes"], isBinary=True)
        else:
            self.sendMessage(text.encode(), isBinary=False)

    def _accept_with_headers(self, message: dict[str, Any]) -> None:
        headers = {n.decode("latin1"): v.decode("latin1") for n, v in message["headers"]}
        self.handshake_deferred.callback((message.get("subprotocol"), headers))
        del self.handshake_deferred

    def _refuse(self) -> None:
        if self.refusal is None or self.state != self.STATE_CONNECTING:
            raise ValueError("a refusal needs its start and comes before the upgrade is accepted")
        status = HTTPStatus(self.refusal["status"])
        headers = [
            *((n, v) for n, v in self.refusal.get("headers", []) if n.lower() not in _OUR_HEADERS),
            (b"content-length", str(len(self.refusal_body)).encode()),
            (b"connection", b"close"),
        ]
        head = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
        for name, value in headers:
            if b"\r" in name + value or b"\n" in name + value:
                raise ValueError("a header of a refusal must be one line")
            head.append(name + b": " + value)
        self.sendData(b"\r\n".join([*head, b"", b""]) + self.refusal_body)
        del self.handshake_deferred
        self.refused = True
        self.wasClean = True  # refusing is what the application wanted
        self.dropConnection(abort=False)
        self.server.protocol_disconnected(self)
        self._log("refused", status=status.value)

    def _log(self, action: str, **details: Any) -> None:
        client = ":".join(map(str, self.client_addr)) if self.client_addr else None
        details |= {"path": self.request.path, "client": client}
        self.server.log_action("websocket", action, details)


_OUR_HEADERS = (b"content-length", b"connection", b"transfer-encoding")
