"""The carrier of voice sockets: a Channels consumer with its own receive loop.

Channels' stock dispatch visits the process's one database thread before every message, so that a
slow query anywhere delays every call's audio. This consumer has no channel layer and no dispatch:
after the admission, frames go straight from the socket to the call and back. Once it is known which
call a socket has, our own server does so without a task between (see `calls.channels.straight`).
"""

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from typing import Any

import structlog
from channels.consumer import AsyncConsumer
from django.db import DatabaseError, InterfaceError

from alarms import desk
from alarms.core.catalogue import AUDIO_UNHEARD, BOT_MISCONFIGURED, CHANNEL_AUTHENTICATION
from bots.access import Admission, admit
from bots.core.errors import ParameterError
from bots.selectors import CallConfiguration, call_configuration
from calls.channels.ac_stream import AcStream
from calls.channels.matching import Matching, resumed_in
from calls.channels.straight import Frame, straight
from calls.core.ports import TEST_CALLER
from calls.database import db
from calls.dialouts.matching import awaits_calls
from calls.session.host import session_host
from calls.session.siblings import owner_of_conversation, passed_on

FIRST_FRAME_TIMEOUT_S = 10.0
"""How long a peer may take to ask for a session."""
LONGEST_RING_S = 660.0
"""How long a peer may take to tell by ``start`` which call it brings, if that is not known."""
ADMISSION_TIMEOUT_S = 5.0
MAX_UNSENT_FRAMES = 1000
"""Frames for a peer that does not read; one more ends the connection."""

POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011

log = structlog.get_logger(__name__)


class VoiceConsumer(AsyncConsumer):  # type: ignore[misc]  # channels ships no types
    """One WebSocket at ``/voice/audiocodes/<bot>``."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Admit, then carry frames until either side closes."""
        self._scope, self._receive, self._socket_send = scope, receive, send
        self._bot = bot = scope["url_route"]["kwargs"]["bot"]
        await receive()  # websocket.connect
        with structlog.contextvars.bound_contextvars(bot=bot, channel="audiocodes"):
            address = str(scope["client"][0]) if scope.get("client") else None
            authorization = _header(scope, b"authorization")
            admission, configuration, awaited = await _admitted(bot, authorization, address)
            if admission.status != 200:
                log.info("voice.denied", status=admission.status, reason=admission.reason)
                if admission.status == 401:
                    desk.failed(CHANNEL_AUTHENTICATION, bot, f"by {address or 'somebody'}")
                await self._deny(admission)
                return
            await send({"type": "websocket.accept"})
            matching = Matching(bot, configuration) if configuration and awaited else None
            await self._carry(bot, configuration, matching, is_test=_is_test(scope))

    async def _deny(self, admission: Admission) -> None:
        """An HTTP answer before the upgrade (ASGI extension ``websocket.http.response``)."""
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        if admission.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        start = {"type": "websocket.http.response.start", "status": admission.status}
        await self._socket_send({**start, "headers": headers})
        body = admission.reason.encode()
        await self._socket_send({"type": "websocket.http.response.body", "body": body})

    async def _carry(
        self,
        bot: str,
        configuration: CallConfiguration | None,
        matching: Matching | None,
        *,
        is_test: bool,
    ) -> None:
        self._outbox: asyncio.Queue[str | int] = asyncio.Queue()
        self._writing = False
        self._straight = straight(self._scope)
        stream = AcStream(
            bot=bot,
            configuration=configuration,
            is_test=is_test,
            host=session_host(),
            send=self._put,
            close=self._outbox.put_nowait,
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                reader = tasks.create_task(self._read(stream, matching))
                tasks.create_task(self._write(reader))
        except* Exception:
            log.exception("voice.crashed")
            await self._socket_send({"type": "websocket.close", "code": INTERNAL_ERROR})
        finally:
            if self._straight is not None:
                self._straight.hand_over(_nobody)
            stream.lost()

    def _put(self, frame: str) -> None:
        waited_for = self._writing or not self._outbox.empty()
        if self._straight is not None and not waited_for and self._straight.send_now(frame):
            return
        if self._outbox.qsize() == MAX_UNSENT_FRAMES:
            log.warning("voice.peer_too_slow", unsent_frames=MAX_UNSENT_FRAMES)
            desk.failed(AUDIO_UNHEARD, "audiocodes", "the voice side takes no audio any more")
            self._outbox.put_nowait(POLICY_VIOLATION)
        elif self._outbox.qsize() < MAX_UNSENT_FRAMES:
            self._outbox.put_nowait(frame)

    async def _read(self, stream: AcStream, matching: Matching | None) -> None:
        """Frames to the call until the peer leaves or `_write` has closed the socket."""
        patience_until = asyncio.get_running_loop().time() + LONGEST_RING_S
        try:
            async with asyncio.timeout(FIRST_FRAME_TIMEOUT_S) as patience:
                while (message := await self._receive())["type"] == "websocket.receive":
                    text = message.get("text")
                    frame = message["bytes"] if text is None else text
                    if stream.idle and (owner := await _elsewhere(self._bot, frame)):
                        patience.reschedule(None)
                        if await passed_on(
                            owner, self._scope, self._receive, self._socket_send, first=message
                        ):
                            break
                    if matching is not None and stream.idle:
                        await matching.prepare(stream, frame)
                    stream.receive(frame)
                    if stream.undecided:
                        patience.reschedule(patience_until)
                    elif not stream.idle:
                        patience.reschedule(None)
                        if self._straight is not None:
                            self._straight.hand_over(self._taking(stream))
        except TimeoutError:
            log.info("voice.silent_peer")
            self._outbox.put_nowait(POLICY_VIOLATION)
        else:
            self._outbox.put_nowait(0)

    def _taking(self, stream: AcStream) -> Callable[[Frame], None]:
        """What takes frames without a task; log lines name the bot as those of the task do."""
        context = contextvars.copy_context()

        def take(frame: Frame) -> None:
            try:
                context.run(stream.receive, frame)
            except Exception:  # whatever a peer sent, it ends this connection alone
                log.exception("voice.crashed")
                self._outbox.put_nowait(INTERNAL_ERROR)

        return take

    async def _write(self, reader: "asyncio.Task[None]") -> None:
        """Frames to the peer in order; a number closes with that code (0: the peer has left)."""
        while isinstance(frame := await self._outbox.get(), str):
            self._writing = True
            await self._socket_send({"type": "websocket.send", "text": frame})
            self._writing = False
        if frame:
            await self._socket_send({"type": "websocket.close", "code": frame})
        reader.cancel()


def _nobody(_frame: Frame) -> None:
    """Takes what comes when the call is over."""


async def _elsewhere(bot: str, frame: str | bytes) -> str:
    """The process that has the call which ``frame`` asks to resume, if it is not this one."""
    conversation_id = resumed_in(frame)
    if not conversation_id or session_host().find(bot, conversation_id) is not None:
        return ""
    try:
        async with asyncio.timeout(ADMISSION_TIMEOUT_S):
            return await db(owner_of_conversation, bot, conversation_id)
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        log.error("voice.not_looked_up", error=type(error).__name__)
        return ""


def _is_test(scope: Any) -> bool:
    """Whether ``manage.py testcall`` calls."""
    return (_header(scope, b"user-agent") or "").startswith(TEST_CALLER)


def _header(scope: Any, wanted: bytes) -> str | None:
    """The first header called ``wanted``; empty when it is no ASCII text."""
    for name, value in scope["headers"]:
        if name.lower() == wanted:
            with contextlib.suppress(UnicodeDecodeError):
                return str(value.decode("ascii"))
            return ""
    return None


_Admitted = tuple[Admission, CallConfiguration | None, bool]
"""Whether the peer may connect, what calls use, and whether outbound calls are to come back."""


async def _admitted(bot: str, authorization: str | None, address: str | None) -> _Admitted:
    try:
        async with asyncio.timeout(ADMISSION_TIMEOUT_S):
            return await db(_admit, bot, authorization, address)
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        log.error("voice.no_database", error=type(error).__name__)
        return Admission(503, "the gateway cannot look the bot up now"), None, False


def _admit(bot: str, authorization: str | None, address: str | None) -> _Admitted:
    admission = admit(bot, authorization, address)
    if admission.status != 200:
        return admission, None, False
    try:
        configuration = call_configuration(bot)
    except LookupError:
        return Admission(404, "no such bot"), None, False
    except ParameterError as error:
        log.error("bot.misconfigured", bot=bot, problems=error.problems)
        desk.failed(BOT_MISCONFIGURED, bot, str(error), certain=True)
        return admission, None, False
    # NB Bots that nobody calls with cost no query here.
    awaited = configuration.carrier is not None and awaits_calls(bot)
    return admission, configuration, awaited
