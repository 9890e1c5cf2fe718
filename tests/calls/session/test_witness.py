"""What is told of a recogniser that fails, though its call goes on."""

import asyncio
from typing import Any

import pytest

from bots.core.errors import Fault
from bots.core.ports import Transcript
from calls.core.tally import Figures, Tally
from calls.session import witness
from calls.session.ear import MAX_FAILURES, STEADY_S
from calls.session.witness import WitnessedStt
from tests.calls.media.leaping import leap
from tests.calls.session.test_ear import Desk, Stream, Streams, ended, failure


@pytest.fixture(autouse=True)
def _own_tally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(witness, "_tally", Tally())


def heard_by(*streams: Any) -> Desk:
    stt: Any = WitnessedStt(Streams(*streams), "azure-1")
    return Desk(stt)


def counted() -> Figures:
    return witness.figures().get("stt:azure-1", (0, 0))


async def test_each_time_that_it_is_opened_again_is_a_failure() -> None:
    # The last one ends the call's listening, of which the call itself tells.
    desk = heard_by(*(failure(Fault.SERVER) for _ in range(MAX_FAILURES)))
    await desk.ear.run()
    assert counted() == (MAX_FAILURES - 1, MAX_FAILURES - 1)


async def test_a_text_is_a_use_that_worked_and_none_says_nothing() -> None:
    stream = Stream()
    desk = heard_by(stream)
    task = asyncio.create_task(desk.ear.run())
    stream.results.put_nowait(Transcript(""))
    stream.results.put_nowait(Transcript("yes"))
    await desk.until(2)
    assert counted() == (1, 0)
    assert await ended(task) is None


@pytest.mark.parametrize(
    ("fault", "failures"), [(Fault.CONNECTIVITY, 0), (Fault.TIMEOUT, 0), (Fault.SERVER, 2)]
)
def test_a_steady_stream_that_ends_is_no_failure_unless_it_says_so(
    fault: Fault, failures: int
) -> None:
    async def main() -> None:
        streams = [Stream(), Stream()]
        stt = Streams(*streams)
        desk = Desk(WitnessedStt(stt, "azure-1"))  # type: ignore[arg-type]  # a recogniser as well
        task = asyncio.create_task(desk.ear.run())
        for stream in streams:
            await asyncio.sleep(STEADY_S + 1)
            stream.results.put_nowait(failure(fault))
        await stt.asked.wait()
        assert counted() == (failures, failures)
        task.cancel()
        await asyncio.wait([task])

    leap(main())
