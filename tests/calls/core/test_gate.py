"""When the caller is listened to."""

from typing import Any

import pytest

from bots.core import activities
from calls.core import commands, events
from tests.calls.core.lifeline import TO_A_DESK, VOICE, Call
from tests.calls.core.reader import START, dialled, says

pytestmark = pytest.mark.pure

MOVED = activities.event("transfer", activity_params={**TO_A_DESK, "transferNotifications": True})


def listened(call: Call) -> list[bool]:
    """How the gate was switched since this was asked last."""
    return [command.on for command in call.of(commands.Listen)]


@pytest.mark.parametrize(
    ("params", "audio", "open_in_a_prompt"),
    [({}, True, False), ({"bargeIn": True}, True, True), ({}, False, True)],
)
def test_the_gate_is_open_in_a_prompt_that_may_be_interrupted(
    params: dict[str, Any], audio: bool, open_in_a_prompt: bool
) -> None:
    call = Call(audio=audio, **params).talking()
    assert call.engine.listening
    call.feed(says("We are open from nine to five."))
    assert call.engine.listening == open_in_a_prompt
    assert listened(call) == ([] if open_in_a_prompt else [False])


def test_the_gate_shuts_at_the_end_of_the_turn_and_opens_for_the_next() -> None:
    call = Call().talking()
    call.feed(events.VoiceStarted(), events.CallerSaid(text="my bill", final=True))
    assert listened(call) == [False]
    assert listened(call.feed(says("It is paid.")).over(2)) == [True]


def test_the_gate_shuts_when_the_call_is_moved_and_words_on_their_way_still_count() -> None:
    call = Call(continuousASR=True).talking()
    call.feed(events.VoiceStarted(), events.CallerSaid(text="my bill", final=True))
    call.feed(events.BotSpoke(MOVED))
    assert listened(call) == [False]
    assert [each.activity.text for each in call.of(commands.SendToBot)] == ["my bill"]


def test_the_gate_shuts_with_a_turn_that_a_bot_committed() -> None:
    call = Call(bot=VOICE).talking()
    assert listened(call.feed(events.VoiceStarted(), events.CallerCommitted())) == [False]


def test_everything_is_heard_until_it_is_known_what_answered() -> None:
    call = Call().feed(dialled("detect"), events.BotJoined(), events.CallStarted(START))
    assert listened(call) == [True]
    assert call.engine.listening
