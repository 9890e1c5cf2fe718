"""SIP headers, keys, activities and audio addresses as they are written."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from bots.core import activities
from bots.core.params.reading import (
    AudioUrl,
    Keys,
    OneLine,
    SipHeaders,
    WrittenActivity,
    activity,
    smuggled,
)

pytestmark = pytest.mark.pure


def problem(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return str(refused.value.errors()[0]["msg"]).removeprefix("Value error, ")


def test_a_header_is_a_name_and_one_line() -> None:
    given = [{"name": "X-Call.Id", "value": "a: <ü>"}, {"name": "x", "value": ""}]
    headers = TypeAdapter[Any](SipHeaders).validate_python(given)
    assert [header.model_dump() for header in headers] == given


@pytest.mark.parametrize("value", ["a\r\nVia: b", "a\nb", "a\rb", "a\0", "a\x7f", "a\n"])
def test_no_header_smuggles_in_another(value: str) -> None:
    assert problem(SipHeaders, [{"name": "X", "value": value}]) == "must be one line"


@pytest.mark.parametrize("value", ["a\nb", "\0", "a\x85b", "a\u2028b", "\x7f", "\ud800"])
def test_a_line_has_no_control_characters(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(OneLine).validate_python(value)
    assert TypeAdapter(OneLine).validate_python("sip:ü@example.com;a=b") != ""


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({}, {}),
        ({"transferTarget": "tel:+1", "handoverReason": 7, "other": "a\nb"}, {}),
        ({"transferTarget": "tel:+1\r\nX: 1"}, {"transferTarget": "must be one line"}),
        ({"transferTarget": ["a\n", "b"]}, {}),
        (
            {"hangupReason": "\0", "handoverReason": "a\rb", "transferReferredByURL": "\n"},
            dict.fromkeys(
                ("handoverReason", "transferReferredByURL", "hangupReason"), "must be one line"
            ),
        ),
        ({"hangupSipHeaders": [{"name": "X", "value": 1}, {"name": "Y"}, {}, "Z", 7]}, {}),
        ({"transferSipHeaders": "X: 1"}, {}),
        (
            {"transferSipHeaders": [{"name": "X", "value": "1\r\nY: 2"}]},
            {"transferSipHeaders": "must be one line"},
        ),
        (
            {"hangupSipHeaders": [{"name": "X: 1\r\nY", "value": "2"}]},
            {"hangupSipHeaders": "must be the name of a SIP header"},
        ),
    ],
)
def test_what_would_smuggle_a_line_into_a_message_is_named(
    given: dict[str, Any], problems: dict[str, str]
) -> None:
    for scope in ("activity_params", "session_params", "parameters"):
        leaving = activities.event("transfer", **{scope: given})
        assert smuggled(leaving) == problems


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\n", "Ü"])
def test_a_header_needs_a_name_that_is_a_token(name: str) -> None:
    assert problem(SipHeaders, [{"name": name, "value": ""}]) == "must be the name of a SIP header"


def test_headers_have_limits() -> None:
    header = {"name": "X", "value": "v"}
    assert "at most 20 items" in problem(SipHeaders, [header] * 21)
    assert "2000 characters" in problem(SipHeaders, [header | {"value": "v" * 2001}])
    assert "100 characters" in problem(SipHeaders, [header | {"name": "X" * 101}])


def test_keys_are_those_of_a_telephone() -> None:
    assert TypeAdapter(Keys).validate_python("0123456789*#") == "0123456789*#"
    assert problem(Keys, "1a") == "must consist of the keys 0-9, * and #"


@pytest.mark.parametrize(
    "url", ["", "http://h/a.wav", "HTTPS://h", "data:audio/wav;base64,UklGRg==", "data:,x"]
)
def test_audio_is_at_an_http_address_or_in_the_url_itself(url: str) -> None:
    assert TypeAdapter(AudioUrl).validate_python(url) == url


@pytest.mark.parametrize("url", ["a.wav", "file:///etc/passwd", "http://", "https:///x", "data:x"])
def test_audio_is_nowhere_else(url: str) -> None:
    assert problem(AudioUrl, url) == "must be an http:, https: or data: URL"


def test_an_activity_is_read_and_kept_as_it_was_written() -> None:
    written = {"name": "start", "parameters": {"a": 1}, "extra": True}
    assert activity(written) == activities.event("start", parameters={"a": 1})
    assert TypeAdapter[Any](WrittenActivity).validate_python(written) == written
    said = {"type": "Message", "text": "hello", "activityParams": {"language": "de"}}
    assert activity(said).activity_params == {"language": "de"}


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({}, "an event needs a name"),
        ({"type": "event", "name": ""}, "an event needs a name"),
        ({"type": "message"}, "a message needs a text"),
        ({"type": "message", "text": " "}, "a message needs a text"),
        ({"type": "typing"}, "the type must be message or event"),
        ({"name": 5}, "is no activity: Expected `str | null`, got `int` - at `$.name`"),
        ({"name": "start", "parameters": []}, "is no activity: Expected `object | null`"),
    ],
)
def test_what_is_no_activity_is_refused(written: dict[str, Any], complaint: str) -> None:
    assert problem(WrittenActivity, written).startswith(complaint)


def test_an_activity_that_smuggles_a_line_is_not_written() -> None:
    given = {"name": "transfer", "activityParams": {"transferTarget": "tel:+1\r\nX: 1"}}
    with pytest.raises(ValueError, match="transferTarget must be one line"):
        activity(given)
