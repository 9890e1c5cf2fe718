"""Notifier ``syslog``: a message for each notice, over UDP, TCP or TLS.

Source: RFC 5424 (format), RFC 5426 (UDP), RFC 6587 (TCP, octet counting), RFC 5425 (TLS).
"""

import asyncio
import os
import re
import socket
import ssl
from contextlib import suppress
from datetime import UTC
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from alarms.core.plain import cut, host_name, one_line
from alarms.core.ports import Notice
from alarms.core.severity import Severity
from bots.core import registry
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.params.declare import BESIDE_CREDENTIALS, Param, ParamSet
from bots.core.registry import NoParams

DEADLINE_S = 9.0
MAX_OCTETS = 2048
"""Of a message: what every receiver should take (RFC 5424, 6.1)."""
ENTERPRISE = "voiceAiGateway@8072"
"""The name of our structured data; a name with an @ belongs to a private enterprise number, here
that which net-snmp lets everybody try things out under."""

_VALUE_OCTETS = 150
"""Of a value of structured data, so that all of them fit into a message even when each character
needs another one before it."""
_SERVICE = "notifier:syslog"
_FACILITIES = {f"local{number}": 16 + number for number in range(8)} | {"daemon": 3, "user": 1}
_SEVERITIES = {
    Severity.CRITICAL: 2,
    Severity.MAJOR: 3,
    Severity.MINOR: 4,
    Severity.WARNING: 4,
    Severity.INDETERMINATE: 5,
    Severity.CLEAR: 5,
}
"""Syslog's severities: 2 critical, 3 error, 4 warning, 5 notice (RFC 5424, 6.2.1; RFC 5674)."""


class SyslogParams(ParamSet):
    """Where log messages about alarms are sent."""

    SECTION: ClassVar[str] = "Alarm syslog"

    host: Annotated[
        str,
        AfterValidator(host_name),
        Param(help="Host name or address of the receiver.", levels=BESIDE_CREDENTIALS),
    ] = Field("", alias="syslogHost", max_length=253)
    port: Annotated[
        int,
        Param(
            help="Port of the receiver: usually 514 with udp and tcp, 6514 with tls.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field(514, alias="syslogPort", ge=1, le=65_535)
    transport: Annotated[
        Literal["udp", "tcp", "tls"],
        Param(
            help="udp: sent without any sign that it arrived. tcp and tls: connected; tls: "
            "encrypted.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field("udp", alias="syslogTransport")
    verify: Annotated[
        bool,
        Param(
            help="Whether the receiver's certificate must be trusted, with tls.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field(default=True, alias="syslogVerifyTls")
    facility: Annotated[
        Literal[
            "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
            "daemon", "user",
        ],
        Param(help="Facility of the messages.", levels=BESIDE_CREDENTIALS),
    ] = Field("local0", alias="syslogFacility")  # fmt: skip


@registry.register(
    "notifier",
    "syslog",
    "Syslog",
    summary="Log messages as RFC 5424 says, with type, source and severity as structured data.",
    params=SyslogParams,
)
class Syslog:
    """Sends messages to one receiver; a connection is kept.

    Raises:
        ParameterError: the receiver is missing.
    """

    confirmed: ClassVar[bool] = False

    def __init__(self, params: SyslogParams, credentials: NoParams) -> None:
        if not params.host:
            raise ParameterError({"syslogHost": "is needed"})
        self._params = params
        self._one = asyncio.Lock()
        self._stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, notice: Notice) -> None:
        """Send the message about ``notice``.

        Raises:
            ServiceError: it could not be sent.
        """
        message = message_of(notice, _FACILITIES[self._params.facility])
        try:
            async with asyncio.timeout(DEADLINE_S), self._one:
                if self._params.transport == "udp":
                    await self._send_datagram(message)
                else:
                    await self._send_counted(message)
        except TimeoutError:
            await self.close()
            raise ServiceError(_SERVICE, Fault.TIMEOUT, "no connection in time") from None
        except OSError as error:
            await self.close()
            raise ServiceError(_SERVICE, Fault.CONNECTIVITY, _reason(error)) from None

    async def _send_datagram(self, message: bytes) -> None:
        loop = asyncio.get_running_loop()
        params = self._params
        found = await loop.getaddrinfo(params.host, params.port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as own:
            own.settimeout(0)
            await loop.sock_sendto(own, message, address)

    async def _send_counted(self, message: bytes) -> None:
        reader, writer = await self._connected()
        writer.write(b"%d %s" % (len(message), message))
        await writer.drain()
        # NB a receiver that has gone says so in the next turn of the loop at the earliest.
        await asyncio.sleep(0)
        if reader.at_eof() or writer.is_closing():
            raise ConnectionResetError

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._stream is not None:
            reader, writer = self._stream
            if not (reader.at_eof() or writer.is_closing()):
                return self._stream
            await self.close()
        params = self._params
        self._stream = await asyncio.open_connection(
            params.host, params.port, ssl=self._tls(), limit=1024
        )
        return self._stream

    def _tls(self) -> ssl.SSLContext | None:
        if self._params.transport != "tls":
            return None
        context = ssl.create_default_context()
        if not self._params.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def close(self) -> None:
        """Close the connection."""
        if self._stream is not None:
            _, writer = self._stream
            self._stream = None
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await writer.wait_closed()


def message_of(notice: Notice, facility: int) -> bytes:
    """The message about ``notice``, at most `MAX_OCTETS` long."""
    priority = facility * 8 + _SEVERITIES[notice.severity]
    moment = notice.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    name = _word(notice.gateway, 64)
    head = f"<{priority}>1 {moment} {name} voice-ai-gateway {os.getpid()} {_word(notice.type, 32)}"
    fields = {
        "type": notice.type,
        "source": notice.source,
        "severity": notice.severity.word,
        "change": notice.kind,
        "alarmId": notice.alarm_id,
        "sequence": str(notice.seq),
        "raised": notice.raised_at.astimezone(UTC).isoformat(),
        "cause": notice.cause,
        "runbook": notice.runbook_url,
    }
    told = " ".join(f'{name}="{_value(value)}"' for name, value in fields.items())
    severity = "CLEAR" if notice.kind == "cleared" else notice.severity.word.upper()
    message = f"{head} [{ENTERPRISE} {told}] \ufeff{severity} {one_line(notice.text)}"
    return cut(message, MAX_OCTETS)


def _word(text: str, most: int) -> str:
    """``text`` as a word of the header: visible ASCII, nothing: ``-``."""
    return re.sub(r"[^\x21-\x7e]", "_", text)[:most] or "-"


def _value(text: str) -> str:
    return re.sub(r'(["\\\]])', r"\\\1", cut(one_line(text[:300]), _VALUE_OCTETS).decode())


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its TLS certificate is not trusted"
    if isinstance(error, socket.gaierror):
        return "its name cannot be resolved"
    return f"no connection: {error.strerror or type(error).__name__}"[:200]
