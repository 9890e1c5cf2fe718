"""What handlers tell a test."""

import asyncio
import threading
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
        async with asyncio.timeout(15):
            while not all(each in self.lines for each in what):
                self._changed.clear()
                if not all(each in self.lines for each in what):
                    await asyncio.to_thread(self._changed.wait, 1)
