"""Every way in which a call ends, and what is still awaited then."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.errors import Fault
from calls.core import commands, events, steering
from calls.core.closing import (
    HANG_UP_TIMEOUT_S,
)
from calls.core.phases import Phase
from tests.calls.core.lifeline import (
    BOT_FAILED,
    GONE,
    STOPPED,
    Call,
)
from tests.calls.core.reader import says

pytestmark = pytest.mark.pure


def test_a_hang_up_takes_reason_and_headers_of_the_activity_or_of_the_configuration() -> None:
    configuration: dict[str, Any] = {
        "hangupReason": "configured",
        "hangupSipHeaders": [{"name": "X-Bot", "value": "demo"}],
    }
    given = {"hangupReason": "done", "hangupSipHeaders": [{"name": "X-A", "value": "1"}], "ok": 1}
    own = Call(**configuration).talking()
    own.feed(events.BotSpoke(activities.event("hangup", activity_params=given)))
    usual = Call(**configuration).talking().feed(events.BotSpoke(activities.event("hangup")))
    bare = Call().talking().feed(events.BotSpoke(activities.event("hangup")))

    assert own.of(commands.HangUp) == [
        commands.HangUp(
            reason_code="bot-disconnected",
            reason="done",
            sip_headers=({"name": "X-A", "value": "1"},),
        )
    ]
    (hang_up,) = usual.of(commands.HangUp)
    assert (hang_up.reason, hang_up.sip_headers) == (
        "configured",
        ({"name": "X-Bot", "value": "demo"},),
    )
    (hang_up,) = bare.of(commands.HangUp)
    assert (hang_up.reason, hang_up.sip_headers) == ("The bot hung up", ())
    (finish,) = own.feed(GONE).of(commands.Finish)
    assert finish.bot_result == {"ok": 1}


def test_a_hang_up_that_is_configured_for_a_failure_keeps_the_cause() -> None:
    said = {"type": "event", "name": "hangup", "activityParams": {"hangupReason": "Technical"}}
    silent = {"type": "event", "name": "hangup"}
    reasons = []
    for activity in (said, silent):
        call = Call(failover=[activity]).talking().feed(BOT_FAILED)
        (hang_up,) = call.of(commands.HangUp)
        reasons.append(hang_up.reason)
        assert call.feed(GONE).finish() == ("gateway", "error", "bot:server")

    assert reasons == ["Technical", "The bot failed: HTTP 500"]


def test_a_hang_up_that_somebody_sends_is_theirs_unless_it_has_a_reason() -> None:
    for arguments, reason in ((None, "Ended by client dialer"), ({"hangupReason": "Done"}, "Done")):
        hang_up = activities.event("hangup", activity_params=arguments)
        act = steering.Activities(activities=(hang_up,))
        sent = events.SupervisorActed(number=1, by="client dialer", act=act)
        call = Call().talking().feed(sent)
        (asked,) = call.of(commands.HangUp)
        assert asked.reason == reason
        assert call.feed(GONE).finish() == ("operator", "bot-disconnected", "")


def test_a_hang_up_that_nobody_confirms_ends_in_time() -> None:
    call = Call().talking().feed(events.BotSpoke(activities.event("hangup")))

    assert call.engine.deadline == HANG_UP_TIMEOUT_S
    assert call.due().finish() == ("bot", "bot-disconnected", "")


def test_a_lost_leg_ends_the_call_at_once() -> None:
    assert Call().talking().feed(events.LegLost()).finish() == (
        "caller",
        "error",
        "connection-lost",
    )


def test_a_call_that_nobody_knows_of_yet_ends_when_it_is_asked_to() -> None:
    call = Call().feed(STOPPED)

    assert call.of(commands.HangUp)
    assert call.finish() == ("operator", "error", "")


def test_a_call_that_closes_already_is_not_closed_again() -> None:
    call = Call().talking().feed(events.BotSpoke(activities.event("hangup")), STOPPED)

    assert len(call.of(commands.HangUp)) == 1
    assert call.feed(GONE).finish() == ("bot", "bot-disconnected", "")


def test_the_last_prompts_report_is_awaited_once_and_not_for_ever() -> None:
    reported, silent = (Call().talking().feed(says("Listen."), GONE) for _ in range(2))
    assert reported.feed(GONE).phase is Phase.ENDING

    assert reported.over(2, 0).finish() == ("caller", "client-disconnected", "")
    assert silent.due().finish() == ("caller", "client-disconnected", "")


def test_a_synthesiser_that_breaks_off_at_the_end_has_reported_too() -> None:
    call = Call().talking().feed(says("Listen."), GONE)
    call.feed(events.ServiceFailed(service="tts", fault=Fault.SERVER, utterance=2, heard_ms=300))

    assert call.finish() == ("caller", "client-disconnected", "")


def test_the_bot_hears_of_played_prompts_and_of_the_end_if_it_asked() -> None:
    call = Call(sendEventsToBot=["playFinished", "conversationEnd"]).talking()
    call.feed(says("Listen.")).over(2)
    assert call.told() == ["playFinished"]

    call.feed(GONE)
    assert call.told() == ["conversationEnd"]


def test_a_prompt_that_has_ended_before_is_no_news() -> None:
    call = Call(sendEventsToBot=["playFinished"]).talking()

    assert call.over(1).told() == []


def test_an_operator_hangs_up_a_call_that_goes_on() -> None:
    call = Call().talking().feed(STOPPED)

    assert [hang_up.reason for hang_up in call.of(commands.HangUp)] == ["Stopped"]
    assert call.feed(GONE).finish() == ("operator", "error", "")


def test_the_failed_file_of_a_reminder_is_told_but_asks_nothing_of_the_bot() -> None:
    values: dict[str, Any] = {
        "userNoInputTimeoutMS": 4000,
        "userNoInputUrl": "https://a.example/ask",
    }
    call = Call(playUrlFailureHandling="notify-bot", **values).talking().due()
    call.feed(events.PlayUrlFailed(utterance=2, reason="HTTP 404"))

    assert call.told() == ["playUrlFailed"]
    assert call.engine.listening


def test_whatever_ends_the_last_prompt_the_call_is_finished() -> None:
    call = Call().talking().feed(says("More."), GONE)
    assert call.phase is Phase.ENDING

    assert call.feed(events.PlayUrlFailed(utterance=2, reason="HTTP 404")).phase is Phase.ENDED


def test_a_text_without_audio_in_time_is_a_failure_of_the_synthesiser() -> None:
    call = Call(ttsResponseTimeoutMS=3000).talking().feed(says("Listen.")).due()

    assert call.of(commands.StopPlayback) == [commands.StopPlayback(2)]
    assert [fault.service for fault in call.of(commands.ReportFault)] == ["tts"]
    assert call.phase is Phase.FAILING


def test_a_file_without_audio_in_time_has_failed_once_the_player_has_stopped() -> None:
    params = {"playUrlUrl": "https://a.example/f", "playUrlFailureHandling": "notify-bot"}
    call = Call(ttsResponseTimeoutMS=3000).talking()
    call.feed(events.BotSpoke(activities.event("playUrl", activity_params=params))).due()
    assert (len(call.of(commands.StopPlayback)), call.told()) == (1, [])

    call.over(2, 0)
    assert (call.told(), call.of(commands.ReportFault)) == (["playUrlFailed"], [])
    assert call.phase is Phase.TALKING
