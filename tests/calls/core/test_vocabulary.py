"""How the engine reads and writes activities."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.activities import Activity
from calls.core import vocabulary
from calls.core.events import CallerSaid, TransferDone
from calls.core.vocabulary import Purpose

pytestmark = pytest.mark.pure


def said(text: str, **fields: Any) -> CallerSaid:
    return CallerSaid(text=text, final=True, **fields)


@pytest.mark.parametrize(
    ("activity", "purpose", "answers"),
    [
        (activities.message("Hello."), Purpose.MESSAGE, True),
        (Activity(type="Message"), Purpose.MESSAGE, True),
        (activities.event("playUrl"), Purpose.PLAY_URL, True),
        (activities.event("hangup"), Purpose.LEAVING, True),
        (activities.event("Transfer"), Purpose.LEAVING, True),
        (activities.event("handover"), Purpose.LEAVING, True),
        (activities.event("config"), Purpose.ACTION, False),
        (activities.event("sendDTMF"), Purpose.ACTION, False),
        (activities.event("pauseCallRecording"), Purpose.ACTION, False),
        (activities.event("expectAnotherBotMessage"), Purpose.ACTION, False),
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


def test_the_callers_words_carry_their_language_confidence_and_raw_result() -> None:
    told = vocabulary.caller_message(
        [said("yes", confidence=0.5, recognition_output={"raw": 1})], "en-US", continuous=False
    )

    assert told == activities.message(
        "yes",
        language="en-US",
        parameters={"confidence": 0.5, "recognitionOutput": {"raw": 1}},
    )


def test_words_of_which_nothing_more_is_known_have_no_parameters() -> None:
    assert vocabulary.caller_message([said("yes")], "en-US", continuous=False).parameters is None


def test_several_utterances_are_one_message_as_sure_as_the_least_sure_one() -> None:
    told = vocabulary.caller_message(
        [said("my number", confidence=0.9), said("is"), said("seven", confidence=0.4)],
        "en-US",
        continuous=True,
    )

    assert told.text == "my number is seven"
    assert told.parameters == {
        "confidence": 0.4,
        "recognitions": [
            {"text": "my number", "confidence": 0.9},
            {"text": "is"},
            {"text": "seven", "confidence": 0.4},
        ],
    }


def test_a_hypothesis_tells_what_the_recogniser_knows() -> None:
    interim = CallerSaid(
        text="ye", final=False, confidence=0.0, stability=0.2, recognition_output={"raw": 1}
    )

    assert vocabulary.hypothesis(interim) == activities.event(
        "speechHypothesis",
        value={
            "text": "ye",
            "confidence": 0.0,
            "stability": 0.2,
            "recognitionOutput": {"raw": 1},
        },
    )


def test_what_the_bot_is_told_has_its_documented_names() -> None:
    assert vocabulary.digits("12#") == activities.event("DTMF", value="12#")
    assert vocabulary.no_user_input(2) == activities.event("noUserInput", value=2)
    assert vocabulary.voice_activity(voice=True) == activities.event("voiceDetected")
    assert vocabulary.voice_activity(voice=False) == activities.event("silenceDetected")
    assert activities.event("playFinished") == vocabulary.PLAY_FINISHED
    assert vocabulary.conversation_end("error", "why") == activities.event(
        "conversationEnd", value={"reasonCode": "error", "reason": "why"}
    )
    assert vocabulary.machine_detection("human") == activities.event(
        "machineDetection", value={"detected": "human"}
    )
    assert vocabulary.play_url_failed("u", "404", self_generated=True) == activities.event(
        "playUrlFailed", value={"playUrlUrl": "u", "reason": "404", "selfGenerated": True}
    )


@pytest.mark.parametrize(
    ("done", "value"),
    [
        (TransferDone(succeeded=True), {"status": "answered"}),
        (
            TransferDone(succeeded=False, reason="SIP 486", reason_code="busy"),
            {"status": "failed", "reasonCode": "busy", "reason": "SIP 486"},
        ),
        (TransferDone(succeeded=False), {"status": "failed", "reasonCode": "error"}),
    ],
)
def test_the_outcome_of_a_transfer_always_has_a_status(
    done: TransferDone, value: dict[str, str]
) -> None:
    assert vocabulary.transfer_status(done) == activities.event("transferStatus", value=value)


def test_a_hang_up_tells_everything_but_its_reason_and_headers_as_its_result() -> None:
    given = {"hangupReason": "Done", "hangupSipHeaders": [], "ticket": 7}
    hang_up = activities.event("hangup", activity_params=given)

    assert vocabulary.bot_result(hang_up) == {"ticket": 7}


@pytest.mark.parametrize("params", [None, {}, {"hangupReason": "Done"}])
def test_a_hang_up_without_more_has_no_result(params: activities.Json | None) -> None:
    assert vocabulary.bot_result(activities.event("hangup", activity_params=params)) is None


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        ([{"name": "X-A", "value": 1}], ({"name": "X-A", "value": "1"},)),
        ([{"name": "X-A"}, "X-B: 1", {"name": "X-C", "value": "c"}], None),
        ("X-A: 1", ()),
        (None, ()),
    ],
)
def test_only_names_with_a_value_become_headers(
    given: Any, headers: tuple[activities.Json, ...] | None
) -> None:
    hang_up = activities.event("hangup", activity_params={"hangupSipHeaders": given})
    wanted = ({"name": "X-C", "value": "c"},) if headers is None else headers

    assert vocabulary.hang_up_headers(hang_up) == wanted


@pytest.mark.parametrize(
    ("fields", "digits"),
    [
        ({"activity_params": {"dtmfDigits": "12*#"}}, "12*#"),
        ({"activity_params": {"dtmf": "1"}}, "1"),
        ({"activity_params": {"digits": 42}}, "42"),
        ({"value": "7"}, "7"),
        ({"activity_params": {"dtmfDigits": ""}, "value": "7"}, None),
        ({"activity_params": {"dtmfDigits": "1a"}}, None),
        ({"activity_params": {"dtmfDigits": "1" * 21}}, None),
        ({"activity_params": {"dtmfDigits": ["1"]}}, None),
        ({"activity_params": {"dtmfDigits": "1\n"}}, None),
        ({}, None),
    ],
)
def test_digits_are_taken_where_bots_put_them_and_refused_when_they_are_none(
    fields: activities.Json, digits: str | None
) -> None:
    assert vocabulary.digits_to_send(activities.event("sendDtmf", **fields)) == digits


@pytest.mark.parametrize(
    ("fields", "metadata"),
    [
        ({"value": {"a": 1}, "activity_params": {"b": 2}}, {"a": 1}),
        ({"value": 0}, 0),
        ({"activity_params": {"b": 2}}, {"b": 2}),
        ({}, None),
    ],
)
def test_metadata_is_the_value_or_else_the_parameters(
    fields: activities.Json, metadata: Any
) -> None:
    assert vocabulary.metadata(activities.event("sendMetaData", **fields)) == metadata


@pytest.mark.parametrize(
    ("reason_code", "ended_by"),
    [
        ("client-disconnected", ("caller", "client-disconnected")),
        ("bot-disconnected", ("bot", "bot-disconnected")),
        ("transferred", ("bot", "transferred")),
        ("no-answer", ("caller", "no-answer")),
        ("busy", ("caller", "busy")),
        ("declined", ("caller", "declined")),
        ("machine-detected", ("gateway", "machine-detected")),
        ("", ("gateway", "error")),
    ],
)
def test_a_reason_code_tells_who_ended_the_call(
    reason_code: str, ended_by: tuple[str, str]
) -> None:
    assert vocabulary.ended_by(reason_code) == ended_by
