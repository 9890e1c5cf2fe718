"""The demo dialogue: every way through it, and words that the offline recogniser knows."""

import json
from pathlib import Path

import pocketsphinx
import pytest

from bots.core.activities import Activity, event, message
from bots.core.phrases import words
from bots.core.ports import BotConversation
from bots.protocols.dialogue import Deed, Dialogue, DialogueRun

pytestmark = pytest.mark.pure

DIALOGUE = Path(__file__).parents[3] / "bots" / "demo" / "dialogue.json"
CALL = BotConversation(conversation_id="c1", bot="demo", language="en-US", caller="+15550123")
TRANSFER = event(
    "transfer",
    activity_params={
        "transferTarget": "tel:+15550100",
        "handoverReason": "The caller asked for an operator",
    },
)


@pytest.fixture(scope="module")
def demo() -> Dialogue:
    return Dialogue.parse(json.loads(DIALOGUE.read_text(encoding="utf-8")))


@pytest.fixture
def call(demo: Dialogue) -> DialogueRun:
    run = DialogueRun(demo, CALL)
    run.receive(event("start"))
    return run


def activities(deeds: list[Deed]) -> list[Activity]:
    """``deeds``, of which the demo has no others."""
    found = [deed for deed in deeds if isinstance(deed, Activity)]
    assert found == deeds
    return found


def heard(run: DialogueRun, *turns: str) -> list[Activity]:
    """What the bot does after the last of ``turns``: words, or keys when they are no words."""
    found: list[Activity] = []
    for turn in turns:
        keys = turn in "0123456789*#"
        found = activities(run.receive(event("DTMF", value=turn) if keys else message(turn)))
    return found


def spoken(found: list[Activity]) -> str:
    return " ".join(activity.text or "" for activity in found)


def test_the_caller_is_greeted_and_told_what_to_say(demo: Dialogue) -> None:
    found = activities(DialogueRun(demo, CALL).receive(event("start")))
    assert found[0].session_params == {"sendDTMF": True, "userNoInputSendEvent": True}
    assert "North Wind Energy" in spoken(found)
    assert "pay your bill" in spoken(found)


@pytest.mark.parametrize("turn", ["I want to pay my bill", "pay my bill please", "1"])
@pytest.mark.parametrize(
    ("decision", "result"),
    [("yes", "is paid"), ("1", "is paid"), ("no", "Nothing"), ("2", "Nothing")],
)
def test_a_bill_is_paid_or_not(call: DialogueRun, turn: str, decision: str, result: str) -> None:
    assert "forty two dollars" in spoken(heard(call, turn))
    assert result in spoken(heard(call, decision))
    assert "North Wind Energy" in spoken(heard(call, "no"))
    assert call.over


@pytest.mark.parametrize("turn", ["opening hours", "when are you open", "2"])
def test_opening_hours_are_told(call: DialogueRun, turn: str) -> None:
    assert "Monday to Friday" in spoken(heard(call, turn))


@pytest.mark.parametrize("turn", ["I am moving house", "3"])
@pytest.mark.parametrize(
    ("decision", "result"), [("yes", "meter"), ("1", "meter"), ("next month", "no hurry")]
)
def test_moving_house_is_noted(call: DialogueRun, turn: str, decision: str, result: str) -> None:
    assert "new home" in spoken(heard(call, turn))
    assert result in spoken(heard(call, decision))


@pytest.mark.parametrize("turns", [["operator"], ["agent"], ["0"], ["I want to pay my bill", "0"]])
def test_an_operator_can_be_asked_for_at_any_time(call: DialogueRun, turns: list[str]) -> None:
    sentence, transfer = heard(call, *turns)
    assert "connect you to an operator" in str(sentence.text)
    assert transfer == TRANSFER


@pytest.mark.parametrize("turn", ["repeat that", "*"])
def test_the_last_words_are_repeated(call: DialogueRun, turn: str) -> None:
    first = heard(call, "opening hours")
    assert heard(call, turn) == first


@pytest.mark.parametrize("turns", [["goodbye"], ["opening hours", "no thank you"]])
def test_saying_goodbye_ends_the_call(call: DialogueRun, turns: list[str]) -> None:
    *_, last = heard(call, *turns)
    assert last.event == "hangup"


def test_after_one_thing_the_caller_can_ask_for_another(call: DialogueRun) -> None:
    assert "What can I do" in spoken(heard(call, "opening hours", "yes"))
    assert "forty two" in spoken(heard(call, "opening hours", "pay my bill"))


def test_a_caller_nobody_understands_is_put_through(call: DialogueRun) -> None:
    for _ in range(2):
        assert "did not understand" in spoken(heard(call, "rhubarb"))
    assert heard(call, "rhubarb")[-1] == TRANSFER


@pytest.mark.parametrize("turns", [[], ["pay my bill"], ["opening hours"]])
def test_a_silent_caller_is_asked_twice_and_then_left_alone(
    call: DialogueRun, turns: list[str]
) -> None:
    heard(call, *turns)
    for count in (1, 2):
        assert "still there" in spoken(activities(call.receive(event("noUserInput", value=count))))
    assert activities(call.receive(event("noUserInput", value=3)))[-1].event == "hangup"


def test_every_state_can_be_reached(demo: Dialogue) -> None:
    assert demo.unreachable() == ()


def test_the_offline_recogniser_knows_every_word_that_is_said_or_expected(demo: Dialogue) -> None:
    dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    known = {line.split()[0] for line in dictionary.read_text(encoding="utf-8").splitlines()}
    reprompts = [demo.no_input, demo.no_match]
    for state in demo.states.values():
        reprompts += [again for again in (state.no_input, state.no_match) if again is not None]
    lines = [line for part in reprompts for line in part.say]
    lines += [line for _, step in demo.steps() for line in step.say]
    unknown = {word for line in (*lines, *demo.phrases()) for word in words(line)} - known
    assert unknown == set()


def test_no_answer_of_one_state_is_taken_for_another(demo: Dialogue, call: DialogueRun) -> None:
    """Each phrase that holds everywhere leads where it should from the menu."""
    for answer in demo.answers:
        for phrase in answer.phrases:
            run = DialogueRun(demo, CALL)
            run.receive(event("start"))
            by_key = DialogueRun(demo, CALL)
            by_key.receive(event("start"))
            if answer.digits is not None:
                assert heard(run, phrase) == heard(by_key, answer.digits), phrase
            else:
                assert heard(run, phrase)[-1].event == "hangup", phrase
