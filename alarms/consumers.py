"""The WebSocket by which every page of the console learns of alarms: ``/ws/alarms``.

Server to page (JSON text, kind in ``t``): ``alarms`` at once and whenever something that the person
may see has changed (`alarms.core.tally.Tally` and ``version``), ``hb`` as a sign of life. It tells
that something changed; what, a page asks by HTTP. The page sends nothing.

Close codes: 1013 the database is away, 4400 the page sent something, 4401 not signed in, 4403 not
permitted to see alarms, 4429 too many sockets.

Only the latest state waits for a page that takes none, so there is no backlog.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, NoReturn

import msgspec
from asgiref.sync import sync_to_async
from channels.consumer import AsyncConsumer
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from alarms import board
from alarms.core.tally import tally
from bots.core.roles import Permission
from bots.guards import user_of_session
from bots.people import Person, person

LOOK_SECONDS = 5.0
"""How long the database may take to say who sits at the page."""
RECHECK_SECONDS = 15.0
"""How long somebody may be told who is no longer permitted to be; as often a page hears ``hb``."""
SOCKETS_PER_USER = 40
"""Every open page has one."""
TRY_LATER, NOT_OURS, SIGNED_OUT, NOT_PERMITTED, TOO_MANY = 1013, 4400, 4401, 4403, 4429
_pool = ThreadPoolExecutor(2, thread_name_prefix="alarm-socket")

Message = dict[str, Any]


class _Closed(Exception):
    """The socket is to be closed with ``code``; 0 when the browser has left."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class AlarmConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One page's news of alarms; its own loop, which makes no database hop per message."""

    _sockets: ClassVar[Counter[int]] = Counter()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one connection to its end."""
        self._receive, self._send = receive, send
        self._session_key = getattr(scope.get("session"), "session_key", None)
        await receive()
        # A close code only reaches a browser whose socket was accepted.
        await send({"type": "websocket.accept"})
        code = await self._serve()
        if code:
            await send({"type": "websocket.close", "code": code})

    async def _serve(self) -> int:
        try:
            await self._look()
        except _Closed as closed:
            return closed.code
        user_id = self._who.user_id
        if self._sockets[user_id] >= SOCKETS_PER_USER:
            return TOO_MANY
        self._news = asyncio.Event()
        self._news.set()
        loop, code = asyncio.get_running_loop(), 0
        unsubscribe = board.subscribe(lambda _: _wake(loop, self._news))
        self._sockets[user_id] += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._read, self._tell, self._recheck):
                    tasks.create_task(part())
        except* _Closed as closed_by:
            code = max(each.code for each in closed_by.exceptions if isinstance(each, _Closed))
        finally:
            unsubscribe()
            self._sockets[user_id] -= 1
            if not self._sockets[user_id]:
                del self._sockets[user_id]
        return code

    async def _read(self) -> NoReturn:
        message = await self._receive()
        raise _Closed(0 if message["type"] == "websocket.disconnect" else NOT_OURS)

    async def _tell(self) -> NoReturn:
        told = None
        while True:
            await self._news.wait()
            self._news.clear()
            alarms = board.visible_to(self._who)
            if alarms == told:  # what changed is not for this person's eyes
                continue
            told, version = alarms, board.current().version
            await self._emit({"t": "alarms", "version": version, **_counted(alarms)})

    async def _recheck(self) -> NoReturn:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await self._look()
            self._news.set()  # the person may see more or less, and silences run out
            await self._emit({"t": "hb"})

    async def _look(self) -> None:
        """Who sits at the page at this moment.

        Raises:
            _Closed: nobody who may see alarms, or the database cannot tell.
        """
        look = sync_to_async(_person, thread_sensitive=False, executor=_pool)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                self._who: Person = await look(self._session_key)
        except (DatabaseError, TimeoutError):
            raise _Closed(TRY_LATER) from None
        if not self._who.may(Permission.SEE_ALARMS):
            raise _Closed(NOT_PERMITTED if self._who.user_id else SIGNED_OUT)

    async def _emit(self, frame: Message) -> None:
        text = msgspec.json.encode(frame).decode()
        await self._send({"type": "websocket.send", "text": text})


_latest: tuple[tuple[board.Alarm, ...], float, Message] = ((), float("-inf"), {})


def _counted(alarms: tuple[board.Alarm, ...]) -> Message:
    """The tally of ``alarms``: for all pages of people who see the same, counted once a second.

    In a storm there are hundreds of alarms and as many pages, on the event loop of the calls.
    """
    global _latest
    counted, at, frame = _latest
    if counted is not alarms or time.monotonic() - at >= 1.0:
        frame = msgspec.structs.asdict(tally(alarms, timezone.now()))
        _latest = (alarms, time.monotonic(), frame)
    return frame


def _wake(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(news.set)


def _person(session_key: str | None) -> Person:
    close_old_connections()
    try:
        return person(user_of_session(session_key))
    finally:
        close_old_connections()
