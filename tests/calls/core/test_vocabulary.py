"""How the engine reads and writes activities."""

import pytest

from bots.core import activities
from bots.core.activities import Activity
from calls.core import vocabulary
from calls.core.vocabulary import Purpose

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("activity", "purpose", "answers"),
    [
        (activities.message("Hello."), Purpose.MESSAGE, True),
        (Activity(type="Message"), Purpose.MESSAGE, True),
        (activities.event("hangup"), Purpose.LEAVING, True),
        (activities.event("Transfer"), Purpose.LEAVING, True),
        (activities.event("handover"), Purpose.LEAVING, True),
        (activities.event("config"), Purpose.CONFIG, False),
        (activities.event("abortPrompts"), Purpose.ABORT_PROMPTS, False),
        (activities.event("dance"), Purpose.UNKNOWN, False),
        (Activity(type="event"), Purpose.UNKNOWN, False),
        (Activity(type="typing", name="hangup"), Purpose.UNKNOWN, False),
    ],
)
def test_every_activity_has_one_purpose(
    activity: Activity, purpose: Purpose, answers: bool
) -> None:
    assert vocabulary.purpose(activity) is purpose
    assert purpose.answers is answers


@pytest.mark.parametrize(
    ("activity", "described"),
    [
        (activities.event("dance", value="secret"), "the event dance"),
        (activities.event("x" * 100), "the event " + "x" * 60),
        (Activity(type="event"), "the event without a name"),
        (Activity(type="typing", text="secret"), "the type typing"),
        (Activity(type="y" * 100), "the type " + "y" * 60),
    ],
)
def test_an_activity_is_described_without_its_content(activity: Activity, described: str) -> None:
    assert vocabulary.describe(activity) == described


def test_the_callers_words_carry_their_language_and_confidence() -> None:
    assert vocabulary.caller_message("yes", 0.5, "en-US") == Activity(
        type="message", text="yes", language="en-US", parameters={"confidence": 0.5}
    )
    assert vocabulary.caller_message("yes", None, "en-US").parameters is None


def test_digits_and_silence_are_the_documented_events() -> None:
    assert vocabulary.digits("12#") == Activity(type="event", name="DTMF", value="12#")
    assert vocabulary.no_user_input(2) == Activity(type="event", name="noUserInput", value=2)


def test_a_hang_up_tells_its_reason_and_everything_else_as_its_result() -> None:
    hang_up = activities.event(
        "hangup", activity_params={"hangupReason": "Done", "hangupSipHeaders": [], "ticket": 7}
    )

    assert vocabulary.hang_up_reason(hang_up) == "Done"
    assert vocabulary.bot_result(hang_up) == {"ticket": 7}


@pytest.mark.parametrize("params", [None, {}, {"hangupReason": ""}])
def test_a_hang_up_without_words_has_a_usual_reason_and_no_result(
    params: activities.Json | None,
) -> None:
    hang_up = activities.event("hangup", activity_params=params)

    assert vocabulary.hang_up_reason(hang_up) == "The bot hung up"
    assert vocabulary.bot_result(hang_up) is None


def test_a_bot_that_leaves_is_taken_to_have_hung_up() -> None:
    assert vocabulary.purpose(vocabulary.BOT_LEFT) is Purpose.LEAVING
    assert vocabulary.hang_up_reason(vocabulary.BOT_LEFT) == "The bot left"


@pytest.mark.parametrize(
    ("reason_code", "ended_by"),
    [
        ("client-disconnected", ("caller", "client-disconnected")),
        ("bot-disconnected", ("bot", "bot-disconnected")),
        ("transferred", ("bot", "transferred")),
        ("no-answer", ("gateway", "no-answer")),
        ("", ("gateway", "error")),
    ],
)
def test_a_reason_code_tells_who_ended_the_call(
    reason_code: str, ended_by: tuple[str, str]
) -> None:
    assert vocabulary.ended_by(reason_code) == ended_by
