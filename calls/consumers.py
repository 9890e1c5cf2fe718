"""The live feed's WebSocket for browsers: ``/ws/live``.

Server to page (JSON text, kind in ``t``; several frames may come as one array): ``hello``,
``snapshot``, ``call`` (``op`` upsert or gone), ``line``, ``turn``, ``event``, ``interim``,
``level``, ``cmd``, ``following``, ``refused``, ``resync``, ``hb``. Page to server: ``snapshot``,
``sub`` (``call``, ``since``, ``events``), ``unsub``, ``ack``, ``meter`` (``call``), ``cmd``
(``id``, ``call``, ``reason``, ``steer``). See `calls.core.watch` and `calls.core.errands`.

Close codes: 4400 not our protocol, 4401 not signed in, 4403 not permitted to see live calls, 4408
too slow, 4429 too many sockets.

The socket joins the group first, then reads the database, then asks the publishers for what they
know: that closes the window between the publication of a row and its commit.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Any, ClassVar, NoReturn
from uuid import UUID

import msgspec
from channels.consumer import AsyncConsumer
from channels.layers import get_channel_layer

from calls.core.allowance import Allowance
from calls.core.errands import TOO_MANY, Errands, answer, cleaned
from calls.core.publication import LiveEvent
from calls.core.steering import Outcome, Steering
from calls.core.watch import SUBSCRIPTIONS, Watch, frame
from calls.database import db
from calls.live import (
    GROUP,
    LAYER_ERRORS,
    REQUESTS,
    command_message,
    joined,
    read_batch,
    send_group,
)
from calls.models import Call, CallEvent
from calls.selectors import ended_among, live_calls, transcript, turn_times
from calls.visitors import Refused, Visitor, may_meter

TICK_SECONDS = 1.0
HEARTBEAT_SECONDS = 5
RECHECK_SECONDS = 15.0
"""How long a page may outlive its session, and a call its process."""
SILENCE_SECONDS = 7.0
"""A publisher speaks every two seconds; without any for this long the page is told it is stale."""
LAYER_RETRY_SECONDS = 2.0
BACKLOG = 5_000
"""Frames that may wait for a socket that takes none; a process tells all its calls at once."""
SOCKETS_PER_USER = 20
FRAME_CHARS = 80_000
"""Room for `calls.core.steering.MAX_MESSAGE_BYTES` of a message that directs a bot."""
METER_SECONDS = 10.0
"""How long a page is told levels after it asked."""
LEVELS_WAIT = 50
"""Frames that wait for a socket when it gets no levels in addition."""
EVENTS_AT_ONCE = 2_000
FRAMES_AT_ONCE = 200
"""Frames in one message."""
REQUESTS_PER_SECOND, REQUESTS_AT_ONCE = 10, 100
"""What a page may ask for; each may read the database and ask every process."""
AWAY = "The gateway cannot reach its calls at the moment"

Message = dict[str, Any]


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot", tag_field="t"):
    """The page wants all live calls."""


class Follow(msgspec.Struct, frozen=True, kw_only=True, tag="sub", tag_field="t"):
    """The page wants the lines and events of ``call`` after those numbers, and its turns."""

    call: UUID
    since: int = 0
    events: int = 0


class Leave(msgspec.Struct, frozen=True, kw_only=True, tag="unsub", tag_field="t"):
    """The page wants no more lines and turns of ``call``."""

    call: UUID


class Ack(msgspec.Struct, frozen=True, kw_only=True, tag="ack", tag_field="t"):
    """The page has applied every frame up to ``seq``."""

    seq: int


class Meter(msgspec.Struct, frozen=True, kw_only=True, tag="meter", tag_field="t"):
    """The page shows how loud the sides of ``call`` are, for another `METER_SECONDS`."""

    call: UUID


class Command(msgspec.Struct, frozen=True, kw_only=True, tag="cmd", tag_field="t"):
    """The person wants something done in ``call``; ``id`` is the page's own."""

    id: Annotated[str, msgspec.Meta(max_length=64)]
    call: UUID
    steer: Steering
    reason: str = ""


Request = Snapshot | Follow | Leave | Ack | Meter | Command
_decode: Callable[[str], Request] = msgspec.json.Decoder(Request).decode


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
        self._visitor = Visitor(scope)
        await receive()
        # A close code only reaches a browser whose socket was accepted.
        await send({"type": "websocket.accept"})
        self._sight = await db(self._visitor.look)
        user_id = self._sight.who.user_id
        code = 4403 if user_id else 4401
        if self._sight.live:
            code = await self._serve(user_id)
        if code:
            await send({"type": "websocket.close", "code": code})

    async def _serve(self, user_id: int) -> int:
        if self._sockets[user_id] >= SOCKETS_PER_USER:
            return 4429
        self._watch = Watch(lambda: self._sight)
        self._errands = Errands()
        self._allowance = Allowance(REQUESTS_PER_SECOND, REQUESTS_AT_ONCE)
        self._audited: set[UUID] = set()
        self._metered: dict[str, tuple[Call, float]] = {}
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
            request = _read_frame(await self._receive())
            if not isinstance(request, Ack) and not self._allowance.take(1, time.monotonic()):
                raise _Closed(4429)
            match request:
                case Ack(seq=seq):
                    self._emit(self._watch.ack(seq, time.monotonic()))
                case Snapshot():
                    await self._snapshot()
                case Follow() as follow:
                    await self._follow(follow)
                case Leave(call=call):
                    self._watch.unfollow(str(call))
                case Meter(call=call):
                    await self._meter(call)
                case Command() as command:
                    await self._command(command)

    async def _write(self) -> NoReturn:
        while True:
            await self._outgoing.wait()
            self._outgoing.clear()
            frames, self._out = self._out, []
            # A message costs many times what a frame in it costs, here and in the browser.
            for start in range(0, len(frames), FRAMES_AT_ONCE):
                part = frames[start : start + FRAMES_AT_ONCE]
                text = part[0] if len(part) == 1 else f"[{','.join(part)}]"
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
        match message["type"]:
            case "live.batch" | "live.state" as kind:
                async with self._order:
                    self._heard_at = now = time.monotonic()
                    apply = self._watch.batch if kind == "live.batch" else self._watch.state
                    self._emit(apply(message["source"], read_batch(message), now))
            case "live.outcome":
                outcome = msgspec.convert(message, Outcome)
                self._emit(self._errands.outcome(message["token"], outcome, time.monotonic()))
            case "live.level":
                self._level(message)
        if self._watch.wants_state:
            self._watch.wants_state = False
            await self._ask("")

    async def _ask(self, call_id: str) -> None:
        await self._request({"type": "live.request", "reply": self._channel, "call": call_id})

    async def _request(self, message: Message) -> bool:
        """Tell all publishers; False when nobody can be reached."""
        try:
            if self._channel:
                await send_group(self._layer, REQUESTS, message)
        except LAYER_ERRORS:
            self._heard_at = -SILENCE_SECONDS  # what is on the page may be old
            return False
        return bool(self._channel)

    # --- commands and levels ----------------------------------------------------------------------

    async def _command(self, command: Command) -> None:
        token, problem = uuid.uuid4().hex, ""
        if not self._errands.begin(token, command.id, time.monotonic()):
            self._emit([answer(command.id, Outcome(status="failed", detail=TOO_MANY))])
            return
        try:
            act = cleaned(command.steer)
            by = await db(self._visitor.step_in, command.call, act, command.reason)
        except ValueError as error:
            problem = str(error)
        except Refused as refused:
            problem = refused.reason
        else:
            call_id, reply = str(command.call), self._channel
            message = command_message(reply=reply, token=token, call_id=call_id, by=by, act=act)
            problem = "" if await self._request(message) else AWAY
        if problem:
            failed = Outcome(status="failed", detail=problem)
            self._emit(self._errands.outcome(token, failed, time.monotonic()))

    async def _meter(self, pk: UUID) -> None:
        call_id, now = str(pk), time.monotonic()
        self._metered = {key: kept for key, kept in self._metered.items() if kept[1] > now}
        known = self._metered.get(call_id)
        try:
            call = known[0] if known else await db(self._visitor.meter, pk)
        except Refused:
            return
        if known or len(self._metered) < SUBSCRIPTIONS:
            self._metered[call_id] = call, now + METER_SECONDS
            await self._request({"type": "live.meter", "call": call_id})

    def _level(self, message: Message) -> None:
        call, until = self._metered.get(message["call"], (None, 0.0))
        if call is None or until < time.monotonic() or not may_meter(self._sight, call):
            return
        if len(self._out) < LEVELS_WAIT and not self._watch.muted:
            u, b = message["u"], message["b"]
            self._emit([frame("level", id=message["call"], u=u, b=b)])

    # --- the database -----------------------------------------------------------------------------

    async def _snapshot(self) -> None:
        async with self._order:
            rows, truncated = await db(live_calls, self._sight)
            self._emit(self._watch.snapshot(rows, time.monotonic(), truncated=truncated))
        await self._ask("")

    async def _follow(self, wanted: Follow) -> None:
        pk, call_id = wanted.call, str(wanted.call)
        try:
            call = await db(self._visitor.follow, pk, audited=pk in self._audited)
        except Refused as refused:
            self._emit([frame("refused", id=call_id, code=refused.code)])
            return
        self._audited.add(pk)
        if not self._watch.follow(call_id, wanted.since, wanted.events):
            self._emit([frame("refused", id=call_id, code=4429)])
            return
        self._emit([frame("following", id=call_id, state=call.state)])
        turns = await db(turn_times, pk)
        self._emit(self._watch.turns(call_id, turns, time.monotonic()))
        await self._fetch(call_id)
        if call.state == Call.State.ENDED:
            self._emit(self._watch.gone(call_id, call.reason, time.monotonic()))

    async def _fetch(self, call_id: str) -> None:
        since, since_event = self._watch.reached(call_id)
        lines = await db(transcript, UUID(call_id), since)
        self._emit(self._watch.lines(call_id, lines, time.monotonic()))
        happened = await db(_call_events, UUID(call_id), since_event)
        self._emit(self._watch.events(call_id, happened, time.monotonic()))
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
            for call_id in wanted:
                await self._fetch(call_id)
            self._emit(self._errands.overdue(now))
            if now >= heartbeat_at:
                heartbeat_at = now + HEARTBEAT_SECONDS
                stale = now - self._heard_at > SILENCE_SECONDS
                self._emit([frame("hb", seq=self._watch.seq, stale=stale)])
            if now >= recheck_at:
                recheck_at = now + RECHECK_SECONDS
                await self._recheck()
            await asyncio.sleep(TICK_SECONDS)

    async def _recheck(self) -> None:
        self._sight = await db(self._visitor.look)
        if not self._sight.live:
            raise _Closed(4403 if self._sight.who.user_id else 4401)
        for call_id in self._watch.followed:
            try:
                await db(self._visitor.follow, UUID(call_id), audited=True)
            except Refused as refused:
                self._watch.unfollow(call_id)
                self._metered.pop(call_id, None)
                self._emit([frame("refused", id=call_id, code=refused.code)])
        ended = await db(ended_among, self._sight, self._watch.shown())
        for call_id, reason in ended.items():
            self._emit(self._watch.gone(call_id, reason, time.monotonic()))


def _read_frame(message: Message) -> Request:
    if message["type"] == "websocket.disconnect":
        raise _Closed(0)
    text = message.get("text")
    if text is None or len(text) > FRAME_CHARS:
        raise _Closed(4400)
    try:
        return _decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise _Closed(4400) from None


def _call_events(call_id: UUID, since: int) -> list[LiveEvent]:
    """The stored events of a call after number ``since``, in order."""
    rows = CallEvent.objects.filter(call=call_id, seq__gt=since).order_by("seq")
    names = LiveEvent.__struct_fields__
    return [LiveEvent(**row) for row in rows.values(*names)[:EVENTS_AT_ONCE]]
