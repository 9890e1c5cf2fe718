"""The one way out of the gateway for requests to addresses that bots or operators name.

Whoever may name an address could name one that only the gateway's own network reaches, such as a
database or a cloud's metadata service (OWASP: server-side request forgery). So each connection is
checked where it is made: the socket for an address is only handed out when that very address may be
reached. What a name resolved to a moment before, redirects and other spellings of an address make
no difference there.
"""

import asyncio
import errno
import re
import socket
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import Self

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from bots.core.addresses import Destinations
from bots.core.errors import Fault, ServiceError

USER_AGENT = "voice-ai-gateway"
_READ_BYTES = 65_536
_SHOWN_CHARACTERS = 200
_SOCKET_SCHEME = re.compile(r"^ws(s?)://", re.I)

_host_allowed: ContextVar[bool] = ContextVar("_host_allowed")
"""Whether the host of the request in hand is allowed by name."""
_upgraded: ContextVar[list[URL] | None] = ContextVar("_upgraded", default=None)
"""Where the WebSocket in hand was asked for; None: the request in hand is for none."""


class OutboundError(ServiceError):
    """A request came to no answer.

    ``reason`` is fit for whoever named the address; ``sent`` False: no connection was made, so
    nothing of the request went out. ``status`` and ``headers``: of the answer that refused a
    WebSocket; 0 when there was none.
    """

    def __init__(
        self,
        fault: Fault,
        reason: str,
        url: str,
        *,
        sent: bool = True,
        status: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__("outbound", fault, f"{reason}: {shown(url)}")
        self.reason = reason
        self.sent = sent
        self.status = status
        self.headers = headers or {}


class Answer(msgspec.Struct, frozen=True):
    """What a server answered; ``headers`` are found by name in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outbound:
    """Makes requests to public addresses and to those that ``allow`` adds.

    ``allow`` is that of `Destinations`. TLS certificates are verified; proxies and password files
    of the environment and cookies are not used. There is one pool of connections per event loop;
    `close` it before the loop ends.

    Raises:
        ValueError: as `Destinations`.
    """

    def __init__(
        self, allow: Iterable[str] = (), *, resolver: AbstractResolver | None = None
    ) -> None:
        self._allowed = Destinations(allow)
        self._resolver = resolver
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        deadline_s: float,
        answer_s: float | None = None,
        connect_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        redirects: int = 0,
        max_bytes: int = 0,
        verify_tls: bool = True,
    ) -> Answer:
        """Ask ``url`` and read the answer.

        A connection has to be had within ``connect_s``, the head of the answer within ``answer_s``,
        all of it within ``deadline_s``. The body is read when the status is 2xx and ``max_bytes``
        is not 0. An Authorization among ``headers`` stands in for a user name in ``url`` and is
        dropped where a redirect leads to another origin.

        Raises:
            OutboundError: no answer came, or one that is larger than ``max_bytes``.
        """
        try:
            target = _target(url, headers or {})
            async with asyncio.timeout(deadline_s):
                async with asyncio.timeout(answer_s):
                    answer = await self._session().request(
                        method,
                        target,
                        headers=headers,
                        data=body,
                        allow_redirects=redirects > 0,
                        ssl=verify_tls,
                        max_redirects=redirects + 1,  # NB aiohttp gives up at this one
                        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
                    )
                return await _complete(answer, max_bytes)
        # ValueError: the address, or one that a redirect leads to, is malformed.
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _outbound_error(error, url) from None

    async def websocket(
        self,
        url: str,
        *,
        deadline_s: float,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        protocols: Iterable[str] = (),
        heartbeat_s: float | None = None,
        verify_tls: bool = True,
    ) -> aiohttp.ClientWebSocketResponse:
        """Connect to ``url`` (ws, wss, or http and https, which mean the same) without compression.

        The handshake has to be done within ``deadline_s``; a message larger than ``max_bytes``
        closes the connection. ``heartbeat_s``: how often the peer is pinged; it has half of that to
        answer. Redirects are not followed: they could lead to where there is no TLS.

        Raises:
            OutboundError: there is no connection; ``status`` is that of an answer that refused it.
        """
        try:
            target = _target(_SOCKET_SCHEME.sub(r"http\1://", url), headers or {})
            _upgraded.set([])
            async with asyncio.timeout(deadline_s):
                return await self._session().ws_connect(
                    target,
                    headers=headers,
                    protocols=tuple(protocols),
                    heartbeat=heartbeat_s,
                    max_msg_size=max_bytes,
                    compress=0,
                    autoping=True,
                    ssl=verify_tls,
                )
        except aiohttp.WSServerHandshakeError as error:
            fault = fault_of_status(error.status) if error.status >= 400 else Fault.PROTOCOL
            reason = f"refused with HTTP status {error.status}"
            raise OutboundError(
                fault, reason, url, status=error.status, headers=error.headers or {}
            ) from None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _outbound_error(error, url) from None
        finally:
            _upgraded.set(None)

    def admits(self, host: str, address: str) -> bool:
        """Whether ``host`` may be reached at ``address``, which it resolved to."""
        return self._allowed.names(host) or self._allowed.includes(address)

    async def close(self) -> None:
        """Close the connections of the running event loop; safe to call twice."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            session = self._sessions[loop] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    socket_factory=self._socket,
                    resolver=self._resolver,
                    use_dns_cache=False,
                    limit=0,  # a server that never answers must not keep others waiting
                ),
                middlewares=(self._note_host,),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                # A few compressed bytes could become more than memory holds.
                auto_decompress=False,
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            )
        return session

    async def _note_host(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Comes before each request, those of redirects too."""
        if (asked := _upgraded.get()) is not None:
            asked.append(request.url)
            if request.url != asked[0]:
                raise _Redirected
        _host_allowed.set(self._allowed.names(request.url.raw_host or ""))
        return await handler(request)

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if not (_host_allowed.get() or self._allowed.includes(str(address[0]))):
            raise _AddressRefused(errno.EACCES, NOT_ALLOWED)
        return socket.socket(family, kind, protocol)


NOT_ALLOWED = "address not allowed"
UNTRUSTED = "TLS certificate not trusted"

_allow: tuple[str, ...] = ()
_outbound: Outbound | None = None


def configure(allow: Iterable[str]) -> None:
    """Set what `outbound` may reach beside public addresses; done once, when the process starts."""
    global _allow, _outbound
    _allow, _outbound = tuple(allow), None


def outbound() -> Outbound:
    """The way out of this process, for connectors and calls; whoever ends the calls closes it."""
    global _outbound
    if _outbound is None:
        _outbound = Outbound(_allow)
    return _outbound


class _AddressRefused(OSError):
    """No socket for this address."""


class _Redirected(aiohttp.ClientError):
    """A WebSocket is to be somewhere else."""


class _Unreadable(aiohttp.ClientError):
    """The body of an answer is too large or compressed; its text says so."""


def _target(url: str, headers: Mapping[str, str]) -> URL:
    target = URL(url)
    if target.scheme not in ("http", "https"):
        raise ValueError(target.scheme)
    return target.with_user(None) if "Authorization" in headers else target


def shown(url: str) -> str:
    """``url`` as errors and logs may hold it: without user, password, query and fragment."""
    try:
        target = URL(url)
        if target.scheme not in ("http", "https", "ws", "wss"):
            return f"{target.scheme}: address"
        plain = target.with_user(None).with_query(None).with_fragment(None)
    except ValueError:
        return "a malformed address"
    return str(plain)[:_SHOWN_CHARACTERS]


def fault_of_status(status: int) -> Fault:
    """What an HTTP status other than success says about a service (RFC 9110, section 15)."""
    if status >= 500:
        return Fault.SERVER
    return _FAULTS.get(status, Fault.INVALID_REQUEST)


_FAULTS = {
    401: Fault.AUTHENTICATION,
    402: Fault.QUOTA,
    403: Fault.AUTHORIZATION,
    404: Fault.NOT_FOUND,
    408: Fault.TIMEOUT,
    410: Fault.NOT_FOUND,
    429: Fault.RATE_LIMIT,
}


async def _complete(answer: aiohttp.ClientResponse, max_bytes: int) -> Answer:
    async with answer:
        wanted = 200 <= answer.status < 300 and max_bytes > 0
        body = await _read(answer, max_bytes) if wanted else b""
        return Answer(answer.status, answer.headers, body)


async def _read(answer: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """The body, of which not more than ``max_bytes`` and a piece are ever held."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _Unreadable("compressed answer")
    body = bytearray()
    if (answer.content_length or 0) <= max_bytes:
        async for piece in answer.content.iter_chunked(_READ_BYTES):
            body += piece
            if len(body) > max_bytes:
                break
        else:
            return bytes(body)
    raise _Unreadable(f"larger than {max_bytes} bytes")


def _outbound_error(error: Exception, url: str) -> OutboundError:
    if isinstance(error, _Unreadable):
        return OutboundError(Fault.PROTOCOL, str(error), url)
    if isinstance(error, _Redirected):
        return OutboundError(Fault.PROTOCOL, "refused with a redirect", url)
    sent = True
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return OutboundError(Fault.TIMEOUT, "no connection in time", url, sent=False)
    if isinstance(error, aiohttp.ClientConnectorError):
        sent = False
        if isinstance(error.os_error, _AddressRefused):
            return OutboundError(Fault.INVALID_REQUEST, NOT_ALLOWED, url, sent=sent)
    fault, reason = next(cause for kinds, cause in _CAUSES if isinstance(error, kinds))
    return OutboundError(fault, reason, url, sent=sent)


# The first that fits; aiohttp's errors are several things at once.
_CAUSES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], tuple[Fault, str]], ...] = (
    (aiohttp.ClientConnectorCertificateError, (Fault.PROTOCOL, UNTRUSTED)),
    (aiohttp.ClientSSLError, (Fault.PROTOCOL, "no TLS connection")),
    (aiohttp.ClientConnectorDNSError, (Fault.CONNECTIVITY, "host not found")),
    (aiohttp.ClientConnectorError, (Fault.CONNECTIVITY, "no connection")),
    (TimeoutError, (Fault.TIMEOUT, "no answer in time")),
    (
        (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError, ValueError),
        (Fault.INVALID_REQUEST, "not an http or https address"),
    ),
    (aiohttp.TooManyRedirects, (Fault.PROTOCOL, "too many redirects")),
    (aiohttp.ClientResponseError, (Fault.PROTOCOL, "not an HTTP answer")),
    (aiohttp.ClientError, (Fault.CONNECTIVITY, "connection lost")),
)
