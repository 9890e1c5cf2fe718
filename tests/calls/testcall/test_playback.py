"""What the caller hears of the prompts that arrive."""

import pytest

from bots.core.activities import event
from bots.protocols.ac_bot_api import MediaFormat, PlayStarted
from calls.testcall.plan import FRAME_BYTES
from calls.testcall.playback import Playback, Prompt
from tests.fakes.ac_bot import tone

pytestmark = pytest.mark.pure

HANGUP = event("hangup")


def prompt(name: str = "p-1", text: str | None = None, *, barge_in: bool = True) -> Prompt:
    started = PlayStarted(
        stream_id=name,
        media_format=MediaFormat.RAW_LPCM16,
        alt_text=text,
        activity_params=None,
    )
    return Prompt(started, arrived_at=0.0, barge_in=barge_in)


def playing(*lengths_ms: int) -> Playback:
    playback = Playback()
    for number, ms in enumerate(lengths_ms, 1):
        playback.start(prompt(f"p-{number}"))
        playback.push(tone(ms), 0.0)
        playback.stop()
    return playback


def test_prompts_are_heard_one_after_the_other_without_a_gap() -> None:
    playback = playing(30, 30)
    first, second, third = (playback.next_frame(acting=True) for _ in range(3))
    assert [p.stream_id for p in first.began] == ["p-1"]
    assert first.pcm == tone(20)
    assert [p.stream_id for p in second.finished] == ["p-1"]
    assert [p.stream_id for p in second.began] == ["p-2"]
    assert second.pcm == tone(30)[FRAME_BYTES:] + tone(10)
    assert [p.stream_id for p in third.finished] == ["p-2"]
    assert not playback.busy
    assert playback.next_frame(acting=True).pcm == bytes(FRAME_BYTES)


def test_a_prompt_is_heard_in_its_own_format() -> None:
    playback = Playback()
    started = PlayStarted(
        stream_id="1", media_format=MediaFormat.RAW_MULAW, alt_text=None, activity_params=None
    )
    playback.start(Prompt(started, arrived_at=0.0, barge_in=False))
    playback.push(b"\x80" * 800, 0.0)
    stopped = playback.stop()
    assert stopped is not None
    assert stopped.received_ms == 100
    frames = 0
    while playback.busy:
        playback.next_frame(acting=True)
        frames += 1
    assert frames in (5, 6)
    assert stopped.heard_ms == pytest.approx(100, abs=1)


def test_audio_that_comes_late_leaves_a_gap_that_is_counted() -> None:
    playback = Playback()
    late = prompt()
    playback.start(late)
    assert playback.next_frame(acting=True).pcm == bytes(FRAME_BYTES)
    assert late.starved_ms == 0
    playback.push(tone(30), 0.1)
    playback.next_frame(acting=True)
    playback.next_frame(acting=True)
    assert late.starved_ms == 10
    assert late.waiting
    assert playback.busy
    playback.stop()
    assert [p.stream_id for p in playback.next_frame(acting=True).finished] == ["p-1"]


def test_a_flush_silences_all_prompts_and_the_rest_of_the_open_one() -> None:
    playback = playing(100)
    playback.start(prompt("p-2"))
    playback.push(tone(100), 0.0)
    playback.next_frame(acting=True)
    cut = playback.flush()
    assert cut is not None
    assert (cut.stream_id, cut.heard_ms, cut.purged) == ("p-1", 20, True)
    playback.push(tone(100), 0.1)
    assert playback.next_frame(acting=True).pcm == bytes(FRAME_BYTES)
    assert playback.busy
    assert playback.current is None
    playback.stop()
    assert playback.flush() is None
    assert playback.stop() is None


def test_audio_without_a_stream_is_not_heard() -> None:
    playback = Playback()
    playback.push(tone(100), 0.0)
    assert not playback.busy


def test_a_hangup_waits_for_its_prompts_and_survives_a_flush() -> None:
    playback = playing(40)
    playback.queue(HANGUP)
    assert playback.pending == HANGUP
    assert playback.next_frame(acting=True).due is None
    playback.flush()
    assert playback.next_frame(acting=False).due is None
    assert playback.next_frame(acting=True).due == HANGUP
    assert playback.pending is None


def test_what_comes_behind_a_hangup_is_not_mixed_with_it() -> None:
    playback = Playback()
    playback.queue(HANGUP)
    playback.start(prompt())
    playback.push(tone(40), 0.0)
    assert playback.current is None
    assert playback.next_frame(acting=False).pcm == bytes(FRAME_BYTES)
    heard = playback.next_frame(acting=True)
    assert (heard.due, heard.pcm) == (HANGUP, bytes(FRAME_BYTES))
    assert playback.next_frame(acting=True).pcm == tone(20)


def test_being_ahead_of_real_time_is_measured_from_the_first_sample() -> None:
    paced = prompt()
    for number in range(5):
        paced.push(tone(40), 10.0)
        assert paced.most_ahead_ms == 40 * (number + 1)
    for number in range(5):
        paced.push(tone(40), 10.04 + 0.04 * number)
    assert paced.most_ahead_ms == pytest.approx(200)


def test_a_sender_that_fell_behind_starts_anew() -> None:
    paced = prompt()
    paced.push(tone(40), 0.0)
    paced.push(tone(40), 5.0)
    assert paced.most_ahead_ms == pytest.approx(40)
    paced.push(tone(100), 5.0)
    assert paced.most_ahead_ms == pytest.approx(140)
    assert paced.fed_at == 5.0


def test_stopping_twice_is_stopping_once() -> None:
    once = prompt()
    once.push(tone(40), 0.0)
    once.stop()
    once.stop()
    assert len(once.take(10_000)) == len(tone(40))


def test_a_prompt_is_called_by_its_text_or_else_by_its_stream() -> None:
    assert prompt(text="Hello").name == 'the prompt "Hello"'
    assert prompt().name == "play stream 'p-1'"
