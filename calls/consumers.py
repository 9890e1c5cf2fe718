"""The live feed's WebSocket for browsers: ``/ws/live``.

Server to page (JSON text, kind in ``t``): ``hello``, ``snapshot``, ``call`` (``op`` upsert or
gone), ``line``, ``turn``, ``interim``, ``following``, ``refused``, ``resync``, ``hb``. Page to
server: ``snapshot``, ``sub`` (``call``, ``since``), ``unsub``, ``ack``. See `calls.core.watch`.

Close codes: 4400 not our protocol, 4401 not signed in, 4408 too slow, 4429 too many sockets.

The socket joins the group first, then reads the database, then asks the publishers for what they
know: that closes the window between the publication of a row and its commit.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from importlib import import_module
from typing import Any, ClassVar, NoReturn
from uuid import UUID

import msgspec
from channels.consumer import AsyncConsumer
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest

from calls.core.watch import Watch, frame
from calls.database import db
from calls.live import GROUP, LAYER_ERRORS, REQUESTS, joined, read_batch, send_group
from calls.models import Call
from calls.selectors import Sight, ended_among, live_calls, transcript, turn_times, visible_to

TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 5
RECHECK_SECONDS = 15.0
"""How long a page may outlive its session, and a call its process."""
SILENCE_SECONDS = 7.0
"""A publisher speaks every two seconds; without any for this long the page is told it is stale."""
LAYER_RETRY_SECONDS = 2.0
BACKLOG = 1_000
"""Frames that may wait for a socket that takes none."""
SOCKETS_PER_USER = 20
FRAME_CHARS = 1_024

Message = dict[str, Any]


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot", tag_field="t"):
    """The page wants all live calls."""


class Follow(msgspec.Struct, frozen=True, kw_only=True, tag="sub", tag_field="t"):
    """The page wants the lines of ``call`` after number ``since``, and its turns."""

    call: UUID
    since: int = 0


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag="unsub", tag_field="t"):
    """The page wants no more lines and turns of ``call``."""

    call: UUID


class Ack(msgspec.Struct, frozen=True, kw_only=True, tag="ack", tag_field="t"):
    """The page has applied every frame up to ``seq``."""

    seq: int


_decode = msgspec.json.Decoder(Snapshot | Follow | Leave | Ack).decode


class _Closed(Exception):
    """The socket is to be closed with ``code``; 0 when the browser has left."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class LiveConsumer(AsyncConsumer):  # type: ignore[misc]  # channels has no types
    """One browser's live feed.

    It has its own loop in place of Channels' dispatch, which makes a database hop per message.
    """

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
        code = 4401
        self._sight, user_id = await db(_sight_of, self._session_key)
        if self._sight.live:
            code = await self._serve(user_id)
        if code:
            await send({"type": "websocket.close", "code": code})

    async def _serve(self, user_id: int) -> int:
        if self._sockets[user_id] >= SOCKETS_PER_USER:
            return 4429
        self._watch = Watch(lambda bot: self._sight.covers(bot))
        self._layer = get_channel_layer()
        self._channel = ""
        self._heard_at = time.monotonic()
        self._order = asyncio.Lock()  # no batch may pass a snapshot that is being read
        self._out: list[str] = []
        self._outgoing = asyncio.Event()
        self._emit([self._watch.hello(HEARTBEAT_SECONDS)])
        code = 0
        self._sockets[user_id] += 1
        try:
            async with asyncio.TaskGroup() as tasks:
                for part in (self._read, self._listen, self._tick, self._write):
                    tasks.create_task(part())
        except* _Closed as closed:
            code = max(each.code for each in closed.exceptions if isinstance(each, _Closed))
        finally:
            self._sockets[user_id] -= 1
        return code

    # --- the browser ------------------------------------------------------------------------------

    async def _read(self) -> NoReturn:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise _Closed(0)
            text = message.get("text")
            if text is None or len(text) > FRAME_CHARS:
                raise _Closed(4400)
            try:
                request = _decode(text)
            except msgspec.DecodeError:
                raise _Closed(4400) from None
            match request:
                case Ack(seq=seq):
                    self._emit(self._watch.ack(seq, time.monotonic()))
                case Snapshot():
                    await self._snapshot()
                case Follow(call=call, since=since):
                    await self._follow(call, since)
                case Leave(call=call):
                    self._watch.unfollow(str(call))

    async def _write(self) -> NoReturn:
        while True:
            await self._outgoing.wait()
            self._outgoing.clear()
            frames, self._out = self._out, []
            for text in frames:
                await self._send({"type": "websocket.send", "text": text})

    def _emit(self, frames: Iterable[str]) -> None:
        self._out.extend(frames)
        if len(self._out) > BACKLOG:
            raise _Closed(4408)
        self._outgoing.set()

    # --- the publishers ---------------------------------------------------------------------------

    async def _listen(self) -> NoReturn:
        while True:
            try:
                async with joined(self._layer, GROUP) as self._channel:
                    if self._watch.muted == "start":
                        await self._snapshot()
                    else:
                        self._emit(self._watch.resync("layer-lost"))
                    while True:
                        await self._take(await self._layer.receive(self._channel))
            except LAYER_ERRORS:
                self._channel = ""
            if self._watch.muted == "start":
                await self._snapshot()
            await asyncio.sleep(LAYER_RETRY_SECONDS)

    async def _take(self, message: Message) -> None:
        kind = message["type"]
        if kind not in ("live.batch", "live.state"):
            return
        async with self._order:
            self._heard_at = now = time.monotonic()
            apply = self._watch.batch if kind == "live.batch" else self._watch.state
            self._emit(apply(message["source"], read_batch(message), now))
        if self._watch.wants_state:
            self._watch.wants_state = False
            await self._ask("")

    async def _ask(self, call_id: str) -> None:
        request = {"type": "live.request", "reply": self._channel, "call": call_id}
        try:
            if self._channel:
                await send_group(self._layer, REQUESTS, request)
        except LAYER_ERRORS:
            self._heard_at = -SILENCE_SECONDS  # what is on the page may be old

    # --- the database -----------------------------------------------------------------------------

    async def _snapshot(self) -> None:
        async with self._order:
            rows, truncated = await db(live_calls, self._sight)
            self._emit(self._watch.snapshot(rows, time.monotonic(), truncated=truncated))
        await self._ask("")

    async def _follow(self, pk: UUID, since: int) -> None:
        call_id = str(pk)
        call = await db(_call_state, self._sight, pk)
        if call is None:
            self._emit([frame("refused", id=call_id, code=4404)])
        elif not self._watch.follow(call_id, since):
            self._emit([frame("refused", id=call_id, code=4429)])
        else:
            state, reason = call
            self._emit([frame("following", id=call_id, state=state)])
            turns = await db(turn_times, pk)
            self._emit(self._watch.turns(call_id, turns, time.monotonic()))
            await self._fetch(call_id, since)
            if state == Call.State.ENDED:
                self._emit(self._watch.gone(call_id, reason, time.monotonic()))

    async def _fetch(self, call_id: str, since: int) -> None:
        lines = await db(transcript, UUID(call_id), since)
        self._emit(self._watch.lines(call_id, lines, time.monotonic()))
        await self._ask(call_id)

    # --- time -------------------------------------------------------------------------------------

    async def _tick(self) -> NoReturn:
        heartbeat_at = 0.0
        recheck_at = time.monotonic() + RECHECK_SECONDS
        while True:
            now = time.monotonic()
            if self._watch.overdue(now):
                raise _Closed(4408)
            wanted, frames = self._watch.missing(now)
            self._emit(frames)
            for call_id, since in wanted:
                await self._fetch(call_id, since)
            if now >= heartbeat_at:
                heartbeat_at = now + HEARTBEAT_SECONDS
                stale = now - self._heard_at > SILENCE_SECONDS
                self._emit([frame("hb", seq=self._watch.seq, stale=stale)])
            if now >= recheck_at:
                recheck_at = now + RECHECK_SECONDS
                await self._recheck()
            await asyncio.sleep(TICK_SECONDS)

    async def _recheck(self) -> None:
        self._sight, _ = await db(_sight_of, self._session_key)
        if not self._sight.live:
            raise _Closed(4401)
        ended = await db(ended_among, self._sight, self._watch.shown())
        for call_id, reason in ended.items():
            self._emit(self._watch.gone(call_id, reason, time.monotonic()))


def _sight_of(session_key: str | None) -> tuple[Sight, int]:
    """What the person of a session may see at this moment, and their id (0 for nobody)."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return visible_to(user), user.pk or 0


def _call_state(sight: Sight, call_id: UUID) -> tuple[str, str] | None:
    return sight.calls().filter(pk=call_id).values_list("state", "reason").first()
