"""The WebSocket of one conversation with a bot in streaming mode, and the next one when it is lost.

`Link` connects, proves who we are, opens or resumes the session and reads frames; what they mean is
`bots.connectors.ac_api.streaming`'s. Source: Bot API, streaming mode, connection and session setup.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import aiohttp
import msgspec

from bots.connectors.ac_api.voice import offers
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotCapabilities, BotConversation
from bots.net import OutboundError, outbound
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import ClientState, StreamClient

SERVICE = "bot:ac-api"
ACCEPT_S = 10.0
"""How long a bot may take to accept the session."""
RESUME_S = 5.0
"""How long taking up a lost session may take in all."""
RESUME_PAUSES_S = (0.5, 1.0, 2.0)
"""The pauses before each attempt."""
VALIDATE_S = 5.0
"""How long a bot may take to answer ``connection.validate``."""
PING_S = 30.0
MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Bots send a whole prompt in one frame."""
CLOSE_S = 1.0
"""How long the bot may take to close after ``session.end``, and again to confirm our close."""

LOST = (aiohttp.ClientError, ConnectionError)
"""What writing to a socket raises that is gone."""

_SENDABLE = re.compile(r"[ -~]{1,200}")
"""What may stand in a header."""

Authorise = Callable[[str | None], Awaitable[Mapping[str, str]]]
"""Headers that prove who we are; the argument is the Authorization that was refused, if any."""


class Way(msgspec.Struct, frozen=True):
    """How the bot is reached and what it does itself."""

    url: str
    authorise: Authorise
    does: BotCapabilities
    verify_tls: bool = True


class Link:
    """Sockets to the bot, one after the other; `client` is the machine of the one in use."""

    def __init__(self, way: Way, conversation: BotConversation) -> None:
        self.client = StreamClient(conversation.conversation_id)
        self.up = asyncio.Event()
        """The socket is not known to be lost; cleared until another has taken its place."""
        self._way = way
        self._conversation = conversation
        self._ws: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Timeout | None = None
        self._read_no_more = asyncio.Event()

    @property
    def live(self) -> bool:
        """Whether a session is open on a socket that is not known to be lost."""
        return self.up.is_set() and self.client.state is ClientState.ACTIVE

    # --- a session ------------------------------------------------------------------------------

    async def initiate(self) -> None:
        """Connect and have the session accepted.

        Raises:
            ServiceError: the bot cannot be reached or does not take the call.
        """
        does = self._way.does
        audio = self._conversation.caller_audio
        try:
            async with asyncio.timeout(ACCEPT_S):
                ws = await self._connect()
                initiate = self.client.initiate(
                    bot_name=self._conversation.bot,
                    caller=self._conversation.caller,
                    expect_audio_messages=does.speaks,
                    media_formats=offers(audio) if does.hears or does.speaks else (),
                )
                await self._ask(ws, initiate)
        except TimeoutError:
            raise failed(Fault.TIMEOUT, "did not accept the session in time") from None

    async def resume(self) -> None:
        """Go on with the session on a new socket.

        Raises:
            ServiceError: the bot is not there any more, or does not know the session.
        """
        self.up.clear()
        await self.drop()
        problem = "no answer in time"
        with suppress(TimeoutError):
            async with asyncio.timeout(RESUME_S):
                for pause_s in RESUME_PAUSES_S:
                    await asyncio.sleep(pause_s)
                    try:
                        await self._take_up()
                    except ServiceError as error:
                        problem = error.detail
                    else:
                        return
                    if self.client.state is ClientState.ENDED:
                        break  # the bot knows no such session
        raise failed(
            Fault.CONNECTIVITY,
            f"lost its connection and did not take the call up again ({problem})",
        )

    async def validate(self) -> str:
        """Ask the bot whether it is one, without a session; answers what it said, in words.

        Many bots do not know the question, AudioCodes' own SDK among them: silence is no failure.

        Raises:
            ServiceError: the bot cannot be reached, or says that it is not well.
        """
        ws = self._ws = await self._connect()
        try:
            with suppress(TimeoutError, *LOST):
                async with asyncio.timeout(VALIDATE_S):
                    await ws.send_str(self.client.validate())
                    while (frame := await self.receive()) is not None:
                        for what in self.client.receive(frame):
                            if isinstance(what, wire.Validated):
                                return _validated(what)
        finally:
            await self.drop()
        return "connected; it does not know connection.validate"

    async def _take_up(self) -> None:
        media = self.client.media_format
        self.client = StreamClient(self._conversation.conversation_id, media_format=media)
        ws = await self._connect()
        await self._ask(ws, self.client.resume())

    async def _ask(self, ws: aiohttp.ClientWebSocketResponse, request: str) -> None:
        """Send the first frame of the socket and wait until the bot has accepted."""
        self._ws = ws
        try:
            await ws.send_str(request)
            while self.client.state is not ClientState.ACTIVE:
                message = await ws.receive()
                await asyncio.sleep(0)
                if not isinstance(message.data, str | bytes):
                    raise failed(Fault.CONNECTIVITY, "closed the connection and did not accept")
                for what in self.client.receive(message.data):
                    if isinstance(what, wire.Errored):
                        raise failed(Fault.SERVER, f"refused the session: {plain(what.reason)}")
            self.up.set()
        except LOST:
            raise failed(Fault.CONNECTIVITY, "closed the connection and did not accept") from None
        finally:
            if not self.up.is_set():
                await self.drop()

    async def _connect(self) -> aiohttp.ClientWebSocketResponse:
        """A new socket, with a fresh token when the one we have is refused."""
        known = {
            "AC-Conversation-Id": self._conversation.conversation_id,
            "AC-Caller-Number": self._conversation.caller,
        }
        headers = {name: text for name, text in known.items() if _SENDABLE.fullmatch(text)}
        proof = await self._way.authorise(None)
        try:
            return await self._websocket({**headers, **proof})
        except OutboundError as error:
            refused = proof.get("Authorization")
            if error.status != 401 or refused is None:
                raise unreachable(error) from None
            proof = await self._way.authorise(refused)
            if proof.get("Authorization") == refused:
                raise unreachable(error) from None
        try:
            return await self._websocket({**headers, **proof})
        except OutboundError as error:
            raise unreachable(error) from None

    async def _websocket(self, headers: Mapping[str, str]) -> aiohttp.ClientWebSocketResponse:
        return await outbound().websocket(
            self._way.url,
            deadline_s=ACCEPT_S,
            max_bytes=MAX_FRAME_BYTES,
            headers=headers,
            heartbeat_s=PING_S,
            verify_tls=self._way.verify_tls,
        )

    # --- frames ---------------------------------------------------------------------------------

    async def send(self, frame: str) -> bool:
        """Write a frame; False: the socket is gone, which `receive` reports too."""
        ws = self._ws
        with suppress(*LOST):
            if ws is not None:
                await ws.send_str(frame)
                return True
        if ws is self._ws:
            self.up.clear()
        return False

    async def receive(self) -> str | bytes | None:
        """The next frame; None: the socket is closed, or `interrupt` was called meanwhile."""
        if self._ws is None:
            return None
        try:
            async with asyncio.timeout(None) as self._reading:
                message = await self._ws.receive()
                # Frames that are there already must not keep other calls waiting.
                await asyncio.sleep(0)
        except TimeoutError:
            return None
        finally:
            self._reading = None
            self._read_no_more.set()
        return message.data if isinstance(message.data, str | bytes) else None

    def interrupt(self) -> None:
        """Have `receive` return."""
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())

    # --- the end --------------------------------------------------------------------------------

    async def end(self, reason_code: str, reason: str) -> None:
        """``session.end``, then the bot closes the socket or we do, within a bounded time."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_S):
                    while self._reading is not None:
                        self._read_no_more.clear()
                        self.interrupt()
                        await self._read_no_more.wait()
                    if self.live:
                        await self.send(self.client.end(reason_code, reason))
                        while await self.receive() is not None:
                            pass
        finally:
            await self.drop()

    async def drop(self) -> None:
        """Close the socket with code 1000, within a bounded time."""
        ws, self._ws = self._ws, None
        if ws is not None:
            with suppress(TimeoutError, *LOST):
                async with asyncio.timeout(CLOSE_S):
                    await ws.close()


def _validated(answer: wire.Validated) -> str:
    if not answer.success:
        raise failed(Fault.SERVER, "answered connection.validate without success")
    return "success"


def failed(fault: Fault, problem: str) -> ServiceError:
    """A failure of the bot, worded to complete "The bot ..."."""
    return ServiceError(SERVICE, fault, f"The bot {problem}")


def unreachable(error: OutboundError) -> ServiceError:
    """There is no connection."""
    if error.fault is Fault.AUTHENTICATION and error.status:
        return failed(
            error.fault, f"does not accept the gateway's token (HTTP status {error.status})"
        )
    return failed(error.fault, f"could not be reached: {error.reason}")


def plain(reason: str) -> str:
    """A bot's words on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in reason).split())
