"""Audio on its way to and from a streaming bot, without a socket: order, bounds, names, gaps."""

import asyncio
import base64
import json

import pytest

from bots.connectors.ac_api.voice import (
    GAP_MS,
    KNOWN_NAMES,
    MAX_AUDIO_FRAMES,
    MAX_CONTROL_FRAMES,
    CallerStream,
    Outbox,
    PlayStreams,
    heard_by_bot,
    offers,
)
from bots.core.audio import LPCM16_8K, LPCM16_16K, LPCM16_24K, MULAW_8K, AudioFormat
from bots.core.ports import StreamMark
from bots.protocols.ac_bot_api import (
    ActivitiesReceived,
    MarkSet,
    MediaFormat,
    PlayStarted,
    StreamClient,
)


class Box:
    """An outbox and how often it overflowed."""

    def __init__(self) -> None:
        self.overflows = 0
        self.box = Outbox(self._overflowed)

    def _overflowed(self) -> None:
        self.overflows += 1

    async def frames(self, count: int) -> list[str]:
        async with asyncio.timeout(1):
            return [await self.box.take() for _ in range(count)]


@pytest.mark.parametrize(
    ("leg", "first"),
    [
        (MULAW_8K, "raw/mulaw"),
        (LPCM16_8K, "raw/lpcm16_8"),
        (LPCM16_16K, "raw/lpcm16"),
        (LPCM16_24K, "raw/lpcm16_24"),
        (AudioFormat("lpcm16", 48000), "raw/lpcm16"),
        (None, "raw/lpcm16"),
    ],
)
def test_the_legs_own_format_is_offered_first_and_each_once(
    leg: AudioFormat | None, first: str
) -> None:
    assert offers(leg)[0] == first
    assert len(set(offers(leg))) == len(offers(leg)) == 4


async def test_of_audio_that_nobody_takes_the_oldest_is_dropped_and_counted() -> None:
    box = Box()
    box.box.control("start")
    for number in range(MAX_AUDIO_FRAMES + 3):
        box.box.audio(str(number))
    box.box.control("stop")
    expected = ["start", *map(str, range(3, MAX_AUDIO_FRAMES + 3)), "stop"]
    assert await box.frames(len(expected)) == expected
    assert (box.box.dropped, box.overflows) == (3, 0)
    for number in range(MAX_AUDIO_FRAMES):
        box.box.audio(str(number))
    assert box.box.dropped == 3


async def test_other_frames_are_never_dropped_in_silence() -> None:
    box = Box()
    for number in range(MAX_CONTROL_FRAMES):
        box.box.control(str(number))
        box.box.audio("audio")
    assert box.overflows == 0
    box.box.control("one more")
    assert box.overflows == 1
    box.box.clear()
    box.box.control("first")
    assert await box.frames(1) == ["first"]


def client(media: MediaFormat) -> StreamClient:
    """The machine of a session whose user stream is open."""
    found = StreamClient("c-1")
    found.initiate(bot_name="b", caller="", expect_audio_messages=True, media_formats=[media])
    found.receive(json.dumps({"type": "session.accepted", "mediaFormat": media}))
    found.user_stream_start()
    found.receive('{"type":"userStream.started"}')
    return found


async def chunks(box: Box, count: int) -> list[bytes]:
    return [base64.b64decode(json.loads(f)["audioChunk"]) for f in await box.frames(count)]


async def test_a_gap_is_filled_in_its_own_time_and_no_faster() -> None:
    box, machine = Box(), client(MediaFormat.RAW_LPCM16_8)
    stream = CallerStream(MediaFormat.RAW_LPCM16_8, box.box)
    stream.hear(b"\x01" * 320, machine, 10.0)
    stream.fill(machine, 10.0 + (GAP_MS - 1) / 1000)
    assert await chunks(box, 1) == [b"\x01" * 320]
    for at in (10.101, 10.15, 10.202):
        stream.fill(machine, at)
    assert await chunks(box, 10) == [bytes(320)] * 10
    stream.hear(b"\x02" * 320, machine, 10.25)
    assert await chunks(box, 1) == [b"\x02" * 320]


async def test_a_gap_in_which_nothing_ran_is_not_made_up_for() -> None:
    box, machine = Box(), client(MediaFormat.RAW_MULAW)
    stream = CallerStream(MediaFormat.RAW_MULAW, box.box)
    stream.hear(b"\x01" * 160, machine, 10.0)
    stream.fill(machine, 60.0)
    stream.fill(machine, 60.05)
    assert await chunks(box, 6) == [b"\x01" * 160, *[b"\xff" * 160] * 5]


def started(name: str) -> PlayStarted:
    return PlayStarted(
        stream_id=name, media_format=MediaFormat.RAW_LPCM16, alt_text=None, activity_params=None
    )


def test_a_mark_finds_its_stream_by_name_and_an_unknown_one_the_latest() -> None:
    streams = PlayStreams()
    for number in range(1, KNOWN_NAMES + 3):
        streams.read(started(f"p-{number}"))
    latest = KNOWN_NAMES + 2
    assert streams.mark(MarkSet("p-3", {})) == StreamMark(3, {})
    assert streams.mark(MarkSet("p-2", {})) == StreamMark(latest, {})
    assert streams.mark(MarkSet("p-3", {})) is not None
    streams.played(3, interrupted=True)
    assert streams.mark(MarkSet("p-3", {})) is None


def test_a_name_that_repeats_means_the_newer_stream() -> None:
    streams = PlayStreams()
    streams.read(started("p"))
    streams.read(started("p"))
    assert streams.mark(MarkSet("p", {})) == StreamMark(2, {})


def test_what_is_no_speech_is_none() -> None:
    assert heard_by_bot(ActivitiesReceived(())) is None
    assert PlayStreams().read(ActivitiesReceived(())) == []
