"""An OpenID Connect provider on loopback: discovery, authorization, token, keys, user information.

Source: OpenID Connect Core 1.0 and Discovery 1.0; RFC 7636 (PKCE); RS256 of RFC 7518.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT_ID, CLIENT_SECRET = "gateway", "s3cret"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_STRANGE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class FakeProvider:
    """What the provider says is set by its attributes; ``asked`` are the requests it got."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.claims: dict[str, Any] = {"sub": "u-1"}
        """Of the person who signs in there."""
        self.told: dict[str, Any] = {}
        """More of it, or other, in the user information."""
        self.in_token: dict[str, Any] = {}
        """More of it, or other, in the ID token; None leaves a claim out."""
        self.strange_key = False
        self.down = False
        self.document: dict[str, Any] = {}
        """What the discovery document says instead."""
        self.asked: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: set[str] = set()

    def authorize(self, address: str) -> str:
        """What the browser is sent back to, after the person has signed in at ``address``."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT_ID
        assert "openid" in asked["scope"].split()
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def answer(self, method: str, path: str, headers: Any, body: str) -> tuple[int, Any]:
        """Status and JSON of one request."""
        self.asked.append(f"{method} {path}")
        if self.down:
            return 503, {}
        match method, path:
            case "GET", "/.well-known/openid-configuration":
                return 200, self._discovery()
            case "GET", "/keys":
                key = json.loads(RSAAlgorithm.to_jwk(_KEY.public_key()))
                return 200, {"keys": [{**key, "kid": "k-1", "alg": "RS256", "use": "sig"}]}
            case "POST", "/token":
                return self._token({k: v[0] for k, v in parse_qs(body).items()})
            case "GET", "/userinfo":
                token = headers.get("Authorization", "").removeprefix("Bearer ")
                known = token in self._tokens
                return (200, {**self.claims, **self.told}) if known else (401, {})
        return 404, {}

    def _discovery(self) -> dict[str, Any]:
        names = {"token_endpoint": "token", "jwks_uri": "keys", "userinfo_endpoint": "userinfo"}
        names["authorization_endpoint"] = "authorize"
        addresses = {name: f"{self.url}/{path}" for name, path in names.items()}
        return {"issuer": self.url, **addresses, **self.document}

    def _token(self, given: dict[str, str]) -> tuple[int, Any]:
        asked = self._codes.pop(given.get("code", ""), None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        if (given["client_id"], given["client_secret"]) != (CLIENT_ID, CLIENT_SECRET):
            return 401, {"error": "invalid_client"}
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if challenge != asked["code_challenge"] or given["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        access = secrets.token_urlsafe(16)
        self._tokens.add(access)
        return 200, {"access_token": access, "token_type": "Bearer", "id_token": self._id(asked)}

    def _id(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300}
        claims |= {"sub": self.claims["sub"], "nonce": asked["nonce"]}
        if "max_age" in asked:
            claims["auth_time"] = now
        claims |= self.in_token
        stated = {name: value for name, value in claims.items() if value is not None}
        key = _STRANGE_KEY if self.strange_key else _KEY
        return jwt.encode(stated, key, algorithm="RS256", headers={"kid": "k-1"})


@contextmanager
def serving() -> Iterator[FakeProvider]:
    """A `FakeProvider` on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length).decode()
            status, document = fake.answer(self.command, self.path, self.headers, body)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _serve

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake = FakeProvider(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
