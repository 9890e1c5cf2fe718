"""What a synthesis owes the caller: audio, and in time."""

import asyncio
from collections.abc import Sequence

import pytest

from bots.core.errors import Fault, ServiceError
from calls.media.spoken import has_sound, has_words, in_time
from tests.calls.media.leaping import leap
from tests.calls.media.phone import Piece, Source

TIMEOUT_S = 5.0
SAMPLE = b"\1\2"


@pytest.mark.pure
@pytest.mark.parametrize(
    ("text", "sound", "words"),
    [
        ("Hello.", True, True),
        ("", False, False),
        (" \n ", False, False),
        ("🙂", True, False),
        ("...", True, False),
        ("<speak/>", False, False),
        ('<speak><break time="2s"/></speak>', False, False),
        ("<speak>Hello.</speak>", True, True),
        ("<speak><p>Hello.", True, True),
        ('<speak><audio src="https://example.com/a.wav"/></speak>', True, False),
        ("4", True, True),
        ("Привет", True, True),
    ],
)
def test_texts_are_told_apart_that_need_no_synthesiser_or_may_leave_it_silent(
    text: str, sound: bool, words: bool
) -> None:
    assert (has_sound(text), has_words(text)) == (sound, words)


async def heard(*pieces: Piece, may_be_silent: bool = False) -> list[bytes]:
    synthesis = Source(*pieces)
    try:
        spoken = in_time(synthesis.pieces(), TIMEOUT_S, may_be_silent=may_be_silent)
        return [piece async for piece in spoken]
    finally:
        assert synthesis.closed


@pytest.mark.parametrize("before", [(), (SAMPLE,), (b"", 3.0, b"")])
def test_a_synthesiser_that_stalls_has_failed_in_time(before: Sequence[Piece]) -> None:
    async def main() -> None:
        began = asyncio.get_running_loop().time()
        with pytest.raises(ServiceError) as failure:
            await heard(*before, TIMEOUT_S * 3, SAMPLE)
        assert failure.value.fault is Fault.TIMEOUT
        waited_s = asyncio.get_running_loop().time() - began
        assert waited_s == pytest.approx(TIMEOUT_S, abs=0.01)

    leap(main())


def test_a_slow_synthesiser_that_keeps_its_deadlines_has_not_failed() -> None:
    pause = TIMEOUT_S - 0.1
    assert leap(heard(pause, SAMPLE, pause, SAMPLE, pause)) == [SAMPLE, SAMPLE]


def test_a_listener_that_takes_its_time_costs_the_synthesiser_nothing() -> None:
    async def main() -> None:
        spoken = in_time(Source(SAMPLE, 1.0, SAMPLE).pieces(), TIMEOUT_S)
        async for _ in spoken:
            await asyncio.sleep(TIMEOUT_S * 2)

    leap(main())


@pytest.mark.parametrize("pieces", [(), (b"",), (0.1, b"", 0.1), (b"\1",)])
def test_a_synthesiser_that_gives_no_sample_of_words_has_failed(pieces: Sequence[Piece]) -> None:
    with pytest.raises(ServiceError) as failure:
        leap(heard(*pieces))
    assert failure.value.fault is Fault.PROTOCOL


def test_a_synthesiser_that_has_nothing_to_say_may_say_nothing() -> None:
    assert leap(heard(0.1, may_be_silent=True)) == []


def test_what_the_synthesiser_raises_is_raised_as_it_is() -> None:
    refused = ServiceError("tts", Fault.AUTHENTICATION, "refused")
    with pytest.raises(ServiceError) as failure:
        leap(heard(SAMPLE, refused))
    assert failure.value is refused
