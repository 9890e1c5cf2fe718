"""The phases of a call: what fails, what is moved, and what each event means in each."""

from typing import Literal

import pytest

from bots.core import activities
from bots.core.errors import Fault
from calls.core import commands, events, steering
from calls.core.closing import (
    FAILOVER_TIMEOUT_S,
    RINGING_TIMEOUT_S,
    TRANSFER_TIMEOUT_S,
)
from calls.core.phases import Phase
from tests.calls.core.lifeline import (
    BOT_FAILED,
    BUSY,
    FILE,
    GONE,
    MOVE,
    SORRY,
    TO_A_DESK,
    VOICE,
    Call,
)
from tests.calls.core.reader import START, anna, dialled, says

pytestmark = pytest.mark.pure


# --- failures -------------------------------------------------------------------------------------


def test_a_failure_before_the_answer_refuses_the_call_without_a_prompt() -> None:
    joining = Call(failover=[SORRY]).feed(events.CallArrived(start=START), BOT_FAILED)

    assert joining.phase is Phase.CLOSING
    assert len(joining.of(commands.HangUp)) == 1
    assert joining.of(commands.Play) == []


def test_an_outbound_call_is_placed_once_and_connected_when_it_is_answered() -> None:
    call = Call().feed(dialled(), events.BotJoined())
    assert len(call.of(commands.AcceptCall)) == 1

    call.feed(events.CallStarted(START), says("Hello."))

    assert call.phase is Phase.TALKING
    assert call.of(commands.AcceptCall) == []


def test_a_failure_in_the_call_is_reported_and_its_activities_carried_out_in_order() -> None:
    call = Call(failover=[SORRY, FILE]).talking().feed(BOT_FAILED)

    assert call.of(commands.ReportFault) == [
        commands.ReportFault(service="bot", fault=Fault.SERVER, detail="HTTP 500")
    ]
    assert [play.text for play in call.of(commands.Play)] == ["Sorry."]
    assert call.over(2).of(commands.PlayUrl)
    assert call.over(3).of(commands.HangUp)
    assert call.feed(GONE).finish() == ("gateway", "error", "bot:server")


def test_a_second_failure_changes_nothing_but_the_prompt_it_concerns() -> None:
    call = Call(failover=[SORRY, FILE]).talking().feed(BOT_FAILED)
    call.feed(events.ServiceFailed(service="stt", fault=Fault.TIMEOUT))
    assert call.of(commands.HangUp) == []

    call.feed(events.ServiceFailed(service="tts", fault=Fault.TIMEOUT, utterance=2))
    assert call.of(commands.PlayUrl)
    call.feed(events.PlayUrlFailed(utterance=3, reason="HTTP 404"))
    assert call.of(commands.HangUp)


def test_a_failure_about_an_old_prompt_is_none() -> None:
    late = events.ServiceFailed(service="tts", fault=Fault.TIMEOUT, utterance=1)

    assert Call().talking().feed(late).produced == []


def test_a_call_that_fails_after_its_longest_duration_has_a_time_too() -> None:
    call = Call(failover=[SORRY], maxCallDurationMS=60_000).talking()
    call.now = 45.0
    call.feed(events.BotSpoke(activities.event("transfer", activity_params=TO_A_DESK)))
    call.due()
    assert (call.now, call.phase) == (60.0, Phase.CLOSING)

    call.feed(BUSY, events.AudioReady(2))
    assert (call.phase, call.engine.deadline) == (Phase.FAILING, 60.0 + FAILOVER_TIMEOUT_S)


# --- files ----------------------------------------------------------------------------------------


def play_file(call: Call, handling: str) -> Call:
    """The bot's file fails."""
    params = {"playUrlUrl": "https://a.example/f", "playUrlFailureHandling": handling}
    call.feed(events.BotSpoke(activities.event("playUrl", activity_params=params)))
    return call.feed(events.PlayUrlFailed(utterance=2, reason="HTTP 404"))


def test_a_file_of_the_bot_that_fails_ends_the_call_is_ignored_or_told() -> None:
    disconnect = play_file(Call().talking(), "disconnect")
    ignore = play_file(Call().talking(), "ignore")
    notify = play_file(Call().talking(), "notify-bot")

    assert disconnect.phase is Phase.CLOSING
    assert disconnect.feed(GONE).finish() == ("gateway", "error", "play-url")
    assert (ignore.phase, ignore.told()) == (Phase.TALKING, [])
    assert (notify.phase, notify.told()) == (Phase.TALKING, ["playUrlFailed"])


def test_a_file_that_is_not_the_one_that_plays_cannot_fail() -> None:
    call = Call().talking().feed(says("Listen."))
    call.produced.clear()
    call.feed(events.PlayUrlFailed(utterance=1, reason="HTTP 404"))

    assert call.produced == []


def test_a_text_that_is_reported_as_a_file_has_ended_like_any_other() -> None:
    call = Call().talking().feed(says("Listen."))
    call.feed(events.PlayUrlFailed(utterance=2, reason="HTTP 404"))

    assert call.phase is Phase.TALKING
    assert call.engine.listening


@pytest.mark.parametrize("handling", ["disconnect", "ignore", "notify-bot"])
def test_a_file_that_fails_after_the_end_is_the_last_thing_awaited(handling: str) -> None:
    call = Call().talking()
    params = {"playUrlUrl": "https://a.example/f", "playUrlFailureHandling": handling}
    call.feed(events.BotSpoke(activities.event("playUrl", activity_params=params)), GONE)
    assert call.phase is Phase.ENDING

    call.feed(events.PlayUrlFailed(utterance=2, reason="HTTP 404"))
    assert call.finish() == ("caller", "client-disconnected", "")


# --- moving ---------------------------------------------------------------------------------------


def test_without_a_target_nobody_is_moved() -> None:
    call = Call().talking().feed(events.BotSpoke(activities.event("transfer")))

    assert call.phase is Phase.TALKING
    assert call.of(commands.TransferCall) == []


@pytest.mark.parametrize(
    ("notify", "phase", "limit_s"),
    [
        (True, Phase.TRANSFERRING, RINGING_TIMEOUT_S),
        (False, Phase.CLOSING, TRANSFER_TIMEOUT_S),
    ],
)
def test_a_transfer_has_a_time(*, notify: bool, phase: Phase, limit_s: float) -> None:
    call = Call().transferring(notify=notify)

    assert (call.phase, call.engine.deadline) == (phase, limit_s)


@pytest.mark.parametrize("notify", [True, False])
def test_a_transfer_that_succeeds_ends_the_call(*, notify: bool) -> None:
    call = Call().transferring(notify=notify).feed(events.TransferDone(succeeded=True))

    assert call.told() == ["transferStatus"] * notify
    assert call.finish() == ("bot", "transferred", "")


def test_the_outcome_goes_to_the_bot_that_stayed_and_the_call_goes_on() -> None:
    call = Call().transferring(notify=True).feed(BUSY)

    assert call.told() == ["transferStatus"]
    assert call.phase is Phase.TALKING


def test_an_outcome_that_nobody_tells_is_a_failure() -> None:
    notified, alone = Call().transferring(notify=True).due(), Call().transferring(notify=False)

    assert (notified.phase, notified.told()) == (Phase.TALKING, ["transferStatus"])
    alone.due()
    assert alone.of(commands.HangUp)
    assert alone.due().finish() == ("gateway", "error", "transfer")


def test_a_late_outcome_still_moves_the_call() -> None:
    call = Call().transferring(notify=True).due().feed(events.TransferDone(succeeded=True))

    assert call.finish() == ("bot", "transferred", "")


def test_a_late_failure_is_no_news() -> None:
    call = Call().transferring(notify=True).due()
    call.told()

    assert call.feed(BUSY).told() == []
    assert call.phase is Phase.TALKING


def test_a_caller_who_could_not_be_moved_and_has_no_bot_gets_the_activities() -> None:
    call = Call(failover=[SORRY]).transferring(notify=False).feed(BUSY)

    assert [play.text for play in call.of(commands.Play)] == ["Sorry."]
    assert call.feed(GONE).over(2, 0).finish() == ("caller", "client-disconnected", "")


def test_a_failure_while_the_call_is_moved_counts_when_the_caller_comes_back() -> None:
    call = Call(failover=[SORRY]).transferring(notify=True)
    call.feed(events.ServiceFailed(service="stt", fault=Fault.TIMEOUT), BOT_FAILED)
    assert (call.phase, call.of(commands.Play)) == (Phase.TRANSFERRING, [])

    call.feed(BUSY)
    assert (call.phase, len(call.of(commands.Play))) == (Phase.FAILING, 1)
    assert call.over(2).feed(GONE).finish() == ("gateway", "error", "stt:timeout")


def test_a_transfer_for_a_failure_is_the_last_thing_tried() -> None:
    moved = Call(failover=[MOVE]).talking().feed(BOT_FAILED)
    assert moved.phase is Phase.CLOSING
    assert moved.feed(events.TransferDone(succeeded=True)).finish() == (
        "gateway",
        "transferred",
        "bot:server",
    )

    declined = Call(failover=[MOVE]).talking().feed(BOT_FAILED, BUSY)
    assert declined.of(commands.HangUp)
    assert declined.feed(GONE).finish() == ("gateway", "error", "bot:server")


# --- supervisors ----------------------------------------------------------------------------------


def test_a_supervisors_line_that_fails_is_reported_and_ends_nothing() -> None:
    call = Call().talking().feed(anna(steering.Say(text="One moment."), 1))
    call.feed(events.ServiceFailed(service="tts", fault=Fault.SERVER, utterance=2))
    call.feed(anna(steering.Say(text="Hello?"), 2)).due().over(3, heard_ms=0)

    assert [fault.fault for fault in call.of(commands.ReportFault)] == [Fault.SERVER, Fault.TIMEOUT]
    assert call.phase is Phase.TALKING


def test_a_supervisors_line_is_no_playback_that_the_bot_asked_to_hear_of() -> None:
    call = Call(sendEventsToBot=["playFinished"]).talking()
    call.feed(anna(steering.Say(text="One moment."))).over(2)

    assert call.told() == []


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        (BUSY, "SIP 486"),
        (events.TransferDone(succeeded=False), "error"),
        (events.TransferDone(succeeded=True), ""),
    ],
)
def test_the_outcome_of_a_supervisors_transfer_is_told_once(
    outcome: events.TransferDone, problem: str
) -> None:
    call = Call().talking()
    call.engine._life.move("+15550123", "anna", 7, call.now)
    call.engine._life.transfer_done(outcome, call.now)

    assert call.engine._life.take_moves() == [(7, problem)]
    assert call.engine._life.take_moves() == []


def test_a_transfer_to_nowhere_is_none() -> None:
    call = Call().talking()
    call.engine._life.move("", "anna", 7, call.now)

    assert call.engine._life.take_moves() == [(7, "there is no target")]
    assert call.phase is Phase.TALKING


def test_a_failure_during_a_supervisors_transfer_counts_when_the_caller_is_back() -> None:
    call = Call(failover=[SORRY]).talking().feed(anna(steering.Transfer(target="+15550123")))
    call.feed(BOT_FAILED, BUSY)

    assert call.phase is Phase.FAILING


def test_a_stream_without_audio_is_the_bots_fault_and_the_call_goes_on() -> None:
    call = Call(bot=VOICE, ttsResponseTimeoutMS=2000).talking()
    call.feed(events.BotStreamed(stream=1, text="Good morning."), says("And you?")).due()

    (report,) = call.of(commands.ReportFault)
    assert (report.service, report.fault) == ("bot", Fault.TIMEOUT)
    assert len(call.of(commands.StopPlayback)) == 1
    assert call.phase is Phase.TALKING
    call.over(2, heard_ms=0)
    (play,) = call.of(commands.Play)
    assert play.text == "And you?", "what waits behind it is not lost"


@pytest.mark.parametrize(
    ("service", "detail", "reason"),
    [
        ("bot", "Deepgram refused the settings", "The bot failed: Deepgram refused the settings"),
        ("bot", "", "The bot failed: server"),
        ("bot", "x" * 1000, "The bot failed: " + "x" * 300),
        ("tts", "HTTP 500", "The synthesiser failed: server"),
    ],
)
def test_the_end_of_the_call_says_what_failed_of_the_bot(
    service: Literal["bot", "tts"], detail: str, reason: str
) -> None:
    call = Call().talking()
    call.feed(events.ServiceFailed(service=service, fault=Fault.SERVER, detail=detail))
    (hang_up,) = call.of(commands.HangUp)
    assert hang_up.reason == reason
