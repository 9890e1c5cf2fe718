"""Alarms as log messages, over each transport."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from alarms.core.severity import Severity
from alarms.notifiers.syslog import MAX_OCTETS, Syslog, SyslogParams, message_of
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.registry import NoParams
from tests.alarms.notices import HOSTILE, notice
from tests.fakes.stream_server import listening

pytestmark = [pytest.mark.wire, pytest.mark.once]

MESSAGE = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<time>\S+) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) "
    r"(?P<process>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
    r'\[(?P<sd>[!-~]{1,32})(?P<data>( [!-~]{1,32}="([^"\\\]]|\\["\\\]])*")*)\] '
    "\ufeff(?P<text>.*)"
)
"""A message of RFC 5424, section 6."""


def read(message: bytes) -> dict[str, Any]:
    """The parts of ``message``, structured data by name."""
    match = MESSAGE.fullmatch(message.decode())
    assert match is not None, message
    pairs = re.findall(r'(\w+)="((?:[^"\\\]]|\\.)*)"', match["data"])
    data = {name: re.sub(r"\\(.)", r"\1", value) for name, value in pairs}
    return match.groupdict() | {"data": data}


def syslog(port: int, transport: str, *, verify: bool = False) -> Syslog:
    values = {
        "syslogHost": "127.0.0.1",
        "syslogPort": port,
        "syslogTransport": transport,
        "syslogVerifyTls": verify,
    }
    return Syslog(SyslogParams.model_validate(values), NoParams())


class Frames:
    """A receiver of counted messages (RFC 6587, 3.4.1)."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[bytes] = asyncio.Queue()
        self.connections: list[asyncio.StreamWriter] = []

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            while True:
                size = int(await reader.readuntil(b" "))
                self.messages.put_nowait(await reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(10):
            return read(await self.messages.get())


@asynccontextmanager
async def receiver(tls: Any = None) -> AsyncIterator[tuple[Frames, int]]:
    frames = Frames()
    server = await asyncio.start_server(frames.take, "127.0.0.1", 0, ssl=tls)
    async with listening(server) as port:
        yield frames, port
        for writer in frames.connections:
            writer.close()


async def test_a_datagram_tells_all() -> None:
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    class Datagrams(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, addr: Any) -> None:
            arrived.put_nowait(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
    await syslog(transport.get_extra_info("sockname")[1], "udp").send(notice())
    async with asyncio.timeout(10):
        found = read(await arrived.get())
    transport.close()
    assert found["priority"] == str(16 * 8 + 3)
    assert found["time"] == "2026-05-04T12:00:01.250Z"
    assert (found["host"], found["app"]) == ("voice.example.com", "voice-ai-gateway")
    assert found["id"] == "sttProviderFailure"
    assert found["text"] == "MAJOR Speech recognition of azure-1 fails: timeout"
    assert found["data"]["type"] == "sttProviderFailure"
    assert found["data"]["source"] == "provider:azure-1"
    assert found["data"]["severity"] == "major"
    assert found["data"]["alarmId"] == notice().alarm_id


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_a_connection_is_kept_and_made_anew(
    transport: str, certificate: ssl.SSLContext
) -> None:
    tls = certificate if transport == "tls" else None
    async with receiver(tls) as (frames, port):
        notifier = syslog(port, transport)
        await notifier.send(notice())
        await notifier.send(notice(kind="cleared", severity=Severity.CLEAR, text="zwölf\nHasen"))
        assert (await frames.next())["text"].startswith("MAJOR ")
        assert (await frames.next())["text"] == "CLEAR zwölf Hasen"
        assert len(frames.connections) == 1
        frames.connections[0].close()
        stream = notifier._stream
        assert stream is not None
        async with asyncio.timeout(10):
            await stream[0].read()
        await notifier.send(notice(kind="changed", severity=Severity.CRITICAL))
        assert (await frames.next())["text"].startswith("CRITICAL ")
        assert len(frames.connections) == 2
        await notifier.close()


async def test_a_receiver_that_is_away_or_not_trusted(certificate: ssl.SSLContext) -> None:
    async with receiver(certificate) as (_, port):
        with pytest.raises(ServiceError, match="certificate is not trusted"):
            await syslog(port, "tls", verify=True).send(notice())
    with pytest.raises(ServiceError, match="no connection") as failure:
        await syslog(port, "tcp").send(notice())
    assert failure.value.fault is Fault.CONNECTIVITY
    nowhere = SyslogParams.model_validate({"syslogHost": "nowhere.invalid"})
    with pytest.raises(ServiceError, match="cannot be resolved"):
        await Syslog(nowhere, NoParams()).send(notice())


@pytest.mark.parametrize(
    ("severity", "number"),
    [
        (Severity.CRITICAL, 2),
        (Severity.MAJOR, 3),
        (Severity.MINOR, 4),
        (Severity.WARNING, 4),
        (Severity.INDETERMINATE, 5),
        (Severity.CLEAR, 5),
    ],
)
def test_severities_are_those_of_syslog(severity: Severity, number: int) -> None:
    found = read(message_of(notice(severity=severity), 3))
    assert found["priority"] == str(3 * 8 + number)


def test_hostile_texts_stay_where_they_belong() -> None:
    names = ("text", "source", "detail", "gateway", "type", "cause", "runbook_url")
    message = message_of(notice(**dict.fromkeys(names, HOSTILE)), 16)
    assert len(message) <= MAX_OCTETS
    found = read(message)
    assert found["data"]["source"].startswith("a b  To: c ")
    assert found["data"]["severity"] == "major"
    assert "\n" not in message.decode()


def test_a_receiver_is_needed() -> None:
    with pytest.raises(ParameterError) as refused:
        Syslog(SyslogParams(), NoParams())
    assert refused.value.problems.keys() == {"syslogHost"}
