"""The WebSocket side of our server: real refusals, any close code, bounded memory.

What the stock protocol of Daphne lacks and calls need: an HTTP answer of the application's choice
before the upgrade (ASGI extension ``websocket.http.response``), close code 1009 for messages above
the limit, close codes outside 3000-4999, back-pressure in both directions, and a short way for
audio (extension ``gateway.straight``, see `calls.channels.straight`).
"""

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from autobahn.util import encode_truncate
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from calls.channels.straight import Frame
from gateway_project.frames import LONGEST, masked_text, text_frame

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

    @property
    def open(self) -> bool:
        """Whether the transport takes more data."""
        return self._open.is_set()

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
        self._take: Callable[[Frame], None] = self._enqueue
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

    # --- the short way ----------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """More from the peer: messages in frames of the commonest kind are taken from it here.

        The base class gets the rest. It judges all that is out of the ordinary, and it must see a
        message when it waits for a sign of life (a pong or any message).
        """
        at = 0
        while (
            self.state == self.STATE_OPEN
            and not (self.data or self.current_frame or self.inside_message)
            and not self.autoPingTimeoutCall
            and (found := masked_text(data, at))
        ):
            text, at = found
            self._came(text)
        if at < len(data):
            self._dataReceived(data[at:] if at else data)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: FBT001, FBT002 - signature of the base class
        """Everything that goes to the peer.

        At once as far as the kernel takes it: a turn of the event loop and two calls of the kernel
        less for each frame.
        """
        transport = self.transport
        if transport.connected and not (transport.dataBuffer or transport._tempDataBuffer):
            sent = transport.writeSomeData(data)
            if isinstance(sent, int):  # else the connection is lost, which `write` will find out
                data = data[sent:]
        transport.write(data)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: FBT001 - signature of the base class
        """A message that the base class put together and found valid."""
        self._came(payload if isBinary else payload.decode())

    def hand_over(self, take: Callable[[Frame], None]) -> None:
        """See `calls.channels.straight.Straight`."""
        waiting = self.application_queue
        while not waiting.empty():
            message = waiting.get_nowait()
            if message["type"] != "websocket.receive":
                waiting.put_nowait(message)  # the end: nothing stands behind it
                break
            text = message.get("text")
            take(message["bytes"] if text is None else text)
        self._take = take

    def send_now(self, text: str) -> bool:
        """See `calls.channels.straight.Straight`."""
        if self.state != self.STATE_OPEN or not self.outbound.open:
            return False
        self._send_text(text)
        return True

    def _came(self, message: Frame) -> None:
        self.last_ping = time.time()
        self._take(message)

    def _enqueue(self, message: Frame) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self.application_queue.put_nowait({"type": "websocket.receive", kind: message})

    def _send_text(self, text: str) -> None:
        message = text.encode()
        if len(message) <= LONGEST and self._perMessageCompress is None:
            self.sendData(text_frame(message))
        else:
            self.sendMessage(message, isBinary=False)

    # --- messages of the application --------------------------------------------------------------

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
            self._send_text(text)

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
