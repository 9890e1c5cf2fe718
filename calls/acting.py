"""Acts into live calls, wherever they are carried, and what came of each."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
from channels.layers import get_channel_layer

from bots.core.errors import GatewayError
from calls.core.errands import ANSWER_SECONDS, NO_ANSWER
from calls.core.steering import Outcome, Steering
from calls.live import LAYER_ERRORS, LAYER_TIMEOUT, REQUESTS, command_message, joined, send_group
from calls.session.host import session_host

LONGEST_WAIT_S = 30
"""How long the effect of an accepted act may be waited for."""


class NoAnswer(GatewayError):
    """The process that carries the call cannot be reached, or is gone."""

    code = "no-answer"


async def have_done(call_id: uuid.UUID, act: Steering, by: str, *, wait_s: float = 0) -> Outcome:
    """Have ``act`` done in the call in the name of ``by``; whether they may is not asked here.

    Answers as soon as the call has accepted or refused it; if it accepted, its effect is waited for
    as long as ``wait_s``.

    Raises:
        NoAnswer: nobody answered within `ANSWER_SECONDS`.
    """
    host = session_host()
    try:
        if host.call(call_id) is not None:
            outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
            host.steer(str(call_id), act, by, outcomes.put_nowait)
            return await _settled(outcomes.get, wait_s)
        return await _elsewhere(str(call_id), act, by, wait_s)
    except LAYER_ERRORS:  # a timeout is one of them
        raise NoAnswer(NO_ANSWER) from None


async def _elsewhere(call_id: str, act: Steering, by: str, wait_s: float) -> Outcome:
    layer, token = get_channel_layer(), uuid.uuid4().hex
    outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
    async with joined(layer, f"act.{token}") as channel:
        listening = asyncio.create_task(_listen(layer, channel, token, outcomes))
        command = command_message(reply=channel, token=token, call_id=call_id, by=by, act=act)
        try:
            await send_group(layer, REQUESTS, command)
            return await _settled(outcomes.get, wait_s)
        finally:
            # NB layers give a channel back when whoever receives on it is cancelled, only then. To
            # receive anew in order to be cancelled could subscribe again, and wait for ever.
            listening.cancel()
            await asyncio.wait({listening}, timeout=LAYER_TIMEOUT)


async def _listen(layer: Any, channel: str, token: str, outcomes: asyncio.Queue[Outcome]) -> None:
    with suppress(*LAYER_ERRORS):  # then there is no answer
        while True:
            message = await layer.receive(channel)
            if message["type"] == "live.outcome" and message["token"] == token:
                outcomes.put_nowait(msgspec.convert(message, Outcome))


async def _settled(following: Callable[[], Awaitable[Outcome]], wait_s: float) -> Outcome:
    async with asyncio.timeout(ANSWER_SECONDS):
        outcome = await following()
    if outcome.status == "accepted" and wait_s > 0:
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                outcome = await following()
    return outcome
