"""When the certificates end that the gateway's own address and its providers show.

They are only read, not judged: whether one is trusted is for those who connect. Addresses of
providers are asked through the guard of `bots.net`; the gateway's own address is the operator's.
"""

import asyncio
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import structlog
from cryptography import x509
from django.conf import settings

from bots.models import Provider
from bots.net import outbound

ASK_S = 5.0
EVERY = timedelta(days=1)
AGAIN = timedelta(hours=1)
"""When one that could not be read, or that ends soon, is read again."""
SOON = timedelta(days=30)
MOST = 200
AT_ONCE = 20
_TLS = {"https": 443, "wss": 443, "grpcs": 443}

log = structlog.get_logger(__name__)


class Place(NamedTuple):
    """Who shows a certificate; ``ours``: the gateway itself."""

    host: str
    port: int
    ours: bool = False

    def __str__(self) -> str:
        return self.host if self.port == 443 else f"{self.host}:{self.port}"


class Unread(Exception):
    """The certificate could not be had; the text says why."""


class Certificates:
    """What is known of them in this process; `look` reads what is due, at most daily."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[str, datetime] = {}
        self._due: dict[str, datetime] = {}

    def look(self, now: datetime) -> None:
        """Read those that are due; what could be read before stays known."""
        # NB of equal addresses the first stays: our own, which no guard keeps us from.
        there = {str(place): place for place in reversed(places())}
        due = [there[name] for name in there if self._due.get(name, now) <= now]
        read = asyncio.run(_read(due)) if due else {}
        with self._lock:
            self._ends = {name: end for name, end in self._ends.items() if name in there}
            self._ends |= read
            for place in due:
                steady = read.get(str(place), now) - now > SOON
                self._due[str(place)] = now + (EVERY if steady else AGAIN)
            self._due = {name: at for name, at in self._due.items() if name in there}

    def vitals(self) -> dict[str, str]:
        """The end of each, for the lease of this process."""
        with self._lock:
            return {name: end.isoformat() for name, end in self._ends.items()}


def places() -> list[Place]:
    """The addresses that show a certificate: ours, and those that providers are configured with."""
    found = dict.fromkeys(_in(settings.PUBLIC_URL, ours=True))
    for params in Provider.objects.order_by("name").values_list("params", flat=True):
        found |= dict.fromkeys(each for value in _texts(params) for each in _in(value))
    return list(found)[:MOST]


def _texts(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from _texts(value)
    elif isinstance(values, list):
        for value in values:
            yield from _texts(value)


def _in(text: str, *, ours: bool = False) -> Iterator[Place]:
    try:
        parts = urlsplit(text)
        if parts.scheme.lower() in _TLS and parts.hostname:
            port = parts.port or _TLS[parts.scheme.lower()]
            yield Place(parts.hostname, port, ours)
    except ValueError:
        return


async def _read(wanted: list[Place]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    room = asyncio.Semaphore(AT_ONCE)

    async def read(place: Place) -> None:
        async with room:
            try:
                found[str(place)] = await end_of(place)
            except Unread as why:
                log.info("certificate.unread", place=str(place), reason=str(why))

    await asyncio.gather(*map(read, wanted))
    return found


async def end_of(place: Place) -> datetime:
    """Until when the certificate is good that ``place`` shows.

    Raises:
        Unread: there is none to be had within `ASK_S`.
    """
    try:
        async with asyncio.timeout(ASK_S):
            _reader, writer = await asyncio.open_connection(
                await _address(place), place.port, ssl=_indifferent(), server_hostname=place.host
            )
            try:
                der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
                return x509.load_der_x509_certificate(der).not_valid_after_utc
            finally:
                writer.transport.abort()
    except (OSError, ValueError, TypeError) as error:  # a timeout is an OSError
        raise Unread(type(error).__name__) from None


async def _address(place: Place) -> str:
    infos = await asyncio.get_running_loop().getaddrinfo(place.host, place.port)
    for *_rest, address in infos:
        if place.ours or outbound().admits(place.host, str(address[0])):
            return str(address[0])
    raise Unread("address not allowed")


def _indifferent() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


CERTIFICATES = Certificates()
"""Those of this process."""
