"""Several test calls at once: sets them up, carries them to their ends and collects the results."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import aiohttp
import msgspec

from calls.testcall import ear, speech
from calls.testcall.caller import Caller
from calls.testcall.connection import Destination, Unreachable, connect, drive
from calls.testcall.ledger import Ledger, Line, Result, result
from calls.testcall.order import Order
from calls.testcall.plan import CallPlan

Show = Callable[[Line], None]


async def place_calls(order: Order, *, show: Show | None = None) -> list[Result]:
    """Place the calls of ``order``; ``show`` is given each line of the conversations as it comes.

    Every call is connected before the caller's voice is made, so that a gateway that is not there
    is told at once. SIGINT makes every caller hang up in order.

    Raises:
        Unreachable: no call could be placed at all.
        ParameterError: nothing can be heard of what is to be said.
        ServiceError: the offline synthesiser or recogniser failed.
        LookupError: one of them is not installed.
        OSError: a recording cannot be written.
    """
    # aiohttp would otherwise queue the calls beyond its limit of connections.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        lines = await asyncio.gather(*(_dial(order, session) for _ in range(order.calls)))
        refusals = [line for line in lines if isinstance(line, Unreachable)]
        if len(refusals) == len(lines):
            raise refusals[0]
        callers = await _carry(order, lines, session, show)
    _record(order, callers)
    if order.listen:
        for caller in callers:
            await ear.confirm(caller, order.plan.language)
    ends = iter(callers)
    return [
        _refused(str(line)) if isinstance(line, Unreachable) else _result(next(ends))
        for line in lines
    ]


async def _carry(
    order: Order,
    lines: Sequence["_Line | Unreachable"],
    session: aiohttp.ClientSession,
    show: Show | None,
) -> list[Caller]:
    """Hold the calls of the ``lines`` that were connected, to their ends."""
    hang_up = asyncio.Event()
    connected = [line for line in lines if isinstance(line, _Line)]
    with _interruption(hang_up):
        async with AsyncExitStack() as sockets:
            for line in connected:
                sockets.push_async_callback(line.websocket.close)
            steps = await speech.voiced(order.plan.steps, order.plan.language)
            plan = msgspec.structs.replace(order.plan, steps=steps)
            async with asyncio.TaskGroup() as tasks:
                talks = [
                    tasks.create_task(_talk(plan, line, session, hang_up, show))
                    for line in connected
                ]
    return [talk.result() for talk in talks]


class _Line(msgspec.Struct, frozen=True):
    """A call that is connected and has not begun."""

    conversation_id: UUID
    destination: Destination
    websocket: aiohttp.ClientWebSocketResponse


async def _dial(order: Order, session: aiohttp.ClientSession) -> _Line | Unreachable:
    conversation_id = uuid4()
    destination = Destination(
        url=order.url,
        token=order.token,
        conversation_id=str(conversation_id),
        caller=order.plan.caller,
    )
    try:
        return _Line(conversation_id, destination, await connect(session, destination))
    except Unreachable as error:
        return error


async def _talk(
    plan: CallPlan,
    line: _Line,
    session: aiohttp.ClientSession,
    hang_up: asyncio.Event,
    show: Show | None,
) -> Caller:
    plan = msgspec.structs.replace(
        plan, conversation_id=line.conversation_id, epoch=datetime.now(UTC)
    )
    caller = Caller(plan, asyncio.get_running_loop().time())
    if show is not None:
        caller.ledger.show = show
    await drive(
        caller, line.destination, session, line.websocket, hang_up=hang_up, limit=plan.timeout
    )
    return caller


def _record(order: Order, callers: Sequence[Caller]) -> None:
    """Write what was said and heard; several calls get numbered files."""
    if order.recording is None:
        return
    for number, caller in enumerate(callers, 1):
        path = order.recording
        if order.calls > 1:
            path = path.with_stem(f"{path.stem}-{number:03d}")
        conversation = caller.conversation
        speech.write_recording(path, bytes(conversation.said), bytes(conversation.heard))


def _result(caller: Caller) -> Result:
    return result(caller.ledger, str(caller.identity))


def _refused(refusal: str) -> Result:
    """The result of a call that was not taken, among others that were."""
    ledger = Ledger()
    ledger.ended_by = "gateway"
    ledger.fault(0.0, refusal)
    return result(ledger, "")


@contextmanager
def _interruption(hang_up: asyncio.Event) -> Iterator[None]:
    """Within, the first SIGINT sets ``hang_up``; a second one breaks off."""
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        hang_up.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
