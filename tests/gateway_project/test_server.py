"""The web server over real sockets: refusals, limits, close codes, back-pressure, drain."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

pytestmark = pytest.mark.wire

MEBIBYTE = 1024 * 1024
MAX_BODY_BYTES = 4 * MEBIBYTE
PROBE = Path(__file__).with_name("asgi_probe.py")


class Forks:
    """Processes of `asgi_probe`, each forked from one that has imported everything."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control

    def ask(self, *files: int, **asked: Any) -> int:
        socket.send_fds(self._control, [json.dumps(asked).encode()], files)
        answer: int = json.loads(self._control.recv(4096))
        return answer


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.settimeout(60)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, str(PROBE), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": str(PROBE.parent.parent.parent)},
            )
        yield Forks(ours)
    process.wait()


class Server:
    """A running `asgi_probe`; ``told`` waits for the next line that has a fact of that name."""

    port = 0

    def __init__(self, forks: Forks, pid: int, facts: asyncio.StreamReader, log: Path) -> None:
        self._forks = forks
        self._code: int | None = None
        self.pid = pid
        self.facts = facts
        self.log = log

    async def told(self, fact: str) -> Any:
        async with asyncio.timeout(20):
            while line := await self.facts.readline():
                facts = json.loads(line)
                if fact in facts:
                    return facts[fact]
        raise AssertionError(f"the server ended without saying {fact}: {self.log.read_text()}")

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def ended(self) -> int:
        """The exit code, when the process has ended."""
        if self._code is None:
            self._code = await asyncio.to_thread(self._forks.ask, wait=self.pid)
        return self._code

    async def end(self) -> None:
        if self._code is None:
            self.signal(signal.SIGKILL)
        await self.ended()

    def url(self, path: str) -> str:
        return f"ws://127.0.0.1:{self.port}/{path}"

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


Start = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
def running(forks: Forks) -> Start:
    """Starts a server that logs to the file ``log``."""

    @asynccontextmanager
    async def start(
        log: Path, mode: str = "normal", port: int = 0, private: Path | None = None
    ) -> AsyncIterator[Server]:
        reading, writing = os.pipe()
        facts = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(facts), os.fdopen(reading, "rb", 0)
        )
        with log.open("w") as errors, os.fdopen(writing, "wb", 0):
            pid = forks.ask(
                *(writing, errors.fileno()), mode=mode, port=port, private=str(private or "")
            )
        server = Server(forks, pid, facts, log)
        try:
            yield server
        finally:
            await server.end()
            transport.close()

    return start


@pytest.fixture
async def server(running: Start, tmp_path: Path) -> AsyncIterator[Server]:
    async with running(tmp_path / "log") as started:
        started.port = await started.told("port")
        yield started


async def test_a_refused_upgrade_is_the_http_answer_of_the_application(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(server.url("denied")):
            pass
    response = refused.value.response
    assert response.status_code == 401
    assert response.reason_phrase == "Unauthorized"
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/json"
    assert response.body == b'{"a":1}'
    assert await server.told("after_refusal") == "websocket.disconnect"


async def test_a_close_before_acceptance_is_http_403(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(server.url("rejected")):
            pass
    assert refused.value.response.status_code == 403
    server.signal(signal.SIGTERM)
    await server.told("exit")
    log = server.log.read_text()
    assert "websocket.refused" in log
    assert "status=403" in log
    assert "websocket.closed" not in log
    assert "warning" not in log


async def test_an_application_that_breaks_before_acceptance_is_http_500(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(server.url("crash")):
            pass
    assert refused.value.response.status_code == 500


async def test_text_bytes_and_empty_messages_pass_unchanged(server: Server) -> None:
    async with connect(server.url("echo")) as client:
        for message in ("grüße", b"\x00\xff", "", b""):
            await client.send(message)
            assert await client.recv() == message


async def test_compression_is_not_negotiated(server: Server) -> None:
    async with connect(server.url("echo"), compression="deflate") as client:
        assert client.response is not None
        assert "sec-websocket-extensions" not in client.response.headers


@pytest.mark.parametrize("frames", [1, 3])
async def test_a_message_above_the_limit_is_answered_with_1009(server: Server, frames: int) -> None:
    part = bytes(MEBIBYTE // frames + 1)
    async with connect(server.url("echo")) as client:
        await client.send([part] * frames if frames > 1 else part)
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009
    async with connect(server.url("echo"), max_size=None) as other:
        await other.send(bytes(MEBIBYTE))
        assert len(await other.recv()) == MEBIBYTE


def _masked(first: int, payload: bytes) -> bytes:
    """A frame of a client; the mask changes nothing."""
    length = len(payload)
    if length < 126:
        return bytes((first, 0x80 | length)) + bytes(4) + payload
    if length < 65_536:
        return bytes((first, 0xFE)) + length.to_bytes(2, "big") + bytes(4) + payload
    return bytes((first, 0xFF)) + length.to_bytes(8, "big") + bytes(4) + payload


@pytest.mark.parametrize("piece", [1, 7, 400, 1_000_000])
async def test_frames_keep_their_order_on_the_short_way_however_they_are_cut(
    server: Server, piece: int
) -> None:
    long = "long" * 20_000
    sent = [
        _masked(0x81, b"first"),
        _masked(0x81, "grüße".encode()),
        _masked(0x01, b"in "),
        _masked(0x89, b"ping"),
        _masked(0x80, b"parts"),
        _masked(0x81, b"x" * 300),
        _masked(0x82, b"\x00\xff"),
        *([_masked(0x81, long.encode())] if piece > 100 else []),
        _masked(0x81, b"last"),
    ]
    stream = b"".join(sent)
    async with connect(server.url("straight"), max_size=None, compression=None) as client:
        for at in range(0, len(stream), piece):
            client.transport.write(stream[at : at + piece])
            await asyncio.sleep(0)
        expected = ["first", "grüße", "in parts", "x" * 300, "00ff"]
        expected += [long] if piece > 100 else []
        assert [await client.recv() for _ in range(len(expected) + 1)] == [*expected, "last"]
    assert await server.told("straight_ended") == 1000


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (_masked(0x81, b"half a character \xc3"), 1007),
        (b"\x81\x03abc", 1002),
        (_masked(0xC1, b"compressed"), 1002),
        (_masked(0x80, b"goes on with nothing"), 1002),
        (b"\x81\xfe\x00\x01" + bytes(4) + b"x", 1002),
    ],
)
async def test_a_bad_frame_behind_good_ones_is_judged_as_ever(
    server: Server, frame: bytes, code: int
) -> None:
    async with connect(server.url("straight")) as client:
        await client.send("one")
        assert await client.recv() == "one"
        client.transport.write(_masked(0x81, b"two") + frame)
        assert await client.recv() == "two"
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


@pytest.mark.parametrize(
    ("begun", "rest", "answers"),
    [
        (_masked(0x82, bytes(9))[:6], _masked(0x81, b"in!"), [_masked(0x81, b"in!").hex(), "last"]),
        (_masked(0x89, bytes(9))[:6], _masked(0x81, b"in!"), ["last"]),
        (b"\x82", b"\x81\x80\x00\x00\x00\x41", ["c1", "last"]),
        (_masked(0x01, b"a part"), _masked(0x81, b"not the next part"), []),
    ],
)
async def test_what_looks_like_a_frame_after_something_begun_is_none(
    server: Server, begun: bytes, rest: bytes, answers: list[str]
) -> None:
    async with connect(server.url("straight")) as client:
        for word in ("one", "two"):
            await client.send(word)
            assert await client.recv() == word
        client.transport.write(_masked(0x81, b"three") + begun)
        assert await client.recv() == "three"
        client.transport.write(rest)
        if answers:
            await client.send("last")
            assert [await client.recv() for _ in answers] == answers
        else:
            with pytest.raises(ConnectionClosed, match="1002"):
                await client.recv()


async def test_on_the_short_way_nothing_is_sent_that_a_slow_peer_does_not_take(
    server: Server,
) -> None:
    async with connect(server.url("straight"), max_queue=1, ping_interval=None) as client:
        await client.send("x")
        client.transport.pause_reading()
        before = server.resident_bytes()
        for _ in range(400):
            await client.send("x" * 60_000)
        client.transport.abort()
        assert await server.told("late") > 0
        assert server.resident_bytes() - before < 24 * MEBIBYTE


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 3000, 4401])
async def test_any_close_code_reaches_the_peer(server: Server, code: int) -> None:
    async with connect(server.url("close")) as client:
        assert client.response is not None
        assert client.response.headers["x-probe"] == "yes"
        await client.send(str(code))
        with pytest.raises(ConnectionClosed) as closed:
            await client.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "as asked")


async def test_the_close_code_of_the_peer_reaches_the_application(server: Server) -> None:
    client = await connect(server.url("echo"))
    await client.close(4123)
    assert await server.told("echo_ended") == 4123


async def test_what_is_sent_to_a_peer_that_left_is_dropped(server: Server) -> None:
    client = await connect(server.url("late"))
    await client.close()
    assert await server.told("late") == "taken"


async def test_a_malformed_upgrade_is_refused_and_leaves_no_traceback(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /echo HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()
    await writer.wait_closed()
    assert "Traceback" not in server.log.read_text()


async def test_a_peer_that_does_not_read_costs_bounded_memory(server: Server) -> None:
    async with connect(server.url("flood"), max_size=None, max_queue=1) as client:
        before = server.resident_bytes()
        client.transport.pause_reading()
        await _until_nothing_moves(server)
        assert server.resident_bytes() - before < 24 * MEBIBYTE
        client.transport.resume_reading()
        for _ in range(200):
            assert len(await client.recv()) == MEBIBYTE
    assert await server.told("flood_ended")


async def _until_nothing_moves(server: Server) -> None:
    """Return once the server reports no further message sent for a while."""
    while True:
        try:
            async with asyncio.timeout(1):
                await server.facts.readline()
        except TimeoutError:
            return


async def test_an_application_that_does_not_read_makes_the_peer_wait(server: Server) -> None:
    async with connect(server.url("deaf"), ping_interval=None) as client:
        before = server.resident_bytes()
        assert 0 < await _send_until_it_waits(client, messages=100) < 50
        assert server.resident_bytes() - before < 24 * MEBIBYTE
        client.transport.abort()


async def _send_until_it_waits(client: ClientConnection, messages: int) -> int:
    """Send messages of 1 MiB; return how many went out before the peer stopped taking them."""
    for sent in range(messages):
        try:
            async with asyncio.timeout(2):
                await client.send(bytes(MEBIBYTE))
        except TimeoutError:
            return sent
    return messages


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_a_request_above_the_limit_is_answered_with_413(server: Server, framing: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = "POST / HTTP/1.1\r\nHost: a\r\n"
    if framing == "length":
        writer.write(f"{head}Content-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode())
    else:
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(MAX_BODY_BYTES // MEBIBYTE):
            writer.write(b"100000\r\n" + bytes(MEBIBYTE) + b"\r\n")
        writer.write(b"1\r\nx\r\n")
    async with asyncio.timeout(20):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_request_up_to_the_limit_is_served(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {MAX_BODY_BYTES}\r\n\r\n"
    writer.write(head.encode() + bytes(MAX_BODY_BYTES))
    async with asyncio.timeout(20):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()


@pytest.mark.parametrize(
    "line", [b"422 Unprocessable Entity", b"429 Too Many Requests", b"404 Not Found", b"599 "]
)
async def test_a_status_has_its_phrase(server: Server, line: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % line[:3])
    assert (await reader.readline()).startswith(b"HTTP/1.1 " + line)
    writer.close()


async def test_access_lines_have_no_query_string_and_those_of_probes_are_for_debugging(
    server: Server,
) -> None:
    for path in (b"/page?token=canary", b"/livez", b"/metrics"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path)
        assert b"hello" in await reader.read()
        writer.close()
    async with connect(server.url("echo?token=canary")):
        pass
    await server.told("echo_ended")
    server.signal(signal.SIGTERM)
    await server.told("exit")
    lines = server.log.read_text()
    assert "/page" in lines
    assert "/echo" in lines
    assert "canary" not in lines
    served = [line for line in lines.splitlines() if "http.served" in line]
    quiet = ["debug" in line for line in served]
    assert quiet == ["/livez" in line or "/metrics" in line for line in served]


async def test_a_request_has_one_id_in_its_answer_and_on_its_access_line(server: Server) -> None:
    answers = {}
    for path, given in ("/page", "mine-1"), ("/other", "no id\x01"), ("/broken", "mine-2"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: {given}\r\n"
        writer.write(f"{head}User-Agent: probe/1\r\nConnection: close\r\n\r\n".encode())
        answer = (await reader.read()).decode()
        [answers[path]] = re.findall(r"(?im)^x-request-id: (\S+)", answer)
        writer.close()
    assert answers["/page"] == "mine-1"
    assert re.fullmatch("[0-9a-f]{24}", answers["/other"])
    assert answers["/broken"] == "mine-2"
    server.signal(signal.SIGTERM)
    await server.told("exit")
    asked = [line for line in server.log.read_text().splitlines() if "probe.asked" in line]
    assert all(number in line for line, number in zip(asked, answers.values(), strict=True))
    served = [line for line in server.log.read_text().splitlines() if "http.served" in line]
    for line, (path, number) in zip(served, answers.items(), strict=True):
        assert path in line
        assert number in line
        assert "probe/1" in line


async def asked(server: Server, path: str, *headers: str) -> Any:
    """What the application learned of a request with ``headers``."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = [f"GET {path} HTTP/1.1", "Host: x", *headers, "", ""]
    writer.write("\r\n".join(head).encode("latin-1"))
    found = await server.told("scope")
    assert await reader.readline()
    writer.close()
    return found


UPGRADE = (
    *("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


async def test_a_client_says_neither_whence_it_comes_nor_where_the_gateway_is(
    server: Server,
) -> None:
    lies = "X-Forwarded-For: 10.0.0.1", "Daphne-Root-Path: /scope"
    assert await asked(server, "/scope", *lies) == ["", "127.0.0.1"]
    assert await asked(server, "/whose", *UPGRADE, *lies) == ["", "127.0.0.1"]


async def test_behind_a_proxy_only_what_the_proxy_has_seen_counts(
    running: Start, tmp_path: Path
) -> None:
    async with running(tmp_path / "log", "proxied") as server:
        server.port = await server.told("port")
        for told, address in (
            (("X-Forwarded-For: 192.0.2.1",), "192.0.2.1"),
            (("X-Forwarded-For: 10.0.0.1, 192.0.2.2",), "192.0.2.2"),
            (("X-Forwarded-For: 10.0.0.1", "X-Forwarded-For: 192.0.2.3"), "192.0.2.3"),
            (("X-Forwarded-For: 192.0.2.4:5060",), "192.0.2.4"),
            (("X-Forwarded-For: [2001:db8::1]:5060",), "2001:db8::1"),
            (("X-Forwarded-For: 2001:db8::2",), "2001:db8::2"),
            (("X-Forwarded-For: \xff, unknown",), "127.0.0.1"),
            ((), "127.0.0.1"),
        ):
            assert await asked(server, "/scope", *told) == ["", address]
        assert await asked(server, "/passed-on", "X-Forwarded-For: a") == ["x-forwarded-for"]
        assert await asked(server, "/passed-on", "X-Forwarded-For:") == []
        assert await asked(server, "/passed-on") == []
        assert await asked(server, "/whose", *UPGRADE, "X-Forwarded-For: a, 192.0.2.5") == [
            "",
            "192.0.2.5",
        ]


async def test_sigterm_closes_the_port_lets_calls_end_and_then_stops(server: Server) -> None:
    async with connect(server.url("call")) as call, connect(server.url("echo")) as other:
        server.signal(signal.SIGTERM)
        await server.told("draining")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", server.port)
        assert await call.recv() == "goodbye"
        with pytest.raises(ConnectionClosed) as closed:
            await other.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert await server.told("exit") == 0
    assert await server.ended() == 0


async def test_a_second_sigterm_ends_a_drain_that_takes_long(
    running: Start, tmp_path: Path
) -> None:
    async with running(tmp_path / "log", mode="stuck") as server:
        server.port = await server.told("port")
        async with connect(server.url("deaf")):
            server.signal(signal.SIGTERM)
            await server.told("draining")
            server.signal(signal.SIGTERM)
            assert await server.told("exit") == 0


async def test_the_start_hook_runs_before_the_port_opens(running: Start, tmp_path: Path) -> None:
    async with running(tmp_path / "log") as server:
        first = json.loads(await server.facts.readline())
        assert first == {"started": True}
        assert await server.told("port") > 0


async def test_processes_share_a_port_and_each_has_a_socket_of_its_own(
    running: Start, tmp_path: Path
) -> None:
    private = [tmp_path / "a:1.sock", tmp_path / "b.sock"]
    async with running(tmp_path / "one", private=private[0]) as one:
        port = await one.told("port")
        async with running(tmp_path / "two", port=port, private=private[1]) as two:
            assert await two.told("port") == port
            for server, path in zip((one, two), private, strict=True):
                assert path.stat().st_mode & 0o777 == 0o600
                headers = {"X-Gateway-Client": "192.0.2.7"}
                with pytest.raises(InvalidStatus):
                    async with unix_connect(
                        str(path), "ws://sibling/whose", additional_headers=headers
                    ):
                        pass
                assert await server.told("scope") == ["", "192.0.2.7"]
            two.signal(signal.SIGTERM)
            assert await two.told("exit") == 0
        assert not private[1].exists()
        one.port = port
        async with connect(one.url("echo")) as socket:
            await socket.send("still here")
            assert await socket.recv() == "still here"


async def test_a_process_leaves_a_shared_port_to_the_other_and_takes_its_share_again(
    running: Start, tmp_path: Path
) -> None:
    private = [tmp_path / "one.sock", tmp_path / "two.sock"]

    async def ask_one(path: str) -> None:
        for _ in range(2):  # once more changes nothing
            reader, writer = await asyncio.open_unix_connection(private[0])
            writer.write(b"GET /%b HTTP/1.0\r\nHost: a\r\n\r\n" % path.encode())
            assert b" 200 OK" in await reader.readline()
            writer.close()

    async with running(tmp_path / "log-1", private=private[0]) as one:
        one.port = await one.told("port")
        async with (
            connect(one.url("echo")) as kept,
            running(tmp_path / "log-2", port=one.port, private=private[1]) as two,
        ):
            await two.told("port")
            await ask_one("aside")
            one.signal(signal.SIGSTOP)
            for _ in range(20):
                async with connect(one.url("echo"), open_timeout=10) as socket:
                    await socket.send("to the other")
                    assert await socket.recv() == "to the other"
            one.signal(signal.SIGCONT)
            await kept.send("still here")
            assert await kept.recv() == "still here"
            two.signal(signal.SIGTERM)
            assert await two.told("exit") == 0
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", one.port)
            await ask_one("back")
            async with connect(one.url("echo")) as socket:
                await socket.send("here again")
                assert await socket.recv() == "here again"
    assert "server.stepped_aside" in (tmp_path / "log-1").read_text()


async def test_an_address_told_by_a_client_of_the_port_is_nothing(server: Server) -> None:
    headers = {"X-Gateway-Client": "192.0.2.7"}
    with pytest.raises(InvalidStatus):
        async with connect(server.url("whose"), additional_headers=headers):
            pass
    assert await server.told("scope") == ["", "127.0.0.1"]


async def test_a_port_that_is_taken_ends_the_server_with_exit_code_1(
    running: Start, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with running(tmp_path / "log", port=port) as server:
            assert await server.told("exit") == 1
            assert await server.ended() == 1
            assert str(port) in server.log.read_text()
