"""Tells which outbound call a voice socket brings back, before its session is opened."""

import asyncio

import structlog
from django.db import DatabaseError, InterfaceError

from bots.core.errors import ProtocolError
from bots.protocols.ac_bot_api.messages import (
    SessionInitiate,
    SessionResume,
    decode_from_gateway,
)
from bots.selectors import CallConfiguration
from calls.channels.ac_stream import AcStream
from calls.database import db
from calls.dialouts.matching import Candidates, candidates

PATIENCE_S = 2.0
"""How long a session waits for the replies to orders that may have brought it."""
LOOK_S = 0.1
DATABASE_S = 5.0

log = structlog.get_logger(__name__)


class Matching:
    """For a socket of a bot with outbound calls that have not come back."""

    def __init__(self, bot: str, configuration: CallConfiguration) -> None:
        self._bot = bot
        self._configuration = configuration

    async def prepare(self, stream: AcStream, frame: str | bytes) -> None:
        """Tell ``stream`` whose session ``frame`` asks for, if it asks for one.

        The carrier's id of a call comes with its reply to the order, which this socket may
        overtake. Once all orders that may have brought it have replied, it is none of them.
        """
        conversation_id = _asked_for(frame)
        if conversation_id is None:
            return
        try:
            async with asyncio.timeout(DATABASE_S):
                found = await self._found(conversation_id)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            log.error("voice.not_matched", error=type(error).__name__)
            return
        if found.named is not None:
            stream.expect(found.named)
        else:
            stream.suppose(found.unnamed)

    async def _found(self, conversation_id: str) -> Candidates:
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        among: list[str] | None = None
        while True:
            found = await db(candidates, self._bot, self._configuration, conversation_id, among)
            if found.named is not None or not found.unnamed or loop.time() >= until:
                return found
            among = list(found.unnamed)
            await asyncio.sleep(LOOK_S)


def resumed_in(frame: str | bytes) -> str | None:
    """The conversation id of a ``session.resume``; None for any other frame."""
    return _named(frame, SessionResume)


def _asked_for(frame: str | bytes) -> str | None:
    """The conversation id of a ``session.initiate``; None for any other frame."""
    return _named(frame, SessionInitiate)


def _named(frame: str | bytes, kind: type[SessionInitiate | SessionResume]) -> str | None:
    try:
        message = decode_from_gateway(frame)
    except ProtocolError:
        return None
    return message.conversation_id or "" if isinstance(message, kind) else None
