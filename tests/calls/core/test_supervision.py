"""A supervisor's acts in a live call, and what is reported to have come of them."""

import pytest

from bots.core.activities import Activity, event, message
from bots.core.errors import Fault
from calls.core import commands, events, steering
from calls.core.phases import Phase
from calls.core.prompts import MAX_WAITING
from calls.core.supervision import ANSWER_TIMEOUT_S, CONTROL_TIMEOUT_S, MAX_PENDING
from tests.calls.core.lifeline import BOT_FAILED, BUSY, GONE, SORRY, TO_A_DESK, Call
from tests.calls.core.reader import START, anna, says

pytestmark = pytest.mark.pure


MOVED = event("transfer", activity_params=TO_A_DESK)


def outcomes(call: Call) -> list[tuple[int, str, str]]:
    """What was reported since this was asked last: number, status and detail."""
    return [
        (told.number, told.outcome.status, told.outcome.detail)
        for told in call.of(commands.ReportOutcome)
    ]


def test_a_line_is_done_when_the_caller_has_heard_it() -> None:
    call = Call().talking().feed(anna(steering.Say(text="One moment.")))
    assert outcomes(call) == [(1, "accepted", "")]

    call.over(2)

    assert outcomes(call) == [(1, "done", "The caller heard it")]
    (line,) = call.of(commands.RecordLine)
    assert (line.side, line.text) == ("operator", "One moment.")


@pytest.mark.parametrize(
    ("heard_ms", "outcome"),
    [(400, (1, "done", "Cut off after 0.4 s")), (0, (1, "failed", "Cut off after 0.0 s"))],
)
def test_a_line_that_the_caller_interrupts_is_done_if_some_of_it_was_heard(
    heard_ms: float, outcome: tuple[int, str, str]
) -> None:
    call = Call(bargeIn=True).talking().feed(anna(steering.Say(text="One moment.")))
    call.feed(events.VoiceStarted())
    outcomes(call)

    cut = events.PlaybackDone(utterance=2, heard_ms=heard_ms, total_ms=900, interrupted=True)
    call.feed(cut)

    assert outcomes(call) == [outcome]


def sends(*sent: Activity, number: int = 1) -> events.SupervisorActed:
    """A client of the API sends activities."""
    act = steering.Activities(activities=sent)
    return events.SupervisorActed(number=number, by="client dialer", act=act)


def test_activities_are_done_when_the_last_of_them_is() -> None:
    digits = event("sendDtmf", activity_params={"dtmfDigits": "1"})
    call = Call().talking().feed(sends(message("One."), message("Two."), digits))
    assert outcomes(call) == [(1, "accepted", "")]
    (act,) = call.of(commands.RecordAct)
    assert (act.by, act.name) == ("client dialer", "activities")
    assert act.detail == {"activities": ["message", "message", "sendDtmf"]}

    assert outcomes(call.over(2)) == []
    assert outcomes(call.over(3)) == [(1, "done", "It was done")]
    assert [line.side for line in call.of(commands.RecordLine)] == [
        "system",
        "operator",
        "operator",
        "system",
    ]


def test_activities_are_no_answer_of_the_bot() -> None:
    call = Call(botNoInputGiveUpTimeoutMS=5000).talking()
    call.feed(events.CallerSaid(text="Is it open?", final=True), sends(message("One moment.")))
    call.over(2)
    assert call.of(commands.ShowState)[-1] == commands.ShowState("thinking")
    assert call.due().of(commands.ReportFault)[0].service == "bot"


def test_activities_are_spoken_though_the_bot_is_muted_or_has_left() -> None:
    call = Call().talking().feed(anna(steering.Mute(on=True), 7), sends(message("One.")))
    assert [play.text for play in call.of(commands.Play)] == ["One."]

    call = Call().talking().feed(says("Goodbye."), events.BotLeft(), sends(message("One.")))
    assert outcomes(call)[0] == (1, "accepted", "")


def test_activities_name_who_ended_or_moved_the_call() -> None:
    for sent, code in ((event("hangup"), "bot-disconnected"), (MOVED, "transferred")):
        call = Call().talking().feed(sends(sent), GONE)
        assert outcomes(call)[-1] == (1, "done", "It was done")
        assert call.finish() == ("operator", code, "")


def test_activities_that_are_not_known_are_refused_together() -> None:
    call = Call().talking().feed(sends(message("One."), event("dance")))
    assert outcomes(call) == [(1, "failed", "Activity 2, dance: it is not known")]
    assert call.of(commands.Play) == []


def test_what_the_bot_does_is_nobodys_act() -> None:
    wrong = event("config", session_params={"nonsense": 1})
    call = Call().talking().feed(events.BotSpoke(wrong))
    (note,) = call.of(commands.RecordLine)
    assert note.text == "The bot set nonsense: is not a parameter"


def test_activities_are_refused_when_too_much_waits() -> None:
    call = Call().talking().feed(*[says("Once more.")] * (MAX_WAITING + 1), sends(message("One.")))
    assert outcomes(call) == [(1, "failed", "Too much waits to be said in this call")]


def test_activities_that_cannot_all_be_done_have_failed() -> None:
    wrong = event("config", session_params={"nonsense": 1})
    call = Call().talking().feed(sends(wrong))
    assert outcomes(call)[-1] == (1, "failed", "nonsense: is not a parameter")

    call = Call().talking().feed(sends(message("One."), message("Two.")))
    call.feed(events.ServiceFailed(service="tts", fault=Fault.SERVER, utterance=2)).over(3)
    assert outcomes(call)[-1] == (1, "failed", "The line could not be spoken")
    assert call.phase is Phase.TALKING

    call = Call(bargeIn=True).talking().feed(sends(message("One."), message("Two.")))
    call.feed(events.VoiceStarted()).over(2, heard_ms=0)
    assert outcomes(call)[-1] == (1, "failed", "Cut off after 0.0 s")


def test_activities_abort_prompts_at_once_and_speak_behind_them() -> None:
    call = Call().talking().feed(says("A long story."), says("And on."))
    call.produced.clear()
    call.feed(sends(event("abortPrompts"), message("One."))).over(2, heard_ms=0)
    assert len(call.of(commands.StopPlayback)) == 1
    assert [play.text for play in call.of(commands.Play)] == ["One."]


def test_activities_of_which_the_caller_hears_nothing_more_have_failed() -> None:
    call = Call().talking().feed(sends(message("One."), event("hangup")), GONE)
    call.over(2, heard_ms=0)
    assert outcomes(call)[-1] == (1, "failed", "The call ended after 0.0 s")


def test_a_line_that_is_dropped_or_cannot_be_spoken_has_failed() -> None:
    call = Call(bargeIn=True).talking()
    call.feed(anna(steering.Say(text="One."), 1), anna(steering.Say(text="Two."), 2))
    call.feed(events.ServiceFailed(service="tts", fault=Fault.SERVER, utterance=2))
    assert outcomes(call)[2:] == [(1, "failed", "The line could not be spoken")]
    assert call.of(commands.HangUp) == []

    call.feed(anna(steering.Say(text="Three."), 3), events.VoiceStarted())

    assert outcomes(call) == [
        (3, "accepted", ""),
        (3, "failed", "It was dropped before it was spoken"),
    ]


def test_a_line_of_which_no_audio_comes_has_failed_and_the_call_goes_on() -> None:
    call = Call().talking().feed(anna(steering.Say(text="One moment.")))
    call.due().over(2, heard_ms=0)

    assert outcomes(call)[1:] == [(1, "failed", "The line could not be spoken")]
    assert call.phase is Phase.TALKING


def test_a_line_that_the_end_of_the_call_cuts_off_has_failed() -> None:
    call = Call().talking().feed(anna(steering.Say(text="One moment.")), GONE).over(2, heard_ms=0)

    assert outcomes(call)[1:] == [(1, "failed", "The call ended after 0.0 s")]


def test_an_interrupting_line_and_muting_silence_the_bot() -> None:
    for act in (steering.Say(text="Stop.", interrupt=True), steering.Mute(on=True)):
        call = Call().talking().feed(says("A long story."), anna(act))
        assert [stop.utterance for stop in call.of(commands.StopPlayback)] == [2]


def test_a_muted_bot_is_not_heard_and_its_words_are_on_record() -> None:
    call = Call().talking().feed(anna(steering.Mute(on=True)), says("No."))
    assert call.of(commands.Play) == []
    assert "Not spoken: No." in [line.text for line in call.of(commands.RecordLine)]

    call.feed(anna(steering.Mute(on=False), 2), says("Yes."))

    assert [play.text for play in call.of(commands.Play)] == ["Yes."]
    assert [act.muted for act in call.of(commands.RecordAct)] == [True, False]


def test_a_message_to_the_bot_is_done_when_it_answers() -> None:
    call = Call().talking().feed(anna(steering.Message(text="Offer a refund.")))
    (sent,) = call.of(commands.SendToBot)
    assert (sent.activity.kind, sent.activity.text) == ("message", "Offer a refund.")

    call.now += 2
    call.feed(anna(steering.Say(text="One moment."), 2), says("You can have it."))

    assert outcomes(call)[2:] == [(1, "done", "The bot answered after 2.0 s")]


def test_a_message_that_is_not_answered_in_time_has_failed() -> None:
    call = Call(botNoInputGiveUpTimeoutMS=0).talking()
    call.feed(anna(steering.Message(text="Hello?"), 1))
    call.now += 1
    call.feed(anna(steering.Message(text="Hello again?"), 2), anna(steering.Mute(on=True), 3))
    outcomes(call)

    call.now = ANSWER_TIMEOUT_S
    call.feed(events.DeadlinePassed())
    assert outcomes(call) == [(1, "failed", "The bot has not answered")]
    assert call.engine.deadline == ANSWER_TIMEOUT_S + 1


def test_a_failed_transfer_returns_the_caller_to_the_bot_which_was_not_asked() -> None:
    call = Call().talking().feed(anna(steering.Transfer(target="+15550123")))
    (order,) = call.of(commands.TransferCall)
    assert order.target == "+15550123"
    assert order.activity.parameter("transferNotifications") is True

    call.feed(BUSY)

    assert outcomes(call)[1:] == [(1, "failed", "The transfer failed: SIP 486")]
    assert call.phase is Phase.TALKING
    assert call.told() == []


def test_a_transfer_that_succeeds_ends_the_call_as_the_supervisors() -> None:
    call = Call().talking().feed(anna(steering.Transfer(target="+15550123")))
    call.feed(events.TransferDone(succeeded=True))

    assert outcomes(call)[1:] == [(1, "done", "The call was transferred")]
    assert call.finish() == ("operator", "transferred", "")


def test_hanging_up_is_done_when_the_call_has_ended() -> None:
    call = Call().talking().feed(anna(steering.Message(text="Hm."), 1), anna(steering.HangUp(), 2))
    assert [status for _, status, _ in outcomes(call)] == ["accepted", "accepted"]

    call.feed(GONE)

    assert outcomes(call) == [
        (1, "failed", "The call has ended"),
        (2, "done", "The call has ended"),
    ]
    assert call.finish() == ("operator", "bot-disconnected", "")


def test_a_live_parameter_is_set_and_taken_back() -> None:
    call = Call(userNoInputTimeoutMS=9000).talking()
    call.feed(anna(steering.SetParameter(name="userNoInputTimeoutMS", value=4000)))
    assert outcomes(call)[1:] == [(1, "done", "userNoInputTimeoutMS is in force")]
    assert call.engine.deadline == 4

    call.feed(anna(steering.SetParameter(name="userNoInputTimeoutMS", value=None), 2))
    assert call.engine.deadline == 9
    notes = [line.text for line in call.of(commands.RecordLine)]
    assert notes == ["anna set userNoInputTimeoutMS", "anna took back userNoInputTimeoutMS"]


def test_a_parameter_that_is_refused_changes_nothing() -> None:
    call = Call().talking().feed(anna(steering.SetParameter(name="bargeIn", value="perhaps")))

    assert outcomes(call)[1:] == [(1, "failed", "bargeIn: must be true or false")]
    assert call.of(commands.UseParameters) == []


@pytest.mark.parametrize(
    ("before", "act", "problem"),
    [
        ([GONE], steering.HangUp(), "The call is ending"),
        ([BOT_FAILED], steering.Say(text="Hi."), "The call has failed and is about to end"),
        ([], steering.Say(text=" "), "There is nothing to say in this text"),
        (
            [anna(steering.Transfer(target="+1"), 9)],
            steering.Mute(on=True),
            "The call is being transferred",
        ),
    ],
)
def test_what_cannot_be_done_now_is_refused_with_the_reason(
    before: list[events.Event], act: steering.Steering, problem: str
) -> None:
    call = Call(failover=[SORRY]).talking().feed(says("Wait."), *before)
    outcomes(call)

    call.feed(anna(act))

    assert outcomes(call) == [(1, "failed", problem)]


def test_a_bot_that_has_left_takes_no_message() -> None:
    call = Call().talking().feed(says("Bye."), events.BotLeft(), anna(steering.Message(text="Hi")))

    assert outcomes(call) == [(1, "failed", "The bot has left the call")]


def test_before_the_call_is_answered_it_can_only_be_ended() -> None:
    call = Call().feed(events.CallArrived(start=START))
    call.feed(anna(steering.Mute(on=True), 1), anna(steering.HangUp(), 2))

    assert outcomes(call) == [(1, "failed", "The call is not connected yet"), (2, "accepted", "")]


def test_only_so_many_acts_are_under_way_at_once() -> None:
    call = Call(botNoInputGiveUpTimeoutMS=0).talking()
    for number in range(MAX_PENDING + 1):
        call.feed(anna(steering.Message(text="Hello?"), number))

    assert outcomes(call)[-1] == (
        MAX_PENDING,
        "failed",
        "Too many steps are under way in this call",
    )


# --- the bot itself is directed -------------------------------------------------------------------

UPDATE = {"type": "UpdatePrompt", "prompt": "Be brief."}


@pytest.mark.parametrize(
    ("came", "outcome"),
    [
        ({"detail": "The prompt was updated"}, (1, "done", "The prompt was updated")),
        ({}, (1, "done", "The bot did it")),
        ({"detail": "x", "problem": "It cannot"}, (1, "failed", "It cannot")),
    ],
)
def test_what_comes_of_directing_the_bot_is_told_once(
    came: dict[str, str], outcome: tuple[int, str, str]
) -> None:
    call = Call().talking().feed(anna(steering.ControlAgent(message=UPDATE)))
    assert call.of(commands.ControlBot) == [commands.ControlBot(number=1, message=UPDATE)]
    (act,) = call.of(commands.RecordAct)
    assert (act.name, act.detail) == ("agent", {"type": "UpdatePrompt"})
    (line,) = call.of(commands.RecordLine)
    assert line.text == "anna directs the bot: UpdatePrompt"
    assert outcomes(call) == [(1, "accepted", "")]

    call.feed(says("By the way."), events.BotControlled(number=1, **came))
    assert outcomes(call) == [outcome]
    assert outcomes(call.feed(events.BotControlled(number=1))) == []


def test_a_bot_that_confirms_nothing_was_not_directed() -> None:
    call = Call().talking().feed(anna(steering.ControlAgent(message=UPDATE)))
    outcomes(call)
    assert call.engine.deadline == CONTROL_TIMEOUT_S
    assert outcomes(call.due()) == [(1, "failed", "The bot has not confirmed it")]
    assert outcomes(call.feed(events.BotControlled(number=1))) == []


def test_a_message_to_the_bot_is_not_answered_by_what_it_was_directed_to() -> None:
    call = Call().talking().feed(anna(steering.Message(text="Offer a refund.")))
    outcomes(call)
    assert outcomes(call.feed(events.BotControlled(number=1))) == []
    assert outcomes(call.feed(says("Of course."))) == [(1, "done", "The bot answered after 0.0 s")]


def test_nobody_directs_a_bot_that_has_left() -> None:
    call = Call(connectOnPrompt=False).talking().feed(says("Bye."), events.BotLeft())
    call.feed(anna(steering.ControlAgent(message=UPDATE)))
    assert outcomes(call) == [(1, "failed", "The bot has left the call")]
    assert call.of(commands.ControlBot) == []


def test_what_the_bot_is_directed_to_is_noted_within_bounds() -> None:
    call = Call().talking().feed(anna(steering.ControlAgent(message={"type": "a\x00" * 100})))
    (act,) = call.of(commands.RecordAct)
    assert act.detail == {"type": "a" * 60}
