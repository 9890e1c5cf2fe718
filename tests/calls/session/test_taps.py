"""People's ears at a call: both sides as they are, bounded, and nothing while nobody listens."""

import asyncio
from typing import Any

import pytest

from bots.core.audio import LPCM16_8K, LPCM16_16K, MULAW_8K, AudioFormat, lpcm16_to_mulaw
from calls.session import taps as module
from calls.session.taps import BOT, CALLER, FRAME_BYTES, WAITING_BYTES, Listener, Taps, TooSlow
from tests.calls.media.leaping import leap
from tests.calls.session.calling import Leg
from tests.plugins import silence, tone

pytestmark = pytest.mark.pure


def taps(caller: AudioFormat = LPCM16_16K, bot: AudioFormat = LPCM16_16K) -> Taps:
    return Taps(caller=caller, bot=bot)


async def heard(listener: Listener) -> list[bytes]:
    return [frame async for frame in listener.frames()]


def test_a_listener_hears_both_sides_in_order_until_the_call_ends() -> None:
    async def scenario() -> list[bytes]:
        call = taps()
        with call.listening() as listener:
            assert call.on
            call.push(CALLER, tone(20))
            call.push(BOT, silence(40))
            call.end()
            return await heard(listener)

    frames = leap(scenario())
    assert [(frame[0], len(frame) - 1) for frame in frames] == [(CALLER, 640), (BOT, 1280)]
    assert frames[0][1:] == tone(20)


def test_long_pieces_are_cut() -> None:
    async def scenario() -> list[bytes]:
        call = taps()
        with call.listening() as listener:
            call.push(BOT, tone(250))
            call.end()
            return await heard(listener)

    frames = leap(scenario())
    assert [len(frame) - 1 for frame in frames] == [FRAME_BYTES, FRAME_BYTES, FRAME_BYTES // 2]
    assert b"".join(frame[1:] for frame in frames) == tone(250)


@pytest.mark.parametrize(("audio", "encode"), [(LPCM16_8K, bytes), (MULAW_8K, lpcm16_to_mulaw)])
def test_narrow_audio_is_brought_to_the_rate_that_was_promised(
    audio: AudioFormat, encode: Any
) -> None:
    async def scenario() -> list[bytes]:
        call = taps(caller=audio)
        with call.listening() as listener:
            for _ in range(50):
                call.push(CALLER, encode(tone(20, 8000)))
            call.end()
            return await heard(listener)

    samples = sum(len(frame) - 1 for frame in leap(scenario())) / 2
    assert samples == pytest.approx(16_000, abs=1_000)


def test_a_call_that_is_over_has_nothing_to_hear() -> None:
    async def scenario() -> list[bytes]:
        call = taps()
        call.end()
        with call.listening() as listener:
            return await heard(listener)

    assert leap(scenario()) == []


def test_without_listeners_nothing_is_kept_and_nothing_converted() -> None:
    async def scenario() -> None:
        call = taps()
        assert not call.on
        with call.listening() as first, call.listening() as second:
            call.push(CALLER, tone(20))
        assert not call.on
        assert call._converters is None
        call.push(CALLER, tone(20))
        for listener in (first, second):
            listener.end()
            assert len(await heard(listener)) == 1

    leap(scenario())


def test_for_a_slow_listener_the_oldest_audio_goes_first() -> None:
    async def scenario() -> None:
        listener = Listener()
        for number in range(120):
            listener.push(CALLER, bytes([number, 0]) * (FRAME_BYTES // 2))
        listener.end()
        frames = await heard(listener)
        assert sum(map(len, frames)) <= WAITING_BYTES
        assert listener.dropped == 120 - len(frames)
        assert frames[-1][1] == 119
        assert frames[0][1] == listener.dropped

    leap(scenario())


def test_a_listener_who_misses_too_much_is_too_slow() -> None:
    async def scenario() -> None:
        listener = Listener()
        for _ in range(module.DROPPED_FRAMES + 200):
            listener.push(CALLER, tone(100))
        with pytest.raises(TooSlow):
            await heard(listener)

    leap(scenario())


def test_the_prompts_of_a_leg_are_heard_as_they_are_sent() -> None:
    class Heard(Leg):
        def heard_ms(self, utterance: int) -> float | None:
            return 40.0

        def play(self, utterance: int, audio: bytes) -> None:
            self.told.append(("play", utterance, len(audio)))

    async def scenario() -> None:
        call = taps()
        plain, leg = Leg(audio=True), Heard(audio=True)
        sink: Any = call.sink(leg)
        sink.play_start(1, text="Hello.", interruptible=True)
        sink.play(1, tone(40))
        with call.listening() as listener:
            sink.play(1, tone(40))
            sink.play_stop(1, interrupted=True)
            call.end()
            assert [frame[0] for frame in await heard(listener)] == [BOT]
        assert leg.told == [
            ("start", "Hello."),
            ("play", 1, 1280),
            ("play", 1, 1280),
            ("stop", "cut"),
        ]
        assert sink.heard_ms(1) == 40.0
        assert sink.prompt_audio == leg.prompt_audio
        unaware: Any = call.sink(plain)
        assert unaware.heard_ms(1) is None

    leap(scenario())


class Levels:
    """What was reported of the levels, by the second."""

    def __init__(self) -> None:
        self.seconds: list[tuple[float, list[int], list[int]]] = []

    def __call__(self, caller: list[int], bot: list[int]) -> None:
        self.seconds.append((asyncio.get_running_loop().time(), caller, bot))


def test_levels_come_five_a_second_for_each_side() -> None:
    async def scenario() -> None:
        call, levels = taps(bot=MULAW_8K), Levels()
        call.measure(levels)
        assert call.on
        call.push(CALLER, tone(20))
        await asyncio.sleep(0.45)
        call.push(BOT, lpcm16_to_mulaw(tone(20, 8000)))
        call.push(BOT, lpcm16_to_mulaw(silence(20, 8000)))
        await asyncio.sleep(0.6)
        (_, caller, bot) = levels.seconds[0]
        assert caller == [pytest.approx(81, abs=3), 0, 0, 0, 0]
        assert bot == [0, 0, pytest.approx(81, abs=3), 0, 0]

    leap(scenario())


def test_levels_end_when_nobody_asks_any_more() -> None:
    async def scenario() -> None:
        call, levels = taps(), Levels()
        call.measure(levels)
        await asyncio.sleep(5)
        call.measure(levels)
        await asyncio.sleep(60)
        assert not call.on
        assert [round(at) for at, *_ in levels.seconds] == list(range(1, 16))
        call.measure(levels)
        assert call.on

    leap(scenario())


def test_levels_end_with_the_call() -> None:
    async def scenario() -> None:
        call, levels = taps(), Levels()
        call.measure(levels)
        await asyncio.sleep(1.5)
        call.end()
        await asyncio.sleep(5)
        call.measure(levels)
        await asyncio.sleep(5)
        assert len(levels.seconds) == 1
        assert not call.on

    leap(scenario())


def test_loudness_is_a_share_of_full_scale() -> None:
    async def scenario() -> None:
        call, levels = taps(), Levels()
        call.measure(levels)
        call.push(CALLER, b"\xff\x7f\x00\x80" * 160)
        call.push(BOT, silence(20))
        await asyncio.sleep(1.01)
        assert levels.seconds[0][1][0] == 100
        assert levels.seconds[0][2] == [0] * 5

    leap(scenario())
