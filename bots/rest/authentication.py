"""Which client asks, and whether it may: what stands before every operation of the API.

A client sends an OAuth access token or a minted one (RFC 6750) or, where ``API_BASIC_AUTH`` allows,
its id and secret by HTTP Basic. That costs one query either way, so nothing is cached and a client
that is disabled or narrowed loses at once what it may no longer do.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import msgspec
from django.conf import settings
from django.http import HttpRequest

from bots import access
from bots.audit import Actor, acting
from bots.core import noticing
from bots.core.scopes import SCOPES
from bots.models import ApiClient
from bots.people import Person, client_person
from bots.rest.metering import meter
from bots.rest.problems import Problem
from bots.rest.throttling import failure_wait, request_wait


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The client behind a request; ``who`` is what it may do and which bots that reaches."""

    client: ApiClient
    scopes: frozenset[str]
    who: Person
    address: str | None

    @property
    def name(self) -> str:
        """What the audit log and others call it."""
        return self.who.name


class Scoped:
    """An operation for clients with any of ``scopes``: its argument ``auth`` in django-ninja.

    The operation finds the `Principal` in ``request.auth``.
    """

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes

    def __call__(self, request: HttpRequest) -> Principal:
        """Who asks.

        Raises:
            Problem: 401 without or with a wrong proof, 403 without the scope or from a network
                that the client may not use, 429 too often.
        """
        client, scopes, minted = _proved(request)
        address = address_of(request)
        try:
            _allowed(client, scopes, self.scopes, address)
        except Problem:
            meter.count(client.pk, address=address, minted=minted, refused=True)
            raise
        meter.count(client.pk, address=address, minted=minted)
        return Principal(
            client=client, scopes=scopes, who=client_person(client, scopes), address=address
        )


def scoped(*scopes: str) -> Scoped:
    """Only clients that are allowed any of ``scopes`` may ask.

    Raises:
        ValueError: without scopes, or with names that are none of `bots.core.scopes.SCOPES`.
    """
    if not scopes or not SCOPES.keys() >= set(scopes):
        raise ValueError(f"not scopes: {scopes}")
    return Scoped(*scopes)


def as_client(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Name the client in the audit log for whatever ``operation`` does."""

    @wraps(operation)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        principal = getattr(request, "auth", None)
        if not isinstance(principal, Principal):
            return operation(request, *args, **kwargs)
        with acting(Actor(name=principal.name, address=principal.address)):
            return operation(request, *args, **kwargs)

    return run


def address_of(request: HttpRequest) -> str | None:
    """The address that the request came from, of the proxy's client behind a proxy."""
    return request.META.get("REMOTE_ADDR") or None


def _proved(request: HttpRequest) -> tuple[ApiClient, frozenset[str], int | None]:
    """The enabled client that the request proves to come from, its scopes, and the minted token."""
    authorization = request.headers.get("Authorization")
    if token := access.bearer_token(authorization):
        found = access.access_token(token)
        here = request.build_absolute_uri(request.path)
        if found is None or (found.resource and not found.is_for(here)):
            raise _refused(request, "", "The access token is unknown, expired or revoked.")
        return found.client, access.scopes_of(found), found.minted
    credentials = access.basic_credentials(authorization) if settings.API_BASIC_AUTH else None
    if credentials is None:
        raise Problem(
            401,
            detail="Send an access token in the header Authorization: Bearer.",
            code="unauthorized",
            headers={"WWW-Authenticate": _challenge()},
        )
    client = access.client_with(*credentials)
    if client is None or not client.enabled:
        raise _refused(request, credentials[0], "Client id or secret are wrong.")
    return client, frozenset(client.allowed_scopes), None


def _allowed(
    client: ApiClient, scopes: frozenset[str], needed: tuple[str, ...], address: str | None
) -> None:
    if not access.is_within(address, client.allowed_networks):
        raise Problem(
            403, detail="The client may not be used from this address.", code="address_not_allowed"
        )
    if seconds := request_wait(client):
        raise _too_often(seconds, "The client asks more often than it may.")
    if scopes.isdisjoint(needed):
        held = frozenset(client.allowed_scopes)
        lacks = "client lacks" if held.isdisjoint(needed) else "token lacks: obtain another"
        raise Problem(
            403,
            detail=f"This needs the scope {' or '.join(needed)}, which the {lacks}.",
            code="insufficient_scope",
            headers={"WWW-Authenticate": _challenge("insufficient_scope", " ".join(needed))},
        )


def _refused(request: HttpRequest, client_id: str, detail: str) -> Problem:
    noticing.failed("apiAuthenticationFailure", "", f"by {address_of(request) or 'somebody'}")
    if seconds := failure_wait(address_of(request), client_id):
        return _too_often(seconds, "Too many attempts failed.")
    headers = {"WWW-Authenticate": _challenge("invalid_token")}
    return Problem(401, detail=detail, code="invalid_token", headers=headers)


def _too_often(seconds: int, detail: str) -> Problem:
    headers = {"Retry-After": str(seconds)}
    return Problem(429, detail=f"{detail} Wait {seconds} s.", headers=headers)


def _challenge(error: str = "", scope: str = "") -> str:
    """What proof is asked for (RFC 6750, 3): no error for who sent none."""
    named = {"realm": "gateway", "error": error, "scope": scope}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in named.items() if value)
