"""The form of a dialogue: types, ranges and shorthand."""

from typing import Any

import pytest
from pydantic import ValidationError

from bots.protocols.dialogue.form import Answer, DialogueForm, Reprompt, State, Step, Transfer

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


def test_hanging_up_without_a_reason_is_written_true() -> None:
    assert Step.model_validate({"hangup": True}).hangup == ""
    assert "hangup" in problems(Step, {"hangup": False})


@pytest.mark.parametrize(
    "target", ["tel:+15550100", "sip:desk@example.com", "sips:desk@example.com", "+15550100", "0"]
)
def test_a_call_can_be_transferred_to_a_uri_or_a_number(target: str) -> None:
    assert Transfer.model_validate({"target": target}).target == target


@pytest.mark.parametrize("target", ["", "desk", "mailto:desk@example.com", "tel:", "tel:1 2", "+"])
def test_a_transfer_to_nowhere_is_refused(target: str) -> None:
    assert list(problems(Transfer, {"target": target})) == ["target"]


@pytest.mark.parametrize("key", ["", "12", "a", 1])
def test_digits_are_one_key(key: object) -> None:
    assert list(problems(Answer, {"digits": key})) == ["digits"]


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
        "states.start.noInput.then",
        "states.end",
    ]
