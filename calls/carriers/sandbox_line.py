"""A socket in memory between a callee of the sandbox and our own side of the voice WebSocket."""

import asyncio
from collections import deque

from calls.channels.ac_stream import AcStream
from calls.testcall.caller import Caller, Wish

MAX_UNREAD_FRAMES = 1000
"""Frames for a callee that does not read; one more breaks the line."""


class Line:
    """Carries one call; `run` is its task.

    The stream is made with `put` and `close` and is then handed to `run`.
    """

    def __init__(self, callee: Caller) -> None:
        self.callee = callee
        self.answered = asyncio.Event()
        """Set when somebody picked up, or nobody will any more."""
        self._unread: deque[str] = deque()
        self._something = asyncio.Event()
        self._closed: int | None = None
        self._clock = asyncio.get_running_loop().time

    def put(self, frame: str) -> None:
        """A frame for the callee."""
        if len(self._unread) < MAX_UNREAD_FRAMES:
            self._unread.append(frame)
        else:
            self._closed = 1008
        self._something.set()

    def close(self, code: int) -> None:
        """Close once what was put has been read."""
        self._closed = code
        self._something.set()

    def open(self, stream: AcStream) -> None:
        """Ask for a session; whether it was granted shows in ``stream.refusal``."""
        self._hand_over(self.callee.connected(self._clock()), stream)

    def hang_up(self, stream: AcStream) -> None:
        """The callee ends the call; harmless when it is over."""
        if self.callee.wish is Wish.KEEP:
            self._hand_over(self.callee.hang_up(self._clock()), stream)
            self._something.set()

    async def run(self, stream: AcStream) -> None:
        """Carry the call to its end."""
        try:
            while self.callee.wish is Wish.KEEP:
                await self._next()
                self._read(stream)
                if self.callee.up:
                    self.answered.set()
                if self._closed is not None and not self._unread:
                    self.callee.disconnected(self._clock(), self._closed)
        finally:
            self.answered.set()
            stream.lost()

    async def _next(self) -> None:
        """Wait for a frame or for the callee's next decision."""
        loop = asyncio.get_running_loop()
        alarm = loop.call_at(self.callee.next_tick, self._something.set)
        await self._something.wait()
        alarm.cancel()
        self._something.clear()

    def _read(self, stream: AcStream) -> None:
        now = self._clock()
        for _ in range(len(self._unread)):
            self._hand_over(self.callee.received(self._unread.popleft(), now), stream)
        if now >= self.callee.next_tick:
            self._hand_over(self.callee.tick(now), stream)

    @staticmethod
    def _hand_over(frames: list[str], stream: AcStream) -> None:
        for frame in frames:
            stream.receive(frame)
