"""From the arrival of a call to the talk."""

import pytest

from bots.core import activities
from calls.core import commands, events
from calls.core.joining import START_TIMEOUT_S
from calls.core.phases import Phase
from tests.calls.core.lifeline import Call
from tests.calls.core.reader import START, dialled, says

pytestmark = pytest.mark.pure


def told(call: Call) -> list[str | None]:
    return call.told()


def test_the_bot_is_joined_first_and_for_a_limited_time() -> None:
    call = Call(botNoInputGiveUpTimeoutMS=7000).feed(events.CallArrived(start=START))
    assert (call.phase, call.shown()) == (Phase.JOINING, ["OpenBot", "ShowState connecting"])
    assert call.engine.deadline == 7.0
    call.feed(events.CallArrived(start=START))
    assert call.shown() == [], "a call arrives once"


def test_without_a_limit_for_the_bot_only_the_calls_own_holds() -> None:
    call = Call(botNoInputGiveUpTimeoutMS=0, maxCallDurationMS=60_000)
    assert call.feed(events.CallArrived(start=START)).engine.deadline == 60.0


@pytest.mark.parametrize("on_prompt", [True, False])
def test_the_call_is_taken_when_the_bot_is_there_or_when_it_speaks(on_prompt: bool) -> None:
    call = Call(connectOnPrompt=on_prompt).feed(events.CallArrived(start=START))
    call.feed(events.BotJoined())
    assert told(call) == ["start"]
    assert len(call.of(commands.AcceptCall)) == (not on_prompt)
    call.feed(says("Hello."))
    assert len(call.of(commands.AcceptCall)) == on_prompt
    call.feed(events.BotJoined(), events.CallStarted(START))
    assert told(call) == [], "it joins once"


def test_a_bot_that_joins_nothing_changes_nothing() -> None:
    assert Call().feed(events.BotJoined(), events.CallStarted(START)).shown() == []


def test_the_voice_sides_own_start_counts_if_it_comes_in_time() -> None:
    theirs = activities.event("start", parameters={"caller": "+15550177"})
    for comes in (True, False):
        call = Call().feed(events.CallArrived(start=START, announced=True), events.BotJoined())
        assert call.phase is Phase.STARTING
        assert call.engine.deadline == START_TIMEOUT_S
        talk = call.feed(events.CallStarted(theirs)) if comes else call.due()
        (start,) = talk.of(commands.SendToBot)
        caller = (start.activity.parameters or {})["caller"]
        assert caller == ("+15550177" if comes else "+15550100")
        assert talk.phase is Phase.TALKING


def test_an_outbound_call_begins_when_it_is_answered() -> None:
    call = Call().feed(dialled(), events.BotJoined())
    assert (call.phase, told(call)) == (Phase.RINGING, [])
    call.feed(events.CallStarted(START))
    assert (call.phase, told(call)) == (Phase.TALKING, ["start"])
    assert len(call.of(commands.ReportAnswer)) == 1


def test_an_address_that_cannot_be_filled_ends_the_call() -> None:
    call = Call(sendMetaDataUrl="https://crm.example/${botMessageMetadata.customer.id}")
    call.feed(events.CallArrived(start=START), events.BotJoined())
    (hang_up,) = call.of(commands.HangUp)
    assert hang_up.reason.startswith("The parameter sendMetaDataUrl could not be filled")


def test_a_welcome_stands_in_for_the_bots_greeting() -> None:
    call = Call(welcomeMessage="Welcome.", botNoInputTimeoutMS=3000)
    call.feed(events.CallArrived(start=START), events.BotJoined())
    (welcome,) = call.of(commands.Play)
    assert welcome.text == "Welcome."
    assert not call.over(1).of(commands.ReportFault)
    assert call.engine.deadline != 3.0, "nothing is owed"


def test_a_bot_that_was_told_nothing_owes_nothing() -> None:
    quiet = Call(sendInitialActivity=False, botNoInputGiveUpTimeoutMS=0, botNoInputTimeoutMS=3000)
    quiet.feed(events.CallArrived(start=START), events.BotJoined())
    assert told(quiet) == []
    greeted = Call(botNoInputGiveUpTimeoutMS=0, botNoInputTimeoutMS=3000)
    greeted.feed(events.CallArrived(start=START), events.BotJoined())
    assert (quiet.engine.deadline == 3.0, greeted.engine.deadline) == (False, 3.0)
