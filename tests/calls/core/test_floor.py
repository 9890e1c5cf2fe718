"""Who has the floor: whether the caller is heard, and what the live page shows."""

import pytest

from calls.core.commands import CallState
from calls.core.floor import Floor, Utterance
from calls.core.prompts import Playing

pytestmark = pytest.mark.pure


def playing(*, ending: bool = False, stopping: bool = False) -> Playing:
    return Playing(
        utterance=1,
        text="Hello.",
        interruptible=True,
        by_bot=True,
        ending=ending,
        stopping=stopping,
    )


@pytest.mark.parametrize("barge_in", [False, True])
@pytest.mark.parametrize(
    ("owes_answer", "resumed", "opening", "wanted"),
    [
        (False, False, False, True),
        (True, False, False, False),
        (True, True, False, True),
        (True, False, True, True),
    ],
)
def test_without_a_prompt_the_caller_is_ignored_only_in_the_bots_turn(
    owes_answer: bool, resumed: bool, opening: bool, wanted: bool, barge_in: bool
) -> None:
    floor = Floor()
    floor.bot_owes_answer, floor.resumed, floor.opening = owes_answer, resumed, opening

    assert floor.takes_input(None, barge_in=barge_in, more=False) is (wanted or barge_in)


@pytest.mark.parametrize(
    ("ending", "more", "owes_answer", "wanted"),
    [
        (False, False, False, False),
        (True, False, False, True),
        (True, True, False, False),
        (True, False, True, False),
    ],
)
def test_during_a_prompt_the_caller_is_heard_only_at_the_end_of_the_last_one(
    ending: bool, more: bool, owes_answer: bool, wanted: bool
) -> None:
    floor = Floor()
    floor.bot_owes_answer = owes_answer
    prompt = playing(ending=ending)

    assert floor.takes_input(prompt, barge_in=False, more=more) is wanted
    assert floor.takes_input(prompt, barge_in=True, more=more), "with barge-in always"


@pytest.mark.parametrize(
    ("stopping", "caller_speaks", "owes_answer", "shown"),
    [
        (False, False, False, "bot speaking"),
        (False, True, True, "bot speaking"),
        (True, True, True, "caller speaking"),
        (True, False, True, "thinking"),
        (None, True, False, "caller speaking"),
        (None, False, True, "thinking"),
        (None, False, False, "listening"),
    ],
)
def test_the_state_shown_is_the_bots_then_the_callers_then_nobodys(
    stopping: bool | None, caller_speaks: bool, owes_answer: bool, shown: CallState
) -> None:
    floor = Floor()
    floor.bot_owes_answer = owes_answer
    if caller_speaks:
        floor.voice_began(1.0)

    assert floor.state(None if stopping is None else playing(stopping=stopping)) == shown


def test_a_late_bot_is_no_longer_thought_to_think() -> None:
    floor = Floor()
    floor.bot_owes_answer = floor.resumed = True

    assert floor.state(None) == "listening"


def test_an_utterance_lasts_from_the_voice_to_its_result() -> None:
    floor = Floor()
    floor.voice_began(3.0)
    floor.voice_began(3.5)
    over = [floor.voice_is_over]
    floor.voice_ended(4.5, 5.1)
    over.append(floor.voice_is_over)

    assert over == [False, True]
    assert floor.caller_speaks, "the result is not here yet"
    assert floor.utterance_over() == Utterance(3.0, 4.5, 5.1)
    assert floor.utterance_over() is None


def test_a_result_without_a_voice_belongs_to_no_utterance() -> None:
    floor = Floor()
    floor.voice_ended(4.5, 5.1)

    assert floor.utterance_over() is None
    assert not floor.voice_is_over


def test_a_result_does_not_end_the_utterance_that_has_begun_meanwhile() -> None:
    floor = Floor()
    floor.voice_began(3.0)
    floor.voice_ended(4.5, 5.1)
    floor.voice_began(5.2)

    assert floor.utterance_over() == Utterance(3.0, 4.5, 5.1)
    assert floor.caller_speaks, "the second utterance goes on"
    assert floor.utterance_over() == Utterance(5.2)


def test_what_the_caller_said_can_be_forgotten_as_a_whole() -> None:
    floor = Floor()
    floor.voice_began(3.0)
    floor.voice_ended(4.5, 5.1)
    floor.voice_began(5.2)

    floor.forget_caller()

    assert not floor.caller_speaks
