"""The way to a bot: its name, a connection, TLS; as far as the gateway may go."""

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import msgspec
from cryptography import x509
from yarl import URL

from bots.conformance.examination import Examination
from bots.net import outbound

CHECKS = ("address", "dns", "tcp", "tls")
SLOW_MS = 1000
SOON_DAYS = 14
_SECURE = ("https", "wss")


class Endpoint(msgspec.Struct, frozen=True):
    """Where a bot is; ``verify`` False: its certificate need not be trusted."""

    url: str
    verify: bool = True


async def check_way(exam: Examination, endpoint: Endpoint) -> None:
    """Resolve, connect, look at the certificate; what cannot be reached stops the run."""
    if not endpoint.url:
        exam.fail("address", "no address is set in the provider")
        exam.stopped = "nobody has said where the bot is"
        return
    target = URL(endpoint.url)
    host = target.raw_host or ""
    port = target.port or (443 if target.scheme in _SECURE else 80)
    exam.ok("address", host=host, port=port)
    address = await _resolved(exam, host, port)
    if address and await _connected(exam, address, port):
        await _secured(exam, endpoint, host, address, port)
    else:
        exam.stopped = "the bot cannot be reached"


async def _resolved(exam: Examination, host: str, port: int) -> str:
    """An address that the gateway may connect to; empty: there is none."""
    exam.begin("dns")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(exam.timing.connect_s):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        exam.fail("dns", f"no answer within {exam.timing.connect_s:g} s")
        return ""
    except (OSError, UnicodeError):
        exam.fail("dns", f"{host} is not known")
        return ""
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    allowed = [each for each in addresses if outbound().admits(host, each)]
    shown = ", ".join(addresses[:4])
    if not allowed:
        exam.fail("dns", "the gateway may not go to this address", addresses=shown)
        return ""
    exam.ok("dns", addresses=shown)
    return allowed[0]


async def _connected(exam: Examination, address: str, port: int) -> bool:
    exam.begin("tcp")
    began = time.perf_counter()
    try:
        async with asyncio.timeout(exam.timing.connect_s):
            _, writer = await asyncio.open_connection(address, port)
    except TimeoutError:
        exam.fail("tcp", f"no connection to port {port} within {exam.timing.connect_s:g} s")
        return False
    except OSError:
        exam.fail("tcp", f"no connection to port {port}")
        return False
    writer.close()
    ms = round((time.perf_counter() - began) * 1000)
    if ms > SLOW_MS:
        exam.warn("tcp", f"it took {ms} ms to connect", address=address)
    else:
        exam.ok("tcp", address=address)
    return True


# --- TLS ------------------------------------------------------------------------------------------


class _Certificate(msgspec.Struct, frozen=True):
    der: bytes
    version: str


async def _secured(
    exam: Examination, endpoint: Endpoint, host: str, address: str, port: int
) -> None:
    exam.begin("tls")
    if URL(endpoint.url).scheme not in _SECURE:
        if ip_address(address.partition("%")[0]).is_loopback:
            exam.skip("no TLS is used on this machine", "tls")
        else:
            exam.warn("tls", "no TLS: anybody on the way can read the talk and the token")
        return
    problem = ""
    shown: _Certificate | None
    try:
        shown = await _certificate(exam, host, address, port, verify=True)
    except ssl.SSLCertVerificationError as error:
        problem = error.verify_message
        shown = await _unverified(exam, host, address, port)
    except OSError as error:  # NB a TimeoutError is one
        exam.fail("tls", f"no TLS connection: {_reason(error)}")
        exam.stopped = "there is no TLS connection to the bot"
        return
    _grade_certificate(exam, shown, problem, trusted_anyway=not endpoint.verify)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or "not understood"
    return "no answer in time" if isinstance(error, TimeoutError) else "the connection was lost"


async def _unverified(exam: Examination, host: str, address: str, port: int) -> _Certificate | None:
    try:
        return await _certificate(exam, host, address, port, verify=False)
    except OSError:
        return None


async def _certificate(
    exam: Examination, host: str, address: str, port: int, *, verify: bool
) -> _Certificate:
    """What the server at ``address`` shows as ``host``; nothing else is sent."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(exam.timing.connect_s):
        _, writer = await asyncio.open_connection(address, port, ssl=context, server_hostname=host)
    try:
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        der = connection.getpeercert(binary_form=True) or b""
        return _Certificate(der, connection.version() or "")
    finally:
        writer.transport.abort()


def _grade_certificate(
    exam: Examination, shown: _Certificate | None, problem: str, *, trusted_anyway: bool
) -> None:
    facts: dict[str, Any] = {}
    days = SOON_DAYS
    with suppress(ValueError):  # one that only OpenSSL understands
        if shown is not None:
            certificate = x509.load_der_x509_certificate(shown.der)
            days = (certificate.not_valid_after_utc - datetime.now(UTC)).days
            facts = {
                "subject": certificate.subject.rfc4514_string(),
                "issuer": certificate.issuer.rfc4514_string(),
                "expires": certificate.not_valid_after_utc.date().isoformat(),
                "version": shown.version,
            }
    if problem and trusted_anyway:
        exam.warn("tls", f"not trusted, but allowed by botAllowSelfSignedCert: {problem}", **facts)
    elif problem:
        exam.fail("tls", f"the certificate is not trusted: {problem}", **facts)
        exam.stopped = "the gateway does not talk to a bot whose certificate is not trusted"
    elif days < SOON_DAYS:
        exam.warn("tls", f"the certificate expires in {days} days", **facts)
    else:
        exam.ok("tls", **facts)
