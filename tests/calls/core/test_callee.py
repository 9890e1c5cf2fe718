"""The called side: an outbound call rings, is answered or not, and by a person or a machine."""

from typing import Any

import pytest

from bots.core import activities
from calls.core import commands, events, steering
from calls.core.closing import ANSWER_MARGIN_S
from calls.core.phases import Phase
from tests.calls.core.lifeline import BOT_FAILED, SORRY, TO_A_DESK, Call
from tests.calls.core.reader import START, anna, dialled, refused, says

pytestmark = pytest.mark.pure

ANSWERED = events.CallStarted(START)


def ringing(detection: Any = "disabled", *, metadata: Any = None, **values: Any) -> Call:
    """A call that was placed."""
    call = Call(**values)
    arrival = dialled(detection, metadata=metadata, answer_timeout_s=20)
    return call.feed(arrival, events.BotJoined())


def answered(detection: Any = "detect", **values: Any) -> Call:
    """A call that was answered, at 8 s."""
    call = ringing(detection, **values)
    call.now = 8.0
    call.feed(ANSWERED)
    call.produced.clear()
    return call


def at(call: Call, now: float, *happened: Any) -> Call:
    call.now = now
    return call.feed(*happened)


def verdict(detected: str) -> events.VoiceSideReported:
    value = {"detected": detected}
    return events.VoiceSideReported(activities.event("machineDetection", value=value))


# --- until the answer -----------------------------------------------------------------------------


def test_a_call_is_placed_when_the_bot_is_there() -> None:
    call = Call().feed(dialled())
    assert not call.of(commands.AcceptCall)

    call.feed(events.BotJoined())

    assert len(call.of(commands.AcceptCall)) == 1
    assert call.phase is Phase.RINGING
    assert call.told() == []


def test_a_bot_that_asked_for_it_is_told_of_the_attempt_with_the_fields_of_the_start() -> None:
    call = ringing(metadata={"ticket": 7}, sendEventsToBot=["dialoutInitiated"])
    (told,) = call.of(commands.SendToBot)
    assert told.activity.name == "dialoutInitiated"

    call.feed(ANSWERED)

    (start,) = call.of(commands.SendToBot)
    assert start.activity.name == "start"
    assert start.activity.parameters == told.activity.value
    assert told.activity.value["outboundTarget"] == "tel:+15550123"
    assert told.activity.value["dialoutMetadata"] == {"ticket": 7}


def test_metadata_that_nobody_gave_are_not_told() -> None:
    (start,) = ringing().feed(ANSWERED).of(commands.SendToBot)
    assert "dialoutMetadata" not in start.activity.parameters


def test_the_answer_is_waited_for_a_little_longer_than_by_the_carrier() -> None:
    call = ringing()
    assert call.engine.deadline == 20 + ANSWER_MARGIN_S

    call.due()

    assert [hang_up.reason_code for hang_up in call.of(commands.HangUp)] == ["no-answer"]
    assert call.feed(refused("client-disconnected")).finish() == ("caller", "no-answer", "")


@pytest.mark.parametrize("reason_code", ["no-answer", "busy", "declined"])
def test_who_did_not_take_the_call_ended_it(reason_code: str) -> None:
    call = ringing().feed(refused(reason_code))
    assert call.of(commands.ReportAnswer) == []
    assert call.finish() == ("caller", reason_code, "")


def test_a_bot_that_fails_while_it_rings_stops_it_without_a_failover() -> None:
    call = ringing(failover=[SORRY]).feed(BOT_FAILED)
    assert [hang_up.reason_code for hang_up in call.of(commands.HangUp)] == ["error"]
    assert call.feed(refused("error")).finish() == ("gateway", "error", "bot:server")


@pytest.mark.parametrize("leaves", [events.BotLeft(), events.BotSpoke(activities.event("hangup"))])
def test_a_bot_that_leaves_while_it_rings_stops_it(leaves: Any) -> None:
    call = ringing().feed(says("Good morning."), leaves)
    assert [hang_up.reason_code for hang_up in call.of(commands.HangUp)] == ["bot-disconnected"]
    assert call.feed(refused("error")).finish() == ("bot", "bot-disconnected", "")


def test_people_can_stop_it_while_it_rings_and_nothing_else() -> None:
    call = ringing().feed(anna(steering.Say(text="Hello.")))
    (outcome,) = call.of(commands.ReportOutcome)
    assert outcome.outcome.detail == "The call is not connected yet"
    call.feed(anna(steering.HangUp(), 2))
    assert len(call.of(commands.HangUp)) == 1


# --- the answer -----------------------------------------------------------------------------------


def test_the_answer_is_reported_once_and_the_called_party_is_heard() -> None:
    call = ringing(connectOnPrompt=True).feed(ANSWERED, ANSWERED)
    assert len(call.of(commands.ReportAnswer)) == 1
    assert call.of(commands.Listen) == [commands.Listen(on=True)]
    assert call.of(commands.ShowState)[-1] == commands.ShowState("listening")


def test_the_longest_duration_counts_from_the_answer() -> None:
    call = answered("disabled", maxCallDurationMS=60_000)
    assert call.engine.deadline == 68.0
    call.due()
    (hang_up,) = call.of(commands.HangUp)
    assert hang_up.reason == "The call reached its longest permitted duration"


def test_the_bot_owes_nothing_until_the_called_party_has_spoken() -> None:
    call = answered("disabled", botNoInputGiveUpTimeoutMS=5000, maxCallDurationMS=60_000)
    assert call.engine.deadline == 68.0
    at(call, 9.0, events.CallerSaid(text="Hello?", final=True))
    assert call.engine.deadline == 14.0


def test_a_late_answer_of_a_call_that_is_being_stopped_is_passed_over() -> None:
    stop = events.EndRequested(by="operator", reason_code="error", reason="Cancelled")
    call = ringing().feed(stop, ANSWERED)
    assert call.of(commands.ReportAnswer) == []


# --- what answered --------------------------------------------------------------------------------


def test_nobody_asks_what_answered_unless_the_order_does() -> None:
    call = answered("disabled")
    at(call, 9.0, events.CallerSaid(text="leave a message", final=True), verdict("machine"))
    assert call.of(commands.ReportMachine) == []
    assert call.told() == [None, "machineDetection"]


@pytest.mark.parametrize(("mode", "hang_ups"), [("detect", 0), ("disconnect", 1)])
def test_a_machine_is_reported_told_and_hung_up_on_if_wished(mode: str, hang_ups: int) -> None:
    call = answered(mode)
    at(call, 9.25, events.CallerSaid(text="leave a message", final=False))

    assert call.of(commands.ReportMachine) == [
        commands.ReportMachine(detected="machine", after_ms=1250)
    ]
    (told,) = call.of(commands.SendToBot)
    assert (told.activity.name, told.activity.value) == (
        "machineDetection",
        {"detected": "machine"},
    )
    assert [line.text for line in call.of(commands.RecordLine)] == [
        "A machine answered, after 1.2 s"
    ]
    codes = [each.reason_code for each in call.of(commands.HangUp)]
    assert codes == ["machine-detected"] * hang_ups
    if hang_ups:
        end = events.CallerHungUp(reason_code="bot-disconnected", reason="")
        assert call.feed(end).finish() == ("gateway", "machine-detected", "")


def test_a_long_voice_is_a_machines() -> None:
    call = answered()
    at(call, 8.5, events.VoiceStarted())
    at(call, 12.0, events.VoiceStopped())
    (found,) = call.of(commands.ReportMachine)
    assert found.detected == "machine"


def test_a_person_is_reported_and_told() -> None:
    call = answered("disconnect")
    at(call, 8.5, events.VoiceStarted())
    at(call, 9.5, events.VoiceStopped())
    at(call, 9.6, events.CallerSaid(text="Hello?", final=True))
    call.told()
    call.due()
    assert call.of(commands.ReportMachine) == [
        commands.ReportMachine(detected="human", after_ms=1900)
    ]
    assert call.told() == ["machineDetection"]
    assert call.of(commands.HangUp) == []


def test_a_deadline_that_comes_early_or_without_need_decides_nothing() -> None:
    call = answered()
    at(call, 9.0, events.DeadlinePassed())
    at(call, 9.1, verdict("human"))
    call.produced.clear()
    at(call, 30.0, events.DeadlinePassed())
    assert call.of(commands.ReportMachine) == []


def test_the_voice_sides_verdict_counts_once() -> None:
    call = answered()
    at(call, 9.0, verdict("fax"), verdict("human"))
    (found,) = call.of(commands.ReportMachine)
    assert found.detected == "machine"
    assert call.told() == ["machineDetection"]


@pytest.mark.parametrize(
    ("reason_code", "found"), [("machine-detected", 1), ("client-disconnected", 0)]
)
def test_a_voice_side_that_hangs_up_on_a_machine_has_found_one(
    reason_code: str, found: int
) -> None:
    end = events.CallerHungUp(reason_code=reason_code, reason="")
    call = at(answered("disconnect"), 9.0, end, end)
    assert [each.detected for each in call.of(commands.ReportMachine)] == ["machine"] * found
    assert call.of(commands.HangUp) == []
    assert call.finish()[1] == reason_code


def test_everything_is_listened_to_until_it_is_known_what_answered() -> None:
    call = ringing("detect").feed(says("Good morning."))
    call.now = 8.0
    call.feed(ANSWERED)
    assert call.of(commands.Listen) == [commands.Listen(on=True)]

    at(call, 9.0, events.CallerSaid(text="Hello?", final=True))
    assert "message" not in [told.activity.type for told in call.of(commands.SendToBot)]

    at(call, 9.1, verdict("human"))
    assert call.of(commands.Listen) == [commands.Listen(on=False)]


def test_nothing_is_found_out_while_the_call_is_moved() -> None:
    move = activities.event(
        "transfer", activity_params={**TO_A_DESK, "transferNotifications": True}
    )
    call = answered()
    at(call, 8.5, events.BotSpoke(move))
    at(call, 9.0, events.CallerSaid(text="leave a message", final=True), verdict("machine"))
    assert call.of(commands.ReportMachine) == []
