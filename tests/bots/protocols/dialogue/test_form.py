"""The form of a dialogue: types, ranges and shorthand."""

from typing import Any

import pytest
from pydantic import ValidationError

from bots.core.activities import event
from bots.core.errors import Fault
from bots.protocols.dialogue.form import (
    Act,
    Answer,
    DialogueForm,
    Hangup,
    Reaction,
    Reprompt,
    State,
    Step,
    Transfer,
)

pytestmark = pytest.mark.pure


def problems(model: type[Any], data: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(data)
    return {".".join(map(str, one["loc"])): one["msg"] for one in caught.value.errors()}


def test_one_line_is_a_list_of_one() -> None:
    assert Step.model_validate({"say": "  Hello. "}).say == ("Hello.",)
    assert Step.model_validate({"say": ["Hello.", "Goodbye."]}).say == ("Hello.", "Goodbye.")


@pytest.mark.parametrize(
    "say", ["", "   ", [""], 7, "x" * 3001, ["x"] * 21, "...", "{heard}", "{heard} {digits}!"]
)
def test_what_cannot_be_spoken_is_refused(say: object) -> None:
    assert any(path.startswith("say") for path in problems(Step, {"say": say}))


def test_a_line_may_name_the_known_placeholders_and_braces_without_a_word() -> None:
    line = "You said {heard}, pressed {digits} and called from {caller}. {} { heard }"
    assert Step.model_validate({"say": line}).say == (line,)


def test_an_unknown_placeholder_is_named_with_those_there_are() -> None:
    assert problems(Step, {"say": ["Hello.", "Dear {name}"]}) == {
        "say.1": "{name} is not a placeholder; there are {heard}, {caller}, {digits}"
    }


def test_a_field_nobody_knows_is_refused() -> None:
    assert problems(State, {"say": "Hello.", "noinput": {}}) == {
        "noinput": "Extra inputs are not permitted"
    }


@pytest.mark.parametrize(
    ("data", "actions"),
    [
        ({}, []),
        ({"goto": "menu"}, ["goto"]),
        ({"transfer": {"target": "tel:+15550100"}}, ["transfer"]),
        ({"hangup": True}, ["hangup"]),
        ({"hangup": "done"}, ["hangup"]),
        ({"goto": "menu", "hangup": "done"}, ["goto", "hangup"]),
    ],
)
def test_a_step_knows_what_it_does_after_it_has_spoken(
    data: dict[str, Any], actions: list[str]
) -> None:
    assert Step.model_validate(data).actions == actions
    assert State.model_validate(data).waits is (not actions)


def test_an_answer_can_also_repeat() -> None:
    assert Answer.model_validate({"goto": "menu", "repeat": True}).actions == ["goto", "repeat"]
    assert Answer.model_validate({"goto": "menu"}).actions == ["goto"]


def test_hanging_up_without_a_reason_is_written_true_and_a_text_is_a_reason() -> None:
    assert Step.model_validate({"hangup": True}).hangup == Hangup()
    assert Step.model_validate({"hangup": "done"}).hangup == Hangup(reason="done")
    full = {"reason": "done", "params": {"result": 7}}
    assert Step.model_validate({"hangup": full}).hangup == Hangup(**full)
    assert "hangup" in problems(Step, {"hangup": False})


def test_failing_without_a_fault_is_a_fault_of_the_server() -> None:
    assert Step.model_validate({"fail": True}).fail is Fault.SERVER
    assert Step.model_validate({"fail": "timeout"}).fail is Fault.TIMEOUT
    assert list(problems(Step, {"fail": "flat tyre"})) == ["fail"]
    assert list(problems(Step, {"leave": False})) == ["leave"]


@pytest.mark.parametrize(
    "target", ["tel:+15550100", "sip:desk@example.com", "sips:desk@example.com", "+15550100", "0"]
)
def test_a_call_can_be_transferred_to_a_uri_or_a_number(target: str) -> None:
    assert Transfer.model_validate({"target": target}).target == target


@pytest.mark.parametrize("target", ["", "desk", "mailto:desk@example.com", "tel:", "tel:1 2", "+"])
def test_a_transfer_to_nowhere_is_refused(target: str) -> None:
    assert list(problems(Transfer, {"target": target})) == ["target"]


@pytest.mark.parametrize("keys", ["", "a", "1 2", 1, "1" * 21])
def test_digits_are_keys(keys: object) -> None:
    assert list(problems(Answer, {"digits": keys})) == ["digits"]


@pytest.mark.parametrize(
    ("data", "waits"),
    [
        ({"silent": "once"}, True),
        ({"silent": "forever"}, False),
        ({"transfer": {"target": "1", "notifications": True}}, True),
        ({"transfer": {"target": "1"}}, False),
        ({"leave": True}, False),
        ({"fail": True}, False),
    ],
)
def test_a_state_waits_where_something_can_still_happen(data: dict[str, Any], waits: bool) -> None:
    assert State.model_validate(data).waits is waits


@pytest.mark.parametrize(
    ("reaction", "value", "fits"),
    [
        ({}, None, True),
        ({}, {"status": "failed"}, True),
        ({"value": {"status": "failed"}}, {"status": "failed", "reasons": ["busy"]}, True),
        ({"value": {"reasons": ["busy"]}}, {"status": "failed", "reasons": ["busy"]}, True),
        ({"value": {"status": "failed"}}, {"status": "answered"}, False),
        ({"value": {"status": "failed"}}, "failed", False),
        ({"value": 2}, 2, True),
        ({"value": 2}, 3, False),
    ],
)
def test_a_reaction_fits_an_event_with_its_value_or_its_fields(
    reaction: dict[str, Any], value: object, fits: bool
) -> None:
    awaited = Reaction.model_validate({"event": "transferStatus", **reaction})
    assert awaited.fits(event("TransferStatus", value=value)) is fits
    assert not awaited.fits(event("playUrlFailed", value=value))


def test_a_pause_is_not_longer_than_ten_minutes() -> None:
    assert list(problems(Step, {"delayMs": 600_001})) == ["delayMs"]
    assert list(problems(Act, {"delayMs": -1})) == ["delayMs"]


def test_a_caller_is_asked_again_twice_unless_the_author_says_otherwise() -> None:
    assert Reprompt.model_validate({"say": "Pardon?"}).retries == 2
    assert list(problems(Reprompt, {"retries": -1})) == ["retries"]


def test_every_step_is_found_with_its_path() -> None:
    answer = {"phrases": ["yes"], "goto": "end"}
    dialogue = DialogueForm.model_validate(
        {
            "states": {
                "start": {
                    "say": "Hello.",
                    "answers": [answer],
                    "events": [{"event": "playFinished", "goto": "end"}],
                    "noInput": {"then": {"goto": "end"}},
                    "noMatch": {"say": "Pardon?"},
                },
                "end": {"hangup": True},
            },
            "answers": [answer],
            "noMatch": {"then": {"goto": "end"}},
        }
    )
    assert [".".join(map(str, path)) for path, _ in dialogue.steps()] == [
        "answers.0",
        "noMatch.then",
        "states.start",
        "states.start.answers.0",
        "states.start.events.0",
        "states.start.noInput.then",
        "states.end",
    ]
