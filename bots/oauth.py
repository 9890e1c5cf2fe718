"""Proving the gateway to a bot or a carrier: a permanent token, or OAuth 2.0 client credentials.

A token that was fetched serves all calls of the process. It is renewed by the first who uses it
after `RENEWED_AFTER` of its life, while the others go on with it; when there is none to go on with,
they wait for that one request. Source: RFC 6749, section 4.4; RFC 6750.
"""

import asyncio
import re
from collections import OrderedDict
from datetime import UTC, datetime
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import msgspec
from pydantic import SecretStr

from bots.core import noticing
from bots.core.delivering import retry_after_s
from bots.core.errors import Fault, ServiceError
from bots.net import Answer, Outbound, OutboundError, fault_of_status, outbound, shown

SERVICE = "oauth"
TOKEN_S = 5.0
"""How long a token server may take for a token."""
RENEWED_AFTER = 0.8
"""Part of a token's life after which it is renewed."""
ASSUMED_LIFE_S = 300.0
"""How long a token lives that does not say so."""
LONGEST_LIFE_S = 86_400.0
PAUSE_S = 1.0
"""How long nobody asks again after no token could be had, unless the server says how long."""
LONGEST_PAUSE_S = 30.0
MAX_ANSWER_BYTES = 65_536
MAX_SOURCES = 500
"""Token sources kept per event loop; those that were not used for longest are dropped."""

_VISIBLE = re.compile(r"[\x21-\x7e]{1,16000}")


class ClientCredentials(msgspec.Struct, frozen=True, kw_only=True):
    """A client of a token server; ``scope`` empty: none is asked for."""

    token_url: str
    client_id: str
    client_secret: SecretStr
    scope: str = ""


class _Token(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: float | str | None = None


class _NoToken(ServiceError):
    """None can be had; nobody asks again for ``pause_s``."""

    def __init__(self, fault: Fault, reason: str, pause_s: float = PAUSE_S) -> None:
        super().__init__(SERVICE, fault, f"The OAuth server gives no token: {reason}")
        self.pause_s = pause_s


class TokenSource:
    """Tokens for one client, for everybody on one event loop."""

    def __init__(self, client: ClientCredentials) -> None:
        self._client = client
        self._lock = asyncio.Lock()
        self._token = ""
        self._renewed_at = 0.0
        self._good_until = 0.0
        self._failure: ServiceError | None = None
        self._asked_again_at = 0.0

    async def token(self, way: Outbound, refused: str = "") -> str:
        """A token that is good as far as the server told; ``refused`` is one that was not.

        If none is there, it is asked for by ``way``.

        Raises:
            ServiceError: none can be had; AUTHENTICATION where the server refuses the client.
        """
        now = asyncio.get_running_loop().time
        if self._usable(refused, now()) and (now() < self._renewed_at or self._lock.locked()):
            return self._token
        async with self._lock:
            if self._usable(refused, now()) and now() < self._renewed_at:
                return self._token
            try:
                return await self._renewed(way)
            except ServiceError:
                if self._usable(refused, now()):
                    return self._token
                raise

    def _usable(self, refused: str, now: float) -> bool:
        return bool(self._token) and self._token != refused and now < self._good_until

    async def _renewed(self, way: Outbound) -> str:
        now = asyncio.get_running_loop().time
        asked_at = now()
        if self._failure is not None and asked_at < self._asked_again_at:
            # Those who waited would wait for nothing as well.
            raise ServiceError(SERVICE, self._failure.fault, self._failure.detail)
        source = f"{self._client.client_id} at {shown(self._client.token_url)}"
        try:
            token = await _fetched(self._client, way)
        except _NoToken as error:
            self._failure, self._asked_again_at = error, now() + error.pause_s
            certain = not error.fault.retryable
            noticing.failed("oauthRefreshFailure", source, error.detail, certain=certain)
            raise
        noticing.worked("oauthRefreshFailure", source)
        life_s = _life_s(token.expires_in)
        self._token, self._failure = token.access_token, None
        self._renewed_at = asked_at + life_s * RENEWED_AFTER
        self._good_until = asked_at + life_s
        return self._token


class Bearer:
    """The Authorization of requests to one service: ``client``'s tokens, else ``token``, or none.

    ``service`` is the name in errors.
    """

    def __init__(
        self, service: str, *, token: SecretStr, client: ClientCredentials | None = None
    ) -> None:
        self._service = service
        self._token = token.get_secret_value()
        self._client = client

    async def headers(
        self, refused: str | None = None, *, way: Outbound | None = None
    ) -> dict[str, str]:
        """The header to send; ``refused`` is the value of one that was answered with 401.

        Where it comes back the same there is no other, and no use in trying again. A token is
        fetched by ``way``, else by that of this process.

        Raises:
            ServiceError: no token can be had.
        """
        if self._client is None:
            return {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if not self._client.client_id or not self._client.client_secret.get_secret_value():
            detail = "OAuth needs a client id and a client secret among the credentials"
            raise ServiceError(self._service, Fault.AUTHENTICATION, detail)
        try:
            known = (refused or "").removeprefix("Bearer ")
            token = await _source(self._client).token(way or outbound(), known)
        except ServiceError as error:
            raise ServiceError(self._service, error.fault, error.detail) from None
        return {"Authorization": f"Bearer {token}"}


_sources: WeakKeyDictionary[
    asyncio.AbstractEventLoop, OrderedDict[ClientCredentials, TokenSource]
] = WeakKeyDictionary()


def _source(client: ClientCredentials) -> TokenSource:
    known = _sources.setdefault(asyncio.get_running_loop(), OrderedDict())
    source = known.setdefault(client, TokenSource(client))
    known.move_to_end(client)
    if len(known) > MAX_SOURCES:
        known.popitem(last=False)
    return source


async def _fetched(client: ClientCredentials, way: Outbound) -> _Token:
    fields = {
        "grant_type": "client_credentials",
        "client_id": client.client_id,
        "client_secret": client.client_secret.get_secret_value(),
    }
    if client.scope:
        fields["scope"] = client.scope
    try:
        answer = await way.request(
            "POST",
            client.token_url,
            deadline_s=TOKEN_S,
            headers={
                "Accept": "application/json",
                "Content-Type": "application/x-www-form-urlencoded",
            },
            body=urlencode(fields).encode(),
            max_bytes=MAX_ANSWER_BYTES,
        )
    except OutboundError as error:
        raise _NoToken(error.fault, error.reason) from None
    if not 200 <= answer.status < 300:
        # 400 is how a token server refuses a client or a scope (RFC 6749, section 5.2).
        fault = Fault.AUTHENTICATION if answer.status == 400 else fault_of_status(answer.status)
        raise _NoToken(fault, f"HTTP status {answer.status}", _pause_s(answer))
    try:
        token = msgspec.json.decode(answer.body, type=_Token)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise _NoToken(Fault.PROTOCOL, "an answer without a token") from None
    if not _VISIBLE.fullmatch(token.access_token):
        raise _NoToken(Fault.PROTOCOL, "a malformed token")
    return token


def _pause_s(answer: Answer) -> float:
    told = retry_after_s(answer.headers.get("Retry-After", ""), datetime.now(UTC))
    return min(max(told or 0.0, PAUSE_S), LONGEST_PAUSE_S)


def _life_s(told: float | str | None) -> float:
    """Seconds a token lives, from what was told in whatever form."""
    try:
        life_s = float(told if told is not None else ASSUMED_LIFE_S)
    except ValueError:
        return ASSUMED_LIFE_S
    return min(life_s, LONGEST_LIFE_S) if life_s > 0 else ASSUMED_LIFE_S
