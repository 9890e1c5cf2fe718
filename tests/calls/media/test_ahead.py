"""Synthesis ahead of its turn: nothing lost, nothing twice, failures kept for the player."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from bots.core.errors import Fault, ServiceError
from bots.core.ports import SynthesisRequest, TtsCapabilities
from calls.media import ahead
from calls.media.ahead import Ahead
from tests.calls.media.leaping import leap

pytestmark = pytest.mark.pure

REQUEST = SynthesisRequest(text="Hello.", language="en-US", rate_hz=16000)


class Pieces:
    """A synthesiser of a few pieces, with an end; ``made`` counts what was asked of it."""

    capabilities = TtsCapabilities(rates_hz=(16000,))

    def __init__(self, count: int, failure: ServiceError | None = None) -> None:
        self.count = count
        self.failure = failure
        self.made = 0
        self.closed = False

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        assert request == REQUEST
        try:
            for number in range(self.count):
                self.made += 1
                yield bytes([number % 256])
            if self.failure is not None:
                raise self.failure
        finally:
            self.closed = True


def test_every_piece_comes_once_and_in_order_whenever_it_is_fetched() -> None:
    async def run() -> list[bytes]:
        tts = Pieces(3)
        made = Ahead(tts, REQUEST)
        assert made.capabilities is tts.capabilities
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(made.run())
            await asyncio.sleep(1)
            assert tts.closed
            return [piece async for piece in made.synthesise(REQUEST)]

    assert leap(run()) == [b"\0", b"\1", b"\2"]


def test_a_failure_is_kept_for_whoever_plays_the_prompt() -> None:
    async def run() -> None:
        made = Ahead(Pieces(1, ServiceError("tts", Fault.SERVER)), REQUEST)
        await made.run()
        pieces = made.synthesise(REQUEST)
        assert await anext(pieces) == b"\0"
        with pytest.raises(ServiceError):
            await anext(pieces)

    leap(run())


def test_the_synthesiser_pauses_when_enough_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PIECES_AHEAD", 2)

    async def run() -> None:
        tts = Pieces(10)
        made = Ahead(tts, REQUEST)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(made.run())
            await asyncio.sleep(1)
            assert tts.made == 3
            assert len([piece async for piece in made.synthesise(REQUEST)]) == 10
            assert task.done()

    leap(run())


def test_a_cancelled_synthesis_is_closed() -> None:
    async def run() -> None:
        tts = Pieces(10_000)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(Ahead(tts, REQUEST).run())
            await asyncio.sleep(1)
            task.cancel()
        assert tts.closed

    leap(run())
