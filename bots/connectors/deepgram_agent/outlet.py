"""What waits to be read by the call: events in order, audio of a bounded length."""

import asyncio
from collections import deque

from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotEvent, StreamAudio

MAX_AUDIO_S = 600
MAX_EVENTS = 2000
"""Events that are not audio; with more the session fails, for none may be lost."""
_PIECE_BYTES = 16_384
"""Pieces of audio are put together up to this size, to be fewer."""


class Outlet:
    """Where a session puts what its reader takes; the newest audio beyond the limit is dropped."""

    def __init__(self, bytes_per_s: int, service: str) -> None:
        self.dropped_bytes = 0
        self._events: deque[BotEvent] = deque()
        self._limit_bytes = bytes_per_s * MAX_AUDIO_S
        self._audio_bytes = 0
        self._other = 0
        self._service = service
        self._failure: ServiceError | None = None
        self._over = False
        self._changed = asyncio.Event()

    def put(self, event: BotEvent) -> None:
        """Add ``event``; after the end it is dropped.

        Raises:
            ServiceError: there are too many that nobody reads.
        """
        if self._over:
            return
        if isinstance(event, StreamAudio):
            self._put_audio(event)
        elif self._other >= MAX_EVENTS:
            raise ServiceError(self._service, Fault.PROTOCOL, "Deepgram floods the call")
        else:
            self._other += 1
            self._events.append(event)
        self._changed.set()

    def _put_audio(self, piece: StreamAudio) -> None:
        if self._audio_bytes + len(piece.audio) > self._limit_bytes:
            self.dropped_bytes += len(piece.audio)
            return
        self._audio_bytes += len(piece.audio)
        last = self._events[-1] if self._events else None
        if (
            isinstance(last, StreamAudio)
            and last.stream == piece.stream
            and len(last.audio) < _PIECE_BYTES
        ):
            self._events[-1] = StreamAudio(piece.stream, last.audio + piece.audio)
        else:
            self._events.append(piece)

    def drop_audio(self, stream: int) -> None:
        """Audio of ``stream`` is not wanted any more."""
        kept = [
            event
            for event in self._events
            if not (isinstance(event, StreamAudio) and event.stream == stream)
        ]
        self._events = deque(kept)
        self._audio_bytes = sum(len(e.audio) for e in kept if isinstance(e, StreamAudio))

    def fail(self, failure: ServiceError) -> None:
        """What is there is still read, then the reader gets ``failure``."""
        self._failure = self._failure or failure
        self.end()

    def end(self) -> None:
        """Nothing more comes."""
        self._over = True
        self._changed.set()

    def clear(self) -> None:
        """Forget what was not read."""
        self._events.clear()
        self._audio_bytes = self._other = 0

    async def get(self) -> BotEvent | None:
        """The next event; None at the end.

        Raises:
            ServiceError: that of `fail`.
        """
        while not self._events:
            if self._failure is not None:
                raise self._failure
            if self._over:
                return None
            self._changed.clear()
            await self._changed.wait()
        event = self._events.popleft()
        if isinstance(event, StreamAudio):
            self._audio_bytes -= len(event.audio)
        else:
            self._other -= 1
        return event
