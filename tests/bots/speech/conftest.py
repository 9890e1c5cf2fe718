"""Processes that end with the test."""

from collections.abc import AsyncIterator

import pytest

from bots.workers.pool import close_pools


@pytest.fixture
async def workers() -> AsyncIterator[None]:
    yield
    await close_pools()
