"""Several test calls at once: sets them up, carries them to their ends and collects the results."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import uuid4

import aiohttp
import msgspec

from calls.testcall import speech
from calls.testcall.caller import Caller
from calls.testcall.connection import Destination, Unreachable, drive
from calls.testcall.ledger import Line, Result, result
from calls.testcall.order import Order


async def place_calls(order: Order, *, show: Callable[[Line], None] | None = None) -> list[Result]:
    """Place the calls of ``order``; ``show`` is given each line of the conversations as it comes.

    SIGINT makes every caller hang up in order.

    Raises:
        Unreachable: no call could be placed at all.
        OSError: a recording cannot be written.
    """
    hang_up = asyncio.Event()
    # aiohttp would otherwise queue the calls beyond its limit of connections.
    connector = aiohttp.TCPConnector(limit=0)
    with _interruption(hang_up):
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            asyncio.TaskGroup() as tasks,
        ):
            placed = [
                tasks.create_task(_place(order, session, hang_up, show)) for _ in range(order.calls)
            ]
    ends = [task.result() for task in placed]
    refusals = [end for end in ends if isinstance(end, Unreachable)]
    if len(refusals) == len(ends):
        raise refusals[0]
    callers = [end for end in ends if not isinstance(end, Unreachable)]
    _record(order, callers)
    return [
        _refused(end) if isinstance(end, Unreachable) else result(end.ledger, str(end.identity))
        for end in ends
    ]


async def _place(
    order: Order,
    session: aiohttp.ClientSession,
    hang_up: asyncio.Event,
    show: Callable[[Line], None] | None,
) -> Caller | Unreachable:
    plan = msgspec.structs.replace(order.plan, conversation_id=uuid4(), epoch=datetime.now(UTC))
    caller = Caller(plan, asyncio.get_running_loop().time())
    if show is not None:
        caller.ledger.show = show
    destination = Destination(
        url=order.url,
        token=order.token,
        conversation_id=str(plan.conversation_id),
        caller=plan.caller,
    )
    try:
        await drive(caller, destination, session, hang_up=hang_up, limit=plan.timeout)
    except Unreachable as error:
        return error
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


def _refused(error: Unreachable) -> Result:
    return Result(
        conversation_id="",
        ok=False,
        faults=(str(error),),
        notes=(),
        duration=0.0,
        ended_by="gateway",
        reason_code="",
        media_format="",
        prompts=0,
        turns=(),
        accepted_after_ms=None,
        resumed_after_ms=None,
        most_ahead_ms=0.0,
        starved_ms=0.0,
        lines=(),
    )


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
