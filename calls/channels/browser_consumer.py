"""The carrier of test calls from the console: ``/ws/call/<bot>``, with its own receive loop.

Session and origin are checked before it (see `calls.routing`). Frames go straight from the socket
to the call and back, as in `calls.channels.voice_consumer`; the person is looked up again from
time to time, apart from the audio.

Close codes: 1000 over, 4401 not signed in, 4403 may place no test calls, 4404 no such bot, 4408 too
slow or silent, 4429 too many sockets, 4503 no database.
"""

import asyncio
from collections import Counter
from typing import Any, ClassVar, NoReturn

import structlog
from channels.consumer import AsyncConsumer
from django.core import signing
from django.db import DatabaseError, InterfaceError

from alarms import desk
from alarms.core.catalogue import BOT_MISCONFIGURED
from bots.audit import Actor, acting, record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.people import Person
from bots.selectors import CallConfiguration, call_configuration
from calls.channels.browser import NAME, BrowserLeg, Tester
from calls.channels.browser_messages import resumed_in
from calls.database import db
from calls.session.host import session_host
from calls.session.siblings import owner_of_conversation, passed_on
from calls.visitors import Visitor

SOCKETS_PER_PERSON = 8
FIRST_FRAME_TIMEOUT_S = 10.0
LOOKUP_TIMEOUT_S = 5.0
RECHECK_SECONDS = 15.0
"""How long a call may outlive its person's session or role."""
MAX_UNSENT_FRAMES = 1_000
TOKEN_SALT = "calls.channels.browser"  # noqa: S105 - names the purpose of a signature

NO_SESSION, NOT_PERMITTED, NO_BOT, TOO_SLOW, TOO_MANY, NO_DATABASE = (
    4401, 4403, 4404, 4408, 4429, 4503,
)  # fmt: skip

log = structlog.get_logger(__name__)


class _Closed(Exception):
    """The socket is to be closed with ``code``; 0 when the browser has left."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class BrowserConsumer(AsyncConsumer):  # type: ignore[misc]  # channels ships no types
    """One socket of a page that calls a bot."""

    _sockets: ClassVar[Counter[int]] = Counter()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Admit, then carry frames until either side closes."""
        self._scope, self._receive, self._socket_send = scope, receive, send
        self._bot = scope["url_route"]["kwargs"]["bot"]
        self._visitor = Visitor(scope)
        self._address = (scope.get("client") or [None])[0]
        await receive()
        # A close code only reaches a browser whose socket was accepted.
        await send({"type": "websocket.accept"})
        with structlog.contextvars.bound_contextvars(bot=self._bot, channel=NAME):
            code = await self._serve()
        if code:
            await send({"type": "websocket.close", "code": code})

    async def _serve(self) -> int:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                who, configuration = await db(_admitted, self._visitor, self._bot)
        except _Closed as refused:
            return refused.code
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            log.error("browser_call.no_database", error=type(error).__name__)
            return NO_DATABASE
        if self._sockets[who.user_id] >= SOCKETS_PER_PERSON:
            return TOO_MANY
        self._sockets[who.user_id] += 1
        try:
            return await self._carry(who, configuration)
        finally:
            self._sockets[who.user_id] -= 1

    async def _carry(self, who: Person, configuration: CallConfiguration | None) -> int:
        self._outbox: asyncio.Queue[str | bytes | int] = asyncio.Queue()
        self._conversation_of = (tester := _tester(who, self._bot)).conversation_of
        self._leg = BrowserLeg(
            bot=self._bot,
            configuration=configuration,
            tester=tester,
            host=session_host(),
            send=self._put,
            close=self._outbox.put_nowait,
            clock=asyncio.get_running_loop().time,
        )
        code = 1000
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._read(who))
                tasks.create_task(self._write())
                tasks.create_task(self._recheck())
        except* _Closed as closed:
            code = max(each.code for each in closed.exceptions if isinstance(each, _Closed))
        finally:
            self._leg.lost()
        return code

    def _put(self, frame: str | bytes) -> None:
        if self._outbox.qsize() == MAX_UNSENT_FRAMES:
            log.warning("browser_call.too_slow", unsent_frames=MAX_UNSENT_FRAMES)
            self._outbox.put_nowait(TOO_SLOW)
        elif self._outbox.qsize() < MAX_UNSENT_FRAMES:
            self._outbox.put_nowait(frame)

    async def _read(self, who: Person) -> NoReturn:
        """Frames to the call until the browser leaves."""
        audited = False
        try:
            async with asyncio.timeout(FIRST_FRAME_TIMEOUT_S) as patience:
                while (message := await self._receive())["type"] == "websocket.receive":
                    text = message.get("text")
                    if self._leg.idle and text and (owner := await self._elsewhere(text)):
                        patience.reschedule(None)
                        if await passed_on(
                            owner, self._scope, self._receive, self._socket_send, first=message
                        ):
                            raise _Closed(0)
                    self._leg.receive(message["bytes"] if text is None else text)
                    if not self._leg.idle:
                        patience.reschedule(None)
                    if self._leg.placed and not audited:
                        audited = True
                        await self._audit(who, self._leg.placed)
        except TimeoutError:
            raise _Closed(TOO_SLOW) from None
        raise _Closed(0)

    async def _elsewhere(self, text: str) -> str:
        """The process that has the call which ``text`` asks to resume, if it is not this one."""
        token = resumed_in(text)
        conversation = self._conversation_of(token) if token else None
        if not conversation or session_host().find(self._bot, conversation) is not None:
            return ""
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                return await db(owner_of_conversation, self._bot, conversation)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            log.error("browser_call.not_looked_up", error=type(error).__name__)
            return ""

    async def _write(self) -> NoReturn:
        """Frames to the browser in order; a number closes with that code."""
        while not isinstance(frame := await self._outbox.get(), int):
            kind = "bytes" if isinstance(frame, bytes) else "text"
            await self._socket_send({"type": "websocket.send", kind: frame})
        raise _Closed(frame)

    async def _audit(self, who: Person, call_id: str) -> None:
        """Put the call on record; one that cannot be is not to be."""
        actor = Actor(name=who.name, user_id=who.user_id, address=self._address)
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                await db(_record, actor, self._bot, call_id)
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            log.error("browser_call.not_audited", error=type(error).__name__)
            self._leg.revoke("The call could not be put on record")

    async def _recheck(self) -> NoReturn:
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            try:
                async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                    await db(_allowed, self._visitor, self._bot)
            except _Closed as refused:
                self._leg.revoke("The person who placed the test call may not any more")
                raise refused from None
            except (DatabaseError, InterfaceError, TimeoutError) as error:
                log.warning("browser_call.not_rechecked", error=type(error).__name__)


def _allowed(visitor: Visitor, bot: str) -> Person:
    """The visitor, if they may call ``bot`` at this moment."""
    who = visitor.look().who
    if not who.user_id:
        raise _Closed(NO_SESSION)
    if not who.may(Permission.PLACE_TEST_CALLS):
        raise _Closed(NOT_PERMITTED)
    if not who.reaches(bot):
        raise _Closed(NO_BOT)
    return who


def _admitted(visitor: Visitor, bot: str) -> tuple[Person, CallConfiguration | None]:
    who = _allowed(visitor, bot)
    try:
        return who, call_configuration(bot)
    except LookupError:
        raise _Closed(NO_BOT) from None
    except ParameterError as error:
        log.error("bot.misconfigured", bot=bot, problems=error.problems)
        desk.failed(BOT_MISCONFIGURED, bot, str(error), certain=True)
        return who, None


def _record(actor: Actor, bot: str, call_id: str) -> None:
    with acting(actor):
        record(Action.TEST_CALL_PLACED, kind="call", target=call_id, title=bot)


def _tester(who: Person, bot: str) -> Tester:
    """``who``, with tokens that are good only for them and this bot."""
    signer = signing.Signer(salt=TOKEN_SALT)

    def conversation_of(token: str) -> str | None:
        try:
            user_id, for_bot, conversation = signer.unsign_object(token)
        except (signing.BadSignature, ValueError):
            return None
        return conversation if (user_id, for_bot) == (who.user_id, bot) else None

    return Tester(
        user_id=who.user_id,
        name=who.name,
        token_for=lambda conversation: signer.sign_object([who.user_id, bot, conversation]),
        conversation_of=conversation_of,
    )
