"""What waits to be sent to the agent: messages first, then the caller's audio."""

import asyncio
from collections import deque

from bots.core.errors import Fault, ServiceError
from bots.protocols.deepgram_agent.messages import ClientMessage, FunctionResult

MAX_MESSAGES = 200
MAX_AUDIO_S = 1
"""Of the caller's audio; what is older is dropped, for an agent should hear what is said now."""


class Intake:
    """Messages are kept, audio is kept for a second."""

    def __init__(self, bytes_per_s: int, service: str) -> None:
        self.dropped_bytes = 0
        self._messages: deque[ClientMessage] = deque()
        self._audio: deque[bytes] = deque()
        self._audio_bytes = 0
        self._limit_bytes = bytes_per_s * MAX_AUDIO_S
        self._service = service
        self._changed = asyncio.Event()

    def put(self, message: ClientMessage) -> None:
        """Send ``message`` after those before it.

        Raises:
            ServiceError: the agent takes none.
        """
        if len(self._messages) >= MAX_MESSAGES:
            raise ServiceError(self._service, Fault.TIMEOUT, "Deepgram takes no messages")
        self._messages.append(message)
        self._changed.set()

    def hear(self, audio: bytes) -> None:
        """Send ``audio``, unless it is older than a second by the time it could be sent.

        NB an empty frame would end the stream.
        """
        if not audio:
            return
        self._audio.append(audio)
        self._audio_bytes += len(audio)
        while self._audio_bytes > self._limit_bytes and len(self._audio) > 1:
            oldest = len(self._audio.popleft())
            self._audio_bytes -= oldest
            self.dropped_bytes += oldest
        self._changed.set()

    def forget_results(self) -> None:
        """Another session does not know the calls of functions of the one before."""
        self._messages = deque(
            message for message in self._messages if not isinstance(message, FunctionResult)
        )

    async def get(self, patience_s: float) -> ClientMessage | bytes | None:
        """What is to be sent next; None: nothing for ``patience_s``."""
        if not (self._messages or self._audio):
            await self._filled(patience_s)
        if not (self._messages or self._audio):
            return None
        if self._messages:
            return self._messages.popleft()
        audio = self._audio.popleft()
        self._audio_bytes -= len(audio)
        return audio

    async def _filled(self, patience_s: float) -> None:
        """Until there is something, at most ``patience_s``.

        One bare timer: this happens for every frame of every call.
        """
        self._changed.clear()
        alarm = asyncio.get_running_loop().call_later(patience_s, self._changed.set)
        try:
            await self._changed.wait()
        finally:
            alarm.cancel()
