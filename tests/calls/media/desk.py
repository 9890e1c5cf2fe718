"""A cache of prompts, those who listen, and a synthesiser that does as it is told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

from bots.core.ports import SynthesisRequest, TtsCapabilities
from bots.core.registry import NoParams
from calls.media.ttscache import CachedTts, Speaker, TtsCache, speaker_of
from calls.media.ttsstore import TtsStore

HELLO = SynthesisRequest(text="Hello.", language="en-US", rate_hz=8000)
MS = bytes(16)
"""One millisecond of samples at 8 kHz."""
DAY_S = 24 * 3600


class Clock:
    """Nanoseconds since 1970; a moment passes each time somebody looks."""

    def __init__(self) -> None:
        self.now = 1_795_262_400 * 10**9

    def __call__(self) -> int:
        self.now += 1
        return self.now


class Studio:
    """Gives the pieces of a prompt one by one, as far as it is allowed to.

    ``asked`` counts its syntheses, ``open`` those that go on.
    """

    capabilities = TtsCapabilities(rates_hz=(8000,))

    def __init__(self, *pieces: bytes, failure: Exception | None = None) -> None:
        self.pieces = pieces or (b"ab" * 8, b"cd" * 8, b"ef" * 8)
        self.failure = failure
        self.lingers = False
        """Whether the end, too, must be allowed."""
        self.asked = self.open = 0
        self._allowed = asyncio.Semaphore(1000)

    def pause(self) -> None:
        """From here on every piece must be allowed."""
        self._allowed = asyncio.Semaphore(0)

    def allow(self, pieces: int = 1) -> None:
        for _ in range(pieces):
            self._allowed.release()

    @property
    def whole(self) -> bytes:
        return b"".join(self.pieces)

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        self.asked += 1
        self.open += 1
        try:
            for piece in self.pieces:
                await self._allowed.acquire()
                yield piece
            if self.lingers:
                await self._allowed.acquire()
            if self.failure is not None:
                raise self.failure
        finally:
            self.open -= 1


class Desk:
    """A cache on a directory, and a synthesiser."""

    def __init__(self, directory: Path, *pieces: bytes, **options: Any) -> None:
        self.clock = Clock()
        self.store = TtsStore(directory, life_s=DAY_S, max_bytes=10**8, clock=self.clock)
        self.cache = TtsCache(self.store, **options)
        self.studio = Studio(*pieces)

    def speaker(self, bot: str = "demo", provider: str = "p") -> Speaker:
        return speaker_of(bot=bot, plugin="tones", provider=provider, params=NoParams())

    def tts(self, bot: str = "demo") -> CachedTts:
        return CachedTts(self.cache, self.studio, self.speaker(bot))

    def start(self, request: SynthesisRequest = HELLO, bot: str = "demo") -> "Listener":
        return Listener(self.tts(bot).synthesise(request))

    async def hear(self, request: SynthesisRequest = HELLO, bot: str = "demo") -> bytes:
        """The whole prompt; what is to be kept of it is kept when this returns."""
        heard = b"".join([piece async for piece in self.tts(bot).synthesise(request)])
        await turns()
        return heard


class Listener:
    """Somebody who listens in a task of his own; ``heard`` is what has come so far."""

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self.heard = b""
        self.task = asyncio.get_running_loop().create_task(self._listen(pieces))

    async def _listen(self, source: AsyncGenerator[bytes, None]) -> bytes:
        async with aclosing(source) as pieces:
            async for piece in pieces:
                self.heard += piece
        return self.heard


def files(directory: Path) -> list[Path]:
    return list(directory.glob("*/*"))


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
