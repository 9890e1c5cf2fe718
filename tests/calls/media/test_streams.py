"""Play streams of a bot: what is held, what is dropped, what the bot is told of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bots.core.activities import Json
from bots.core.audio import LPCM16_8K, MULAW_8K
from bots.core.ports import StreamAudio, StreamEnded, StreamMark, StreamStarted, StreamText
from calls.core.events import AgentReported, BotStreamed, Event, StreamTextKnown
from calls.media import streams as streams_module
from calls.media.streams import LOOK_AGAIN_S, MAX_HELD_MS, MAX_MARKS, PIECE_MS, STALL_S, PlayStreams
from tests.calls.media.leaping import leap

MS = 8
"""Bytes of mu-law in a millisecond."""


class Ear:
    """Somebody who hears a stream from when it is played, ``heard_ms`` on the loop's clock."""

    def __init__(self, *, hears: bool = True) -> None:
        self.audio = b""
        self.pieces: list[int] = []
        self._hears = hears
        self._began: float | None = None

    def heard_ms(self) -> float:
        if self._began is None or not self._hears:
            return 0.0
        passed_ms = (asyncio.get_running_loop().time() - self._began) * 1000
        return min(passed_ms, len(self.audio) / MS)

    async def play(self, streams: PlayStreams, number: int) -> None:
        """Hear the stream to its end."""
        stream = streams.get(number)
        assert stream is not None
        async for piece in stream.pieces(self.heard_ms):
            if self._began is None:
                self._began = asyncio.get_running_loop().time()
            self.audio += piece
            self.pieces.append(len(piece))
            await asyncio.sleep(0)


class Bot:
    """The streams of one call, what they report and what the bot is told."""

    def __init__(self) -> None:
        self.reports: list[Event] = []
        self.told: list[Any] = []
        self.streams = PlayStreams(self.reports.append, self)

    def played(self, stream: int, *, heard_ms: float, interrupted: bool) -> None:
        self.told.append((stream, round(heard_ms), "cut" if interrupted else "whole"))

    def reached(self, mark: Json) -> None:
        self.told.append(mark["name"])

    def start(self, stream: int = 1, text: str = "") -> None:
        self.streams.start(StreamStarted(stream=stream, audio=MULAW_8K, text=text))

    def audio(self, ms: float, stream: int = 1) -> None:
        self.streams.audio(StreamAudio(stream, b"\x55" * int(ms * MS)))

    def mark(self, name: str, stream: int = 1) -> None:
        self.streams.mark(StreamMark(stream, {"name": name}))

    def end(self, stream: int = 1) -> None:
        self.streams.end(StreamEnded(stream))

    def hear(self, number: int = 1, ear: Ear | None = None) -> tuple[Ear, "asyncio.Task[None]"]:
        ear = ear or Ear()
        return ear, asyncio.get_running_loop().create_task(ear.play(self.streams, number))


def scenario(test: Callable[[Bot], Any]) -> None:
    async def main() -> None:
        await test(Bot())

    leap(main())


def test_a_stream_is_announced_and_played_to_its_end() -> None:
    async def test(bot: Bot) -> None:
        params: Json = {"language": "de-DE"}
        bot.streams.start(
            StreamStarted(stream=7, audio=MULAW_8K, text="Hello.", activity_params=params)
        )
        bot.streams.text(StreamText(7, "Hello there."))
        bot.audio(100, 7)
        ear, playing = bot.hear()
        await asyncio.sleep(0.05)
        bot.audio(50, 7)
        bot.end(7)
        await playing
        bot.streams.over(1, heard_ms=150, interrupted=False)

        assert len(ear.audio) == 150 * MS
        assert bot.reports == [
            BotStreamed(stream=1, text="Hello.", activity_params=params),
            StreamTextKnown(1, "Hello there."),
        ]
        assert bot.told == [(7, 150, "whole")]
        assert bot.streams.get(1) is None

    scenario(test)


@pytest.mark.parametrize("began", [True, False])
def test_what_comes_of_a_stream_that_is_over_is_dropped(began: bool) -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        if began:
            bot.audio(100)
            _, playing = bot.hear()
            await asyncio.sleep(0.06)
            playing.cancel()
        bot.streams.over(1, heard_ms=60 if began else 0, interrupted=True)
        bot.audio(100)
        bot.streams.text(StreamText(1, "Too late."))
        bot.end()
        bot.mark("too late")
        bot.streams.over(1, heard_ms=60, interrupted=True)

        assert bot.reports == [BotStreamed(stream=1)]
        assert bot.told == [(1, 60 if began else 0, "cut"), "too late"]

    scenario(test)


def test_what_was_never_started_is_dropped() -> None:
    async def test(bot: Bot) -> None:
        bot.audio(100)
        bot.end()
        bot.streams.text(StreamText(1, "Hello."))
        assert (bot.reports, bot.told) == ([], [])

    scenario(test)


def test_a_number_that_is_used_again_ends_the_stream_before() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        bot.audio(100)
        bot.start()
        bot.audio(30)
        (first, one), (second, two) = bot.hear(1), bot.hear(2)
        await one
        bot.streams.over(1, heard_ms=100, interrupted=False)
        bot.end()
        await two

        assert (len(first.audio), len(second.audio)) == (100 * MS, 30 * MS)
        assert bot.told == [(1, 100, "whole")]

    scenario(test)


def test_a_giant_piece_is_given_to_the_player_bit_by_bit() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        bot.audio(5 * PIECE_MS + 1)
        bot.end()
        ear, playing = bot.hear()
        await playing

        assert ear.pieces == [PIECE_MS * MS] * 5 + [MS]

    scenario(test)


def test_audio_in_pieces_of_any_size_takes_no_more_memory_than_itself() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        for _ in range(2000):
            bot.streams.audio(StreamAudio(1, b"\x55"))
        bot.streams.audio(StreamAudio(1, b""))
        bot.end()
        ear, playing = bot.hear()
        await playing

        assert ear.pieces == [2000]

    scenario(test)


def test_of_more_than_can_be_held_the_newest_is_dropped_and_that_is_told_once() -> None:
    async def test(bot: Bot) -> None:
        bot.start(1)
        bot.start(2)
        bot.audio(MAX_HELD_MS - 100, 1)
        bot.audio(300, 2)
        bot.audio(300, 2)
        bot.end(2)
        ear, playing = bot.hear(2)
        await playing

        assert len(ear.audio) == 100 * MS
        assert bot.streams.dropped_ms == pytest.approx(500)
        (warning,) = (report for report in bot.reports if isinstance(report, AgentReported))
        assert (warning.name, warning.detail["code"]) == ("warning", "TOO_MUCH_AUDIO")
        assert "10 minutes" in warning.note

    scenario(test)


def test_what_was_heard_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams_module, "MAX_HELD_MS", 1_000)

    async def test(bot: Bot) -> None:
        bot.start()
        ear, playing = bot.hear()
        for _ in range(50):
            bot.audio(900)
            await asyncio.sleep(0.9)
        bot.end()
        await playing

        assert len(ear.audio) == 45_000 * MS
        assert bot.streams.dropped_ms == 0

    scenario(test)


def test_a_bot_that_falls_silent_has_finished_its_prompt_and_may_go_on_with_another() -> None:
    async def test(bot: Bot) -> None:
        loop = asyncio.get_running_loop()
        bot.start(text="One moment.")
        bot.audio(3000)
        bot.mark("moment")
        began = loop.time()
        _, playing = bot.hear()
        await playing
        assert loop.time() - began == pytest.approx(3 + STALL_S, abs=0.05)
        bot.streams.over(1, heard_ms=3000, interrupted=False)
        assert bot.told == ["moment"]
        bot.mark("silence")
        bot.streams.text(StreamText(1, "Ignored."))

        bot.audio(500)
        bot.streams.text(StreamText(1, "One moment. Here it is."))
        ear, playing = bot.hear(2)
        bot.end()
        await playing
        bot.streams.over(2, heard_ms=500, interrupted=False)

        assert len(ear.audio) == 500 * MS
        assert bot.reports == [
            BotStreamed(stream=1, text="One moment."),
            BotStreamed(stream=2),
            StreamTextKnown(2, "Here it is."),
        ]
        assert bot.told == ["moment", "silence", (1, 3500, "whole")]

    scenario(test)


def test_a_silent_bot_that_is_interrupted_goes_on_unheard() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        bot.audio(100)
        _, playing = bot.hear()
        await playing
        bot.streams.over(1, heard_ms=90, interrupted=True)
        bot.audio(100)
        assert bot.told == [(1, 90, "cut")]
        assert bot.reports == [BotStreamed(stream=1)]

    scenario(test)


def test_a_player_that_takes_its_time_is_waited_for() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        bot.audio(100)
        stream = bot.streams.get(1)
        assert stream is not None
        pieces = stream.pieces(lambda: 0.0)
        taken = [await anext(pieces)]
        bot.audio(100)
        await asyncio.sleep(10 * STALL_S)
        taken += [piece async for piece in pieces]
        assert b"".join(taken) == b"\x55" * (200 * MS)
        assert stream.stalled

    scenario(test)


def test_a_bot_that_ends_its_silence_is_told_that_all_was_heard() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        bot.audio(100)
        _, playing = bot.hear()
        await playing
        bot.streams.over(1, heard_ms=100, interrupted=False)
        assert bot.told == []
        bot.streams.end_all()
        assert bot.told == [(1, 100, "whole")]
        bot.audio(100)
        assert bot.reports == [BotStreamed(stream=1)]

    scenario(test)


def test_a_slow_bot_is_waited_for_as_long_as_it_says_something() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        ear, playing = bot.hear()
        await asyncio.sleep(60)  # the first audio is the affair of the conversation
        for _ in range(10):
            bot.audio(20)
            await asyncio.sleep(STALL_S - 0.1)
        bot.end()
        await playing

        assert len(ear.audio) == 200 * MS

    scenario(test)


def test_marks_are_told_in_order_as_the_caller_passes_them() -> None:
    async def test(bot: Bot) -> None:
        loop = asyncio.get_running_loop()
        at: dict[str, float] = {}

        class Watch(Bot):
            def reached(self, mark: Json) -> None:
                at[mark["name"]] = (loop.time() - began) * 1000

        bot = Watch()
        bot.start()
        bot.mark("start")
        bot.audio(300)
        bot.mark("one")
        bot.audio(300)
        bot.mark("two")
        bot.mark("too")
        bot.audio(300)
        await asyncio.sleep(10)
        assert at == {}
        began = loop.time()
        _, playing = bot.hear()
        bot.end()
        await asyncio.sleep(1)
        bot.mark("end")
        await playing
        await asyncio.sleep(1)

        assert list(at) == ["start", "one", "two", "too", "end"]
        late_ms = LOOK_AGAIN_S * 1000
        assert 0 <= at["start"] <= late_ms
        assert 280 <= at["one"] <= 280 + late_ms
        assert at["two"] == pytest.approx(at["too"], abs=1)
        assert 580 <= at["two"] <= 601
        assert at["end"] == pytest.approx(1000, abs=1)

    scenario(test)


def test_marks_of_a_stream_that_is_given_up_are_reached_at_once() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        bot.audio(1000)
        bot.mark("one")
        bot.mark("two")
        bot.streams.over(1, heard_ms=0, interrupted=True)
        assert bot.told == ["one", "two", (1, 0, "cut")]

    scenario(test)


def test_marks_without_end_are_reached_at_once() -> None:
    async def test(bot: Bot) -> None:
        bot.start()
        bot.audio(1000)
        for n in range(MAX_MARKS + 1):
            bot.mark(str(n))
        assert bot.told == [str(MAX_MARKS)]
        bot.streams.close()

    scenario(test)


def test_a_caller_who_hears_nothing_is_not_looked_after_all_the_time() -> None:
    async def test(bot: Bot) -> None:
        looked = 0

        class Gone(Ear):
            def heard_ms(self) -> float:
                nonlocal looked
                looked += 1
                return 0.0

        bot.start()
        bot.audio(40)
        bot.mark("one")
        _, playing = bot.hear(ear=Gone())
        await asyncio.sleep(1)
        playing.cancel()

        assert looked <= 20
        bot.streams.close()

    scenario(test)


def test_at_the_end_of_the_call_nobody_is_told_and_nothing_is_left_to_do() -> None:
    async def test(bot: Bot) -> None:
        loop: Any = asyncio.get_running_loop()
        for stream in (1, 2):
            bot.start(stream)
            bot.audio(1000, stream)
        bot.mark("one", 1)
        bot.streams.close()
        bot.audio(1000)

        assert bot.told == []
        assert [timer for timer in loop._scheduled if not timer.cancelled()] == []
        assert bot.streams.get(1) is None

    scenario(test)


def test_streams_have_the_format_of_the_bot() -> None:
    async def test(bot: Bot) -> None:
        bot.streams.start(StreamStarted(stream=1, audio=LPCM16_8K))
        stream = bot.streams.get(1)
        assert stream is not None
        assert stream.source == LPCM16_8K

    scenario(test)
