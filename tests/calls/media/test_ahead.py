"""Audio ahead of its turn: nothing lost, nothing twice, failures kept for the player."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from bots.core.errors import Fault, ServiceError
from calls.media import ahead
from calls.media.ahead import Ahead
from tests.calls.media.leaping import leap

pytestmark = pytest.mark.pure


class Source:
    """A few pieces, with an end; ``made`` counts what was asked of it."""

    def __init__(self, count: int, failure: ServiceError | None = None) -> None:
        self.count = count
        self.failure = failure
        self.made = 0
        self.closed = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
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
        source = Source(3)
        made = Ahead(source.pieces())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(made.run())
            await asyncio.sleep(1)
            assert source.closed
            return [piece async for piece in made.pieces()]

    assert leap(run()) == [b"\0", b"\1", b"\2"]


def test_a_failure_is_kept_for_whoever_plays_the_prompt() -> None:
    async def run() -> None:
        made = Ahead(Source(1, ServiceError("tts", Fault.SERVER)).pieces())
        await made.run()
        pieces = made.pieces()
        assert await anext(pieces) == b"\0"
        with pytest.raises(ServiceError):
            await anext(pieces)

    leap(run())


def test_the_source_pauses_when_enough_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "PIECES_AHEAD", 2)

    async def run() -> None:
        source = Source(10)
        made = Ahead(source.pieces())
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(made.run())
            await asyncio.sleep(1)
            assert source.made == 3
            assert len([piece async for piece in made.pieces()]) == 10
            assert task.done()

    leap(run())


def test_a_cancelled_prompt_closes_its_source() -> None:
    async def run() -> None:
        source = Source(10_000)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(Ahead(source.pieces()).run())
            await asyncio.sleep(1)
            task.cancel()
        assert source.closed

    leap(run())
