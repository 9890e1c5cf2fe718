"""What is next in the queue is played and done, with the parameters that come with it."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.errors import Fault
from calls.core import commands, events, steering
from calls.core.phases import Phase
from tests.calls.core.lifeline import SORRY, TO_A_DESK, VOICE, Call
from tests.calls.core.reader import anna, says

pytestmark = pytest.mark.pure


def does(name: str, **fields: Any) -> events.BotSpoke:
    """The bot sends an event."""
    return events.BotSpoke(activities.event(name, **fields))


def test_prompts_and_actions_are_carried_out_in_order() -> None:
    call = Call().talking()
    digits = does("sendDtmf", activity_params={"dtmfDigits": "1"})
    call.feed(says("One."), digits, says("Two."), does("hangup"))

    shown = [line for line in call.shown() if not line.startswith(("Prepare", "Listen", "Show"))]
    assert shown == ["Play 2 'One.' en-US uninterruptible"]
    shown = [line for line in call.over(2).shown() if not line.startswith("Record")]
    assert shown[:2] == [
        "SendToVoiceSide event 'sendDtmf' {'dtmfDigits': '1'}",
        "Play 3 'Two.' en-US uninterruptible",
    ]
    call.over(3)
    assert call.phase is Phase.CLOSING


def test_what_purges_the_queue_tells_each_stream() -> None:
    call = Call(bot=VOICE, bargeIn=True).talking()
    call.feed(*(events.BotStreamed(stream=number) for number in (1, 2, 3)), events.VoiceStarted())
    assert call.of(commands.DropStream) == [commands.DropStream(2), commands.DropStream(3)]


def test_parameters_count_from_the_activity_that_brings_them() -> None:
    call = Call().talking()
    call.feed(says("One.", session_params={"language": "de-DE", "nonsense": 1}))

    (use,) = call.of(commands.UseParameters)
    assert use.parameters.values()["language"] == "de-DE"
    (play,) = call.of(commands.Play)
    assert play.language == "de-DE"
    (note,) = call.of(commands.RecordLine)
    assert note.text.startswith("The bot set nonsense: ")


def test_what_a_client_sets_is_told_under_its_name() -> None:
    config = activities.event("config", session_params={"nonsense": 1})
    call = Call().talking().feed(anna(steering.Activities(activities=(config,))))
    notes = [line.text for line in call.of(commands.RecordLine)]
    assert notes[-1].startswith("anna set nonsense: ")
    assert [told.outcome.status for told in call.of(commands.ReportOutcome)] == [
        "accepted",
        "failed",
    ]


def test_a_wait_whose_limit_is_changed_begins_again() -> None:
    call = Call(userNoInputTimeoutMS=5000).talking()
    assert call.engine.deadline == 5.0
    call.now = 2.0
    call.feed(does("config", session_params={"language": "de-DE"}))
    assert call.engine.deadline == 5.0
    call.feed(does("config", session_params={"userNoInputTimeoutMS": 4000}))
    assert call.engine.deadline == 6.0


@pytest.mark.parametrize("asks", [True, False])
def test_a_bot_that_announces_another_message_owes_it(asks: bool) -> None:
    call = Call(botNoInputGiveUpTimeoutMS=0, botNoInputTimeoutMS=3000).talking()
    call.feed(says("One.", activity_params={"expectAnotherBotMessage": asks})).over(2)
    assert (call.engine.deadline == 3.0) == asks
    call.feed(does("expectAnotherBotMessage"))
    assert call.engine.deadline == 3.0


@pytest.mark.parametrize("event", ["transfer", "handover"])
def test_a_transfer_is_made_when_its_turn_comes(event: str) -> None:
    call = Call().talking().feed(does(event, activity_params=TO_A_DESK))
    (transfer,) = call.of(commands.TransferCall)
    assert transfer.target == TO_A_DESK["transferTarget"]


@pytest.mark.parametrize("audio", [True, False])
def test_settings_are_handed_to_a_voice_side_that_speaks_itself(audio: bool) -> None:
    call = Call(audio=audio).talking()
    call.feed(does("config", session_params={"language": "de-DE"}))
    assert len(call.of(commands.SendToVoiceSide)) == (not audio)


def test_a_reminder_brings_nothing_and_is_no_answer() -> None:
    call = Call(
        botNoInputTimeoutMS=3000, botNoInputSpeech="One moment.", botNoInputGiveUpTimeoutMS=0
    ).talking()
    call.feed(events.CallerSaid(text="my bill", final=True)).due()
    (play,) = call.of(commands.Play)
    assert play.text == "One moment."
    call.over(2)
    assert call.engine.deadline == 6.0, "the answer is owed still"


def test_prompts_of_a_failure_are_no_answer_and_nothing_follows_the_end() -> None:
    call = Call(failover=[SORRY]).talking()
    call.feed(events.ServiceFailed(service="bot", fault=Fault.SERVER), says("I am back."))
    (play,) = call.of(commands.Play)
    assert play.text == "Sorry."
    call.over(2)
    assert call.phase is Phase.CLOSING
    assert call.of(commands.Play) == []
