"""What is wrong with a bot's texts, parameters and answers."""

from typing import Any

import pytest

from bots.conformance.judging import creation_problems, markup_problems, settings_problems
from bots.core import catalogue
from bots.core.activities import Activity, event, message

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("activity", "problem"),
    [
        (message("Hello"), ""),
        (message("2 < 3 & 4 > 1"), ""),
        (message("<speak>Hello<break time='1s'/></speak>"), ""),
        (message("<speak>Fish & chips</speak>"), "SSML that cannot be read"),
        (message("Wait <break time='1s'/> a bit"), "markup outside <speak>"),
        (message(" "), "a message without text"),
        (Activity(type="message"), "a message without text"),
        (event("hangup"), ""),
    ],
)
def test_texts_that_cannot_be_spoken_are_named(activity: Activity, problem: str) -> None:
    found = list(markup_problems(activity))
    assert [each.partition(":")[0].partition(",")[0] for each in found] == [problem] * bool(problem)


@pytest.mark.parametrize(
    ("activity", "names"),
    [
        (event("config", session_params={"bargeIn": True, "voiceNam": "x"}), ["voiceNam"]),
        (event("config", activity_params={"language": "de-DE", "nonsense": 1}), ["nonsense"]),
        (message("Hi", activity_params={"bargeIn": False, "wrong": 1}), ["wrong"]),
        (event("transfer", activity_params={"transferTarget": "tel:1", "x": 1}), []),
        (message("Hi"), []),
    ],
)
def test_parameters_that_the_gateway_ignores_are_named(
    activity: Activity, names: list[str]
) -> None:
    problems = settings_problems(activity, catalogue.everything())
    assert [each.partition(":")[0] for each in problems] == names


@pytest.mark.parametrize(
    ("expires", "problem"),
    [
        (60, ""),
        (20.0, ""),
        (None, "no expiresSeconds; 60 s are assumed"),
        ("60", "expiresSeconds is no number"),
        (True, "expiresSeconds is no number"),
        (19, "expiresSeconds is 19, less than 20"),
    ],
)
def test_an_answer_that_creates_a_conversation_says_how_long_it_lives(
    expires: Any, problem: str
) -> None:
    answer = {"refreshURL": "r", "disconnectURL": "d", "expiresSeconds": expires}
    assert list(creation_problems(answer)) == [problem] * bool(problem)


def test_missing_addresses_are_named() -> None:
    found = list(creation_problems({"expiresSeconds": 60, "refreshURL": ""}))
    assert found == ["no refreshURL", "no disconnectURL"]
