"""Digits, metadata and recording for the bot, each in its turn."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.activities import Activity
from calls.core import commands
from calls.core.actions import (
    MAX_KEPT,
    MAX_RECORDING_ID_CHARACTERS,
    MAX_RECORDINGS,
    Actions,
)
from calls.core.outbox import Outbox
from calls.core.scopes import Scopes
from tests.calls.core.reader import configured

pytestmark = pytest.mark.pure

URL = "https://crm.example.com/call"


class Stage:
    """The actions of a call that was answered, and what they emit."""

    def __init__(self, **values: Any) -> None:
        self.out = Outbox()
        self.actions = Actions(Scopes(configured(**values)), self.out)
        self.actions.connected()

    def perform(self, name: str, **fields: Any) -> list[Any]:
        """What ``name`` leads to; notes as their text."""
        assert self.actions.perform(activities.event(name, **fields), 1.0)
        return self.taken()

    def taken(self) -> list[Any]:
        return [
            command.text if isinstance(command, commands.RecordLine) else command
            for command in self.out.take()
        ]


def told(name: str, **fields: Any) -> commands.SendToVoiceSide:
    return commands.SendToVoiceSide(activities.event(name, **fields))


def test_other_events_are_left_to_others() -> None:
    stage = Stage()

    assert not stage.actions.perform(activities.event("config"), 1.0)
    assert stage.taken() == []


def test_digits_go_to_the_voice_side_under_their_documented_name() -> None:
    assert Stage().perform("SendDTMF", value="1#") == [
        "Digits 1# were sent",
        told("sendDtmf", activity_params={"dtmfDigits": "1#"}),
    ]


def test_digits_that_are_none_are_noted() -> None:
    (note,) = Stage().perform("sendDtmf", value="one")

    assert "ignored" in note


@pytest.mark.parametrize(
    ("url", "sip_info", "posted", "sent"),
    [
        ("", False, False, True),
        ("", True, False, True),
        (URL, False, True, False),
        (URL, True, True, True),
    ],
)
def test_metadata_takes_the_configured_ways(
    url: str, *, sip_info: bool, posted: bool, sent: bool
) -> None:
    stage = Stage(sendMetadataAsSipInfo=sip_info, sendMetaDataTimeoutMs=4000)
    stage.actions.meta_data_url = url
    post = commands.PostMetaData(url=URL, metadata={"a": 1}, timeout_ms=4000)
    wanted = [post] * posted + [told("sendMetaData", value={"a": 1})] * sent

    assert stage.perform("sendMetaData", value={"a": 1}) == wanted


def test_metadata_that_is_none_is_noted() -> None:
    (note,) = Stage().perform("sendMetaData")

    assert "ignored" in note


def test_before_the_answer_the_voice_side_is_told_nothing_and_then_everything_in_order() -> None:
    out = Outbox()
    actions = Actions(Scopes(configured()), out)
    actions.perform(activities.event("sendMetaData", value=1), 1.0)
    actions.tell_voice_side(activities.event("config"))
    before = out.take()
    actions.connected()
    released = out.take()
    actions.connected()

    assert before == []
    assert released == [told("sendMetaData", value=1), told("config")]
    assert out.take() == []


def test_before_the_answer_not_more_is_kept_than_a_voice_side_can_take() -> None:
    out = Outbox()
    actions = Actions(Scopes(configured()), out)
    for number in range(MAX_KEPT + 1):
        actions.tell_voice_side(activities.event("sendMetaData", value=number))
    actions.connected()
    released = out.take()

    assert len(released) == MAX_KEPT
    assert released[0] == told("sendMetaData", value=1)


def test_a_call_has_so_many_recordings_and_no_more() -> None:
    stage = Stage()
    for _ in range(MAX_RECORDINGS):
        stage.perform("startCallRecording", activity_params={"callRecordingId": "7" * 1_000_000})
        stage.perform("stopCallRecording")

    assert stage.actions.recordings == ("7" * MAX_RECORDING_ID_CHARACTERS,) * MAX_RECORDINGS
    (note,) = stage.perform("startCallRecording")
    assert note == "The bot sent startCallRecording, but the call was recorded 100 times; ignored"


def test_a_recording_goes_where_the_bot_and_the_configuration_say() -> None:
    stage = Stage(callRecordingServer="SmartTAP", callRecordingDestUsername="acme")
    destination = {
        "callRecordingServer": "Other",
        "callRecordingDestUsername": "acme",
        "callRecordingId": "case-7",
    }
    given = {"callRecordingServer": "Other", "callRecordingId": "case-7"}

    note, asked = stage.perform("startCallRecording", activity_params=given)

    assert note.endswith("recording case-7")
    assert asked == told("startCallRecording", activity_params=destination)
    assert stage.actions.recordings == ("case-7",)


def test_later_steps_of_a_recording_carry_no_destination() -> None:
    stage = Stage(callRecordingServer="SmartTAP")
    stage.perform("startCallRecording")

    assert stage.perform("pauseCallRecording")[-1] == told("pauseCallRecording")
    assert stage.perform("stopCallRecording")[-1] == told("stopCallRecording")


def test_a_step_that_does_not_fit_is_noted_and_not_told() -> None:
    (note,) = Stage().perform("resumeCallRecording")

    assert note == "The bot sent resumeCallRecording, but the call is not recorded; ignored"


@pytest.mark.parametrize(("conversation", "first"), [("call-9", "call-9-1"), (None, "call-1")])
def test_sessions_without_an_id_are_numbered(conversation: str | None, first: str) -> None:
    stage = Stage()
    stage.actions.begin({"vaigConversationId": conversation}, 0.0)
    for name in ("startCallRecording", "stopCallRecording", "startCallRecording"):
        stage.perform(name)

    assert stage.actions.recordings == (first, first[:-1] + "2")


@pytest.mark.parametrize("automatic", [True, False])
def test_an_automatic_recording_begins_with_the_call(*, automatic: bool) -> None:
    stage = Stage(autoCallRecording=automatic, callRecordingId="always")
    stage.actions.begin({}, 0.0)

    assert stage.actions.recordings == ("always",) * automatic


def test_an_activity_without_a_name_is_none_of_these() -> None:
    assert not Stage().actions.perform(Activity(type="event"), 1.0)
