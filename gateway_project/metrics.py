"""``/metrics``: what Prometheus reads, of all web processes of this machine at once.

Whichever process is asked gathers the others through the sockets that they keep for each other, so
that one address tells of all of them. It is for machines that have the token; without a token, for
this machine alone.
"""

import hashlib
import hmac
import http.client
import os
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from bots.access import is_within
from calls.telemetry import metrics as declared
from calls.telemetry.families import Family, Gathered, exposed, packed, unpacked
from gateway_project.measured import Installation, own_families

SIBLING_SECONDS = 2.0
"""How long another process may take to tell its metrics."""
MAX_SIBLING_BYTES = 16 * 1024 * 1024
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")
LOOPBACK = ("127.0.0.0/8", "::1")
PATH = "/metrics/process"

log = structlog.get_logger(__name__)
_installation = Installation()
_pool = ThreadPoolExecutor(8, thread_name_prefix="metrics")


@never_cache
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Every metric, as text in the format that is asked for."""
    if settings.METRICS_TOKEN:
        if not _authorised(request, settings.METRICS_TOKEN):
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    elif not _from_this_machine(request):
        return HttpResponse("Set METRICS_TOKEN to read metrics from elsewhere.\n", status=403)
    others, missing = _siblings()
    gathered = Gathered(
        {_name(os.getpid()): own_families(), **others},
        [*_installation.families(), declared.UNREACHABLE.of({(): missing})],
    )
    body, content_type = exposed(gathered, request.headers.get("Accept", ""))
    return HttpResponse(body, content_type=content_type)


@never_cache
@require_GET
def process_metrics(request: HttpRequest) -> HttpResponse:
    """The metrics of this process alone, for the one that was asked."""
    if not _authorised(request, _sibling_token()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(packed(own_families()), content_type="application/msgpack")


def _authorised(request: HttpRequest, token: str) -> bool:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    # NB Digests have one length, whatever was sent, and are ASCII.
    same = hmac.compare_digest(_digest(given.strip()), _digest(token))
    return kind.lower() == "bearer" and same


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _from_this_machine(request: HttpRequest) -> bool:
    """Whether it was sent on this machine and not for somebody elsewhere."""
    passed_on = any(name in request.META for name in FORWARDED)
    return not passed_on and is_within(request.META.get("REMOTE_ADDR"), LOOPBACK)


def _sibling_token() -> str:
    return salted_hmac(__name__, "metrics of one process", algorithm="sha256").hexdigest()


def _name(pid: int) -> str:
    return f"web-{pid}"


def _siblings() -> tuple[Mapping[str, list[Family]], int]:
    """The metrics of the other web processes, and how many of them did not tell."""
    own = f"{_name(os.getpid())}.sock"
    found = [path for path in settings.PROCESS_SOCKETS.glob("web-*.sock") if path.name != own]
    told = dict(zip((path.stem for path in found), _pool.map(_asked, found), strict=True))
    there = {name: families for name, families in told.items() if families is not None}
    return {name: families for name, families in there.items() if families}, len(told) - len(there)


def _asked(path: Path) -> list[Family] | None:
    """What the process behind ``path`` tells; nothing if it is gone; None if it does not answer."""
    way = _Way(path)
    try:
        way.request("GET", PATH, headers={"Authorization": f"Bearer {_sibling_token()}"})
        response = way.getresponse()
        body = response.read(MAX_SIBLING_BYTES)
        return unpacked(body) if response.status == 200 else None
    except (ConnectionRefusedError, FileNotFoundError):
        return []  # a socket that a process left behind when it was killed
    except (OSError, http.client.HTTPException, msgspec.MsgspecError) as error:
        log.warning("metrics.process_silent", process=path.stem, error=type(error).__name__)
        return None
    finally:
        way.close()


class _Way(http.client.HTTPConnection):
    """HTTP over a socket in the file system."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=SIBLING_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
