"""Calls on a server that takes and brings frames without a task between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.core.activities import message
from bots.protocols.ac_bot_api import Accepted
from calls.channels.ac_stream import AcStream
from calls.channels.straight import EXTENSION, Frame
from tests.calls.channels.conftest import VoiceSide

pytestmark = pytest.mark.db


class StraightSide(VoiceSide):
    """A voice side whose server has the short way; it is its own `Straight`."""

    def __init__(self, bot: str) -> None:
        super().__init__(bot)
        self._socket.scope["extensions"][EXTENSION] = self
        self.take: Callable[[Frame], None] | None = None
        self.slow = False
        self.sent_now = 0

    def hand_over(self, take: Callable[[Frame], None]) -> None:
        self.take = take

    def send_now(self, text: str) -> bool:
        if self.slow:
            return False
        self.sent_now += 1
        self._socket.output_queue.put_nowait({"type": "websocket.send", "text": text})
        return True

    async def send(self, frame: str | bytes) -> None:
        if self.take is None:
            await super().send(frame)
        else:
            self.take(frame)

    def ask(self, participant: int) -> None:
        """What is answered before this returns."""
        assert self.take is not None
        self.take(f'{{"type":"userStream.start","participant":"{participant}"}}')

    async def answered(self) -> str:
        output = await self._socket.receive_output(5)
        return str(output["text"])


@pytest.fixture
async def side(make_bot: Any, host: Any) -> AsyncIterator[StraightSide]:
    await make_bot({"start": ["Welcome."], "my bill": ["Forty dollars."]})
    side = StraightSide("table")
    assert (await side.connect())["type"] == "websocket.accept"
    await side.send('{"type":"connection.validate"}')
    await side.answered()
    assert side.take is None
    await side.initiate(audio=False)
    await side.until(Accepted)
    yield side
    side.abandon()


async def test_a_call_is_carried_and_left_in_order(side: StraightSide, records: Any) -> None:
    await side.start()
    assert await side.says() == "Welcome."
    await side.act(message("my bill"))
    assert await side.says() == "Forty dollars."
    assert side.sent_now >= 3
    during_call = side.take
    await side.send(side.client.end("client-disconnected", ""))
    assert await side.closed() == 1000
    assert side.take not in (None, during_call)
    await side.send("after the call")
    (record,) = await records()
    assert (record.state, record.ended_by) == ("ended", "caller")


async def test_what_a_slow_peer_waits_for_is_not_overtaken(side: StraightSide) -> None:
    before = side.sent_now
    side.slow = True
    side.ask(1)
    side.slow = False
    side.ask(2)
    assert side.sent_now == before
    assert ['"1"' in await side.answered(), '"2"' in await side.answered()] == [True, True]
    await asyncio.sleep(0)
    side.ask(3)
    assert side.sent_now == before + 1
    assert '"3"' in await side.answered()


async def test_a_frame_that_breaks_us_closes_the_socket(
    side: StraightSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: AcStream, frame: Frame) -> None:
        raise ArithmeticError

    monkeypatch.setattr(AcStream, "receive", broken)
    with capture_logs() as logs:
        await side.send("anything")
        assert await side.closed() == 1011
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["voice.crashed"]
