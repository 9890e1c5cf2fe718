"""The way out: what it asks, and what it does with servers of every kind."""

import asyncio
import datetime
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bots import net
from bots.core.errors import Fault
from bots.net import USER_AGENT, Outbound, OutboundError, fault_of_status, shown
from tests.bots.asking import LONG_S, LOOPBACK, failure, get, reason_and_fault
from tests.fakes.web import FakeWeb, Names, serving

pytestmark = pytest.mark.wire

SOON_S = 0.05
"""A deadline for servers that stay silent for ever."""


@pytest.fixture
async def server() -> AsyncIterator[FakeWeb]:
    async with serving() as fake:
        yield fake


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with Outbound(LOOPBACK) as way_out:
        yield way_out


# --- requests and answers -----------------------------------------------------------------------


async def test_a_request_arrives_as_it_was_made_and_its_answer_comes_back(
    server: FakeWeb, outbound: Outbound
) -> None:
    url = server.page("/page", b"hello", status=201, ETag='"v1"')
    answer = await outbound.request(
        "POST", url, deadline_s=LONG_S, headers={"X-Mine": "1"}, body=b"in", max_bytes=5
    )
    assert (answer.status, answer.headers["etag"], answer.body) == (201, '"v1"', b"hello")
    asked = server.asked[0]
    assert (asked.method, asked.body, asked.headers["X-Mine"]) == ("POST", b"in", "1")
    assert asked.headers["User-Agent"] == USER_AGENT
    assert asked.headers["Accept-Encoding"] == "identity"


async def test_a_body_is_read_only_when_it_is_wanted_and_the_request_succeeded(
    server: FakeWeb, outbound: Outbound
) -> None:
    found, missing = server.page("/found", b"hello"), server.page("/missing", b"sorry", status=404)
    assert (await get(outbound, found, max_bytes=0)).body == b""
    answer = await get(outbound, missing)
    assert (answer.status, answer.body) == (404, b"")


async def test_cookies_of_one_answer_are_not_sent_with_the_next_request(server: FakeWeb) -> None:
    server.page("/page", Set_Cookie="session=1")
    async with Outbound(LOOPBACK, resolver=Names(files=[LOOPBACK])) as way_out:
        for _ in range(2):
            await get(way_out, f"http://files.example.com:{server.port}/page")
    assert all("Cookie" not in asked.headers for asked in server.asked)


async def test_a_proxy_of_the_environment_is_not_used(
    server: FakeWeb, outbound: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert (await get(outbound, server.page("/page"))).status == 200
        assert proxy.asked == []


async def test_an_authorization_stands_in_for_the_user_of_the_address(
    server: FakeWeb, outbound: Outbound
) -> None:
    url = server.page("/page").replace("//", "//user:secret@")
    await outbound.request("GET", url, deadline_s=LONG_S)
    await outbound.request("GET", url, deadline_s=LONG_S, headers={"Authorization": "Bearer 1"})
    sent = [asked.headers["Authorization"] for asked in server.asked]
    assert sent == ["Basic dXNlcjpzZWNyZXQ=", "Bearer 1"]


# --- servers that misbehave ---------------------------------------------------------------------


async def test_a_server_that_does_not_begin_to_answer_is_given_up(
    server: FakeWeb, outbound: Outbound
) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await server.silence.wait()
        return web.Response()

    url = server.on("/silent", silent)
    for deadline_s, answer_s in ((SOON_S, None), (2 * LONG_S, SOON_S)):
        async with asyncio.timeout(LONG_S):
            with pytest.raises(OutboundError) as failed:
                await outbound.request("GET", url, deadline_s=deadline_s, answer_s=answer_s)
        assert reason_and_fault(failed.value) == ("no answer in time", Fault.TIMEOUT)


async def test_a_server_that_does_not_finish_its_answer_is_given_up(
    server: FakeWeb, outbound: Outbound
) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"some")
        await server.silence.wait()
        return answer

    with pytest.raises(OutboundError) as failed:
        await outbound.request("GET", server.on("/slow", slow), deadline_s=SOON_S, max_bytes=100)
    assert failed.value.fault is Fault.TIMEOUT


async def test_an_answer_that_is_cut_off_is_no_answer(server: FakeWeb, outbound: Outbound) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"some")
        assert request.transport is not None
        request.transport.close()
        return answer

    error = await failure(outbound, server.on("/cut", cut))
    assert reason_and_fault(error) == ("connection lost", Fault.CONNECTIVITY)
    assert error.sent


async def test_a_connection_that_is_not_had_in_time_was_not_sent(outbound: Outbound) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        # What waits to be accepted fills the queue, so that nobody else gets in.
        full = [await _waiting(port) for _ in range(4)]
        with pytest.raises(OutboundError) as failed:
            await outbound.request(
                "GET", f"http://127.0.0.1:{port}/", deadline_s=LONG_S, connect_s=SOON_S
            )
        for each in full:
            each.close()
    assert reason_and_fault(failed.value) == ("no connection in time", Fault.TIMEOUT)
    assert not failed.value.sent


async def _waiting(port: int) -> socket.socket:
    knocking = socket.socket()
    knocking.setblocking(False)
    with suppress(BlockingIOError):
        knocking.connect(("127.0.0.1", port))
    return knocking


async def test_what_is_not_http_is_told_from_a_lost_connection(outbound: Outbound) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        error = await failure(outbound, f"http://127.0.0.1:{port}/")
    assert reason_and_fault(error) == ("not an HTTP answer", Fault.PROTOCOL)


async def test_an_answer_may_be_as_large_as_the_limit_and_no_larger(
    server: FakeWeb, outbound: Outbound
) -> None:
    url = server.page("/page", b"x" * 100)
    assert len((await get(outbound, url, max_bytes=100)).body) == 100
    error = await failure(outbound, url, max_bytes=99)
    assert reason_and_fault(error) == ("larger than 99 bytes", Fault.PROTOCOL)


async def test_an_answer_that_does_not_say_its_size_is_measured(
    server: FakeWeb, outbound: Outbound
) -> None:
    async def chunked(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"x" * 100)
        return answer

    url = server.on("/chunked", chunked)
    assert len((await get(outbound, url, max_bytes=100)).body) == 100
    assert (await failure(outbound, url, max_bytes=99)).reason == "larger than 99 bytes"


async def test_an_answer_that_says_it_is_too_large_is_not_waited_for(
    server: FakeWeb, outbound: Outbound
) -> None:
    async def announced(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "101"})
        await answer.prepare(request)
        await server.silence.wait()
        return answer

    async with asyncio.timeout(LONG_S / 2):
        error = await failure(outbound, server.on("/announced", announced), max_bytes=100)
    assert error.reason == "larger than 100 bytes"


async def test_an_answer_without_end_is_cut_off_at_the_limit(
    server: FakeWeb, outbound: Outbound
) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 1000)

    error = await failure(outbound, server.on("/endless", endless), max_bytes=100_000)
    assert error.reason == "larger than 100000 bytes"


async def test_a_compressed_answer_is_not_unpacked(server: FakeWeb, outbound: Outbound) -> None:
    error = await failure(outbound, server.page("/page", b"x", Content_Encoding="gzip"))
    assert reason_and_fault(error) == ("compressed answer", Fault.PROTOCOL)


async def test_a_server_without_a_trusted_certificate_is_not_asked(
    tmp_path: Path, outbound: Outbound
) -> None:
    async with serving(self_signed(tmp_path)) as server:
        error = await failure(outbound, server.page("/page"))
        assert reason_and_fault(error) == ("TLS certificate not trusted", Fault.PROTOCOL)
        assert server.asked == []


async def test_a_server_that_speaks_no_tls_is_told_from_an_untrusted_one(
    server: FakeWeb, outbound: Outbound
) -> None:
    error = await failure(outbound, server.url.replace("http:", "https:"))
    assert reason_and_fault(error) == ("no TLS connection", Fault.PROTOCOL)


async def test_a_failed_connection_is_told_from_a_failed_request(outbound: Outbound) -> None:
    async with serving() as gone:
        closed = gone.url
    error = await failure(outbound, closed)
    assert reason_and_fault(error) == ("no connection", Fault.CONNECTIVITY)
    assert not error.sent


async def test_a_name_that_nobody_knows_is_named_as_such() -> None:
    async with Outbound(resolver=Names()) as way_out:
        error = await failure(way_out, "http://nowhere.example.com/")
    assert reason_and_fault(error) == ("host not found", Fault.CONNECTIVITY)
    assert not error.sent


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's TLS with a certificate that no authority knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2099))
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "server.pem"
    file.write_bytes(secret + certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return context


# --- what is told and kept ----------------------------------------------------------------------


async def test_an_error_holds_no_credentials(outbound: Outbound) -> None:
    async with serving() as gone:
        closed = gone.url.replace("//", "//canary:canary@")
    error = await failure(outbound, f"{closed}/files/hello.wav?token=canary#canary")
    assert str(error) == (
        f"outbound: connectivity: no connection: {closed.replace('canary:canary@', '')}"
        "/files/hello.wav"
    )
    assert error.__suppress_context__


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("HTTPS://u:p@example.com:8443/a?b#c", "https://example.com:8443/a"),
        ("data:audio/wav;base64,AAAA", "data: address"),
        ("http://[", "a malformed address"),
        ("http://example.com/" + "a" * 500, "http://example.com/" + "a" * 181),
    ],
)
def test_addresses_are_shown_without_what_may_be_secret(url: str, text: str) -> None:
    assert shown(url) == text


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, Fault.INVALID_REQUEST),
        (302, Fault.INVALID_REQUEST),
        (401, Fault.AUTHENTICATION),
        (402, Fault.QUOTA),
        (403, Fault.AUTHORIZATION),
        (404, Fault.NOT_FOUND),
        (408, Fault.TIMEOUT),
        (410, Fault.NOT_FOUND),
        (429, Fault.RATE_LIMIT),
        (500, Fault.SERVER),
        (503, Fault.SERVER),
    ],
)
def test_a_status_says_why_a_service_failed(status: int, fault: Fault) -> None:
    assert fault_of_status(status) is fault


def test_each_event_loop_has_its_own_connections() -> None:
    way_out = Outbound(LOOPBACK)

    async def ask() -> int:
        async with serving() as server:
            try:
                return (await get(way_out, server.page("/page"))).status
            finally:
                await way_out.close()
                await way_out.close()

    assert [asyncio.run(ask()) for _ in range(2)] == [200, 200]


# --- the way out of the process -----------------------------------------------------------------


async def test_a_process_has_one_way_out_and_it_leads_where_the_settings_allow(
    server: FakeWeb, loopback: Outbound
) -> None:
    assert net.outbound() is loopback
    assert (await get(loopback, server.page("/page"))).status == 200
    net.configure(())
    async with net.outbound() as other:
        refused = await failure(other, server.page("/page"))
    assert reason_and_fault(refused) == ("address not allowed", Fault.INVALID_REQUEST)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_websocket_is_opened_where_it_was_asked_for_or_not_at_all(
    server: FakeWeb, outbound: Outbound, status: int
) -> None:
    async with serving() as elsewhere:
        url = server.page("/bot", status=status, Location=f"{elsewhere.url}/other?a=1")
        with pytest.raises(OutboundError, match="refused with a redirect") as error:
            await outbound.websocket(url, deadline_s=LONG_S, max_bytes=100)
        assert error.value.fault is Fault.PROTOCOL
        assert elsewhere.asked == []
    # Requests of the same task are not concerned.
    assert (await get(outbound, server.page("/plain", b"x"))).status == 200
