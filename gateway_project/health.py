"""Health: ``/livez`` (the process answers) and ``/readyz`` (it can take calls).

Both are open to everybody and show no configuration: a part that fails is named, its error goes to
the log.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import structlog
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from calls.database import db
from calls.session.host import session_host

log = structlog.get_logger(__name__)

CHECK_SECONDS = 3.0
"""Each check that takes longer counts as failed; they run side by side."""

draining = threading.Event()
"""Set once the process was asked to stop; it is not ready any more."""


class NotReady(Exception):
    """A part does not work; the text is for the log."""


@never_cache
async def livez(_request: HttpRequest) -> JsonResponse:
    """200 as long as the event loop runs."""
    return JsonResponse({"status": "ok"})


@never_cache
async def readyz(_request: HttpRequest) -> JsonResponse:
    """200 when every part works, else 503; ``parts`` names each as ok or failed."""
    names = list(_CHECKS)
    works = await asyncio.gather(*(_works(name) for name in names))
    parts = dict(zip(names, ("ok" if ok else "failed" for ok in works), strict=True))
    ready = all(works)
    body = {"status": "ready" if ready else "not ready", "parts": parts}
    return JsonResponse(body, status=200 if ready else 503)


async def _works(name: str) -> bool:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await _CHECKS[name]()
    except (NotReady, TimeoutError, OSError, DatabaseError, RedisError) as error:
        log.warning("ready.failed", part=name, error=str(error) or type(error).__name__)
        return False
    return True


async def _accepting() -> None:
    if draining.is_set():
        raise NotReady("the process is stopping")
    if session_host().draining:
        raise NotReady("people want the process to take no more calls")


def _query_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def _database() -> None:
    await db(_query_database)


async def _events() -> None:
    layer = get_channel_layer()
    if layer is None:
        raise NotReady("no channel layer is configured")
    client = aioredis.from_url(settings.REDIS_URL, socket_timeout=CHECK_SECONDS)
    async with client:
        await client.ping()


_CHECKS: dict[str, Callable[[], Awaitable[None]]] = {
    "accepting": _accepting,
    "database": _database,
    "events": _events,
}
