"""A bot that hears the caller: when a turn is complete, and which words come too late."""

from typing import Any

import pytest

from bots.core.ports import BotCapabilities
from calls.core import commands, events
from calls.core.hearing import MAX_LATE, OVERLAP_S, UNTOLD_S
from tests.calls.core.lifeline import NO_VOICE, VOICE, Call
from tests.calls.core.reader import START, dialled, says

pytestmark = pytest.mark.pure

STARTED, STOPPED, COMMITTED = (
    events.VoiceStarted(),
    events.VoiceStopped(),
    events.CallerCommitted(),
)


def call(bot: BotCapabilities = VOICE, **values: Any) -> Call:
    """A call in which it is the caller's turn."""
    return Call(bot=bot, **{"bargeIn": True, "sttResponseTimeoutMS": 8000, **values}).talking()


def final(text: str) -> events.CallerSaid:
    return events.CallerSaid(text=text, final=True)


def interim(text: str) -> events.CallerSaid:
    return events.CallerSaid(text=text, final=False)


def streams(number: int) -> events.BotStreamed:
    return events.BotStreamed(stream=number, text="It is paid, and so is the other one.")


def said(call: Call) -> list[str]:
    """The caller's lines since this was asked last."""
    return [line.text for line in call.of(commands.RecordLine) if line.side == "caller"]


def interrupted(call: Call) -> bool:
    return bool(call.of(commands.StopPlayback))


@pytest.mark.parametrize(
    "order",
    [
        [STARTED, final("my bill"), streams(1)],
        [STARTED, final("my bill"), STOPPED, COMMITTED, streams(1)],
        [STARTED, STOPPED, COMMITTED, final("my bill"), streams(1)],
        [STARTED, STOPPED, COMMITTED, streams(1), interim("my"), final("my bill")],
        [STARTED, STOPPED, streams(1), final("my bill"), COMMITTED],
        [STARTED, streams(1), STOPPED, final("my bill")],
        [interim("my"), interim("my bill"), streams(1), final("my bill")],
        [interim("my"), final("my bill"), COMMITTED, says("It is paid.")],
        [COMMITTED, streams(1), final("my bill")],
        [final("my bill"), COMMITTED, streams(1)],
        [STARTED, STOPPED, final(""), COMMITTED, final("my bill"), streams(1)],
    ],
)
@pytest.mark.parametrize("barge_in", [True, False])
def test_in_whatever_order_a_turn_is_one_turn_and_its_answer_is_heard(
    order: list[events.Event], barge_in: bool
) -> None:
    talk = call(bargeIn=barge_in)
    for event in order:
        talk.now += 0.1
        talk.feed(event)

    assert talk.engine.turns == 1
    assert said(talk) == ["my bill"]
    assert not interrupted(talk)
    assert talk.told() == [], "it is told what it heard itself"
    assert len(talk.of(commands.PlayStream) + talk.of(commands.Play)) == 1


def test_a_late_text_stands_where_it_was_said() -> None:
    talk = call()
    for at, event in ((2.0, STARTED), (3.0, STOPPED), (3.1, COMMITTED), (4.0, final("my bill"))):
        talk.now = at
        talk.feed(event)
    (line,) = talk.of(commands.RecordLine)
    assert line.at == 2.0


def test_a_bot_that_hears_nothing_is_told_everything_and_commits_nothing() -> None:
    talk = call(NO_VOICE).feed(STARTED, COMMITTED)
    assert talk.engine.turns == 0
    talk.feed(interim("my"), final("my bill"))
    assert [each.activity.text for each in talk.of(commands.SendToBot)] == ["my bill"]
    talk.feed(says("It is paid.")).over(2)
    talk.shown()
    talk.feed(interim("and"))
    assert "ShowState caller speaking" not in talk.shown(), "our recogniser tells of the voice"


def test_a_text_that_never_came_is_not_waited_for() -> None:
    talk = call(sttResponseTimeoutMS=2000).feed(STARTED, COMMITTED, streams(1))
    talk.now = 2.0
    talk.feed(final("stop"))
    assert interrupted(talk)
    assert talk.engine.turns == 2


@pytest.mark.parametrize(("after_s", "turns"), [(OVERLAP_S - 0.1, 1), (OVERLAP_S, 2)])
def test_a_text_soon_after_new_voice_is_that_of_the_turn_before(after_s: float, turns: int) -> None:
    talk = call().feed(STARTED, STOPPED, COMMITTED, streams(1))
    talk.now = 1.0
    talk.feed(STARTED)
    assert interrupted(talk)
    talk.now += after_s
    talk.feed(final("my bill"))
    assert (talk.engine.turns, said(talk)) == (turns, ["my bill"])


def test_hypotheses_of_new_voice_are_not_late() -> None:
    talk = call(bargeInMinWordCount=2).feed(STARTED, COMMITTED, streams(1), STARTED)
    talk.feed(interim("stop it"))
    assert interrupted(talk)


@pytest.mark.parametrize(("after_s", "cut"), [(UNTOLD_S - 0.1, False), (UNTOLD_S, True)])
def test_a_text_soon_after_an_answer_to_nobody_knows_what_does_not_cut_it(
    after_s: float, cut: bool
) -> None:
    talk = call().feed(streams(1))
    talk.now = after_s
    talk.feed(final("my bill"))
    assert (interrupted(talk), said(talk)) == (cut, ["my bill"])


def test_a_hypothesis_cuts_even_an_answer_to_nobody_knows_what() -> None:
    assert interrupted(call().feed(streams(1), interim("stop")))


def test_what_follows_in_the_same_answer_waits_for_no_text() -> None:
    talk = call().feed(final("my bill"), streams(1))
    talk.now = 4.0
    talk.feed(streams(2), final("stop"))
    assert interrupted(talk)


def test_a_greeting_waits_for_no_text() -> None:
    talk = Call(bot=VOICE, connectOnPrompt=True, bargeIn=True)
    talk.feed(events.CallArrived(start=START), events.BotJoined(), streams(1))
    assert interrupted(talk.feed(final("hello")))


def test_a_greeting_that_waits_for_the_answer_waits_for_no_text() -> None:
    talk = Call(bot=VOICE, bargeIn=True).feed(dialled(), events.BotJoined(), streams(1))
    talk.feed(events.CallStarted(START))
    assert interrupted(talk.feed(final("hello")))


@pytest.mark.parametrize("bot_speaks", [True, False])
def test_a_bare_commit_is_a_turn_while_it_is_the_callers(bot_speaks: bool) -> None:
    talk = call()
    if bot_speaks:
        talk.feed(streams(1))
    talk.feed(COMMITTED)
    assert talk.engine.turns == (not bot_speaks)
    talk.feed(COMMITTED)
    assert talk.engine.turns == (not bot_speaks), "an answer is owed already"


def test_a_caller_who_speaks_first_can_be_committed() -> None:
    talk = Call(bot=VOICE, bargeIn=True).feed(events.CallArrived(start=START))
    talk.feed(events.BotJoined(), COMMITTED)
    assert talk.engine.turns == 1


def test_no_more_texts_are_awaited_than_a_person_speaks() -> None:
    talk = call()
    for _ in range(MAX_LATE + 2):
        talk.feed(STARTED, COMMITTED)
    for number in range(MAX_LATE):
        talk.feed(final(f"late {number}"))
    assert (len(said(talk)), talk.engine.turns) == (MAX_LATE, MAX_LATE + 2)
    talk.feed(final("new"))
    assert talk.engine.turns == MAX_LATE + 3


def test_a_turn_that_was_not_understood_leaves_no_line() -> None:
    talk = call().feed(STARTED, COMMITTED, final(""))
    assert (said(talk), talk.engine.turns) == ([], 1)


def test_a_text_that_comes_after_the_end_is_not_recorded() -> None:
    talk = call().feed(STARTED, COMMITTED)
    stopped = events.EndRequested(by="operator", reason_code="error", reason="Stopped")
    assert said(talk.feed(stopped, final("my bill"))) == []
