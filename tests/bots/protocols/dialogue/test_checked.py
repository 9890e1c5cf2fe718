"""What only a whole dialogue can tell: every mistake is named with its path."""

from copy import deepcopy
from typing import Any

import pytest

from bots.core.errors import ParameterError
from bots.protocols.dialogue import Dialogue

pytestmark = pytest.mark.pure

GOOD: dict[str, Any] = {
    "states": {
        "start": {
            "say": "Yes or no?",
            "answers": [
                {"phrases": ["yes", "yes please"], "digits": "1", "goto": "end"},
                {"phrases": ["no"], "digits": "2", "say": "Why not?"},
            ],
        },
        "end": {"say": "Goodbye.", "hangup": True},
    },
}


def with_change(*path: str | int, value: Any) -> dict[str, Any]:
    data: Any = deepcopy(GOOD)
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data  # type: ignore[no-any-return]  # walked as data of any shape


def problems(data: object) -> dict[str, str]:
    with pytest.raises(ParameterError) as caught:
        Dialogue.parse(data)
    return caught.value.problems


def test_a_good_dialogue_is_read() -> None:
    dialogue = Dialogue.parse(GOOD)
    assert dialogue.start == "start"
    assert dialogue.unreachable() == ()


def test_mistakes_of_form_are_all_named() -> None:
    data = with_change("states", "start", "answers", 0, "digits", value="1 2")
    data["states"]["end"]["hangUp"] = True
    assert sorted(problems(data)) == ["states.end.hangUp", "states.start.answers.0.digits"]


def test_what_is_no_object_is_refused_as_a_whole() -> None:
    assert list(problems("Hello.")) == ["dialogue"]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("start",), "starto", {"start": "no state is called 'starto'; did you mean 'start'?"}),
        (("start",), "main", {"start": "no state is called 'main'; there are start, end"}),
        (
            ("states", "start", "answers", 0, "goto"),
            "endo",
            {"states.start.answers.0.goto": "no state is called 'endo'; did you mean 'end'?"},
        ),
        (
            ("states", "start", "noMatch"),
            {"then": {"goto": "endo"}},
            {"states.start.noMatch.then.goto": "no state is called 'endo'; did you mean 'end'?"},
        ),
        (
            ("states", "end", "goto"),
            "start",
            {"states.end": "does goto and hangup; it can do only one of them"},
        ),
        (
            ("states", "start", "answers", 1),
            {"say": "Why not?"},
            {"states.start.answers.1": ("needs phrases or digits, so that a caller can choose it")},
        ),
        (
            ("states", "start", "answers", 1),
            {"phrases": ["no"]},
            {
                "states.start.answers.1": (
                    "needs say, do, goto, transfer, hangup or repeat, so that something follows"
                )
            },
        ),
        (
            ("noInput",),
            {"then": {"say": "Pardon?"}},
            {
                "noInput.then": (
                    "needs goto, transfer or hangup, because the caller was asked often enough"
                )
            },
        ),
        (
            ("states", "end", "noInput"),
            {"say": "Are you there?"},
            {"states.end": "does hangup at once and never waits for an answer"},
        ),
        (
            ("states", "start", "say"),
            [],
            {"states.start.say": "is missing: the caller would hear silence"},
        ),
        (
            ("states", "start", "answers"),
            [],
            {"states.start": "waits for the caller, but there is no answer that leads on"},
        ),
        (
            ("states", "start", "answers", 1, "phrases"),
            ["no", "Yes, please!"],
            {"states.start.answers.1.phrases.1": "'Yes, please!' also belongs to answers.0"},
        ),
        (
            ("states", "start", "answers", 1, "digits"),
            "1",
            {"states.start.answers.1.digits": "key 1 also belongs to answers.0"},
        ),
        (
            ("answers",),
            [{"phrases": ["...", "bye"], "goto": "end"}],
            {"answers.0.phrases.0": "has no word in it"},
        ),
        (
            ("states", "end", "do"),
            [{"delayMs": 5}, {"say": "Hi.", "event": "config"}, {"text": "", "value": 1}],
            {
                "states.end.do.0": "needs either say, text or event; it has none of them",
                "states.end.do.1": "needs either say, text or event; it has say and event",
                "states.end.do.2.value": "belongs to an event; add event, or leave it out",
            },
        ),
        (
            ("states", "end", "do"),
            [{"event": "Handover"}, {"event": "playUlr"}, {"event": "myOwnEvent"}],
            {
                "states.end.do.0.event": "write transfer beside do, where it ends the step",
                "states.end.do.1.event": "no event is called 'playUlr'; did you mean 'playUrl'?",
            },
        ),
        (
            ("events",),
            [{"event": "start", "goto": "end"}, {"event": "transferState", "goto": "end"}],
            {
                "events.0.event": (
                    "begins or ends the conversation; use the state that the call starts in"
                ),
                "events.1.event": (
                    "no event is called 'transferState'; did you mean 'transferStatus'?"
                ),
            },
        ),
        (
            ("events",),
            [{"event": "dtmf"}],
            {"events.0": "needs say, do, goto, transfer or hangup, so that something follows"},
        ),
        (
            ("states", "start", "answers", 1),
            {"phrases": ["no"], "say": "Why not?", "silent": "once"},
            {
                "states.start.answers.1.silent": (
                    "says something all the same; leave out say and do"
                )
            },
        ),
        (
            ("states", "end", "events"),
            [{"event": "DTMF", "goto": "start"}],
            {"states.end": "does hangup at once and never waits for an answer"},
        ),
    ],
)
def test_a_mistake_is_named_with_its_path(
    path: tuple[str | int, ...], value: Any, problem: dict[str, str]
) -> None:
    assert problems(with_change(*path, value=value)) == problem


def test_more_phrases_than_can_be_told_apart_quickly_are_refused() -> None:
    many = [
        {"phrases": [f"{first} {second}" for second in range(100)], "goto": "end"}
        for first in range(21)
    ]
    assert problems(with_change("answers", value=many)) == {
        "states": "has 2103 phrases; 2000 are the most"
    }


def test_every_mistake_is_named_at_once() -> None:
    data = with_change("states", "start", "answers", 0, "goto", value="nowhere")
    data["start"] = "nowhere"
    assert sorted(problems(data)) == ["start", "states.start.answers.0.goto"]


def test_states_that_lead_round_in_a_circle_are_refused() -> None:
    data = with_change("states", "end", value={"say": "On.", "goto": "there"})
    data["states"]["there"] = {"say": "And on.", "goto": "end"}
    text = "goes round in a circle without waiting for the caller"
    assert problems(data) == {"states.end.goto": text, "states.there.goto": text}


def test_a_chain_that_ends_in_a_circle_is_blamed_on_the_circle_too() -> None:
    data = with_change("states", "end", value={"say": "On.", "goto": "loop"})
    data["states"]["loop"] = {"say": "Again.", "goto": "loop"}
    assert sorted(problems(data)) == ["states.end.goto", "states.loop.goto"]


def test_a_state_may_lead_on_to_one_that_waits() -> None:
    again = with_change("states", "end", value={"say": "Again.", "goto": "start"})
    assert Dialogue.parse(again).unreachable() == ()


def test_the_same_phrase_twice_in_one_answer_is_no_mistake() -> None:
    Dialogue.parse(with_change("states", "start", "answers", 1, "phrases", value=["no", "No!"]))


def test_a_state_may_answer_a_phrase_that_also_holds_everywhere() -> None:
    Dialogue.parse(with_change("answers", value=[{"phrases": ["yes"], "hangup": True}]))


def test_phrases_are_those_of_all_answers_each_once() -> None:
    data = with_change("answers", value=[{"phrases": ["goodbye", "no"], "goto": "end"}])
    assert Dialogue.parse(data).phrases() == ("goodbye", "no", "yes", "yes please")


def test_states_nobody_can_come_to_are_found() -> None:
    data = with_change("states", "attic", value={"say": "Hello.", "goto": "cellar"})
    data["states"]["cellar"] = {"say": "Hello.", "hangup": True}
    assert Dialogue.parse(data).unreachable() == ("attic", "cellar")


def test_answers_that_hold_everywhere_lead_to_states_too() -> None:
    data = with_change("states", "desk", value={"say": "Hello.", "transfer": {"target": "0"}})
    data["answers"] = [{"phrases": ["operator"], "goto": "desk"}]
    assert Dialogue.parse(data).unreachable() == ()


def test_answers_that_hold_everywhere_need_a_state_that_waits() -> None:
    data = {
        "states": {
            "start": {"say": "Goodbye.", "hangup": True},
            "desk": {"say": "Hello.", "transfer": {"target": "0"}},
        },
        "answers": [{"phrases": ["operator"], "goto": "desk"}],
    }
    assert Dialogue.parse(data).unreachable() == ("desk",)


def test_a_state_knows_its_own_answers_and_those_that_hold_everywhere() -> None:
    data = with_change("answers", value=[{"phrases": ["goodbye"], "goto": "end"}])
    dialogue = Dialogue.parse(data)
    start = dialogue.matcher("start")
    assert start.spoken("no") is dialogue.states["start"].answers[1]
    assert start.spoken("goodbye") is dialogue.answers[0]
    assert dialogue.matcher("start") is start
    assert dialogue.matcher("end").spoken("no") is None


def test_a_dialogue_asks_for_the_keys_it_knows() -> None:
    assert Dialogue.parse(GOOD).settings() == {"sendDTMF": True}


@pytest.mark.parametrize("path", [("noInput",), ("states", "start", "noInput")])
def test_a_dialogue_that_answers_silence_asks_to_be_told(path: tuple[str, ...]) -> None:
    settings = Dialogue.parse(with_change(*path, value={"say": "Hello?"})).settings()
    assert settings == {"sendDTMF": True, "userNoInputSendEvent": True}


def test_a_dialogue_asks_for_the_events_it_reacts_to() -> None:
    names = ("VoiceDetected", "dtmf", "noUserInput", "transferStatus", "speechHypothesis")
    data = with_change("events", value=[{"event": name, "say": "Oh."} for name in names])
    data["states"]["start"]["answers"] = [{"phrases": ["yes"], "hangup": True}]
    del data["states"]["end"]
    assert Dialogue.parse(data).settings() == {
        "sendDTMF": True,
        "userNoInputSendEvent": True,
        "sendEventsToBot": ["speechHypothesis", "voiceDetected"],
    }


@pytest.mark.parametrize(
    "state",
    [
        {"silent": "once", "events": [{"event": "DTMF", "goto": "start"}]},
        {"do": [{"event": "playUrl"}], "answers": [{"digits": "1", "goto": "start"}]},
        {"transfer": {"target": "0", "notifications": True}},
    ],
)
def test_a_state_may_wait_without_saying_anything_itself(state: dict[str, Any]) -> None:
    assert Dialogue.parse(with_change("states", "end", value=state)).states["end"].waits


def test_what_follows_an_event_everywhere_can_be_reached() -> None:
    data = with_change("states", "sorry", value={"say": "Sorry.", "hangup": True})
    data["events"] = [{"event": "playUrlFailed", "goto": "sorry"}]
    assert Dialogue.parse(data).unreachable() == ()


def test_a_dialogue_without_keys_asks_for_nothing() -> None:
    data = with_change("states", "start", "answers", value=[{"phrases": ["yes"], "hangup": "done"}])
    assert Dialogue.parse(data).settings() == {}


def test_what_the_author_sets_counts_more_than_what_the_dialogue_needs() -> None:
    params = {"sendDTMF": False, "bargeIn": True}
    assert Dialogue.parse(with_change("sessionParams", value=params)).settings() == params


def test_mistakes_of_form_are_told_in_plain_words() -> None:
    assert problems({"states": {"start": {"say": "Hello.", "answer": []}}, "answers": {}}) == {
        "states.start.answer": "There is no such field",
        "answers": "Must be a list",
    }
    assert problems({}) == {"states": "This field is required"}
