"""A host, its runner, and dialouts that are due at this moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bots.models import Bot
from calls.database import db
from calls.dialout import runner as runner_module
from calls.dialout.runner import DialoutRunner, runner, wake_runner
from calls.models import Dialout
from calls.session.host import SessionHost
from tests.calls.channels.conftest import host
from tests.calls.dialouts import rows

__all__ = ["host"]

PATIENCE_S = 20.0

Ask = Callable[..., Awaitable[Dialout]]


@pytest.fixture
async def seller(transactional_db: None) -> Bot:
    """A bot that dials out by the carrier in memory."""
    return await db(rows.bot)


@pytest.fixture
async def running(host: SessionHost, seller: Bot) -> AsyncIterator[DialoutRunner]:
    """The runner of this process, started; stopped at the end."""
    runner_module._runner = None
    started = runner()
    started.start()
    yield started
    await started.stop()
    runner_module._runner = None


@pytest.fixture
def ask(seller: Bot) -> Ask:
    """``await ask("busy")`` queues a dialout whose target says what becomes of it."""

    async def queue(what: str, **fields: Any) -> Dialout:
        now = datetime.now(UTC)
        values = {
            "bot": seller,
            "target": f"sip:callee@{what}",
            "not_before": now,
            "not_after": now + timedelta(hours=1),
            "created_at": now,
        }
        row = await db(rows.dialout, **values | fields)
        wake_runner()
        return row

    return queue


@pytest.fixture
def becomes() -> Callable[..., Awaitable[Dialout]]:
    """``await becomes(row, "failed")`` waits for that state."""

    async def wait(row: Dialout, *states: str) -> Dialout:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                await db(row.refresh_from_db)
                if row.state in states:
                    return row
                # The row is all that another process would see of it.
                await asyncio.sleep(0.02)

    return wait
