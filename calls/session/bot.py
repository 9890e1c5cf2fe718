"""One call's line to its bot: joins, carries activities and audio, reports to the session."""

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import assert_never, cast
from uuid import uuid4

import msgspec

from bots.core.activities import Activity, Json
from bots.core.audio import Converter
from bots.core.errors import Fault, ServiceError, first_service_error
from bots.core.ports import (
    AgentReport,
    BotConnector,
    BotConversation,
    BotEvent,
    BotSession,
    Controllable,
    EndpointedSpeech,
    Hypothesis,
    SpeechCommitted,
    StreamAudio,
    StreamEnded,
    StreamMark,
    StreamStarted,
    StreamText,
    Transcript,
    VoiceBotSession,
)
from calls.core.events import (
    AgentReported,
    BotAcknowledged,
    BotControlled,
    BotJoined,
    BotLeft,
    BotSpoke,
    CallerCommitted,
    Event,
    ServiceFailed,
)
from calls.media.streams import PlayStreams
from calls.session.heard import Heard

JOIN_TIMEOUT_S = 20.0
"""Longer than a connector waits for one answer of its bot, so that it can say what did not come."""
SEND_TIMEOUT_S = 30.0
DELIVER_TIMEOUT_S = 1.0
"""How long a bot has, when the call is over, to take what it was not told yet."""
CLOSE_TIMEOUT_S = 2.0
CONTROL_TIMEOUT_S = 10.0
MAX_CONTROLS = 20
"""Messages that direct the bot and may be under way."""
MAX_UNDELIVERED = 100
"""Activities waiting for a bot that does not take them; one more is a failure of the bot."""
AT_ONCE = 200
"""Activities that are taken from a bot as fast as they come."""
PER_SECOND = 50
"""Those that follow: a bot that says more waits, so that it takes no time from other calls."""
PIECES_PER_SECOND = 2_000
"""Pieces of audio that are taken; four seconds' worth of them as fast as they come."""
SHARE = 0.1
"""How much of the event loop's time a bot gets; an activity that takes long counts as several."""
PIECES_A_TURN = 8
TURN_S = 0.002
"""Pieces of audio that are taken before others have a turn, unless that takes longer."""
NEEDS_AUDIO = "it hears and speaks itself, and this call has no audio"


def stamped(activity: Activity) -> Activity:
    """``activity`` with an id and a timestamp, which the documentation requires of both sides."""
    if activity.id and activity.timestamp:
        return activity
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.structs.replace(
        activity, id=activity.id or str(uuid4()), timestamp=activity.timestamp or now
    )


class BotLine:
    """`run` is its task; `send`, `listen` and `hear` may be called at any time and return at once.

    A bot with a voice: `streams` holds what it says, ``heard`` passes on what it recognises.
    """

    def __init__(
        self,
        connector: BotConnector,
        conversation: BotConversation,
        report: Callable[[Event], None],
        heard: Heard,
    ) -> None:
        self._connector = connector
        self._conversation = conversation
        self._report = report
        self._heard = heard
        self._outgoing: asyncio.Queue[Activity] = asyncio.Queue(MAX_UNDELIVERED)
        self._session: BotSession | None = None
        self._voice: VoiceBotSession | None = None
        self._hear: Callable[[bytes], None] | None = None
        self._listening = False
        self._controls = 0
        self.streams = PlayStreams(report, self)

    @property
    def hears(self) -> bool:
        """Whether the bot recognises the caller itself."""
        return self._connector.capabilities.hears

    def send(self, activity: Activity) -> None:
        """Deliver ``activity`` after those before it."""
        try:
            self._outgoing.put_nowait(stamped(activity))
        except asyncio.QueueFull:
            detail = "it takes no activities"
            self._report(ServiceFailed(service="bot", fault=Fault.TIMEOUT, detail=detail))

    async def run(self) -> None:
        """Join and carry everything both ways until the bot leaves or fails, or cancellation."""
        try:
            session = await self._join()
        except ServiceError as error:
            self._failed(error)
            return
        self._report(BotJoined())
        try:
            async with asyncio.TaskGroup() as tasks:
                sender = tasks.create_task(self._deliver(session))
                await self._read(session)
                sender.cancel()
        except* ServiceError as errors:
            self._failed(first_service_error(errors))
        finally:
            self.streams.end_all()

    async def _join(self) -> BotSession:
        can, audio = self._connector.capabilities, self._conversation.caller_audio
        with_voice = can.hears or can.speaks
        if with_voice and audio is None:
            raise ServiceError("bot", Fault.INVALID_REQUEST, NEEDS_AUDIO)
        try:
            async with asyncio.timeout(JOIN_TIMEOUT_S):
                session = self._session = await self._connector.open(self._conversation)
        except TimeoutError:
            detail = "it could not be joined in time"
            raise ServiceError("bot", Fault.TIMEOUT, detail) from None
        if with_voice and audio is not None:
            # A connector that hears or speaks opens sessions with a voice: a rule of its port.
            voice = self._voice = cast(VoiceBotSession, session)
            if can.hears:
                self._hear = _hearing(voice, Converter(audio, voice.caller_audio))
                voice.listen(on=self._listening)
        return session

    def listen(self, *, on: bool) -> None:
        """Whether a bot that hears is to listen to the caller."""
        self._listening = on
        if self._hear is not None and self._voice is not None:
            self._voice.listen(on=on)

    def hear(self, audio: bytes) -> None:
        """The caller's audio, for a bot that hears; before it has joined nobody listens."""
        if self._hear is not None:
            self._hear(audio)

    def played(self, stream: int, *, heard_ms: float, interrupted: bool) -> None:
        """A play stream of the bot is over."""
        if self._voice is not None:
            self._voice.played(stream, heard_ms=heard_ms, interrupted=interrupted)

    def reached(self, mark: Json) -> None:
        """The caller has heard everything up to a mark of the bot, or never will."""
        if self._voice is not None:
            self._voice.reached(mark)

    async def direct(self, number: int, message: Json) -> None:
        """Direct the bot as act ``number`` of a supervisor says, and report what came of it."""
        if self._controls >= MAX_CONTROLS:
            problem = "too many messages to the bot are under way"
            self._report(BotControlled(number=number, problem=problem))
            return
        self._controls += 1
        try:
            detail = await self._control(message)
            self._report(BotControlled(number=number, detail=detail))
        except ServiceError as error:
            problem = error.detail or error.fault.value
            self._report(BotControlled(number=number, problem=problem))
        finally:
            self._controls -= 1

    async def _control(self, message: Json) -> str:
        session: object = self._session
        if not isinstance(session, Controllable):
            detail = "this bot cannot be directed while it talks"
            raise ServiceError("bot", Fault.INVALID_REQUEST, detail)
        try:
            async with asyncio.timeout(CONTROL_TIMEOUT_S):
                return await session.control(message)
        except TimeoutError:
            raise ServiceError("bot", Fault.TIMEOUT, "it did not confirm in time") from None

    def _failed(self, error: ServiceError) -> None:
        self._report(ServiceFailed(service="bot", fault=error.fault, detail=error.detail))

    async def close(self, reason_code: str, reason: str) -> None:
        """Tell the bot what it was not told yet and that the call ended, within a bounded time."""
        self.streams.close()
        if self._session is None:
            return
        session = self._session
        self._session = self._voice = self._hear = None
        # The call is over; there is nobody left to fail.
        try:
            with suppress(ServiceError, TimeoutError):
                async with asyncio.timeout(DELIVER_TIMEOUT_S):
                    while not self._outgoing.empty():
                        await session.send(self._outgoing.get_nowait())
        finally:
            # NB whatever comes before: a session that is not closed goes on for ever.
            with suppress(ServiceError, TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await session.close(reason_code, reason)

    async def _deliver(self, session: BotSession) -> None:
        while True:
            activity = await self._outgoing.get()
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await session.send(activity)
            except TimeoutError:
                raise ServiceError("bot", Fault.TIMEOUT, "it took no activity") from None
            self._report(BotAcknowledged())

    async def _read(self, session: BotSession) -> None:
        talk, audio = _Pace(PER_SECOND), _Pace(PIECES_PER_SECOND, PIECES_A_TURN)
        async for event in session.events():
            began = time.perf_counter()
            self._take(event)
            pace = audio if isinstance(event, StreamAudio) else talk
            await pace.wait(time.perf_counter() - began)
        self._report(BotLeft())

    def _take(self, event: BotEvent) -> None:
        match event:
            case StreamAudio():
                self.streams.audio(event)
            case Activity():
                self._report(BotSpoke(event))
            case StreamStarted():
                self.streams.start(event)
            case StreamText():
                self.streams.text(event)
            case StreamMark():
                self.streams.mark(event)
            case StreamEnded():
                self.streams.end(event)
            case Hypothesis() | Transcript():
                self._heard.speech(event)
            case EndpointedSpeech(speaking):
                self._heard.voice(speaking=speaking)
            case SpeechCommitted():
                self._report(CallerCommitted())
            case AgentReport(name=name, detail=detail, note=note):
                self._report(AgentReported(name=name, detail=detail, note=note))
            case _:
                assert_never(event)


def _hearing(voice: VoiceBotSession, converter: Converter) -> Callable[[bytes], None]:
    """What takes the caller's audio to the bot; as it is, when the bot takes the leg's format."""
    if converter.source == converter.target:
        return voice.hear

    def hear(audio: bytes) -> None:
        if converted := converter.push(audio):
            voice.hear(converted)

    return hear


class _Pace:
    """How fast a bot is read: ``per_second`` in the long run, `AT_ONCE` / `PER_SECOND` s ahead.

    Others have a turn after ``a_turn`` events: of those that come fifty times a second the next is
    seldom there yet.
    """

    def __init__(self, per_second: int, a_turn: int = 1) -> None:
        self._a_turn = a_turn
        self._price_s = 1 / per_second
        self._paid_until = -math.inf
        self._events = 0
        self._spent_s = 0.0

    async def wait(self, spent_s: float) -> None:
        """An event took ``spent_s``: wait until the next is due, and let others have a turn."""
        now = asyncio.get_running_loop().time()
        price_s = max(self._price_s, spent_s / SHARE)
        self._paid_until = max(self._paid_until, now - AT_ONCE / PER_SECOND) + price_s
        self._events += 1
        self._spent_s += spent_s
        turn_over = self._events >= self._a_turn or self._spent_s > TURN_S
        if self._paid_until > now or turn_over:
            self._events, self._spent_s = 0, 0.0
            await asyncio.sleep(max(0.0, self._paid_until - now))
