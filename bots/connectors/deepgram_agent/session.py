"""One call's talk with a voice agent, over as many connections as it takes."""

import asyncio
import math
from collections.abc import AsyncIterator

import msgspec
import structlog

from bots.connectors.deepgram_agent import controls
from bots.connectors.deepgram_agent.accounts import SERVICE
from bots.connectors.deepgram_agent.direction import Direction
from bots.connectors.deepgram_agent.function_calls import FunctionCalls
from bots.connectors.deepgram_agent.intake import Intake
from bots.connectors.deepgram_agent.link import (
    NOT_TAKEN,
    SEND_S,
    Link,
    Socket,
    closed,
    failure,
    passed,
    sent,
)
from bots.connectors.deepgram_agent.outlet import Outlet
from bots.connectors.deepgram_agent.setup import Setup, sound, values
from bots.core.activities import Activity, Json, message
from bots.core.errors import Fault, ServiceError, first_service_error
from bots.core.ports import (
    AgentReport,
    BotConversation,
    BotEvent,
    EndpointedSpeech,
    StreamAudio,
    StreamStarted,
)
from bots.protocols.deepgram_agent.faults import Broken
from bots.protocols.deepgram_agent.happenings import (
    Aging,
    Asked,
    Confirmed,
    Happening,
    Ignored,
    Refused,
    Withdrawn,
)
from bots.protocols.deepgram_agent.machine import AgentClient
from bots.protocols.deepgram_agent.messages import (
    InjectUserMessage,
    KeepAlive,
    encode,
)
from bots.protocols.deepgram_agent.settings import filled, silence, taken

CLOSE_S = 2.0
FRAMES_AT_ONCE = 8
"""Frames that are read before others have a turn, if so many are there already."""

log = structlog.get_logger(__name__)


class _Playing(msgspec.Struct):
    """The agent's streams: the latest, when audio of one came, those the call has not played."""

    latest: int = 0
    audio_at: float = 0.0
    unplayed: set[int] = msgspec.field(default_factory=set)


class _Standing(msgspec.Struct):
    """The connection: since when, whether it ends soon, whether it is not the first.

    ``sending_since`` is infinite while nothing is being sent.
    """

    since: float = 0.0
    sending_since: float = math.inf
    aging: bool = False
    renewed: bool = False


class AgentSession:
    """A `VoiceBotSession` and `Controllable`; `begin` connects it.

    What the agent says waits until the call takes part, so that a greeting is not lost that was
    spoken while the telephone still rang.
    """

    def __init__(self, setup: Setup, link: Link, conversation: BotConversation) -> None:
        spoken = taken(conversation.prompt_audio)
        self.caller_audio = taken(conversation.caller_audio)
        self._setup = setup
        self._link = link
        self._conversation = conversation
        self._values = values(conversation)
        self._spoken = spoken
        self._client = AgentClient(spoken)
        self._outlet = Outlet(spoken.bytes_for_ms(1000), SERVICE)
        self._intake = Intake(self.caller_audio.bytes_for_ms(1000), SERVICE)
        self._calls = FunctionCalls(
            setup,
            conversation,
            answer=self._intake.put,
            act=self._outlet.put,
            report=self._outlet.put,
        )
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._socket: Socket | None = None
        self._joined = asyncio.Event()
        self._closing = False
        self._left = False
        self._listening = False
        self._playing = _Playing()
        self._standing = _Standing()
        self._direction = Direction(setup, self._values, self._client, self._intake, self._calls)

    async def begin(self) -> None:
        """Connect; from here on the place in the account is given back at the end.

        Raises:
            ServiceError: Deepgram does not take the call.
        """
        first = self._setup.first_message(self._conversation, self.caller_audio, self._spoken)
        socket, request_id = await self._link.opened(self._client, first, self._outlet.put)
        self._standing.since = self._loop.time()
        self._outlet.put(AgentReport(name="connected", detail={"request_id": request_id}))
        self._socket = socket
        self._task = self._loop.create_task(self._run(socket))
        self._task.add_done_callback(self._ended)

    # --- what the call does ---------------------------------------------------------------------

    async def send(self, activity: Activity) -> None:
        """Tell the agent what the caller says or does in other ways than by speech."""
        self._joined.set()
        params = self._setup.params
        match activity.kind, activity.event:
            case "message", _:
                self._inject(activity.text or "")
            case _, "start":
                self._inject(filled(params.start_message, self._values))
            case _, "dtmf":
                digits = {**self._values, "digits": sound(str(activity.value or ""))}
                if not self._inject(filled(params.dtmf_message, digits)):
                    self._outlet.put(message(""))  # whoever hears nothing of it owes no answer
            case _, "nouserinput":
                self._inject(filled(params.no_input_message, self._values))
            case _:
                return

    def _inject(self, content: str) -> bool:
        content = sound(content).strip()[: controls.MAX_SAID]
        if content and not self._closing:
            self._client.injected(content)
            self._intake.put(InjectUserMessage(content=content))
        return bool(content)

    def listen(self, *, on: bool) -> None:
        """Whether the agent hears the caller."""
        self._listening = on
        if on:
            self._joined.set()

    def hear(self, audio: bytes) -> None:
        """Send the caller's audio on; silence of the same length while they are not listened to.

        A gap would stop the agent's clock: the end of an utterance is found by the silence after
        it, and what was said before and after a gap would become one.
        """
        self._joined.set()
        if not self._closing:
            kept = audio if self._listening else silence(self.caller_audio, len(audio))
            self._intake.hear(kept)

    def played(self, stream: int, *, heard_ms: float, interrupted: bool) -> None:
        """A play stream is over for the caller."""
        self._playing.unplayed.discard(stream)
        if interrupted:
            self._client.silenced(stream)
            self._outlet.drop_audio(stream)

    def reached(self, mark: Json) -> None:
        """Deepgram sets no marks."""

    async def events(self) -> AsyncIterator[BotEvent]:
        """What the agent says and tells, from when the call takes part until it is closed.

        Raises:
            ServiceError: Deepgram failed, and another session could not take the talk over.
        """
        await self._joined.wait()
        while (event := await self._outlet.get()) is not None:
            yield event
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()  # an error of ours ends the call

    async def close(self, reason_code: str, reason: str) -> None:
        """Leave; safe to call twice."""
        self._closing = True
        self._outlet.clear()
        self._outlet.end()
        self._joined.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=CLOSE_S)
            self._ended(self._task)
        if self._socket is not None:
            await closed(self._socket)  # a task that never ran has not done it

    # --- directing the agent --------------------------------------------------------------------

    async def control(self, message: Json) -> str:
        """Carry out one of `controls.CONTROLS`; answers what was observed.

        Raises:
            ServiceError: it is none of them, or the agent refuses, is silent about it or has left.
        """
        if self._closing or self._task is None or self._task.done():
            raise ServiceError(SERVICE, Fault.NOT_FOUND, "The agent has left the call")
        return await self._direction.control(message)

    # --- the connection -------------------------------------------------------------------------

    async def _run(self, socket: Socket) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    broken = await self._carry(socket, group)
                    socket = await self._again(broken)
        except* ServiceError as errors:
            self._outlet.fail(first_service_error(errors))

    def _ended(self, _task: asyncio.Task[None]) -> None:
        """Also when the task never ran; `close` does not wait for the loop to call this."""
        if self._left:
            return
        self._left = True
        self._link.account.leave()
        self._outlet.end()
        self._joined.set()
        if self._intake.dropped_bytes or self._outlet.dropped_bytes:
            log.warning(
                "agent.audio_dropped",
                conversation_id=self._conversation.conversation_id,
                caller_bytes=self._intake.dropped_bytes,
                agent_bytes=self._outlet.dropped_bytes,
            )

    async def _carry(self, socket: Socket, group: asyncio.TaskGroup) -> Broken:
        """Everything that goes on over one connection; why it ended."""
        parts = [
            asyncio.ensure_future(part)
            for part in (self._read(socket, group), self._write(socket), self._tend())
        ]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            return next(part for part in parts if part in done).result()
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            await closed(socket)

    async def _again(self, broken: Broken) -> Socket:
        """Another connection, on which the talk goes on.

        Raises:
            ServiceError: there is none, or it is not worth trying.
        """
        lasted_s = self._loop.time() - self._standing.since
        hopeless = self._standing.renewed and lasted_s < self._setup.timing.steady_s
        if not broken.again or (hopeless and not broken.due):
            raise failure(broken)
        for event in self._client.reset():
            self._outlet.put(event)
        self._calls.withdraw_all()
        self._intake.forget_results()
        if not broken.due:
            detail = {"code": broken.code, "description": broken.detail}
            self._outlet.put(AgentReport(name="error", detail=detail, note=broken.detail))
        try:
            socket, request_id = await self._reopened()
        except ServiceError as error:
            both = error.detail if broken.due else f"{broken.detail}; then: {error.detail}"
            raise ServiceError(SERVICE, error.fault, both) from None
        self._standing.renewed, self._standing.aging = True, False
        self._standing.since = self._loop.time()
        note = "A new session of the agent took the talk over"
        found = {"request_id": request_id}
        self._outlet.put(AgentReport(name="reconnected", detail=found, note=note))
        return socket

    async def _reopened(self) -> tuple[Socket, str]:
        history, unanswered = self._client.talk.resumed()
        first = self._setup.first_message(
            self._conversation,
            self.caller_audio,
            self._spoken,
            history=history,
            greet=not self._client.greeted,
        )
        socket, request_id = await self._link.opened(self._client, first, self._outlet.put)
        try:
            for update in self._direction.updates:
                await sent(socket, encode(update))
            if unanswered:
                self._client.injected(unanswered)
                await sent(socket, encode(InjectUserMessage(content=unanswered)))
        except BaseException:
            await closed(socket)
            raise
        return socket, request_id

    async def _read(self, socket: Socket, group: asyncio.TaskGroup) -> Broken:
        while True:
            for _ in range(FRAMES_AT_ONCE):
                for happening in await self._link.received(socket, self._client):
                    if isinstance(happening, Broken):
                        return happening
                    self._take(happening, group)
            await asyncio.sleep(0)  # frames that are there already must not keep others waiting

    async def _write(self, socket: Socket) -> Broken:
        while True:
            what = await self._intake.get(self._setup.timing.keep_alive_s)
            frame = what if isinstance(what, bytes) else encode(what or KeepAlive())
            self._standing.sending_since = self._loop.time()
            try:
                await passed(socket, frame)
            except ServiceError as error:
                return Broken(fault=error.fault, code="send", detail=error.detail, again=True)
            finally:
                self._standing.sending_since = math.inf

    async def _tend(self) -> Broken:
        timing = self._setup.timing
        while True:
            await asyncio.sleep(timing.tick_s)
            now = self._loop.time()
            if now - self._standing.sending_since > SEND_S:
                return Broken(fault=Fault.TIMEOUT, code="send", detail=NOT_TAKEN, again=True)
            if now - self._playing.audio_at > timing.stall_s:
                for event in self._client.stalled():
                    self._outlet.put(event)
            if self._client.quiet:
                self._calls.part(said=False)
            old = self._standing.aging or now - self._standing.since > timing.age_s
            if old and self._client.quiet and not (self._playing.unplayed or self._calls.running):
                detail = "Deepgram sessions end after two hours"
                return Broken(fault=Fault.SERVER, code="age", detail=detail, again=True, due=True)

    def _take(self, happening: Happening, group: asyncio.TaskGroup) -> None:
        match happening:
            case Asked():
                self._calls.ask(happening, group)
            case Withdrawn(id_):
                self._calls.withdraw(id_)
            case Confirmed(kind):
                self._direction.answered(kind, "")
            case Refused(kind, reason):
                self._direction.answered(kind, reason or "it gives no reason")
            case Aging():
                self._standing.aging = True
            case Ignored(problem):
                log.info(
                    "agent.frame_ignored",
                    conversation_id=self._conversation.conversation_id,
                    problem=problem,
                )
            case _ if isinstance(happening, BotEvent):
                self._tell(happening)

    def _tell(self, event: BotEvent) -> None:
        match event:
            case StreamStarted(stream=stream):
                self._playing.latest = stream
                self._playing.unplayed.add(stream)
                self._playing.audio_at = self._loop.time()
            case StreamAudio():
                self._playing.audio_at = self._loop.time()
            case EndpointedSpeech(speaking=True):
                # What the caller interrupts must not stand before the news of it.
                self._outlet.drop_audio(self._playing.latest)
        self._outlet.put(event)
        if isinstance(event, AgentReport) and event.name == "audio_done":
            self._calls.part(said=True)
