"""AudioCodes Bot API in streaming mode: one WebSocket to the bot for each call, text and voice.

The session survives the loss of its socket when the bot lets it (``session.resume``). Source: Bot
API, streaming mode, state machine of the client.
"""

import asyncio
from collections.abc import AsyncIterator

import structlog

from bots.connectors.ac_api.link import Authorise, Link, Way, failed, plain
from bots.connectors.ac_api.voice import CallerStream, Outbox, PlayStreams, heard_by_bot
from bots.core.activities import Activity, Json
from bots.core.audio import LPCM16_16K
from bots.core.errors import Fault, ServiceError
from bots.core.ports import AgentReport, BotCapabilities, BotConversation, BotEvent
from bots.protocols import ac_bot_api as wire

OPEN_STREAM_S = 5.0
"""How long a bot may take to answer ``userStream.start``."""
MAX_RESUMES = 20
"""A bot that loses its socket once more in one call has failed."""
START_FIRST_S = 0.5
"""How long the caller's audio waits for the first activity; bots expect ``start`` before it."""
FILL_S = 0.1
"""How often gaps in the caller's audio are looked for."""
MAX_WARNINGS = 5
"""Different slips of a bot that are told in one call."""

log = structlog.get_logger(__name__)


class StreamingConnector:
    """A `BotConnector` to one bot in streaming mode; see `Authorise` for ``authorise``."""

    def __init__(
        self,
        *,
        url: str,
        authorise: Authorise,
        hears: bool,
        speaks: bool,
        verify_tls: bool = True,
    ) -> None:
        self.capabilities = BotCapabilities(hears=hears, speaks=speaks)
        self._way = Way(url, authorise, self.capabilities, verify_tls)

    async def open(self, conversation: BotConversation) -> "StreamingSession":
        """Connect and ask for a session; the bot has accepted it when this returns.

        Raises:
            ServiceError: the bot cannot be reached or does not take the call.
        """
        link = Link(self._way, conversation)
        await link.initiate()
        if self.capabilities.hears and link.client.media_format is None:
            await link.drop()
            raise failed(Fault.PROTOCOL, "accepted the session without a known media format")
        return StreamingSession(link, self.capabilities)

    async def check(self) -> dict[str, str]:
        """Connect and have the connection validated, without a session.

        Raises:
            ServiceError: the bot cannot be reached, does not let us in or is not well.
        """
        nobody = BotConversation(conversation_id="", bot="", language="")
        return {"validation": await Link(self._way, nobody).validate()}

    def phrases(self) -> tuple[str, ...]:
        """Nobody knows what such a bot expects to hear."""
        return ()


class StreamingSession:
    """A `VoiceBotSession`, in text mode too; `events` reads the socket, so it has to be iterated.

    What outlives a socket is here: whether the caller is listened to, and how many play streams
    there were.
    """

    def __init__(self, link: Link, does: BotCapabilities) -> None:
        media = link.client.media_format
        self.caller_audio = LPCM16_16K if media is None else media.audio
        self._link = link
        self._does = does
        self._outbox = Outbox(self._overflowed)
        self._caller = CallerStream(media, self._outbox) if does.hears and media else None
        self._streams = PlayStreams()
        self._failure: ServiceError | None = None
        self._farewell = ""
        self._begun = False
        self._closed = False
        self._resumes = 0
        self._slips: set[str] = set()
        loop = asyncio.get_running_loop()
        self._writer = loop.create_task(self._write())
        self._patience: asyncio.TimerHandle | None = None
        self._filling: asyncio.TimerHandle | None = None
        if self._caller is not None:
            self._fill(self._caller)

    # --- to the bot -----------------------------------------------------------------------------

    async def send(self, activity: Activity) -> None:
        """Hand ``activity`` over; waits while a lost socket is being replaced."""
        sent = False
        while not sent and not self._closed:
            await self._link.up.wait()
            if self._failure is not None:
                raise self._failure
            if not self._link.live:
                raise failed(Fault.CONNECTIVITY, "is not connected")
            sent = await self._link.send(self._link.client.activities([activity]))
        self._begin()

    def listen(self, *, on: bool) -> None:
        """Open or close the user stream, behind the first activity."""
        caller = self._caller
        if caller is None or self._closed or caller.wanted == on:
            return
        caller.wanted = on
        if not self._begun:
            asyncio.get_running_loop().call_later(START_FIRST_S, self._begin)
        elif self._usable:
            self._end_patience()
            if on:
                self._open_stream(caller)
            else:
                caller.stop(self._link.client)

    def hear(self, audio: bytes) -> None:
        """The caller's audio; dropped while nobody listens or the socket is being replaced."""
        caller = self._caller
        if caller is not None and caller.wanted and self._usable:
            caller.hear(audio, self._link.client, asyncio.get_running_loop().time())

    def played(self, stream: int, *, heard_ms: float, interrupted: bool) -> None:
        """A play stream is over; the protocol has no word for it."""
        self._streams.played(stream, interrupted=interrupted)

    def reached(self, mark: Json) -> None:
        """Give a mark back."""
        if self._usable:
            self._outbox.control(self._link.client.mark_reached(mark))

    def _begin(self) -> None:
        """``start`` went out, or none comes: the caller's audio may follow."""
        if self._begun or self._closed:
            return
        self._begun = True
        if self._caller is not None and self._caller.wanted and self._usable:
            self._open_stream(self._caller)

    @property
    def _usable(self) -> bool:
        return self._failure is None and not self._closed and self._link.live

    def _open_stream(self, caller: CallerStream) -> None:
        loop = asyncio.get_running_loop()
        self._patience = loop.call_later(OPEN_STREAM_S, self._not_opened)
        caller.start(self._link.client, loop.time())

    def _not_opened(self) -> None:
        self._fail(failed(Fault.TIMEOUT, "did not answer userStream.start"))

    def _overflowed(self) -> None:
        self._fail(failed(Fault.TIMEOUT, "takes no more messages"))

    def _fail(self, failure: ServiceError) -> None:
        self._failure = self._failure or failure
        self._link.interrupt()

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    async def _write(self) -> None:
        """Send what is in the outbox; what meets a lost socket is lost."""
        while True:
            await self._link.send(await self._outbox.take())

    def _fill(self, caller: CallerStream) -> None:
        """Look after gaps in the caller's audio, as long as the session lasts."""
        loop = asyncio.get_running_loop()
        if caller.wanted and self._usable:
            caller.fill(self._link.client, loop.time())
        self._filling = loop.call_later(FILL_S, self._fill, caller)

    # --- from the bot ---------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[BotEvent]:
        """What the bot says, until it closes the socket after a hang-up or a transfer.

        Raises:
            ServiceError: the bot gave up, or its connection was lost for good.
        """
        try:
            while not self._closed:
                frame = await self._link.receive()
                if self._failure is not None:
                    raise self._failure
                if frame is not None:
                    for what in self._link.client.receive(frame):
                        for told in self._read(what):
                            yield told
                elif not self._closed:
                    if self._farewell:
                        self._failure = failed(Fault.CONNECTIVITY, "has left the call")
                        return
                    for told in await self._resume():
                        yield told
        except ServiceError as error:
            self._failure = error
            raise
        finally:
            self._link.up.set()  # nobody waits for another socket

    def _read(self, what: wire.ClientEvent) -> list[BotEvent]:
        """What an event of the wire means for the call."""
        match what:
            case wire.ActivitiesReceived(activities):
                self._notice_farewell(activities)
                return list(activities)
            case wire.Errored(reason):
                raise failed(Fault.SERVER, f"gave up the session: {plain(reason)}")
            case wire.Rejected(problem, unknown_type):
                return self._slipped(problem, unknown_type=unknown_type)
            case wire.UserStreamOpen() if self._caller is not None:
                self._stream_opened(self._caller)
                return []
            case wire.PlayStarted() | wire.PlayAudio() | wire.PlayStopped() | wire.MarkSet():
                return self._play(what)
        heard = heard_by_bot(what)
        if heard is None:
            return []
        if not self._does.hears:
            return self._slipped("speech events of a bot that is not configured with directSTT")
        return [heard]

    def _notice_farewell(self, activities: tuple[Activity, ...]) -> None:
        """After a hang-up the bot may go; after a transfer unless it goes on talking."""
        if self._farewell != "hangup":
            said = (one.event for one in activities)
            self._farewell = next((event for event in said if event in _FAREWELLS), "")

    def _play(self, what: wire.ClientEvent) -> list[BotEvent]:
        if not self._does.speaks:
            return self._slipped("play streams of a bot that is not configured with directTTS")
        if not isinstance(what, wire.MarkSet):
            return self._streams.read(what)
        mark = self._streams.mark(what)
        if mark is None:
            self.reached(what.mark)
            return []
        return [mark]

    def _stream_opened(self, caller: CallerStream) -> None:
        if self._link.client.hears():
            self._end_patience()
            caller.opened(self._link.client)

    def _slipped(self, problem: str, *, unknown_type: bool = False) -> list[BotEvent]:
        """Each kind of slip is told once; newer bots may send messages that we do not know."""
        if problem in self._slips or len(self._slips) >= MAX_WARNINGS:
            return []
        self._slips.add(problem)
        log.info("bot.frame_ignored", problem=problem)
        if unknown_type:
            return []
        detail = {"code": "protocol", "description": problem}
        return [AgentReport(name="warning", detail=detail)]

    async def _resume(self) -> list[BotEvent]:
        """Take the session up on a new socket; the caller's audio of the gap is lost."""
        self._end_patience()
        self._outbox.clear()
        if self._caller is not None:
            self._caller.lost()
        self._resumes += 1
        if self._resumes > MAX_RESUMES:
            raise failed(Fault.CONNECTIVITY, "lost its connection again and again")
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._link.resume()
        after_ms = round((loop.time() - began) * 1000)
        log.info("bot.resumed", after_ms=after_ms)
        if self._caller is not None and self._caller.wanted and self._begun:
            self._open_stream(self._caller)
        detail = {"request_id": "", "after_ms": after_ms}
        return [*self._streams.ended(), AgentReport(name="reconnected", detail=detail)]

    # --- the end --------------------------------------------------------------------------------

    async def close(self, reason_code: str, reason: str) -> None:
        """``session.end``, then the bot closes the socket or we do; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._end_patience()
        if self._filling is not None:
            self._filling.cancel()
        self._writer.cancel()
        await self._link.end(reason_code, reason)


_FAREWELLS = frozenset({"hangup", "transfer", "handover"})
"""Events after which a bot may close its socket."""
