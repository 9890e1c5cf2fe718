"""Activities on the wire and the three places of a parameter."""

import msgspec
import pytest

from bots.core.activities import Activity, event, message

pytestmark = pytest.mark.pure


def test_an_activity_is_written_in_camel_case_without_what_is_absent() -> None:
    activity = message("Hello", activity_params={"language": "de-DE"}, id="7")
    assert msgspec.to_builtins(activity) == {
        "type": "message",
        "id": "7",
        "text": "Hello",
        "activityParams": {"language": "de-DE"},
    }


def test_an_activity_is_read_with_unknown_fields_ignored() -> None:
    raw = b'{"type":"event","name":"DTMF","value":"5","channelData":{"x":1}}'
    assert msgspec.json.decode(raw, type=Activity) == event("DTMF", value="5")


@pytest.mark.parametrize("kind", ["event", "Event", "EVENT"])
def test_the_case_of_type_and_name_does_not_matter(kind: str) -> None:
    activity = Activity(type=kind, name="DTMF")
    assert (activity.kind, activity.event) == ("event", "dtmf")


@pytest.mark.parametrize(
    "activity", [message("hangup", name="hangup"), Activity(type="event"), Activity(type="typing")]
)
def test_what_is_no_named_event_has_no_event_name(activity: Activity) -> None:
    assert activity.event == ""


def test_activity_parameters_win_over_session_parameters_over_plain_ones() -> None:
    activity = event(
        "config",
        activity_params={"a": 1},
        session_params={"a": 2, "b": 2},
        parameters={"a": 3, "b": 3, "c": 3},
    )
    assert [activity.parameter(name) for name in "abcd"] == [1, 2, 3, None]


def test_a_parameter_that_is_null_hides_the_weaker_places() -> None:
    activity = event("x", activity_params={"a": None}, parameters={"a": 3})
    assert activity.parameter("a") is None


def test_an_activity_without_parameters_has_none() -> None:
    assert message("hi").parameter("language") is None
