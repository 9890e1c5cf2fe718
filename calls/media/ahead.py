"""Synthesis ahead of its turn: a prompt that waits is spoken into memory while another plays."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from bots.core.errors import ServiceError
from bots.core.ports import SynthesisRequest, TextToSpeech

PIECES_AHEAD = 256
"""Pieces held for a prompt that waits; the synthesiser pauses when there are more."""


class Ahead:
    """One prompt in the making; `run` is its task. It stands in for its synthesiser, once."""

    def __init__(self, tts: TextToSpeech, request: SynthesisRequest) -> None:
        self.capabilities = tts.capabilities
        self.request = request
        self._tts = tts
        self._pieces: asyncio.Queue[bytes | ServiceError | None] = asyncio.Queue(PIECES_AHEAD)

    async def run(self) -> None:
        """Synthesise; a failure is kept for whoever plays the prompt."""
        try:
            async with aclosing(self._tts.synthesise(self.request)) as pieces:
                async for piece in pieces:
                    await self._pieces.put(piece)
        except ServiceError as error:
            await self._pieces.put(error)
        else:
            await self._pieces.put(None)

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        """The prompt's samples, from the first; ``request`` is the one it was made for.

        Raises:
            ServiceError: the synthesis failed.
        """
        while (piece := await self._pieces.get()) is not None:
            if isinstance(piece, ServiceError):
                raise piece
            yield piece
