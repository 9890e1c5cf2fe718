"""The phases of a call: what each event means in each, and every way in which a call ends."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.errors import Fault
from calls.core import commands, events
from calls.core.closing import (
    FAILOVER_TIMEOUT_S,
    HANG_UP_TIMEOUT_S,
    RINGING_TIMEOUT_S,
    TRANSFER_TIMEOUT_S,
)
from calls.core.commands import Command
from calls.core.engine import Conversation
from calls.core.events import Event
from calls.core.life import Phase
from calls.core.ports import LegCapabilities
from tests.calls.core.reader import START, configured, says

pytestmark = pytest.mark.pure

SORRY = {"type": "message", "text": "Sorry."}
FILE = {"type": "event", "name": "playUrl", "activityParams": {"playUrlUrl": "https://a.example/s"}}
MOVE = {"type": "event", "name": "transfer", "activityParams": {"transferTarget": "tel:+15550111"}}
TO_A_DESK = {"transferTarget": "tel:+15550111"}
BOT_FAILED = events.ServiceFailed(service="bot", fault=Fault.SERVER, detail="HTTP 500")
BUSY = events.TransferDone(succeeded=False, reason="SIP 486", reason_code="busy")
GONE = events.CallerHungUp(reason_code="client-disconnected", reason="Client Side")
STOPPED = events.EndRequested(by="operator", reason_code="error", reason="Stopped")


class Call:
    """A call, and what came of it since it was asked last."""

    def __init__(self, *, failover: list[dict[str, Any]] | None = None, **values: Any) -> None:
        lists = {"general": failover or []}
        given = configured(failoverActivities=lists, connectOnPrompt=False, **values)
        self.engine = Conversation(given, LegCapabilities(audio=True))
        self.now = 0.0
        self.produced: list[Command] = []

    @property
    def phase(self) -> Phase:
        return self.engine.phase

    def feed(self, *happened: Event) -> "Call":
        for event in happened:
            self.produced += self.engine.handle(event, self.now)
        return self

    def talking(self) -> "Call":
        """The bot has joined and greeted, and its greeting has been heard."""
        self.feed(events.CallArrived(start=START), events.BotJoined(), says("Hello."))
        self.feed(events.PlaybackDone(utterance=1, heard_ms=700, total_ms=700))
        self.produced.clear()
        return self

    def transferring(self, *, notify: bool) -> "Call":
        """A call that is being moved."""
        params = {**TO_A_DESK, "transferNotifications": notify}
        self.talking().feed(events.BotSpoke(activities.event("transfer", activity_params=params)))
        self.produced.clear()
        return self

    def due(self) -> "Call":
        """The engine's deadline comes."""
        assert self.engine.deadline is not None
        self.now = self.engine.deadline
        return self.feed(events.DeadlinePassed())

    def over(self, utterance: int, heard_ms: float = 700) -> "Call":
        """A prompt was heard to its end, or stopped with ``heard_ms`` of 0."""
        done = events.PlaybackDone(
            utterance=utterance, heard_ms=heard_ms, total_ms=700, interrupted=not heard_ms
        )
        return self.feed(done)

    def of(self, kind: type[Command]) -> list[Any]:
        """The commands of one kind since this was asked last."""
        found = [command for command in self.produced if isinstance(command, kind)]
        self.produced = [c for c in self.produced if not isinstance(c, kind)]
        return found

    def told(self) -> list[str | None]:
        """The names of what the bot was told."""
        return [command.activity.name for command in self.of(commands.SendToBot)]

    def finish(self) -> tuple[str, str, str]:
        """Who ended the call, the code and the cause."""
        (finish,) = self.of(commands.Finish)
        assert self.phase is Phase.ENDED
        assert self.engine.deadline is None
        return finish.ended_by, finish.reason_code, finish.cause


# --- failures -------------------------------------------------------------------------------------


def test_a_failure_before_the_answer_refuses_the_call_without_a_prompt() -> None:
    joining = Call(failover=[SORRY]).feed(events.CallArrived(start=START), BOT_FAILED)

    assert joining.phase is Phase.CLOSING
    assert len(joining.of(commands.HangUp)) == 1
    assert joining.of(commands.Play) == []


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


# --- the end --------------------------------------------------------------------------------------


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

    assert reasons == ["Technical", "The bot failed: server"]


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
