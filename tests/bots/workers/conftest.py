"""Pools whose processes end with the test."""

from collections.abc import AsyncIterator

import pytest

from bots.workers.pool import close_pools


@pytest.fixture(autouse=True)
async def no_worker_survives() -> AsyncIterator[None]:
    yield
    await close_pools()
