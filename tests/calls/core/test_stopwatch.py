"""Where the time of a turn went: each moment once, told once."""

from typing import Any

import pytest

from calls.core import commands
from calls.core.outbox import Outbox
from calls.core.stopwatch import Stopwatch

pytestmark = pytest.mark.pure


class Stage:
    """A stopwatch and the turns it told."""

    def __init__(self) -> None:
        self.out = Outbox()
        self.stopwatch = Stopwatch(self.out)

    def begin(self, number: int = 1) -> None:
        self.stopwatch.begin(turn(number))

    @property
    def told(self) -> list[commands.Command]:
        """The turns told since this was asked last."""
        return self.out.take()


def turn(number: int = 1, **moments: float) -> commands.RecordTurn:
    """A turn that ended at 10 s and went to the bot at 11 s."""
    known: dict[str, Any] = {
        "caller_stopped_at": 10.0,
        "end_decided_at": 10.6,
        "final_text_at": 10.7,
        "sent_to_bot_at": 11.0,
    }
    return commands.RecordTurn(turn=number, kind="speech", **known | moments)


ANSWERED = turn(bot_answered_at=12.0, audio_ready_at=12.2, audio_sent_at=12.4)


def answer(stage: Stage) -> int | None:
    """The bot answers, and the caller hears the first of it."""
    stage.stopwatch.bot_answered(12.0)
    stage.stopwatch.audio_ready(12.2)
    return stage.stopwatch.audio_sent(12.4)


def test_a_turn_is_told_when_its_answer_has_been_played() -> None:
    stage = Stage()
    stage.begin()
    assert answer(stage) == 2400
    stage.stopwatch.settle(idle=True)
    assert stage.told == [], "its answer still plays"
    stage.stopwatch.playback_ended(14.0)
    stage.stopwatch.settle(idle=False)
    assert stage.told == [], "more of the answer waits"
    stage.stopwatch.playback_ended(16.0)
    stage.stopwatch.settle(idle=True)

    assert stage.told == [
        turn(
            bot_answered_at=12.0,
            audio_ready_at=12.2,
            audio_sent_at=12.4,
            playback_ended_at=16.0,
        )
    ]


def test_only_the_first_of_an_answer_counts_for_its_beginning() -> None:
    stage = Stage()
    stage.begin()
    answer(stage)
    stage.stopwatch.bot_answered(13.0)
    stage.stopwatch.audio_ready(13.2)
    assert stage.stopwatch.audio_sent(13.4) is None
    stage.stopwatch.close()

    assert stage.told == [ANSWERED]


def test_audio_that_answers_nothing_is_no_part_of_a_turn() -> None:
    stage = Stage()
    stage.begin()
    stage.stopwatch.audio_ready(11.5)  # a prompt of before, or a reminder
    assert stage.stopwatch.audio_sent(11.6) is None
    stage.stopwatch.playback_ended(11.9)
    stage.stopwatch.settle(idle=True)
    assert stage.told == []
    stage.stopwatch.close()

    assert stage.told == [turn()]


def test_audio_whose_beginning_was_not_told_was_ready_when_it_was_heard() -> None:
    stage = Stage()
    stage.begin()
    stage.stopwatch.bot_answered(12.0)
    stage.stopwatch.audio_sent(12.4)
    stage.stopwatch.close()

    assert stage.told == [turn(bot_answered_at=12.0, audio_ready_at=12.4, audio_sent_at=12.4)]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([{"stt_ms": 120.4, "total_ms": 0}], {"stt_ms": 120, "total_ms": 0}),
        ([{"stt_ms": 100}, {"stt_ms": 90, "tts_ms": 50.6}], {"stt_ms": 90, "tts_ms": 51}),
        ([{"stt_ms": "9", "think_ms": True, "tts_ms": -1, "total_ms": 3_600_001}], None),
        ([{"think_ms": float("nan")}, {"think_ms": float("inf")}, {"other_ms": 1}, {}], None),
    ],
)
def test_what_a_voice_agent_took_goes_into_the_turn(
    told: list[dict[str, Any]], kept: dict[str, int] | None
) -> None:
    stage = Stage()
    stage.stopwatch.agent_took({"stt_ms": 1})  # of no turn
    stage.begin()
    for latency in told:
        stage.stopwatch.agent_took(latency)
    stage.stopwatch.close()

    (turn,) = stage.told
    assert isinstance(turn, commands.RecordTurn)
    assert turn.agent == kept


def test_the_next_turn_tells_the_one_before() -> None:
    stage = Stage()
    stage.begin(1)
    stage.begin(2)
    assert stage.told == [turn(1)]
    stage.stopwatch.close()
    stage.stopwatch.close()

    assert stage.told == [turn(2)]


def test_before_the_first_turn_nothing_is_told() -> None:
    stage = Stage()
    assert answer(stage) is None
    stage.stopwatch.playback_ended(14.0)
    stage.stopwatch.settle(idle=True)
    stage.stopwatch.close()

    assert stage.told == []
