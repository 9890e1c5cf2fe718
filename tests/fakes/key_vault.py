"""An Azure Key Vault on loopback: TLS, the challenge, the secrets of one vault.

Speaks "Get Secret" of the REST reference (``GET /secrets/{name}/{version}?api-version=…``) and
answers a request without a bearer token as the authentication guide says: 401 with a challenge.
"""

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.web import FakeWeb, serving

TOKEN = "s3cret-access-token"


class FakeVault:
    """``secrets`` holds values by name, ``versions`` those by name and version.

    ``status`` is what every request with a token gets in place of an answer, 0: the answer.
    """

    def __init__(self, server: FakeWeb, authority: Path) -> None:
        self.url = server.url
        self.authority = authority
        self.asked = server.asked
        self.secrets: dict[str, str] = {}
        self.versions: dict[tuple[str, str], str] = {}
        self.status = 0
        self._server = server

    def secret(self, name: str, value: str, version: str = "") -> str:
        """Keep a secret; answers its identifier."""
        if version:
            self.versions[name, version] = value
        else:
            self.secrets[name] = value
        path = f"/secrets/{name}/{version}"
        self._server.on(path, self._answer)
        return f"{self.url}{path}".rstrip("/")

    def reads(self) -> int:
        """How many requests came with the token."""
        return sum("Authorization" in each.headers for each in self.asked)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        answer = self._said(request)
        answer.force_close()
        return answer

    def _said(self, request: web.Request) -> web.Response:
        if not request.query.get("api-version"):
            return _error(400, "BadParameter")
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            challenge = (
                'Bearer authorization="https://login.microsoftonline.com/tenant", '
                'resource="https://vault.azure.net"'
            )
            return _error(401, "Unauthorized", {"WWW-Authenticate": challenge})
        if self.status:
            return _error(self.status, "Refused")
        _, _, name, version = request.path.split("/")
        value = self.versions.get((name, version)) if version else self.secrets.get(name)
        if value is None:
            return _error(404, "SecretNotFound")
        return web.json_response(
            {"id": f"{self.url}/secrets/{name}/{version}", "value": value, "attributes": {}}
        )


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> web.Response:
    body = {"error": {"code": code, "message": "as told"}}
    return web.json_response(body, status=status, headers=headers)


@asynccontextmanager
async def vault(folder: Path) -> AsyncIterator[FakeVault]:
    """A `FakeVault` on a free port of 127.0.0.1 with a certificate of its own authority."""
    authority = _certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "vault.pem")
    async with serving(context) as server:
        yield FakeVault(server, authority)


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vault")])
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2099))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "vault.pem").write_bytes(secret + certificate)
    authority = folder / "authority.pem"
    authority.write_bytes(certificate)
    return authority
