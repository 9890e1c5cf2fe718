"""Keys the caller presses: which count, and when they go to the bot."""

import pytest

from bots.core import activities
from calls.core import commands
from calls.core.prompts import Action, Prompt
from tests.calls.core.caller_stage import Stage, continuous

pytestmark = pytest.mark.pure


def test_digits_go_to_the_bot_one_by_one() -> None:
    stage = Stage(sendDTMF=True)
    stage.presses("42", 1.0)
    first = stage.heard
    stage.caller.acknowledged(1.5)

    assert (first, stage.heard) == (["4"], ["2"])
    assert stage.turn == commands.RecordTurn(
        turn=2,
        kind="dtmf",
        caller_stopped_at=1.0,
        end_decided_at=1.0,
        final_text_at=1.0,
        sent_to_bot_at=1.5,
    )


def test_digits_are_not_sent_unless_that_is_configured() -> None:
    stage = Stage()
    stage.presses("4", 1.0)

    assert stage.lines == [("caller", "4")]
    assert stage.bot.turns == 0


def test_collected_digits_go_together_after_a_pause() -> None:
    stage = Stage(sendDTMF=True, dtmfCollect=True)
    stage.presses("4", 1.0)
    stage.presses("2", 1.5)
    stage.caller.digits_expired(3.5)

    assert stage.heard == ["42"]


def test_digits_may_go_as_text_in_the_callers_language() -> None:
    stage = Stage(sendDTMF=True, sendDTMFAsText=True, sttLanguage="de-DE")
    stage.presses("4", 1.0)

    assert stage.told == [activities.message("4", language="de-DE")]


@pytest.mark.parametrize(("send", "heard"), [(True, ["42"]), (False, [])])
def test_in_a_text_session_digits_go_as_the_peer_collected_them(
    send: bool, heard: list[str]
) -> None:
    stage = Stage(audio=False, sendDTMF=send)
    stage.presses("42", 1.0)

    assert stage.heard == heard


@pytest.mark.parametrize(
    ("plays", "note"),
    [
        (True, "Digits were pressed while the bot spoke; they were ignored"),
        (False, "Digits were pressed in the bot's turn; they were ignored"),
    ],
)
def test_digits_in_the_bots_turn_are_ignored(plays: bool, note: str) -> None:
    stage = Stage(sendDTMF=True)
    if plays:
        stage.bot_says()
    else:
        stage.bot.asked()
    stage.presses("4", 1.0)

    assert stage.lines == [("system", note)]


def test_a_digit_may_interrupt_even_a_prompt_that_speech_does_not() -> None:
    stage = Stage(sendDTMF=True, bargeInOnDTMF=True)
    stage.bot_says()
    stage.queue.add(Prompt(text="And on Saturdays."))
    stage.queue.add(Action(activities.event("config")))
    stage.presses("4", 1.0)

    assert stage.interrupted
    assert not stage.queue.prompts_wait
    assert stage.heard == ["4"]


def test_a_number_is_not_cut_off_by_the_bots_turn_that_its_first_digit_began() -> None:
    stage = Stage(sendDTMF=True)
    stage.presses("4", 1.0)
    stage.caller.acknowledged(1.2)
    stage.presses("2", 1.5)

    assert stage.heard == ["4", "2"]


def test_digits_typed_before_words_go_before_them() -> None:
    stage = Stage(sendDTMF=True, dtmfCollect=True)
    stage.presses("42", 1.0)
    stage.says("no, wait", 2.0)

    assert stage.heard == ["42", "no, wait"]


def test_words_said_before_digits_wait_for_them_and_go_first() -> None:
    stage = continuous(sendDTMF=True, dtmfCollect=True, dtmfCollectInterDigitTimeoutMS=5000)
    stage.says("Jane Doe", 1.0)
    stage.presses("4", 2.0)
    due = stage.timers.deadline
    stage.caller.digits_expired(7.0)

    assert due == 7.0, "the silence is no end of the words"
    assert stage.heard == ["Jane Doe", "4"]


def test_digits_typed_before_words_that_go_on_do_not_end_them() -> None:
    stage = continuous(sendDTMF=True, dtmfCollect=True)
    stage.presses("42", 1.0)
    stage.says("Jane", 2.0)
    stage.caller.digits_expired(3.0)
    first = stage.heard
    stage.says("Doe", 3.5)
    stage.caller.collection_expired(5.5)

    assert (first, stage.heard) == (["42"], ["Jane Doe"])


def test_the_key_that_ends_words_is_a_digit_when_there_are_none() -> None:
    stage = continuous(sendDTMF=True)
    stage.presses("#", 1.0)

    assert stage.heard == ["#"]


def test_the_key_that_ends_words_ends_a_number_too() -> None:
    stage = continuous(sendDTMF=True, dtmfCollect=True)
    stage.says("Jane Doe", 1.0)
    stage.presses("42#", 2.0)

    assert stage.heard == ["Jane Doe", "42"]
