"""Chat mode: the gateway is the HTTP client of the bot, one request for each activity.

Source: AudioCodes "Bot API, chat mode". Requests of a conversation follow one another, but for its
refreshes: a bot may hold a request for as long as it works.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from uuid import uuid4

import structlog

from bots.connectors.ac_api.proactive import ProactiveSocket
from bots.connectors.ac_api.requests import SERVICE, RequestFailed, Requests
from bots.core.activities import Activity
from bots.core.errors import Fault, ProtocolError, ServiceError
from bots.core.ports import AgentReport, BotCapabilities, BotConversation, BotEvent
from bots.protocols import ac_chat
from bots.protocols.ac_chat import Course, Created, Lease, Said, course

CREATE_S = 9.0
"""For all attempts to begin; a little less than a call waits for its bot to join."""
CREATIONS = 3
PAUSE_S = 0.5
REQUEST_S = 29.0
"""For all attempts to deliver an activity; a little less than a call waits for that."""
REFRESH_S = 10.0
DISCONNECT_S = 1.5
QUEUED_ANSWERS = 64
"""Answers held for a slow reader; when there are more, the bot is not asked until it has read."""
MAX_NOTES = 20
"""Problems of one conversation that are told; the same one is told once."""

log = structlog.get_logger(__name__)


class ChatConnector:
    """A `BotConnector` for a bot in chat mode."""

    capabilities = BotCapabilities()

    def __init__(self, url: str, requests: Requests) -> None:
        self._url = url
        self._requests = requests

    async def open(self, conversation: BotConversation) -> "ChatSession":
        """Create the conversation at the bot.

        Where it is not known whether the bot has created one, the next attempt is made under
        another id: some bots refuse an id that they know.

        Raises:
            ServiceError: the bot cannot be reached, refuses, or answers without a place for
                activities.
        """
        loop = asyncio.get_running_loop()
        over = loop.time() + CREATE_S
        name = conversation.conversation_id
        tries = CREATIONS
        while True:
            tries -= 1
            body = ac_chat.creating(name, conversation.bot)
            try:
                answer = await self._requests.post(
                    "creation", self._url, body, deadline_s=over - loop.time(), tries=1
                )
                return ChatSession(name, ac_chat.created(answer, self._url), self._requests)
            except ProtocolError as error:
                detail = f"The bot cannot be talked to: {error.problem}"
                raise ServiceError(SERVICE, Fault.PROTOCOL, detail) from None
            except RequestFailed as error:
                over_soon = not tries or loop.time() + PAUSE_S >= over
                if over_soon or course(error.fault) is not Course.AGAIN:
                    raise
                if ac_chat.is_outcome_unknown(error.fault, sent=error.sent):
                    name = str(uuid4())
                log.warning("bot.create_again", reason=error.detail, conversation=name)
            await asyncio.sleep(PAUSE_S)

    def phrases(self) -> tuple[str, ...]:
        """Nothing is known of what callers say to this bot."""
        return ()


class ChatSession:
    """A `BotSession`: activities go out as requests; answers and a socket bring what is said."""

    def __init__(self, conversation: str, created: Created, requests: Requests) -> None:
        self._conversation = conversation
        self._created = created
        self._requests = requests
        self._turn = asyncio.Lock()
        self._said: asyncio.Queue[tuple[BotEvent, ...] | BaseException | None] = asyncio.Queue(
            QUEUED_ANSWERS
        )
        self._told: set[str] = set()
        self._closed = False
        self._clock = asyncio.get_running_loop().time
        self._lease = Lease(created.expires_s, self._clock())
        self._keeper: asyncio.Task[None] | None = None
        if created.refresh_url:
            self._keeper = self._begun(self._keep_alive(created.refresh_url))
        self._socket: ProactiveSocket | None = None
        self._listener: asyncio.Task[None] | None = None
        if created.websocket_url:
            self._socket = ProactiveSocket(created.websocket_url, requests, self._overheard)
            self._listener = self._begun(self._socket.run())

    async def send(self, activity: Activity) -> None:
        """Post ``activity``; its answer is read by `events`.

        Raises:
            ServiceError: the bot does not take it; NOT_FOUND: it has forgotten the conversation.
        """
        async with self._turn:
            if self._socket is not None:
                await self._socket.settled.wait()
            body = ac_chat.telling(self._conversation, activity)
            try:
                answer = await self._requests.post(
                    "activity", self._created.activities_url, body, deadline_s=REQUEST_S
                )
            except RequestFailed as error:
                raise _lost(error) from None
            self._lease.heard(self._clock())
            await self._take(ac_chat.said(answer))

    async def events(self) -> AsyncIterator[BotEvent]:
        """What the bot says, in the order it came, until `close`.

        Raises:
            ServiceError: the bot has forgotten the conversation.
        """
        while (answer := await self._said.get()) is not None:
            if isinstance(answer, BaseException):
                raise answer
            for each in answer:
                yield each

    async def close(self, reason_code: str, reason: str) -> None:
        """Disconnect; what the bot says afterwards is ignored. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._put_last(None)
        try:
            await _stopped(self._keeper)
            if self._created.disconnect_url:
                await self._disconnect(self._created.disconnect_url, reason_code, reason)
        finally:
            await _stopped(self._listener)

    async def _disconnect(self, url: str, reason_code: str, reason: str) -> None:
        body = ac_chat.disconnecting(self._conversation, reason_code, reason)
        try:
            await self._requests.post("disconnection", url, body, deadline_s=DISCONNECT_S, tries=2)
        except ServiceError as error:
            log.warning("bot.disconnect_failed", reason=error.detail)

    # --- in the background ----------------------------------------------------------------------

    def _begun(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Whoever listens to the bot is told of a failure in the background."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._put_last(error)

    def _put_last(self, end: BaseException | None) -> None:
        while not self._said.empty():
            self._said.get_nowait()
        self._said.put_nowait(end)

    async def _keep_alive(self, url: str) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._lease.refresh_at - self._clock()))
            try:
                answer = await self._requests.post(
                    "refresh",
                    url,
                    ac_chat.refreshing(self._conversation),
                    deadline_s=REFRESH_S,
                    tries=1,
                )
            except RequestFailed as error:
                now = self._clock()
                if course(error.fault) in (Course.LOST, Course.RENEW) or self._lease.is_over(now):
                    raise _lost(error) from None
                log.warning("bot.refresh_failed", reason=error.detail)
                self._lease.failed(now)
            else:
                self._lease.refreshed(ac_chat.expiry_s(answer), self._clock())

    async def _overheard(self, text: str) -> None:
        await self._take(ac_chat.said(text, self._conversation))

    async def _take(self, said: Said) -> None:
        notes = [self._note(problem) for problem in said.problems if self._is_news(problem)]
        if notes or said.activities:
            await self._said.put((*notes, *said.activities))

    def _is_news(self, problem: str) -> bool:
        if problem in self._told or len(self._told) >= MAX_NOTES:
            return False
        self._told.add(problem)
        return True

    def _note(self, problem: str) -> AgentReport:
        log.warning("bot.malformed_answer", problem=problem)
        detail = {"code": "MALFORMED_ANSWER", "description": problem}
        return AgentReport(name="warning", detail=detail, note=problem)


async def _stopped(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.wait([task])


def _lost(error: RequestFailed) -> ServiceError:
    """``error`` as the end of a conversation."""
    if course(error.fault) is Course.LOST:
        return ServiceError(SERVICE, error.fault, "The bot has forgotten the conversation")
    return error
