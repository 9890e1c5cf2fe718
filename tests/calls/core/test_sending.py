"""Activities that a client sends into a live call: which can be carried out."""

from typing import Any

import pytest

from bots.core.activities import Activity, event, message
from calls.core.scopes import Scopes
from calls.core.sending import names, problem
from tests.calls.core.reader import configured


def of(activity: Activity, **values: Any) -> str:
    return problem([message("Hello."), activity], Scopes(configured(**values)))


@pytest.mark.pure
@pytest.mark.parametrize(
    "activity",
    [
        message("<speak>One <break/> two</speak>"),
        Activity(type="Message", text="Hello."),
        event("playUrl", activity_params={"playUrlUrl": "https://example.com/a.wav"}),
        event("HANGUP"),
        event("transfer", activity_params={"transferTarget": "tel:+15550111"}),
        event("config", session_params={"language": "de-DE"}),
        event("abortPrompts"),
        event("expectAnotherBotMessage"),
        event("startCallRecording"),
        event("sendDtmf", activity_params={"dtmfDigits": "1"}),
        event("sendMetaData", value={"ticket": 7}),
    ],
)
def test_whatever_a_bot_may_send_can_be_sent(activity: Activity) -> None:
    assert of(activity) == ""


@pytest.mark.pure
@pytest.mark.parametrize(
    ("activity", "why"),
    [
        (event("dance"), "dance: it is not known"),
        (Activity(type="event"), "without a name: it is not known"),
        (Activity(type="typing"), "without a name: its type must be message or event"),
        (message(" "), "message: there is nothing to say in its text"),
        (Activity(type="message"), "message: there is nothing to say in its text"),
        (event("playUrl"), "playUrl: it needs playUrlUrl"),
        (event("transfer"), "transfer: it needs transferTarget"),
        (event("handover"), "handover: it needs transferTarget"),
        (
            event("transfer", activity_params={"transferTarget": "sip:a@b\r\nX: 1"}),
            "transfer: transferTarget must be one line",
        ),
        (
            event("hangup", activity_params={"hangupSipHeaders": [{"name": "X:", "value": ""}]}),
            "hangup: hangupSipHeaders must be the name of a SIP header",
        ),
        (event("sendDtmf"), "sendDtmf: it needs dtmfDigits, 1 to 20 of 0-9, * and #"),
        (event("sendMetaData"), "sendMetaData: it needs a value"),
    ],
)
def test_what_cannot_be_carried_out_is_named_with_its_place(activity: Activity, why: str) -> None:
    assert of(activity) == f"Activity 2, {why}"


@pytest.mark.pure
def test_what_is_configured_need_not_be_sent() -> None:
    assert of(event("transfer"), transferTarget="tel:+15550111") == ""
    assert of(event("playUrl"), playUrlUrl="https://example.com/a.wav") == ""


@pytest.mark.pure
def test_names_tell_nothing_of_the_content() -> None:
    sent = [
        message("Secret."),
        event("sendDtmf", value="4711"),
        Activity(type="x"),
        event("e" * 99),
    ]
    assert names(sent) == ["message", "sendDtmf", "", "e" * 60]
