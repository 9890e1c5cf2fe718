"""What handlers tell a test."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any


class Notebook:
    """What handlers wrote down, readable from the test."""

    def __init__(self) -> None:
        self.lines: list[Any] = []
        self._changed = threading.Event()

    def write(self, what: Any) -> None:
        self.lines.append(what)
        self._changed.set()

    async def until(self, *what: Any) -> None:
        """Wait until all of ``what`` has been written down, in whatever order."""
        await self._wait(lambda: all(each in self.lines for each in what))

    async def first(self) -> Any:
        """What was written down first, as soon as it was."""
        await self._wait(lambda: bool(self.lines))
        return self.lines[0]

    async def _wait(self, settled: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not settled():
                self._changed.clear()
                if not settled():
                    await asyncio.to_thread(self._changed.wait, 1)
