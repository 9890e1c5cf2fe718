"""Who may use the gateway's machine interfaces: secrets, scopes and bearer tokens.

Secrets and tokens are long and random, so one salted or plain SHA-256 protects them at rest; a slow
password hash would only let anybody keep the processor busy. Nothing here logs or returns a digest.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.hashers import BasePasswordHasher, mask_hash, must_update_salt
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauth2_provider.scopes import SettingsScopes
from oauthlib.common import Request

VOICE_SCOPE = "voice:connect"
"""OAuth scope that lets a voice gateway connect calls."""
TOKEN_PREFIX = "vgw_"  # noqa: S105 - a public prefix by which leaked tokens are found


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


def token_grants(token: str, scope: str) -> bool:
    """Whether an OAuth access token of this gateway is valid, its client usable, ``scope`` granted.

    A token bound to other resources (RFC 8707) grants nothing here. Takes one query.
    """
    return bool(OAuth2Validator().validate_bearer_token(token, [scope], Request("")))
