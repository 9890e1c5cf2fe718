"""A process that drains leaves the port that it shares to those who take calls."""

import asyncio
import os
import socket
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from calls.database import db
from calls.leases import renew_lease
from calls.models import ProcessLease
from calls.session import host as hosting
from calls.session.host import SessionHost
from gateway_project.management.commands.web import share_port

pytestmark = pytest.mark.db

SIBLING = f"{socket.gethostname()[:40]}:{os.getpid() + 1}:0123abcd"


class Server:
    """Remembers what it is to do with its port."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[bool] = asyncio.Queue()
        self.taking = True
        self.breaks = False

    async def share(self, *, taking: bool) -> None:
        if self.breaks:
            self.breaks = False
            raise OSError("the port is taken")
        if taking is not self.taking:
            self.taking = taking
            self.told.put_nowait(taking)


async def test_it_steps_aside_while_another_takes_calls_and_comes_back(
    transactional_db: None,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.PROCESS_SOCKETS = tmp_path
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(tmp_path / f"web-{os.getpid() + 1}.sock"))
    host, server = SessionHost(), Server()
    monkeypatch.setattr(hosting, "_host", host)
    await db(renew_lease, SIBLING, "here", 1, timezone.now())
    sibling = ProcessLease.objects.filter(owner=SIBLING)
    task = asyncio.create_task(share_port(server, look_s=0.01))
    async with asyncio.timeout(20):
        host.paused = True
        assert await server.told.get() is False
        server.breaks = True
        await db(sibling.update, drain=True)
        assert await server.told.get() is True
        await db(sibling.update, drain=False)
        assert await server.told.get() is False
        host.paused = False
        assert await server.told.get() is True
    task.cancel()
    await asyncio.wait([task])
