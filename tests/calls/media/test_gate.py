"""The caller's audio on its way to the recogniser."""

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.audio import FRAME_MS, LPCM16_8K, LPCM16_16K, MULAW_8K, AudioFormat, level_dbfs
from bots.core.ports import RecognitionEvent
from calls.media.gate import PRE_ROLL_MS, Gate

pytestmark = pytest.mark.pure

VOICE_FRAMES = 3
"""Loud frames that begin an utterance."""
SILENCE_FRAMES = 5
"""Quiet frames that end it."""
PRE_ROLL_FRAMES = PRE_ROLL_MS // FRAME_MS


class LevelDetector:
    """Voice is what is loud; keeps count of the frames it was given."""

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames
        self._speaking = False
        self._run = 0

    def push(self, pcm: bytes) -> Literal["started", "stopped"] | None:
        self._frames.append(pcm)
        if (level_dbfs(pcm) > -40) == self._speaking:
            self._run = 0
            return None
        self._run += 1
        if self._run < (SILENCE_FRAMES if self._speaking else VOICE_FRAMES):
            return None
        self._speaking, self._run = not self._speaking, 0
        return "started" if self._speaking else "stopped"


class Notebook:
    """A recognition that writes down what it is given, as ``begin``, audio and ``end``."""

    def __init__(self) -> None:
        self.utterances: list[bytes] = []
        self.pages: list[str] = []
        self.heard = b""

    def begin_utterance(self) -> None:
        self.pages.append("begin")
        self.utterances.append(b"")

    def push(self, pcm: bytes) -> None:
        self.heard += pcm
        if self.utterances:
            self.utterances[-1] += pcm

    def end_utterance(self) -> None:
        self.pages.append("end")

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        return
        yield

    async def close(self) -> None:
        return


class Line:
    """A gate with everything around it."""

    def __init__(self, *, endpointing: bool, source: AudioFormat = LPCM16_8K) -> None:
        self.detected: list[bytes] = []
        self.notebook = Notebook()
        self.gate = Gate(
            source=source,
            rate_hz=8000,
            detector=lambda: LevelDetector(self.detected),
            recognition=self.notebook,
            endpointing=endpointing,
        )

    def say(self, *frames: bytes) -> list[Literal["started", "stopped"]]:
        return self.gate.push(b"".join(frames))


def loud(count: int, *, first: int = 0) -> list[bytes]:
    """Frames of voice, each different."""
    return [(9000 + first + n).to_bytes(2, "little") * 160 for n in range(count)]


def quiet(count: int, *, first: int = 0) -> list[bytes]:
    """Frames of silence, each different."""
    return [(1 + first + n).to_bytes(2, "little") * 160 for n in range(count)]


@pytest.mark.parametrize("endpointing", [False, True])
def test_a_shut_gate_lets_nothing_through(endpointing: bool) -> None:
    line = Line(endpointing=endpointing)

    assert line.say(*loud(50)) == []
    assert (line.notebook.heard, line.notebook.pages, line.detected) == (b"", [], [])


def test_a_recogniser_with_endpointing_gets_the_pre_roll_and_then_everything() -> None:
    line = Line(endpointing=True)
    before, after = quiet(40), [*loud(10), *quiet(20, first=40)]
    line.say(*before)
    line.gate.switch(on=True)

    assert line.notebook.heard == b"".join(before[-PRE_ROLL_FRAMES:])
    assert line.say(*after) == ["started", "stopped"]
    assert line.notebook.heard == b"".join(before[-PRE_ROLL_FRAMES:] + after)
    assert line.notebook.pages == []


def test_a_recogniser_without_endpointing_gets_each_utterance_bracketed() -> None:
    line = Line(endpointing=False)
    line.gate.switch(on=True)
    frames = [*quiet(40), *loud(10), *quiet(40, first=40), *loud(10, first=10), *quiet(40)]

    assert line.say(*frames) == ["started", "stopped", "started", "stopped"]
    assert line.notebook.pages == ["begin", "end", "begin", "end"]
    first_noticed = 40 + VOICE_FRAMES
    assert line.notebook.utterances == [
        b"".join(frames[noticed - PRE_ROLL_FRAMES : stopped])
        for noticed, stopped in (
            (first_noticed, 50 + SILENCE_FRAMES),
            (first_noticed + 50, 100 + SILENCE_FRAMES),
        )
    ]


def test_what_was_said_just_before_the_gate_opened_is_not_lost() -> None:
    line = Line(endpointing=False)
    frames = [*quiet(40), *loud(20)]
    line.say(*frames[:50])
    line.gate.switch(on=True)
    line.say(*frames[50:])

    noticed = 50 + VOICE_FRAMES
    assert line.notebook.utterances == [b"".join(frames[noticed - PRE_ROLL_FRAMES :])]


def test_audio_is_given_once_even_when_utterances_follow_closely() -> None:
    line = Line(endpointing=False)
    line.gate.switch(on=True)
    frames = [*loud(10), *quiet(SILENCE_FRAMES), *loud(10, first=10), *quiet(SILENCE_FRAMES)]
    line.say(*frames)

    assert line.notebook.heard == b"".join(frames)


@pytest.mark.parametrize("endpointing", [False, True])
def test_shutting_completes_the_utterance_and_speech_is_noticed_anew(endpointing: bool) -> None:
    line = Line(endpointing=endpointing)
    line.gate.switch(on=True)
    assert line.say(*loud(10)) == ["started"]
    line.gate.switch(on=False)
    line.say(*quiet(50))
    line.gate.switch(on=True)

    assert line.say(*loud(10, first=10)) == ["started"]
    assert line.notebook.pages == ([] if endpointing else ["begin", "end", "begin"])


def test_switching_to_what_it_is_changes_nothing() -> None:
    open_line, shut_line = Line(endpointing=True), Line(endpointing=False)
    open_line.gate.switch(on=True)
    open_line.say(*loud(2))
    open_line.gate.switch(on=True)
    assert open_line.say(*loud(1, first=2)) == ["started"]
    assert open_line.notebook.heard == b"".join(loud(3))

    shut_line.gate.switch(on=False)
    shut_line.gate.switch(on=False)
    assert shut_line.notebook.pages == []


def test_the_end_of_an_utterance_that_was_shut_off_is_told_once() -> None:
    line = Line(endpointing=False)
    line.gate.switch(on=True)
    line.say(*loud(10), *quiet(20))
    line.gate.switch(on=False)

    assert line.notebook.pages == ["begin", "end"]


@given(st.lists(st.integers(1, 1500), max_size=40), st.booleans())
def test_the_size_of_the_pieces_makes_no_difference(sizes: list[int], endpointing: bool) -> None:
    whole, pieces = Line(endpointing=endpointing), Line(endpointing=endpointing)
    stream = b"".join([*quiet(20), *loud(10), *quiet(20, first=20)])
    cuts = [0]
    for size in sizes:
        cuts.append(min(len(stream), cuts[-1] + size))
    cuts.append(len(stream))
    for line in (whole, pieces):
        line.gate.switch(on=True)

    at_once = whole.gate.push(stream)
    in_pieces = [
        change for begin, end in pairwise(cuts) for change in pieces.gate.push(stream[begin:end])
    ]

    assert in_pieces == at_once == ["started", "stopped"]
    assert pieces.notebook.heard == whole.notebook.heard
    assert pieces.detected == whole.detected


@pytest.mark.parametrize("source", [MULAW_8K, LPCM16_16K])
def test_the_recogniser_and_the_detector_get_their_own_format(source: AudioFormat) -> None:
    line = Line(endpointing=True, source=source)
    line.gate.switch(on=True)
    line.gate.push(b"\x00\x10" * (source.bytes_for_ms(1000) // 2))

    heard_ms = LPCM16_8K.ms_for_bytes(len(line.notebook.heard))
    # The resampler holds some back, and so does the last frame that is not full.
    assert 1000 - 4 * FRAME_MS <= heard_ms <= 1000
    assert {len(frame) for frame in line.detected} == {LPCM16_8K.bytes_for_ms(FRAME_MS)}
