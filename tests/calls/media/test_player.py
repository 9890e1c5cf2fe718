"""From a prompt's samples to audio at the caller's ear, on a clock that leaps over every wait."""

import asyncio
import itertools
from array import array
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bots.core.audio import LPCM16_8K, LPCM16_16K, MULAW_8K, AudioFormat, lpcm16_to_mulaw
from bots.core.errors import Fault, ServiceError
from calls.core.events import AudioReady, Event, PlaybackDone, PlaybackEnding, PlaybackStarted
from calls.media import player as player_module
from calls.media.pacer import CHUNK_MS, LEAD_MS
from calls.media.player import ENDING_MS, Player
from tests.calls.media.leaping import leap
from tests.calls.media.phone import BYTES_PER_MS, Phone, Piece, Prompt, audio, close_to


def test_a_prompt_is_opened_sent_in_order_closed_and_reported() -> None:
    async def main() -> None:
        prompt = Prompt(audio(300), audio(500, start=9000))
        began = asyncio.get_running_loop().time()
        await prompt.task

        assert prompt.phone.log == [
            "start 7 'Hello.' interruptible=True",
            "audio 7",
            "stop 7 interrupted=False",
        ]
        assert prompt.phone.audio == audio(300) + audio(500, start=9000)
        assert prompt.reports == ["ready", "started", "ending", "done"]
        assert (prompt.heard_ms, prompt.total_ms) == (close_to(800), 800)
        assert (asyncio.get_running_loop().time() - began) * 1000 == close_to(800)
        assert prompt.phone.most_ahead_ms <= LEAD_MS

    leap(main())


def test_a_slow_source_makes_gaps_and_no_hurry() -> None:
    async def main() -> None:
        prompt = Prompt(audio(100), 2.0, audio(1000))
        began = asyncio.get_running_loop().time()
        await prompt.task

        assert prompt.phone.audio == audio(100) + audio(1000)
        assert (asyncio.get_running_loop().time() - began) * 1000 == close_to(3000)
        assert prompt.heard_ms == close_to(1100)

    leap(main())


def test_a_source_that_ends_after_all_was_heard_closes_the_stream() -> None:
    async def main() -> None:
        prompt = Prompt(audio(100), 2.0)
        await prompt.task

        assert prompt.phone.log == [
            "start 7 'Hello.' interruptible=True",
            "audio 7",
            "stop 7 interrupted=False",
        ]
        assert (prompt.reports[-1], prompt.heard_ms) == ("done", close_to(100))

    leap(main())


@pytest.mark.parametrize("after_ms", [40, 250, 790])
def test_a_stopped_prompt_tells_what_was_heard_and_is_silent_at_once(after_ms: int) -> None:
    async def main() -> None:
        prompt = Prompt(audio(1000))
        await asyncio.sleep(after_ms / 1000)
        await prompt.stop()
        sent = prompt.phone.audio
        prompt.player.stop()
        await asyncio.sleep(5)

        assert prompt.phone.log[-2:] == ["audio 7", "stop 7 interrupted=True"]
        assert prompt.phone.audio == sent
        ending = ["ending"] if after_ms > 1000 - ENDING_MS + CHUNK_MS else []
        assert prompt.reports == ["ready", "started", *ending, "interrupted"]
        assert (prompt.heard_ms, prompt.total_ms) == (close_to(after_ms), 1000)
        assert prompt.source.closed

    leap(main())


def test_what_is_in_flight_of_a_prompt_that_was_sent_whole_is_dropped_by_a_stop() -> None:
    async def main() -> None:
        prompt = Prompt(audio(300))
        await asyncio.sleep(0.25)
        await prompt.stop()

        assert prompt.phone.log[-2:] == ["stop 7 interrupted=False", "stop 7 interrupted=True"]
        assert prompt.heard_ms == close_to(250)

    leap(main())


def test_a_prompt_that_is_stopped_before_its_first_audio_leaves_no_trace() -> None:
    async def main() -> None:
        prompt = Prompt(5.0, audio(300))
        await asyncio.sleep(1)
        await prompt.stop()

        assert prompt.phone.log == []
        assert prompt.reports == ["interrupted"]
        assert (prompt.heard_ms, prompt.total_ms) == (0, 0)
        assert prompt.source.closed

    leap(main())


def test_a_prompt_that_is_stopped_as_its_first_audio_comes_leaves_no_trace() -> None:
    async def main() -> None:
        loop, phone, reports = asyncio.get_running_loop(), Phone(), list[Event]()

        async def pieces() -> AsyncGenerator[bytes, None]:
            await asyncio.sleep(0.1)
            loop.call_soon(silence)  # before the player can send what it is about to be given
            yield audio(500)

        def silence() -> None:
            task.cancel()
            player.stop()

        player = Player(
            phone, 7, text="", interruptible=True, clock=loop.time, report=reports.append
        )
        task = loop.create_task(player.run(pieces(), LPCM16_8K))
        await asyncio.wait([task])

        assert phone.log == []
        assert [type(report) for report in reports] == [AudioReady, PlaybackDone]

    leap(main())


def test_stopping_a_prompt_that_was_heard_changes_nothing() -> None:
    async def main() -> None:
        prompt = Prompt(audio(100))
        await prompt.task
        log = list(prompt.phone.log)
        prompt.player.stop()

        assert prompt.phone.log == log
        assert prompt.reports == ["ready", "started", "ending", "done"]

    leap(main())


@pytest.mark.parametrize(
    ("pieces", "before"), [((), []), ((b"",), []), ((0.1, b"", 0.1), []), ((b"\1",), ["ready"])]
)
def test_a_prompt_without_a_sample_was_heard_as_soon_as_that_is_known(
    pieces: Sequence[Piece], before: list[str]
) -> None:
    async def main() -> None:
        prompt = Prompt(*pieces)
        await prompt.task

        assert prompt.phone.log == []
        assert prompt.reports == [*before, "done"]
        assert (prompt.heard_ms, prompt.total_ms) == (0, 0)

    leap(main())


def test_a_failure_before_the_first_audio_is_raised_as_it_is() -> None:
    async def main() -> None:
        refused = ServiceError("tts", Fault.AUTHENTICATION, "refused")
        prompt = Prompt(0.1, refused)
        with pytest.raises(ServiceError) as failure:
            await prompt.task

        assert failure.value is refused
        assert (prompt.phone.log, prompt.reports) == ([], [])

    leap(main())


def test_a_failure_in_mid_prompt_silences_it_and_tells_how_much_was_heard() -> None:
    async def main() -> None:
        prompt = Prompt(audio(500), 0.3, ServiceError("tts", Fault.SERVER))
        with pytest.raises(ServiceError):
            await prompt.task
        prompt.player.stop()

        assert prompt.phone.log[-1] == "stop 7 interrupted=True"
        assert prompt.phone.log.count("stop 7 interrupted=True") == 1
        assert prompt.reports == ["ready", "started"]
        assert prompt.player.heard_ms == close_to(300)

    leap(main())


def test_a_prompt_goes_on_at_a_new_connection_where_the_caller_stopped_hearing_it() -> None:
    async def main() -> None:
        prompt, second = Prompt(audio(1000)), Phone()
        await asyncio.sleep(0.4)
        prompt.player.detach()
        await asyncio.sleep(30)
        heard_ms = prompt.player.heard_ms
        prompt.player.attach(second)
        await prompt.task

        assert heard_ms == close_to(400)
        heard_bytes = round(heard_ms * BYTES_PER_MS)
        assert prompt.phone.audio[:heard_bytes] + second.audio == audio(1000)
        assert second.log == [
            "start 7 'Hello.' interruptible=True",
            "audio 7",
            "stop 7 interrupted=False",
        ]
        assert second.most_ahead_ms <= LEAD_MS
        assert prompt.reports == ["ready", "started", "ending", "done"]
        assert prompt.heard_ms == close_to(1000)

    leap(main())


def test_the_end_of_a_prompt_that_was_in_flight_is_sent_to_the_new_connection() -> None:
    async def main() -> None:
        prompt, second = Prompt(audio(300)), Phone()
        await asyncio.sleep(0.2)
        prompt.player.detach()
        prompt.player.attach(second)
        await prompt.task

        assert len(second.audio) / BYTES_PER_MS == close_to(100)
        assert prompt.phone.log[-1] == second.log[-1] == "stop 7 interrupted=False"

    leap(main())


def test_a_prompt_without_a_connection_waits_and_can_be_stopped() -> None:
    async def main() -> None:
        prompt = Prompt(0.1, audio(100))
        prompt.player.detach()
        await asyncio.sleep(30)
        await prompt.stop()

        assert prompt.phone.log == []
        assert prompt.reports == ["ready", "interrupted"]
        assert prompt.heard_ms == 0

    leap(main())


def test_a_prompt_that_is_given_faster_than_it_is_heard_is_cut_at_the_longest_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(player_module, "MAX_PROMPT_MS", 500)

    async def main() -> None:
        prompt = Prompt(*[audio(100)] * 1000)
        await prompt.task

        assert prompt.total_ms == close_to(500 + LEAD_MS + 100)
        assert prompt.reports == ["ready", "started", "ending", "done"]
        assert prompt.source.closed

    leap(main())


def test_a_prompt_that_is_given_as_it_is_heard_goes_on_for_as_long_as_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(player_module, "MAX_PROMPT_MS", 500)

    async def main() -> None:
        pieces: list[Piece] = [audio(100), 0.1]
        prompt = Prompt(*pieces * 50)
        await prompt.task

        assert prompt.total_ms == close_to(5000)
        assert prompt.heard_ms == close_to(5000)

    leap(main())


@pytest.mark.parametrize("sizes", [[160], [1, 159, 77, 3], [320, 4000]])
def test_mulaw_reaches_a_leg_of_mulaw_bit_by_bit(sizes: list[int]) -> None:
    codes = bytes(range(256)) * 32

    async def main() -> None:
        loop, phone = asyncio.get_running_loop(), Phone(MULAW_8K)

        async def pieces() -> AsyncGenerator[bytes, None]:
            at, turn = 0, itertools.cycle(sizes)
            while at < len(codes):
                size = next(turn)
                yield codes[at : at + size]
                at += size

        player = Player(
            phone, 7, text="", interruptible=True, clock=loop.time, report=lambda _: None
        )
        await player.run(pieces(), MULAW_8K)

        assert phone.audio == codes

    leap(main())


def test_the_audio_is_converted_to_the_format_of_the_leg() -> None:
    async def main() -> None:
        prompt = Prompt(audio(200), phone=Phone(MULAW_8K))
        await prompt.task

        assert prompt.phone.audio == lpcm16_to_mulaw(audio(200))
        assert prompt.heard_ms == close_to(200)

    leap(main())


def test_a_sample_may_be_split_over_two_pieces() -> None:
    async def main() -> None:
        prompt = Prompt(audio(200)[:777], audio(200)[777:])
        await prompt.task

        assert prompt.phone.audio == audio(200)

    leap(main())


def test_a_cancelled_prompt_closes_its_source() -> None:
    async def main() -> None:
        prompt = Prompt(audio(100), 60.0)
        await asyncio.sleep(0.01)
        prompt.task.cancel()
        await asyncio.wait([prompt.task])

        assert prompt.task.cancelled()
        assert prompt.source.closed

    leap(main())


def test_the_end_is_announced_a_moment_before_it_comes() -> None:
    async def main() -> None:
        prompt = Prompt(audio(1000))
        await prompt.task

        assert 1000 - ENDING_MS <= prompt.at_ms["ending"] <= 1000 - ENDING_MS + CHUNK_MS

    leap(main())


@pytest.mark.parametrize("ms", [10, 100, ENDING_MS])
def test_the_end_of_a_short_prompt_is_announced_as_it_begins(ms: int) -> None:
    async def main() -> None:
        prompt = Prompt(audio(ms))
        await prompt.task

        assert prompt.reports == ["ready", "started", "ending", "done"]
        assert prompt.at_ms["ending"] == close_to(0)

    leap(main())


def test_the_end_is_announced_only_when_nothing_more_can_come() -> None:
    async def main() -> None:
        prompt = Prompt(audio(400), 0.39, audio(400), 0.39)
        await prompt.task

        assert prompt.reports == ["ready", "started", "ending", "done"]
        assert prompt.at_ms["ending"] == close_to(780)

    leap(main())


@pytest.mark.parametrize("told", [AudioReady, PlaybackStarted, PlaybackEnding, PlaybackDone])
@pytest.mark.parametrize("ms", [10, 500])
def test_whoever_is_told_may_stop_the_prompt_and_nothing_follows(
    told: type[Event], ms: int
) -> None:
    async def main() -> None:
        prompt = Prompt(audio(ms), audio(ms), stop_at=told)
        await asyncio.wait([prompt.task])

        before = {AudioReady: 1, PlaybackStarted: 2, PlaybackEnding: 3, PlaybackDone: 3}[told]
        ended = "done" if told is PlaybackDone else "interrupted"
        assert prompt.reports == [*["ready", "started", "ending"][:before], ended]
        if told in (PlaybackStarted, PlaybackEnding):
            assert prompt.phone.log[-1] == "stop 7 interrupted=True"

    leap(main())


def test_a_source_that_has_everything_at_hand_lets_others_have_their_turn() -> None:
    async def main() -> None:
        given = most = 0

        async def everything() -> AsyncGenerator[bytes, None]:
            nonlocal given
            for given in range(100):  # noqa: B007 - read by the other task
                yield audio(10)

        prompt = Prompt()
        prompt.task.cancel()
        playing = asyncio.get_running_loop().create_task(prompt.player.run(everything(), LPCM16_8K))
        while given < 99:
            before = given
            await asyncio.sleep(0)
            most = max(most, given - before)
        await playing

        assert most == 1

    leap(main())


@settings(max_examples=40)
@given(
    cuts=st.lists(st.integers(0, 320 * BYTES_PER_MS), max_size=12),
    to=st.sampled_from([LPCM16_8K, LPCM16_16K, MULAW_8K]),
)
def test_however_the_samples_are_cut_the_caller_hears_the_same(
    cuts: list[int], to: AudioFormat
) -> None:
    whole = audio(320)
    edges = [0, *sorted(cuts), len(whole)]

    async def main(*pieces: bytes) -> bytes:
        prompt = Prompt(*pieces, phone=Phone(to))
        await prompt.task
        assert prompt.reports == ["ready", "started", "ending", "done"]
        assert prompt.heard_ms == close_to(320)
        return prompt.phone.audio

    pieces = [whole[start:end] for start, end in pairwise(edges)]
    heard, expected = (leap(main(*cut)) for cut in (pieces, [whole]))
    if to is LPCM16_16K:  # the resampler dithers
        assert len(heard) == len(expected)
        samples = zip(array("h", heard), array("h", expected), strict=True)
        assert max(abs(one - other) for one, other in samples) <= 2
    else:
        assert heard == expected
