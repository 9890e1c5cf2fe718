"""Which answer the caller's words mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.protocols.dialogue.form import Answer
from bots.protocols.dialogue.matching import Matcher, plain_words

pytestmark = pytest.mark.pure


def answer(*phrases: str, digits: str | None = None) -> Answer:
    return Answer.model_validate({"phrases": phrases, "digits": digits, "goto": "there"})


PAY = answer("I want to pay my bill", "pay my bill", digits="1")
HOURS = answer("opening hours", "when are you open", digits="2")
MOVE = answer("I want to move house", "I am moving")
OPERATOR = answer("operator", "I want to talk to an agent", digits="0")
YES = answer("yes", "yes please", digits="1")
NO = answer("no", "no thank you")

MENU = Matcher([[PAY, HOURS, MOVE], [OPERATOR]])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("I want to pay my bill", PAY),
        ("i want to PAY, my bill!", PAY),
        ("opening hours", HOURS),
        ("operator", OPERATOR),
    ],
)
def test_the_exact_words_are_understood_whatever_their_case_and_stops(
    text: str, meant: Answer
) -> None:
    assert MENU.spoken(text) is meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hello I would like to pay my bill please", PAY),
        ("so when are you open", HOURS),
        ("operator please", OPERATOR),
    ],
)
def test_a_phrase_within_other_words_is_understood(text: str, meant: Answer) -> None:
    assert MENU.spoken(text) is meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("I want to play my bill", PAY),
        ("want pay my bill", PAY),
        ("pay the bill", PAY),
        ("can I pay the electricity bill please", PAY),
        ("the opening of hours", HOURS),
        ("I want to move the house", MOVE),
        ("I want to talk to a agent", OPERATOR),
    ],
)
def test_words_heard_wrongly_do_not_matter(text: str, meant: Answer) -> None:
    assert MENU.spoken(text) is meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "I want to",
        "I want to go",
        "my to a",
        "bill gates is a man",
        "what is the weather",
    ],
)
def test_other_words_mean_nothing(text: str) -> None:
    assert MENU.spoken(text) is None


def test_words_that_several_answers_share_tell_less() -> None:
    order, complain = answer("I would like to order pizza"), answer("I would like to complain")
    assert Matcher([[complain]]).spoken("I would like to eat") is complain
    assert Matcher([[order, complain]]).spoken("I would like to eat") is None


def test_short_words_tell_less() -> None:
    assert Matcher([[MOVE]]).spoken("I want to go") is None


def test_exact_words_count_more_than_a_phrase_within_them() -> None:
    longer = answer("yes I want to pay my bill")
    assert Matcher([[YES, longer]]).spoken("yes I want to pay my bill") is longer
    assert Matcher([[longer, YES]]).spoken("yes") is YES


def test_the_longest_phrase_within_the_words_decides() -> None:
    patient = answer("there is no hurry")
    assert Matcher([[NO, patient]]).spoken("no there is no hurry") is patient


def test_a_phrase_stands_in_the_words_only_in_its_order() -> None:
    first, second = answer("bill pay"), answer("pay bill")
    assert Matcher([[first, second]]).spoken("please pay bill") is second


def test_two_answers_that_fit_equally_well_are_both_refused() -> None:
    assert Matcher([[YES, NO]]).spoken("yes no") is None


def test_two_phrases_of_one_answer_that_fit_equally_well_are_one_answer() -> None:
    twice = answer("pay bill", "bill pay")
    assert Matcher([[twice]]).spoken("pay bill pay") is twice


def test_an_answer_of_the_state_comes_before_one_that_holds_everywhere() -> None:
    everywhere = answer("yes", digits="1")
    matcher = Matcher([[YES], [everywhere]])
    assert matcher.spoken("yes") is YES
    assert matcher.pressed("1") is YES


def test_keys_are_found() -> None:
    assert MENU.pressed("1") is PAY
    assert MENU.pressed("0") is OPERATOR
    assert MENU.pressed("9") is None
    assert MENU.pressed("12") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Pay my BILL, please!", ("pay", "my", "bill", "please")),
        ("I\u2019d like 2", ("i'd", "like", "two")),
        ("D\u00e9j\u00e0 stra\u00dfe", ("deja", "strasse")),
        ("\u0421\u0447\u0451\u0442!", ("\u0441\u0447\u0435\u0442",)),
        ("'\u05db\u05df' - ' -", ("\u05db\u05df",)),
        ("...", ()),
    ],
)
def test_text_becomes_words_that_can_be_compared_in_any_script(
    text: str, found: tuple[str, ...]
) -> None:
    assert plain_words(text) == found


def test_only_the_beginning_of_an_endless_text_is_looked_at() -> None:
    assert MENU.spoken("so " * 300 + "operator") is OPERATOR
    assert MENU.spoken("so " * 3000 + "operator") is None


@given(st.text())
def test_any_text_is_taken_and_the_answer_does_not_change(text: str) -> None:
    assert MENU.spoken(text) is MENU.spoken(text)
