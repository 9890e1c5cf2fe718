"""A server of one test that is gone when the test ends, with its connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def listening(server: asyncio.Server) -> AsyncIterator[int]:
    """The port of ``server``; at the end its clients must have left it."""
    async with server:
        yield int(server.sockets[0].getsockname()[1])
        server.close()
        async with asyncio.timeout(10):
            # NB `wait_closed` of Python 3.11 does not wait, and nothing else tells.
            while getattr(server, "_active_count", 0):  # noqa: ASYNC110
                await asyncio.sleep(0)
