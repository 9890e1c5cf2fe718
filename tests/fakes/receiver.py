"""A system that is told by HTTP: a loopback server that answers and fails as scripted."""

import socket
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, NamedTuple

from standardwebhooks import Webhook


class Reply(NamedTuple):
    """One scripted answer; ``fault`` instead of it: the connection is cut, or nothing comes."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    fault: Literal["", "cut", "silent"] = ""


class Received(NamedTuple):
    """One POST as it arrived; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Takes every POST with 200 unless ``script`` holds something else for its path."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.arrived = threading.Condition()
        self.most_at_once = 0
        self.released = threading.Event()
        """Ends the silence of all who wait."""
        self._at_once = 0
        self._scripts: dict[str, deque[Reply]] = defaultdict(deque)
        self._always: dict[str, Reply] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.receiver = self
        self.port: int = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def answers(self, path: str, *replies: Reply | int) -> str:
        """Answer the next requests for ``path`` with ``replies``, later ones with 200; its URL."""
        self._scripts[path].extend(_reply(each) for each in replies)
        return self.url + path

    def always(self, path: str, reply: Reply | int) -> str:
        """Answer every request for ``path`` with ``reply``; its URL."""
        self._always[path] = _reply(reply)
        return self.url + path

    def wait_for(self, count: int, timeout_s: float = 30.0) -> None:
        """Return when ``count`` requests have arrived."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, timeout_s)

    def bodies(self, path: str = "/") -> list[bytes]:
        """What arrived at ``path``, in order."""
        return [each.body for each in self.received if each.path == path]

    def verify(self, secret: str) -> None:
        """Check the signature of everything that arrived, as a receiver would.

        Raises:
            WebhookVerificationError: one is missing or wrong.
        """
        for each in self.received:
            Webhook(secret).verify(each.body, each.headers, json_parse=False)

    def take(self, request: Received) -> Reply:
        """What ``request`` is answered."""
        with self.arrived:
            self.received.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.arrived.notify_all()
            script = self._scripts[request.path]
            return script.popleft() if script else self._always.get(request.path, Reply())

    def answered(self) -> None:
        """A request is over."""
        with self.arrived:
            self._at_once -= 1


def _reply(given: Reply | int) -> Reply:
    return Reply(given) if isinstance(given, int) else given


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    receiver: Receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is none of ours."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    timeout = 30

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver = self.server.receiver
        reply = receiver.take(Received(self.path, headers, body))
        if reply.fault == "silent":
            receiver.released.wait(30)
        receiver.answered()
        if reply.fault:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(reply.status)
        for name, value in (*reply.headers, ("Content-Length", str(len(reply.body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A `Receiver` on a free port of 127.0.0.1, in threads of its own."""
    receiver = Receiver()
    server = receiver._server
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
