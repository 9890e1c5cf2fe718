"""Hearing a live call: the WebSocket ``/ws/listen/<call>`` of a browser.

First comes ``{"t": "hello", "rate_hz": 16000, "sides": ["caller", "bot"]}`` as text, then binary
frames: one byte with the number of the side, then 16-bit little-endian samples, up to 100 ms.

Close codes: 1000 the call is over, 4400 the page sent something, 4401 not signed in, 4403 not
permitted, 4404 no such live call or nothing to hear, 4408 too slow, 4421 a process that cannot be
reached from here carries the call, 4429 too many sockets.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, NoReturn
from uuid import UUID

from channels.consumer import AsyncConsumer
from django.utils.translation import gettext as _

from calls.core.watch import frame
from calls.database import db
from calls.session.call import CallSession
from calls.session.host import session_host
from calls.session.siblings import owner_of_call, passed_on
from calls.session.taps import LISTENED, SIDES, Listener, TooSlow
from calls.visitors import Refused, Visitor

RECHECK_SECONDS = 15.0
"""How long somebody may go on listening who is no longer permitted to."""
SOCKETS_PER_USER = 4

Message = dict[str, Any]


class ListenConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One person's ear at one call; its own loop, because audio must not wait for dispatch."""

    _sockets: ClassVar[Counter[int]] = Counter()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Serve one connection to its end."""
        self._receive, self._send = receive, send
        self._visitor = Visitor(scope)
        self._call_id: UUID = scope["url_route"]["kwargs"]["call"]
        await receive()
        # A close code only reaches a browser whose socket was accepted.
        await send({"type": "websocket.accept"})
        try:
            user_id = (await db(self._visitor.look)).who.user_id
            if not user_id:
                raise Refused(4401)
            if session_host().call(self._call_id) is None:
                owner = await db(owner_of_call, self._call_id)
                if await passed_on(owner, scope, receive, send):
                    return
            await self._serve(user_id, await self._session())
        except Refused as refused:
            if refused.code:
                close = {"code": refused.code, "reason": refused.reason}
                await send({"type": "websocket.close", **close})

    async def _session(self) -> CallSession:
        """The call in this process, which the person may hear.

        Raises:
            Refused: why there is nothing to hear.
        """
        await db(self._visitor.listen, self._call_id)
        session = session_host().call(self._call_id)
        if session is None:
            raise Refused(4421, _("Another process of the gateway carries this call"))
        if not session.audible:
            raise Refused(4404, _("This call is written, there is nothing to hear"))
        return session

    async def _serve(self, user_id: int, session: CallSession) -> None:
        if self._sockets[user_id] >= SOCKETS_PER_USER:
            raise Refused(4429)
        self._sockets[user_id] += 1
        hello = frame("hello", rate_hz=LISTENED.rate_hz, sides=SIDES)
        try:
            with session.taps.listening() as listener:
                await self._send({"type": "websocket.send", "text": hello})
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._play(listener))
                    tasks.create_task(self._read())
                    tasks.create_task(self._recheck())
        except* Refused as refused:
            raise next(each for each in refused.exceptions if isinstance(each, Refused)) from None
        finally:
            self._sockets[user_id] -= 1

    async def _play(self, listener: Listener) -> NoReturn:
        try:
            async for audio in listener.frames():
                await self._send({"type": "websocket.send", "bytes": audio})
        except TooSlow:
            raise Refused(4408) from None
        raise Refused(1000, _("The call has ended"))

    async def _read(self) -> NoReturn:
        message = await self._receive()
        raise Refused(0 if message["type"] == "websocket.disconnect" else 4400)

    async def _recheck(self) -> NoReturn:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            if not await db(self._visitor.hears, self._call_id):
                raise Refused(4403)
