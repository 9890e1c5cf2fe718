"""The live feed of one process: what its calls do, published to the channel layer for supervisors.

The session reports through `LiveFeed`; `LiveFeed.run` publishes batches to `GROUP`, at most ten a
second, and answers requests for state on `REQUESTS`. Nothing here can hold a call up: reports only
touch memory, and a channel layer that is away costs supervisors their view, never a call.

Messages (all values are JSON-like):

- ``live.batch``: ``source``, ``number``, ``news`` (see `calls.core.publication`); without news it
  is a heartbeat.
- ``live.request`` to `REQUESTS`: ``reply`` (a channel name), ``call`` (an id, or empty for all).
- ``live.state`` to the asking channel: as ``live.batch``.
- ``live.command`` to `REQUESTS`: ``reply`` (a channel name), ``token``, ``call``, ``by`` (a name)
  and ``act`` (JSON text of a `calls.core.steering.Steering`). Only the process that carries the
  call answers.
- ``live.outcome`` to the asking channel: ``token``, ``status``, ``detail``.
- ``live.meter`` to `REQUESTS`: ``call``; how loud its sides are is told for a while.
- ``live.level``: ``call``, ``u`` and ``b`` (see `calls.session.taps`); at most once a second.
"""

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypedDict, Unpack

import msgspec
import structlog
from channels.exceptions import ChannelFull
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from calls.core.publication import (
    BATCH_CALLS,
    Batch,
    Fields,
    LiveEvent,
    LiveLine,
    Publication,
)
from calls.core.steering import Outcome, Steering
from calls.core.waterfall import TurnTimes

__all__ = [
    "GROUP",
    "LAYER_ERRORS",
    "LAYER_TIMEOUT",
    "REQUESTS",
    "CallFields",
    "Calls",
    "LiveEvent",
    "LiveFeed",
    "LiveLine",
    "command_message",
    "joined",
    "read_batch",
    "send_group",
]

GROUP = "live"
REQUESTS = "live.requests"
BATCH_GAP = 0.1
HEARTBEAT_SECONDS = 2.0
LAYER_TIMEOUT = 2.0
BACKOFF_SECONDS = (0.5, 5.0)
REQUEST_LIMIT = 1_000
OUTCOME_LIMIT = 1_000
"""Outcomes of commands that wait to be sent; the oldest go first, and their pages give up."""

LAYER_ERRORS = (OSError, RedisError)
"""What a channel layer raises when it is away; a timeout is an ``OSError``."""

log = structlog.get_logger(__name__)


class CallFields(TypedDict, total=False):
    """What can be said about a live call; ``started_at`` is RFC 3339."""

    bot: str
    caller: str
    callee: str
    state: str
    started_at: str
    channel: str
    mode: str
    is_test: bool
    turns: int
    muted: bool
    flags: dict[str, Any]
    last_line: str


class Calls(Protocol):
    """The calls of this process, as supervisors reach into them; both return at once."""

    def steer(
        self, call_id: str, act: Steering, by: str, report: Callable[[Outcome], None]
    ) -> None:
        """Have ``act`` done in the call, if it is one of ours; ``report`` is told what came."""
        ...

    def measure(self, call_id: str) -> None:
        """Report the levels of the call for a while, if it is one of ours."""
        ...


class LiveFeed:
    """Reports of all calls of this process; one per process, used on the loop that runs `run`.

    No method blocks or raises; reports about a call that `call_changed` never named, or that is
    gone for good, are ignored.
    """

    def __init__(self) -> None:
        self.source = uuid.uuid4().hex
        self.failures = 0
        self.calls: Calls | None = None
        """Whom commands and requests for levels are for; without, they are passed over."""
        self._publication = Publication()
        self._news = asyncio.Event()
        self._requests: dict[tuple[str, str], None] = {}
        self._outcomes: deque[tuple[str, dict[str, Any]]] = deque(maxlen=OUTCOME_LIMIT)
        self._levels: dict[str, dict[str, Any]] = {}
        self._sent = 0

    @property
    def dropped_lines(self) -> int:
        """Final lines that were never published; they are in the database all the same."""
        return self._publication.dropped_lines

    @property
    def dropped_interim(self) -> int:
        """Interim texts that were too old to be published."""
        return self._publication.dropped_interim

    def call_changed(self, call_id: str, **fields: Unpack[CallFields]) -> None:
        """The call began or changed; only what changed has to be named, ``bot`` at first.

        ``last_line`` follows from `line`, which knows the speaker, and is not taken from here.
        """
        told: Fields = dict(fields)
        told.pop("last_line", None)
        if "state" in told:
            told["state_at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._publication.change(call_id, told)
        self._news.set()

    def call_gone(self, call_id: str, reason: str) -> None:
        """The call ended; ``reason`` is for people."""
        self._publication.end(call_id, reason, time.monotonic())
        self._news.set()

    def line(self, call_id: str, line: LiveLine) -> None:
        """A final line; it takes the place of the interim text of its side.

        The last line and the turn delay of the call follow from it.
        """
        self._publication.line(call_id, line)
        self._news.set()

    def turn(self, call_id: str, times: TurnTimes) -> None:
        """The times of a turn that has ended."""
        self._publication.turn(call_id, times)
        self._news.set()

    def event(self, call_id: str, event: LiveEvent) -> None:
        """Something happened beside what was said."""
        self._publication.event(call_id, event)
        self._news.set()

    def level(self, call_id: str, caller: list[int], bot: list[int]) -> None:
        """How loud both sides were in the last second; one that is overtaken is not told."""
        message = {"type": "live.level", "call": call_id, "u": caller, "b": bot}
        self._levels[call_id] = message
        self._news.set()

    def interim(self, call_id: str, side: str, text: str) -> None:
        """What ``side`` is saying; the latest wins, empty removes; never stored."""
        self._publication.interim(call_id, side, text)
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled; outlives any absence of the channel layer."""
        layer = get_channel_layer()
        first, longest = BACKOFF_SECONDS
        backoff = first
        while True:
            served = self._sent
            try:
                await self._serve(layer)
            except* LAYER_ERRORS as failure:
                self.failures += 1
                log.warning("live_feed.interrupted", error=type(failure.exceptions[0]).__name__)
            backoff = first if self._sent > served else min(2 * backoff, longest)
            self._publication.lose()
            self._publication.drop_interim()
            self._levels.clear()
            self._publication.forget(time.monotonic())
            await asyncio.sleep(backoff)

    async def _serve(self, layer: Any) -> None:
        async with joined(layer, REQUESTS) as channel, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take_requests(layer, channel))
            tasks.create_task(self._publish(layer))

    async def _take_requests(self, layer: Any, channel: str) -> None:
        while True:
            message = await layer.receive(channel)
            kind = message.get("type")
            if kind == "live.request" and len(self._requests) < REQUEST_LIMIT:
                self._requests[message["reply"], message["call"]] = None
                self._news.set()
            elif kind == "live.command" and self.calls is not None:
                self._steer(self.calls, message)
            elif kind == "live.meter" and self.calls is not None:
                self.calls.measure(message["call"])

    def _steer(self, calls: Calls, message: Mapping[str, Any]) -> None:
        report = partial(self._came_of_it, message["reply"], message["token"])
        try:
            act = _read_act(message["act"])
        except msgspec.DecodeError:  # a process of another version asks
            log.warning("live_feed.unknown_command")
            return
        calls.steer(message["call"], act, message["by"], report)

    def _came_of_it(self, reply: str, token: str, outcome: Outcome) -> None:
        told = msgspec.to_builtins(outcome)
        self._outcomes.append((reply, {"type": "live.outcome", "token": token, **told}))
        self._news.set()

    async def _publish(self, layer: Any) -> None:
        heartbeat_at = 0.0
        while True:
            self._news.clear()
            now = time.monotonic()
            while (batch := self._publication.take(now)) is not None:
                await self._send_batch(layer, batch)
                heartbeat_at = now + HEARTBEAT_SECONDS
            await self._answer_requests(layer)
            await self._send_asides(layer)
            if now >= heartbeat_at:
                await self._send_batch(layer, Batch(number=self._publication.number, news=()))
                heartbeat_at = now + HEARTBEAT_SECONDS
            await asyncio.sleep(BATCH_GAP)
            if not self._publication.waiting:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, heartbeat_at - time.monotonic())):
                        await self._news.wait()

    async def _send_batch(self, layer: Any, batch: Batch) -> None:
        await send_group(layer, GROUP, self._message("live.batch", batch))
        self._sent += 1

    async def _answer_requests(self, layer: Any) -> None:
        requests, self._requests = self._requests, {}
        for reply, call_id in requests:
            state = self._publication.state(call_id or None)
            for start in range(0, max(1, len(state.news)), BATCH_CALLS):
                part = Batch(number=state.number, news=state.news[start : start + BATCH_CALLS])
                await _send(layer, reply, self._message("live.state", part))

    async def _send_asides(self, layer: Any) -> None:
        """What is no news of a call: outcomes of commands, levels."""
        while self._outcomes:
            await _send(layer, *self._outcomes[0])
            self._outcomes.popleft()
        levels, self._levels = self._levels, {}
        for message in levels.values():
            await send_group(layer, GROUP, message)

    def _message(self, kind: str, batch: Batch) -> dict[str, Any]:
        return {"type": kind, "source": self.source, **msgspec.to_builtins(batch)}


_read_act = msgspec.json.Decoder(Steering).decode


def command_message(
    *, reply: str, token: str, call_id: str, by: str, act: Steering
) -> dict[str, Any]:
    """The ``live.command`` that asks for ``act``; outcomes come to the channel ``reply``."""
    text = msgspec.json.encode(act).decode()
    return {
        "type": "live.command",
        "reply": reply,
        "token": token,
        "call": call_id,
        "by": by,
        "act": text,
    }


async def _send(layer: Any, channel: str, message: dict[str, Any]) -> None:
    # An in-memory layer refuses a reader that has left or fallen behind.
    with contextlib.suppress(ChannelFull), _cancellable():
        async with asyncio.timeout(LAYER_TIMEOUT):
            await layer.send(channel, message)


async def send_group(layer: Any, group: str, message: dict[str, Any]) -> None:
    """Send ``message`` to ``group``; raises one of `LAYER_ERRORS` when the layer is away."""
    with _cancellable():
        async with asyncio.timeout(LAYER_TIMEOUT):
            await layer.group_send(group, message)


@contextlib.contextmanager
def _cancellable() -> Iterator[None]:
    """Raise the cancellation that came meanwhile.

    NB The Redis client swallows a cancellation that arrives while it connects. The count of
    cancellations alone says nothing: a task group leaves it raised in its parent (Python 3.11).
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    yield
    if task and task.cancelling() > before:
        raise asyncio.CancelledError


@contextlib.asynccontextmanager
async def joined(layer: Any, group: str) -> AsyncIterator[str]:
    """A channel of its own in ``group``, for as long as the context lasts.

    Raises one of `LAYER_ERRORS` when the layer is away.
    """
    with _cancellable():
        async with asyncio.timeout(LAYER_TIMEOUT):
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
    try:
        yield channel
    finally:
        with contextlib.suppress(*LAYER_ERRORS):
            async with asyncio.timeout(LAYER_TIMEOUT):
                await layer.group_discard(group, channel)


def read_batch(message: Mapping[str, Any]) -> Batch:
    """The batch in a ``live.batch`` or ``live.state`` message; raises `msgspec.ValidationError`."""
    return msgspec.convert({"number": message["number"], "news": message["news"]}, Batch)
