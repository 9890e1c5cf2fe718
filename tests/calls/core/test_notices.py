"""What the bot asked to be told: each event only then, voice and silence only when they last."""

from typing import Any

import pytest

from bots.core.activities import Activity
from calls.core import events, vocabulary
from calls.core.notices import Notices
from calls.core.scopes import Scopes
from calls.core.timeouts import Timer, Timers
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure

BOTH = ["voiceDetected", "silenceDetected"]
HYPOTHESIS = events.CallerSaid(text="my in", final=False, stability=0.5)


class Stage:
    """Notices, and what the bot was told."""

    def __init__(self, *wanted: str, **values: Any) -> None:
        self.timers = Timers()
        self.told: list[Activity] = []
        params = Scopes(configured(sendEventsToBot=list(wanted), **values))
        self.notices = Notices(params, self.timers, self.told.append)

    @property
    def names(self) -> list[str | None]:
        """The events the bot was told, since this was asked last."""
        names = [activity.name for activity in self.told]
        self.told.clear()
        return names


def voice_stage(**values: Any) -> Stage:
    """A bot that wants to know of voice and silence."""
    return Stage(*BOTH, enableSpeechDetectionEvent=True, **values)


def test_an_event_is_sent_only_to_a_bot_that_asked_for_it() -> None:
    wanting, other = Stage("playFinished", "speechHypothesis"), Stage("conversationEnd")
    for stage in (wanting, other):
        stage.notices.send(vocabulary.PLAY_FINISHED)
        stage.notices.hypothesis(HYPOTHESIS)

    assert wanting.names == ["playFinished", "speechHypothesis"]
    assert other.names == []


def test_a_hypothesis_tells_all_that_the_recogniser_told() -> None:
    stage = Stage("speechHypothesis")
    stage.notices.hypothesis(HYPOTHESIS)

    assert stage.told[0].value == {"text": "my in", "stability": 0.5}


def test_voice_and_silence_are_told_when_they_have_lasted() -> None:
    stage = voice_stage(speechActivityVoicePeriodMS=300, speechActivitySilencePeriodMS=1000)
    stage.notices.voice_began(1.0)
    assert (stage.names, stage.timers.deadline) == ([], 1.3)
    stage.timers.expire(1.3)
    stage.notices.expired()
    assert stage.names == ["voiceDetected"]
    stage.notices.voice_ended(2.0, 2.6)
    assert (stage.names, stage.timers.deadline) == ([], 3.0)
    stage.timers.expire(3.0)
    stage.notices.expired()
    assert stage.names == ["silenceDetected"]


def test_what_has_lasted_already_is_told_at_once() -> None:
    stage = voice_stage(speechActivityVoicePeriodMS=0, speechActivitySilencePeriodMS=500)
    stage.notices.voice_began(1.0)
    stage.notices.voice_ended(2.0, 2.6)

    assert stage.names == BOTH
    assert not stage.timers.running(Timer.VOICE_EVENT)


def test_a_short_noise_is_not_told() -> None:
    stage = voice_stage(speechActivityVoicePeriodMS=300)
    stage.notices.voice_began(1.0)
    stage.notices.voice_ended(1.1, 1.2)
    stage.notices.expired()

    assert (stage.names, stage.timers.deadline) == ([], None)


def test_a_short_gap_is_not_told() -> None:
    stage = voice_stage()
    stage.notices.voice_began(1.0)
    stage.notices.voice_ended(2.0, 2.1)
    stage.notices.voice_began(2.5)
    stage.notices.expired()

    assert (stage.names, stage.timers.deadline) == (["voiceDetected"], None)


def test_without_the_administrators_leave_voice_is_not_told() -> None:
    stage = Stage(*BOTH)
    stage.notices.voice_began(1.0)
    stage.notices.voice_ended(2.0, 9.0)

    assert (stage.names, stage.timers.deadline) == ([], None)


def test_a_bot_may_ask_for_silence_alone() -> None:
    stage = Stage("silenceDetected", enableSpeechDetectionEvent=True)
    stage.notices.voice_began(1.0)
    stage.notices.voice_ended(2.0, 9.0)

    assert stage.names == ["silenceDetected"]
