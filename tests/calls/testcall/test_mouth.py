"""The caller's mouth, frame by frame."""

import pytest

from bots.core.audio import MULAW_8K
from calls.testcall.mouth import Mouth
from calls.testcall.plan import AXIS, FRAME_BYTES, utterance
from tests.fakes.ac_bot import tone

pytestmark = pytest.mark.pure


def test_an_utterance_is_said_once_between_silences() -> None:
    words = utterance("hello", bytes(FRAME_BYTES) + tone(40) + bytes(FRAME_BYTES))
    mouth = Mouth(AXIS)
    assert mouth.next_frame().pcm == bytes(FRAME_BYTES)
    speaking = [mouth.speaking]
    mouth.say(words)
    speaking.append(mouth.speaking)
    said = [mouth.next_frame() for _ in range(4)]
    assert [*speaking, mouth.speaking] == [False, True, False]
    assert b"".join(frame.pcm for frame in said) == words.pcm
    assert b"".join(frame.wire for frame in said) == words.pcm
    assert [frame.voice_began for frame in said] == [False, True, False, False]
    assert [frame.voice_ended for frame in said] == [False, False, True, False]
    assert mouth.next_frame().wire == bytes(FRAME_BYTES)


def test_the_wire_has_the_format_of_the_session() -> None:
    mouth = Mouth(MULAW_8K)
    assert mouth.next_frame().wire == b"\xff" * 160
    mouth.say(utterance("hello", tone(40)))
    frame = mouth.next_frame()
    assert (len(frame.wire), len(frame.pcm)) == (160, FRAME_BYTES)
