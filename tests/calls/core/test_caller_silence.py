"""How long the caller is waited for, and what happens when they stay silent."""

import pytest

from bots.core import activities
from calls.core.prompts import Prompt
from calls.core.timeouts import Timer
from tests.calls.core.caller_stage import Stage, continuous

pytestmark = pytest.mark.pure


def test_the_caller_is_waited_for_only_in_their_turn() -> None:
    stage = Stage(userNoInputTimeoutMS=3000)
    assert stage.waits(1.0) == 4.0
    assert stage.waits(2.0) == 4.0, "the wait goes on"
    stage.bot.asked()
    assert stage.waits(2.5) is None
    stage.bot.answered(3.0)
    assert stage.waits(3.0) == 6.0
    stage.caller.settle(3.5, talking=False)
    assert stage.timers.deadline is None


def test_without_a_limit_the_caller_is_waited_for_without_end() -> None:
    stage = Stage(userNoInputTimeoutMS=3000, userNoInputGiveUpTimeoutMS=9000)
    stage.waits(1.0)
    off = {"userNoInputTimeoutMS": 0, "userNoInputGiveUpTimeoutMS": 0}
    stage.params.enter(activities.event("config", session_params=off))

    assert stage.waits(2.0) is None


@pytest.mark.parametrize("values", [{}, {"continuousASR": True, "sendDTMF": True}])
def test_words_being_recognised_begin_the_wait_anew(values: dict[str, bool]) -> None:
    stage = Stage(userNoInputTimeoutMS=3000, **values)
    stage.waits(1.0)
    stage.says("", 1.5, final=False)
    silent = stage.waits(1.5)
    stage.says("my b", 2.0, final=False)
    stage.timers.stop(Timer.COLLECTION)

    assert (silent, stage.waits(2.0)) == (4.0, 5.0)


def test_words_and_digits_being_collected_are_no_silence() -> None:
    words, digits = (
        continuous(userNoInputTimeoutMS=1000),
        Stage(sendDTMF=True, dtmfCollect=True, userNoInputTimeoutMS=1000),
    )
    words.says("The door.", 1.0)
    digits.presses("4", 1.0)

    assert words.waits(1.0) == digits.waits(1.0) == 3.0


def test_digits_begin_the_wait_anew_only_if_anybody_gets_them() -> None:
    useless, used = Stage(userNoInputTimeoutMS=3000), continuous(userNoInputTimeoutMS=3000)
    for stage in (useless, used):
        stage.waits(1.0)
        stage.presses("#", 2.0)

    assert (useless.waits(2.0), used.waits(2.0)) == (4.0, 5.0)


def test_a_silent_caller_is_reminded_then_given_up() -> None:
    stage = Stage(
        userNoInputRetries=1, userNoInputSendEvent=True, userNoInputSpeech="Are you there?"
    )
    reasons = [stage.caller.silent() for _ in range(3)]

    assert reasons == [None, None, "The caller gave no input, 3 times"]
    assert stage.caller.no_inputs == 3
    assert [(each.name, each.value) for each in stage.told] == [
        ("noUserInput", 1),
        ("noUserInput", 2),
    ]
    assert stage.queue.next() == Prompt(text="Are you there?")


def test_the_silence_is_told_once_however_it_was_asked_for() -> None:
    stage = Stage(userNoInputSendEvent=True, sendEventsToBot=["noUserInput"])
    stage.caller.silent()

    assert len(stage.told) == 1


def test_a_bot_that_did_not_ask_is_not_told_of_silence() -> None:
    stage = Stage()
    stage.caller.silent()

    assert stage.told == []


def test_words_begin_the_count_of_silences_anew() -> None:
    stage = Stage(sendEventsToBot=["noUserInput"])
    stage.caller.silent()
    stage.says("Hello", 1.0)
    stage.caller.silent()

    assert stage.heard == [1, "Hello", 1]


def test_with_a_limit_in_all_the_retries_do_not_end_the_call() -> None:
    stage = Stage(userNoInputGiveUpTimeoutMS=9000)

    assert [stage.caller.silent() for _ in range(3)] == [None, None, None]
    assert stage.waits(1.0) == 10.0


def test_the_wait_in_all_pauses_while_the_bot_speaks_or_is_awaited() -> None:
    stage = Stage(userNoInputGiveUpTimeoutMS=9000)
    stage.waits(1.0)
    stage.bot_says()
    stage.waits(3.0)
    stage.waits(50.0)
    stage.queue.done()
    after_a_prompt = stage.waits(60.0)
    stage.bot.asked()
    stage.waits(61.0)
    stage.bot.answered(90.0)

    assert after_a_prompt == 67.0
    assert stage.waits(90.0) == 96.0


def test_the_wait_in_all_goes_on_through_reminders_and_begins_anew_with_words() -> None:
    stage = Stage(userNoInputGiveUpTimeoutMS=9000)
    stage.waits(1.0)
    stage.speaker.play(Prompt(text="Are you there?"), 3.0)
    stage.waits(3.0)
    stage.queue.done()
    stage.timers.stop(Timer.FIRST_AUDIO)
    after_a_reminder = stage.waits(5.0)
    stage.says("Hello", 6.0)
    stage.caller.settle(6.0, talking=True)
    stage.bot.answered(7.0)

    assert after_a_reminder == 10.0
    assert stage.waits(7.0) == 16.0


def test_a_wait_that_ended_while_a_reminder_was_spoken_ends_at_once() -> None:
    stage = Stage(userNoInputGiveUpTimeoutMS=9000)
    stage.waits(1.0)
    stage.speaker.play(Prompt(text="Are you there?"), 8.0)
    stage.waits(8.0)
    stage.queue.done()
    stage.timers.stop(Timer.FIRST_AUDIO)

    assert stage.waits(12.0) == 12.0
