"""What waits between a call and the agent: bounded, and in order."""

import asyncio

import pytest

from bots.connectors.deepgram_agent.intake import MAX_MESSAGES, Intake
from bots.connectors.deepgram_agent.outlet import MAX_AUDIO_S, MAX_EVENTS, Outlet
from bots.core.errors import Fault, ServiceError
from bots.core.ports import SpeechCommitted, StreamAudio, StreamEnded, Transcript
from bots.protocols.deepgram_agent.messages import FunctionResult, KeepAlive

SECOND = 8000
RESULT = FunctionResult(id="1", name="f", content="")


def outlet() -> Outlet:
    return Outlet(SECOND, "bot:test")


def intake() -> Intake:
    return Intake(SECOND, "bot:test")


# --- to the call ----------------------------------------------------------------------------------


async def test_pieces_of_one_stream_are_put_together_and_keep_their_place() -> None:
    out = outlet()
    for event in (
        StreamAudio(1, b"a"),
        StreamAudio(1, b"b"),
        Transcript("x"),
        StreamAudio(1, b"c"),
        StreamAudio(2, b"d"),
    ):
        out.put(event)
    found = [await out.get() for _ in range(4)]
    assert found == [
        StreamAudio(1, b"ab"),
        Transcript("x"),
        StreamAudio(1, b"c"),
        StreamAudio(2, b"d"),
    ]


async def test_pieces_do_not_grow_without_end() -> None:
    out = outlet()
    for _ in range(3):
        out.put(StreamAudio(1, bytes(10_000)))
    assert [len(event.audio) for _ in range(2) if isinstance(event := await out.get(), StreamAudio)]
    assert out.dropped_bytes == 0


async def test_the_newest_audio_beyond_ten_minutes_is_dropped_and_counted() -> None:
    out = outlet()
    out.put(StreamAudio(1, bytes(SECOND * MAX_AUDIO_S)))
    out.put(StreamAudio(1, b"late"))
    out.put(StreamEnded(1))
    assert out.dropped_bytes == 4
    first = await out.get()
    assert isinstance(first, StreamAudio)
    assert len(first.audio) == SECOND * MAX_AUDIO_S
    assert await out.get() == StreamEnded(1)
    out.put(StreamAudio(2, b"again"))
    assert await out.get() == StreamAudio(2, b"again")


async def test_audio_of_a_stream_that_is_not_wanted_is_taken_out() -> None:
    out = outlet()
    out.put(StreamAudio(1, bytes(SECOND * MAX_AUDIO_S)))
    out.put(StreamEnded(1))
    out.drop_audio(1)
    out.put(StreamAudio(2, b"next"))
    assert [await out.get(), await out.get()] == [StreamEnded(1), StreamAudio(2, b"next")]


async def test_too_many_events_are_a_failure_and_none_is_lost_in_silence() -> None:
    out = outlet()
    for _ in range(MAX_EVENTS):
        out.put(SpeechCommitted())
    out.put(StreamAudio(1, b"a"))
    with pytest.raises(ServiceError) as failed:
        out.put(SpeechCommitted())
    assert failed.value.fault is Fault.PROTOCOL


async def test_a_failure_comes_behind_what_was_told_before_it() -> None:
    out = outlet()
    out.put(SpeechCommitted())
    out.fail(ServiceError("bot:test", Fault.SERVER, "first"))
    out.fail(ServiceError("bot:test", Fault.SERVER, "second"))
    out.put(SpeechCommitted())
    assert await out.get() == SpeechCommitted()
    for _ in range(2):
        with pytest.raises(ServiceError, match="first"):
            await out.get()


async def test_a_reader_that_waits_learns_of_the_end() -> None:
    out = outlet()
    reading = asyncio.ensure_future(out.get())
    await asyncio.sleep(0)
    out.put(StreamEnded(1))
    assert await reading == StreamEnded(1)
    reading = asyncio.ensure_future(out.get())
    await asyncio.sleep(0)
    out.end()
    assert await reading is None


async def test_what_was_not_read_can_be_forgotten() -> None:
    out = outlet()
    out.put(SpeechCommitted())
    out.clear()
    out.end()
    assert await out.get() is None


# --- to the agent ---------------------------------------------------------------------------------


async def test_messages_come_before_audio() -> None:
    waiting = intake()
    waiting.hear(b"audio")
    waiting.put(RESULT)
    assert [await waiting.get(1), await waiting.get(1)] == [RESULT, b"audio"]


async def test_the_oldest_audio_beyond_a_second_is_dropped_and_counted() -> None:
    waiting = intake()
    for piece in (b"a" * 4000, b"b" * 4000, b"c" * 4000):
        waiting.hear(piece)
    assert waiting.dropped_bytes == 4000
    assert await waiting.get(1) == b"b" * 4000
    waiting.hear(bytes(3 * SECOND))
    assert await waiting.get(1) == bytes(3 * SECOND)


async def test_an_empty_piece_is_not_sent() -> None:
    waiting = intake()
    waiting.hear(b"")
    assert await waiting.get(0.001) is None


async def test_an_agent_that_takes_no_messages_has_failed() -> None:
    waiting = intake()
    for _ in range(MAX_MESSAGES):
        waiting.put(KeepAlive())
    with pytest.raises(ServiceError) as failed:
        waiting.put(KeepAlive())
    assert failed.value.fault is Fault.TIMEOUT


async def test_results_are_not_for_another_session() -> None:
    waiting = intake()
    waiting.put(RESULT)
    waiting.put(KeepAlive())
    waiting.forget_results()
    assert await waiting.get(1) == KeepAlive()
    assert await waiting.get(0.001) is None
