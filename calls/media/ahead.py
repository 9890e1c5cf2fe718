"""Audio ahead of its turn: a prompt that waits is made ready while another plays."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bots.core.errors import ServiceError

PIECES_AHEAD = 256
"""Pieces held for a prompt that waits; its source pauses when there are more."""


class Ahead:
    """One prompt in the making; `run` is its task, and `pieces` gives its audio once."""

    def __init__(self, source: AsyncGenerator[bytes, None]) -> None:
        self._source = source
        self._held: asyncio.Queue[bytes | ServiceError | None] = asyncio.Queue(PIECES_AHEAD)

    async def run(self) -> None:
        """Fetch the audio; a failure is kept for whoever plays the prompt."""
        try:
            async with aclosing(self._source) as pieces:
                async for piece in pieces:
                    await self._held.put(piece)
        except ServiceError as error:
            await self._held.put(error)
        else:
            await self._held.put(None)

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The prompt's samples, from the first.

        Raises:
            ServiceError: the synthesis failed.
        """
        while (piece := await self._held.get()) is not None:
            if isinstance(piece, ServiceError):
                raise piece
            yield piece
