"""What a player that waits for a play stream gets reaches the phone at once."""

import asyncio
from collections.abc import Awaitable, Callable

from bots.core.audio import LPCM16_8K, LPCM16_16K, AudioFormat
from bots.core.ports import StreamAudio, StreamEnded, StreamStarted
from calls.core.events import Event, PlaybackDone
from calls.media.player import Player
from calls.media.streams import STALL_S, PlayStream, PlayStreams
from tests.calls.media.leaping import leap
from tests.calls.media.phone import Phone

MS = 16
"""Bytes in a millisecond of the phone's audio."""


class Nobody:
    def played(self, stream: int, *, heard_ms: float, interrupted: bool) -> None: ...

    def reached(self, mark: object) -> None: ...


class Talk:
    """Stream 1 of a bot, played to a phone."""

    def __init__(self, source: AudioFormat = LPCM16_8K) -> None:
        self.phone = Phone()
        self.reports: list[Event] = []
        self.streams = PlayStreams(lambda _: None, Nobody())
        self.streams.start(StreamStarted(stream=1, audio=source))
        stream = self.streams.get(1)
        assert stream is not None
        self.stream: PlayStream = stream
        loop = asyncio.get_running_loop()
        self.player = Player(
            self.phone,
            7,
            text="",
            interruptible=True,
            clock=loop.time,
            report=self.reports.append,
        )
        pieces = stream.pieces(lambda: self.player.heard_ms, self.player.feed)
        self.task = loop.create_task(self.player.run(pieces, source))

    def say(self, audio: bytes) -> None:
        self.streams.audio(StreamAudio(1, audio))

    async def begin(self) -> None:
        """100 ms, after which the player waits for more."""
        self.say(b"\1" * self.stream.source.bytes_for_ms(100))
        await asyncio.sleep(0.09)
        assert self.phone.audio


def scenario(
    test: Callable[[Talk], Awaitable[None]], source: AudioFormat = LPCM16_8K
) -> Callable[[], None]:
    async def main() -> None:
        talk = Talk(source)
        await talk.begin()
        await test(talk)
        talk.streams.end(StreamEnded(1))
        await asyncio.wait([talk.task])

    return lambda: leap(main())


def test_audio_in_real_time_is_sent_before_the_bot_is_read_on() -> None:
    async def test(talk: Talk) -> None:
        for number in range(2, 12):
            before = talk.phone.audio
            frame = bytes((number,)) * 20 * MS
            talk.say(frame)
            assert talk.phone.audio == before + frame
            await asyncio.sleep(0.02)

    scenario(test)()


def test_much_at_once_is_paced_and_complete() -> None:
    async def test(talk: Talk) -> None:
        said = talk.phone.audio
        for number in range(250):
            frame = bytes((number,)) * 20 * MS
            said += frame
            talk.say(frame)
        assert talk.phone.audio != said
        await asyncio.sleep(1)
        assert len(talk.phone.audio) >= 1100 * MS
        talk.streams.end(StreamEnded(1))
        await asyncio.wait([talk.task])
        assert talk.phone.audio == said
        assert talk.phone.most_ahead_ms <= 201
        assert isinstance(talk.reports[-1], PlaybackDone)
        assert talk.reports[-1].total_ms == 5100

    scenario(test)()


def test_what_comes_while_much_is_taken_in_does_not_overtake_it() -> None:
    async def main() -> None:
        talk = Talk()
        talk.say(b"\1" * 5000 * MS)
        said = b"\1" * 5000 * MS
        for number in range(2, 30):
            await asyncio.sleep(0)
            talk.say(bytes((number,)) * 20 * MS)
            said += bytes((number,)) * 20 * MS
        talk.streams.end_all()
        await talk.task
        assert talk.phone.audio == said

    leap(main())


def test_what_is_converted_stays_in_order() -> None:
    async def test(talk: Talk) -> None:
        for _ in range(25):
            talk.say(b"\1" * 80 * MS)
            await asyncio.sleep(0.02)
        talk.streams.end(StreamEnded(1))
        await asyncio.wait([talk.task])
        assert abs(len(talk.phone.audio) - 1100 * MS) <= MS

    scenario(test, LPCM16_16K)()


def test_pauses_shorter_than_our_patience_do_not_end_it() -> None:
    async def test(talk: Talk) -> None:
        for _ in range(4):
            await asyncio.sleep(STALL_S - 0.5)
            talk.say(bytes(20 * MS))
        assert not talk.stream.stalled
        await asyncio.sleep(STALL_S + 0.5)
        assert talk.stream.stalled

    scenario(test)()


def test_what_comes_while_the_phone_is_away_is_sent_to_the_next() -> None:
    async def test(talk: Talk) -> None:
        talk.player.detach()
        talk.say(b"\2" * 40 * MS)
        other = Phone()
        talk.player.attach(other)
        await asyncio.sleep(0.1)
        talk.say(b"\3" * 20 * MS)
        assert other.audio.endswith(b"\2" * 40 * MS + b"\3" * 20 * MS)

    scenario(test)()


def test_a_stopped_player_sends_nothing_more() -> None:
    async def test(talk: Talk) -> None:
        talk.task.cancel()
        talk.player.stop()
        before = talk.phone.audio
        talk.say(bytes(20 * MS))
        await asyncio.wait([talk.task])
        talk.say(bytes(20 * MS))
        assert talk.phone.audio == before

    scenario(test)()


def test_a_player_is_fed_only_after_its_first_piece() -> None:
    async def main() -> None:
        talk = Talk()
        assert not talk.player.feed(bytes(20 * MS))
        await asyncio.sleep(0.01)
        assert not talk.player.feed(bytes(20 * MS))
        talk.streams.end_all()
        await talk.task
        assert talk.phone.audio == b""

    leap(main())
