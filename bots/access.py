"""Who may use the gateway's machine interfaces: secrets, scopes, bearer tokens, admission to a bot.

Secrets and tokens are long and random, so one salted or plain SHA-256 protects them at rest; a slow
password hash would only let anybody keep the processor busy. Nothing here logs or returns a digest.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, Literal
from urllib.parse import unquote_plus

import msgspec
from django.contrib.auth.hashers import BasePasswordHasher, mask_hash, must_update_salt
from django.db import connection
from django.utils import timezone
from oauth2_provider.models import get_access_token_model
from oauth2_provider.scopes import SettingsScopes

from bots.models import SLUG, ApiClient, Bot

VOICE_SCOPE = "voice:connect"
"""OAuth scope that lets a voice gateway connect calls."""
TOKEN_PREFIX = "vgw_"  # noqa: S105 - a public prefix by which leaked tokens are found
MAX_SECRET_CHARS = 1_000
"""Longer secrets and tokens are nobody's and are not hashed."""


class ApiSecretHasher(BasePasswordHasher):
    """Salted SHA-256 for the secrets of API clients, which are 128 random characters.

    NB unfit for passwords that people choose: list it in ``PASSWORD_HASHERS``, never first.
    """

    algorithm = "api_sha256"

    def encode(self, password: str, salt: str) -> str:
        """``algorithm$salt$hex digest``.

        Raises:
            ValueError: the salt is empty or holds the separator.
        """
        if not salt or "$" in salt:
            raise ValueError("salt must be given and must not contain $")
        digest = hashlib.sha256(f"{salt}{password}".encode()).hexdigest()
        return f"{self.algorithm}${salt}${digest}"

    def decode(self, encoded: str) -> dict[str, str]:
        """The parts of an encoded secret.

        Raises:
            ValueError: it was encoded by another hasher.
        """
        algorithm, salt, digest = encoded.split("$", 2)
        if algorithm != self.algorithm:
            raise ValueError(f"not encoded by {self.algorithm}")
        return {"algorithm": algorithm, "salt": salt, "hash": digest}

    def verify(self, password: str, encoded: str) -> bool:
        """Whether ``password`` is the secret, in time that does not depend on the answer."""
        again = self.encode(password, self.decode(encoded)["salt"])
        return hmac.compare_digest(encoded.encode(), again.encode())

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        """What may be shown of an encoded secret."""
        parts = self.decode(encoded)
        return {"algorithm": parts["algorithm"], "hash": mask_hash(parts["hash"])}

    def must_update(self, encoded: str) -> bool:
        """Whether the salt is shorter than this version of Django asks for."""
        return must_update_salt(self.decode(encoded)["salt"], self.salt_entropy)

    def harden_runtime(self, password: str, encoded: str) -> None:
        """Nothing: there is no work factor to even out."""


class ClientScopes(SettingsScopes):  # type: ignore[misc]  # the package is untyped
    """The scopes of the installation, narrowed to what each client is allowed.

    A token request without ``scope`` gets all of the client's, one with a scope the client lacks is
    refused as ``invalid_scope``.
    """

    def get_available_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """What ``application`` may ask for; without one, everything there is."""
        everything: Mapping[str, str] = self.get_all_scopes()
        if application is None:
            return list(everything)
        return [scope for scope in everything if scope in application.allowed_scopes]

    def get_default_scopes(
        self, application: Any = None, request: Any = None, *args: Any, **kwargs: Any
    ) -> list[str]:
        """What ``application`` gets when it names no scope."""
        return self.get_available_scopes(application, request)


def new_token() -> str:
    """A fresh permanent token: ``vgw_`` and 32 random bytes; show it once, store its `digest`."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """SHA-256 of a token in hexadecimal: what the database keeps of it."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def bearer_token(authorization: str | None) -> str | None:
    """The token of an ``Authorization: Bearer`` header, None for any other (RFC 6750, 2.1).

    The scheme is compared without regard to case (RFC 9110, 11.1).
    """
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def matches(token: str, stored_digest: str) -> bool:
    """Whether ``stored_digest`` belongs to ``token``, in time that does not depend on it."""
    return hmac.compare_digest(digest(token), stored_digest)


def basic_credentials(authorization: str | None) -> tuple[str, str] | None:
    """Client id and secret of an ``Authorization: Basic`` header, None for any other.

    Both are form-encoded first (RFC 6749, 2.3.1), which changes nothing in those made here.
    """
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    name, colon, secret = decoded.partition(":")
    return (unquote_plus(name), unquote_plus(secret)) if colon else None


_HASHER = ApiSecretHasher()
_NOBODYS = _HASHER.encode(secrets.token_hex(64), secrets.token_hex(11))
"""What a secret is compared with when there is nothing to compare it with."""


def client_with(client_id: str, secret: str) -> ApiClient | None:
    """The client with this id whose secret this is, be it disabled; None when there is none.

    The secret before the last rotation counts until its time is over. As much work is done for a
    client that does not exist as for a wrong secret: one query and two hashes.
    """
    storable = re.fullmatch(r"[\x21-\x7e]{1,100}", client_id) is not None
    found = ApiClient.objects.filter(client_id=client_id if storable else "").first()
    previous = ""
    if found and found.previous_secret_until and found.previous_secret_until > timezone.now():
        previous = found.previous_secret
    given = secret[:MAX_SECRET_CHARS]
    stored = (found.client_secret if found else "", previous)
    right = [_HASHER.verify(given, each if _is_hash(each) else _NOBODYS) for each in stored]
    return found if any(right) and len(secret) <= MAX_SECRET_CHARS else None


def _is_hash(stored: str) -> bool:
    return stored.startswith(f"{ApiSecretHasher.algorithm}$")


def is_within(address: str | None, networks: Iterable[str]) -> bool:
    """Whether ``address`` is in one of ``networks``; without networks every address is."""
    allowed = [ip_network(network) for network in networks]
    if not allowed:
        return True
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in allowed)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What an OAuth access token stands for: its client, the scopes it was issued with.

    ``resource`` are the addresses it is bound to (RFC 8707), none for any; ``minted`` is the key of
    the `MintedToken` when a person made it.
    """

    client: ApiClient
    scope: str
    resource: list[str]
    minted: int | None

    def is_for(self, address: str) -> bool:
        """Whether the token may be used at ``address``."""
        token = get_access_token_model()(resource=self.resource)
        return bool(token.allows_audience(address))


_GRANT = """
SELECT client.*, token.scope AS token_scope, token.resource AS token_resource,
    minted.id AS token_minted
FROM oauth2_provider_accesstoken token
JOIN bots_apiclient client ON client.id = token.application_id
LEFT JOIN bots_mintedtoken minted ON minted.token_id = token.id
WHERE token.token_checksum = %s AND token.expires > %s AND client.enabled
"""
"""One look at a token and its client. Every request asks, and to have Django put this statement
together anew costs four times what the rest of the look costs."""


def access_token(token: str) -> Grant | None:
    """What the OAuth access token ``token`` of this gateway stands for; None if it may not be used.

    It has not expired and its client is enabled: one query.
    """
    if not token or len(token) > MAX_SECRET_CHARS:
        return None
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    for client in ApiClient.objects.raw(_GRANT, [digest(token), now]):
        resource = client.token_resource
        return Grant(
            client=client,
            scope=client.token_scope,
            resource=json.loads(resource) if isinstance(resource, str) else resource,
            minted=client.token_minted,
        )
    return None


def scopes_of(grant: Grant) -> frozenset[str]:
    """What a token permits: its scopes, as far as its client is allowed them at this moment."""
    return frozenset(grant.scope.split()).intersection(grant.client.allowed_scopes)


def token_grants(token: str, scope: str, *, bot: str, address: str | None = None) -> bool:
    """Whether an OAuth access token of this gateway may be used with ``scope`` for that bot.

    A token bound to other resources (RFC 8707) grants nothing here. ``address`` is the peer's;
    without it the client's networks are not looked at.
    """
    found = access_token(token)
    if found is None or found.resource or scope not in scopes_of(found):
        return False
    client = found.client
    if address is not None and not is_within(address, client.allowed_networks):
        return False
    return client.all_bots or client.bots.filter(name=bot).exists()


_BAD_TOKEN = "The token is unknown, expired, or not valid for this bot."  # noqa: S105 - a sentence


class Admission(msgspec.Struct, frozen=True):
    """Whether a voice gateway may connect, as an HTTP status; ``reason`` may be shown to it."""

    status: Literal[200, 401, 404, 503]
    reason: str


def admit(bot_name: str, authorization: str | None, address: str | None = None) -> Admission:
    """Whether a voice gateway with this ``Authorization`` header may connect a call to the bot.

    A bot that takes no calls is not told apart from one that does not exist. ``address`` is the
    peer's, for clients that are bound to networks.
    """
    row = None
    if re.match(SLUG, bot_name):
        callable_bots = Bot.objects.filter(name=bot_name, is_base=False, enabled=True)
        row = callable_bots.values_list("access_mode", "token_digest").first()
    if row is None:
        return Admission(404, "No bot of this name takes calls.")
    mode, stored_digest = row
    if mode == Bot.Access.NONE:
        return Admission(200, "This bot asks for no token.")
    token = bearer_token(authorization)
    if token is None:
        return Admission(401, "Send the header Authorization: Bearer with a token.")
    if mode == Bot.Access.TOKEN:
        granted = matches(token, stored_digest)
    else:
        granted = token_grants(token, VOICE_SCOPE, bot=bot_name, address=address)
    return Admission(200, "The token is valid.") if granted else Admission(401, _BAD_TOKEN)
