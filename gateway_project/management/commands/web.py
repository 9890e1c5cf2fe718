"""``manage.py web``: the process that serves the console, the API and the voice sockets."""

import asyncio
import os
import socket
import sys
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError

from gateway_project.backends import process_socket
from gateway_project.valkey import own_directory

SHARE_LOOK_S = 2.0
"""How often a process looks whether it is to leave its port to others."""

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Serve console, API and voice sockets; `gateway` starts this for you."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        # NB First: it installs the reactor, which other imports would otherwise choose.
        from gateway_project.server import GatewayServer  # isort: skip
        from gateway_project.asgi import application

        private = None
        if settings.ENVIRONMENT.web_processes > 1:
            private = process_socket(settings.VAR_DIR, os.getpid())
            own_directory(private.parent)

        async def begin() -> None:
            await start()
            if private is not None:
                self.sharing = asyncio.create_task(share_port(server), name="shared port")

        server = GatewayServer(
            application,
            private_socket=private,
            host=settings.ENVIRONMENT.host,
            port=settings.ENVIRONMENT.port,
            proxy_headers=settings.ENVIRONMENT.proxy_headers,
            on_start=begin,
            on_drain=drain,
        )
        sys.exit(server.serve())


async def start() -> None:
    """Before the port opens: alarms, calls, outbound ones, with what was left behind of either."""
    from alarms import courier, desk
    from calls.dialout.runner import runner
    from calls.health.process import watchers
    from calls.session.host import session_host
    from calls.telemetry import exporter

    desk.start()
    courier.start()
    exporter.start(settings.OTLP_ENDPOINT, trace_resource())
    await session_host().start()
    watchers().start()
    runner().start()


class Sharing(Protocol):
    """A server whose port others share, see `gateway_project.server.GatewayServer.share`."""

    async def share(self, *, taking: bool) -> None:
        """Take new connections, or leave them to the others."""
        ...


async def share_port(server: Sharing, look_s: float = SHARE_LOOK_S) -> None:
    """Leave new connections to siblings that take calls while people want this process to drain.

    The kernel deals out what comes to the port without knowing who drains.
    """
    from calls.database import db
    from calls.session.host import session_host
    from calls.session.siblings import others_take_calls

    host = session_host()
    while True:
        await asyncio.sleep(look_s)
        try:
            async with asyncio.timeout(SHARE_LOOK_S):
                aside = host.paused and await db(others_take_calls, host.owner)
            await server.share(taking=not aside)
        except (DatabaseError, InterfaceError, OSError) as error:  # a timeout is an OSError
            log.warning("server.port_not_shared", error=type(error).__name__)


async def drain() -> None:
    """After the port closed: not ready any more, no more outbound calls, live ones end."""
    from alarms import courier, desk
    from bots.rest.metering import meter
    from calls.database import db
    from calls.dialout.runner import runner
    from calls.health.process import watchers
    from calls.session.host import session_host
    from calls.telemetry import exporter
    from gateway_project import health

    health.draining.set()
    await runner().stop()
    await db(meter.flush)
    await session_host().drain(settings.DRAIN_SECONDS)
    await watchers().stop()
    await db(desk.stop)
    await db(courier.stop)
    await asyncio.to_thread(exporter.stop)


def trace_resource() -> dict[str, str]:
    """What traces are from; names by OpenTelemetry's conventions."""
    return {
        "service.name": "voice-ai-gateway",
        "service.version": settings.VERSION,
        "service.namespace": settings.GATEWAY_NAME or "",
        "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
    }
