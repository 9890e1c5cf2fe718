"""Who has the floor: the gate for every combination, and what the live page shows."""

import pytest

from calls.core.commands import CallState
from calls.core.floor import Floor, Utterance
from calls.core.prompts import Playing

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("owes_answer", "barge_in", "wanted"),
    [(False, False, True), (True, False, False), (False, True, True), (True, True, True)],
)
def test_without_a_prompt_the_gate_shuts_only_for_an_awaited_answer_without_barge_in(
    owes_answer: bool, barge_in: bool, wanted: bool
) -> None:
    floor = Floor()
    floor.bot_owes_answer = owes_answer

    assert floor.wants_gate(None, barge_in=barge_in) is wanted


@pytest.mark.parametrize("barge_in", [False, True])
@pytest.mark.parametrize("interruptible", [False, True])
def test_a_prompt_keeps_the_rule_it_was_started_with(interruptible: bool, barge_in: bool) -> None:
    playing = Playing(1, "Hello.", interruptible)

    assert Floor().wants_gate(playing, barge_in=barge_in) is interruptible


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
    playing = None if stopping is None else Playing(1, "Hello.", True, stopping=stopping)

    assert floor.state(playing) == shown


def test_an_utterance_lasts_from_the_voice_to_its_result() -> None:
    floor = Floor()
    floor.voice_began(3.0)
    floor.voice_began(3.5)
    floor.voice_ended(4.5)

    assert floor.caller_speaks, "the result is not here yet"
    assert floor.utterance_over() == Utterance(3.0, 4.5)
    assert not floor.caller_speaks


def test_a_result_without_a_voice_belongs_to_no_utterance() -> None:
    floor = Floor()
    floor.voice_ended(4.5)

    assert floor.utterance_over() is None
    assert not floor.caller_speaks


def test_a_result_does_not_end_the_utterance_that_has_begun_meanwhile() -> None:
    floor = Floor()
    floor.voice_began(3.0)
    floor.voice_ended(4.5)
    floor.voice_began(4.6)

    assert floor.utterance_over() == Utterance(3.0, 4.5)
    assert floor.caller_speaks, "the second utterance goes on"
    assert floor.utterance_over() == Utterance(4.6)


def test_what_the_caller_said_can_be_forgotten_as_a_whole() -> None:
    floor = Floor()
    floor.voice_began(3.0)
    floor.voice_ended(4.5)
    floor.voice_began(4.6)

    floor.forget_caller()

    assert not floor.caller_speaks
