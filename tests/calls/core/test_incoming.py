"""What comes from the bot: what is queued, dropped, noted or refused, and when."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.activities import Activity
from calls.core import commands, events, steering
from calls.core.phases import Phase
from calls.core.prompts import MAX_WAITING
from tests.calls.core.lifeline import BOT_FAILED, GONE, TO_A_DESK, VOICE, Call
from tests.calls.core.reader import START, anna, dialled, refused, says

pytestmark = pytest.mark.pure

FILE = activities.event("playUrl", activity_params={"playUrlUrl": "https://example.com/a.wav"})


def does(name: str, **params: Any) -> events.BotSpoke:
    """The bot sends an event."""
    return events.BotSpoke(activities.event(name, activity_params=params or None))


def streams(number: int, text: str = "", **params: Any) -> events.BotStreamed:
    return events.BotStreamed(stream=number, text=text, activity_params=params or None)


def notes(call: Call) -> list[str]:
    return [line.text for line in call.of(commands.RecordLine) if line.kind == "event"]


# --- activities -----------------------------------------------------------------------------------


def test_a_bot_that_is_not_there_says_nothing() -> None:
    early = Call().feed(events.CallArrived(start=START))
    gone = Call().talking().feed(says("Bye."), events.BotLeft())
    closing = Call().talking().feed(does("hangup"))
    for call in (early, gone, closing):
        call.shown()
        call.feed(says("Hello?"), does("hangup"), streams(1))
        assert call.shown() == ["DropStream 1"]


def test_what_is_not_known_is_noted() -> None:
    call = Call().talking().feed(does("dance"), events.BotSpoke(Activity(type="typing")))
    assert notes(call) == [
        "The bot sent the event dance; it was ignored",
        "The bot sent the type typing; it was ignored",
    ]


def test_a_bot_that_takes_its_words_back_silences_itself() -> None:
    call = Call().talking().feed(says("One."), says("Two."), streams(1))
    call.feed(does("abortPrompts", bargeIn=True))
    assert call.of(commands.StopPlayback) == [commands.StopPlayback(2)]
    assert call.of(commands.DropStream) == [commands.DropStream(1)]
    assert len(call.of(commands.UseParameters)) == 1
    call.over(2, heard_ms=0)
    assert len(call.of(commands.Play)) == 1, "what waited is dropped"


def test_a_message_that_waits_is_made_ready() -> None:
    call = Call().talking().feed(says("One."), says("Two."))
    assert [each.text for each in call.of(commands.Prepare)] == ["Two."]


@pytest.mark.parametrize(
    "more", [says("More."), streams(1), does("config"), does("hangup")], ids=lambda e: repr(e)[:30]
)
def test_more_than_anybody_can_hear_is_a_failure_of_the_bot(more: events.Event) -> None:
    call = Call().talking().feed(*[says("One.")] * (MAX_WAITING + 1))
    call.shown()
    call.feed(more)
    (fault,) = call.of(commands.ReportFault)
    assert (fault.service, fault.detail) == ("bot", "it says more than anybody can hear")
    assert len(call.of(commands.DropStream)) == isinstance(more, events.BotStreamed)


def test_a_full_queue_can_still_be_taken_back() -> None:
    call = Call().talking().feed(*[says("One.")] * (MAX_WAITING + 1), does("abortPrompts"))
    assert call.of(commands.ReportFault) == []


def test_a_bot_hangs_up_while_it_rings() -> None:
    call = Call().feed(dialled(), events.BotJoined(), does("hangup"))
    assert len(call.of(commands.HangUp)) == 1
    assert call.feed(refused("bot-disconnected")).phase is Phase.ENDED


def test_what_would_smuggle_a_line_in_is_left_out() -> None:
    call = Call().talking()
    call.feed(does("transfer", **TO_A_DESK, handoverReason="a\nb", transferNotifications=True, x=1))
    (transfer,) = call.of(commands.TransferCall)
    assert transfer.activity.activity_params == {**TO_A_DESK, "transferNotifications": True, "x": 1}
    assert notes(call)[0] == "The bot's handoverReason must be one line; it was left out"


def test_nobody_is_moved_to_where_the_bot_did_not_say() -> None:
    call = (
        Call(transferTarget="tel:+15550111")
        .talking()
        .feed(does("transfer", transferTarget="sip:a@b\r\nX: 1"))
    )
    assert call.of(commands.TransferCall) == []
    problem = "The bot's transferTarget must be one line; the transfer was ignored"
    assert notes(call) == [problem]
    assert call.phase is Phase.TALKING


@pytest.mark.parametrize(
    ("said", "line"),
    [(says("One.").activity, "Not spoken: One."), (FILE, "Not spoken: an audio file")],
)
def test_what_a_muted_bot_says_is_noted_and_its_settings_count(said: Activity, line: str) -> None:
    call = Call().talking().feed(anna(steering.Mute(on=True)))
    call.shown()
    call.feed(events.BotSpoke(said), says("", session_params={"language": "de-DE"}))
    assert notes(call)[0] == line
    assert call.of(commands.Play) == call.of(commands.PlayUrl) == []
    assert call.of(commands.UseParameters)[-1].parameters.values()["language"] == "de-DE"


def test_settings_wait_their_turn_and_are_no_answer() -> None:
    call = Call(botNoInputTimeoutMS=3000).talking()
    call.feed(events.CallerSaid(text="my bill", final=True), does("config"))
    assert call.engine.deadline == 3.0, "the answer is owed still"


# --- its own voice --------------------------------------------------------------------------------


def test_a_stream_is_an_answer_and_brings_its_settings() -> None:
    call = Call(bot=VOICE).talking().feed(events.CallerSaid(text="my bill", final=True))
    call.feed(anna(steering.Message(text="Be quick.")))
    call.shown()
    call.feed(streams(1, "It is paid.", bargeIn=True))
    assert call.shown() == [
        "ReportOutcome 1 done 'The bot answered after 0.0 s'",
        "UseParameters",
        "PlayStream 2 1 'It is paid.'",
        "Listen on",
        "ShowState bot speaking",
    ]


def test_a_stream_that_comes_before_the_talk_waits() -> None:
    call = Call(bot=VOICE).feed(dialled(), events.BotJoined(), streams(1, "Hello."))
    assert call.of(commands.PlayStream) == []
    call.feed(events.CallStarted(START))
    assert [each.stream for each in call.of(commands.PlayStream)] == [1]


def test_the_words_of_a_muted_bot_are_noted_once() -> None:
    call = Call(bot=VOICE).talking().feed(anna(steering.Mute(on=True)))
    call.shown()
    call.feed(streams(1, "One.", language="de-DE"), events.StreamTextKnown(1, "One. Two."))
    assert notes(call) == ["Not spoken: One."]
    call.feed(streams(2), events.StreamTextKnown(2, ""), events.StreamTextKnown(2, "Three."))
    call.feed(events.StreamTextKnown(2, "Three. Four."))
    assert notes(call) == ["Not spoken: Three."]
    assert call.of(commands.DropStream) == [commands.DropStream(1), commands.DropStream(2)]
    assert len(call.of(commands.UseParameters)) == 2


def test_every_stream_that_is_not_played_is_dropped_before_the_end() -> None:
    call = Call(bot=VOICE).talking().feed(streams(1), streams(2), BOT_FAILED, streams(3), GONE)
    call.over(2, heard_ms=0)
    shown = [line for line in call.shown() if line.startswith(("PlayStream", "Drop", "Finish"))]
    assert [line[:12] for line in shown] == [
        "PlayStream 2",
        "DropStream 2",
        "DropStream 3",
        "Finish by ca",
    ]


# --- beside the talk ------------------------------------------------------------------------------


def test_reports_are_recorded_and_noted_if_they_say_so() -> None:
    call = Call(bot=VOICE).talking()
    call.feed(events.AgentReported(name="warning", detail={"code": "SLOW"}, note="It is slow"))
    call.feed(events.AgentReported(name="thinking", detail={}))
    assert call.shown() == [
        "Record system event 'It is slow'",
        "RecordReport warning {'code': 'SLOW'}",
        "RecordReport thinking {}",
    ]


def test_times_of_the_agent_go_into_the_turn() -> None:
    call = Call(bot=VOICE).talking().feed(events.CallerCommitted())
    for name in ("thinking", "latency"):
        call.feed(events.AgentReported(name=name, detail={"think_ms": 410}))
    call.feed(streams(1), events.PlaybackStarted(2)).over(2)
    (turn,) = call.of(commands.RecordTurn)
    assert turn.agent == {"think_ms": 410}


@pytest.mark.parametrize(
    ("before", "phase"),
    [
        ([], Phase.CLOSING),
        ([events.BotJoined()], Phase.CLOSING),
        ([events.BotJoined(), says("Hello.")], Phase.TALKING),
        ([events.BotJoined(), says("Hello."), BOT_FAILED], Phase.FAILING),
    ],
)
def test_a_bot_that_leaves_has_hung_up_when_what_it_said_was_heard(
    before: list[events.Event], phase: Phase
) -> None:
    arrival = events.CallArrived(start=START, announced=len(before) == 1)
    call = Call().feed(arrival, *before, events.BotLeft())
    assert call.phase is phase
    if phase is not Phase.CLOSING:
        assert call.over(1).phase is Phase.CLOSING
    assert len(call.of(commands.HangUp)) == 1
