"""What a dialer asks for: what is let through, and that nothing of it can inject anything."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.errors import ParameterError
from calls.core import dialling
from calls.core.dialling import Wish, checked

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SEPARATING = re.compile(r'[\r\n\0"<>\\ ]')


def wish(**fields: Any) -> Wish:
    return Wish(**({"bot": "demo", "target": "+12025550100"} | fields))


def problems(**fields: Any) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused:
        checked(wish(**fields), NOW)
    return refused.value.problems


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("tel:+4930123456", "tel:+4930123456"),
        ("TEL:+49 30/123".replace("/", "-"), "tel:+4930123"),
        ("+1 (202) 555-0100", "tel:+12025550100"),
        ("2001", "tel:2001"),
        ("(030) 12", "tel:03012"),
        ("sip:anna@sandbox", "sip:anna@sandbox"),
        ("SIPS:a%20b@[::1]:5061;transport=tcp", "sips:a%20b@[::1]:5061;transport=tcp"),
        ("sip:+4930@192.0.2.1:5060", "sip:+4930@192.0.2.1:5060"),
    ],
)
def test_a_target_is_kept_as_an_uri(given: str, kept: str) -> None:
    assert checked(wish(target=given), NOW).target == kept


@pytest.mark.parametrize(
    "given",
    [
        "", "tel:", "+", "tel:+1", "tel:+0123456", "+49 (0)30 123", "tel:+4930123;ext=5", "Anna",
        "1" * 33, "+" + "1" * 16, "\N{ARABIC-INDIC DIGIT ONE}2345",
        "sip:", "sip:@host", "sip:user", "sip:user@", "sip:user@host\r\nSubject: x",
        "sip:us er@host", "sip:a@host?Subject=x", "sip:a%0d%0ab@host", "sip:a%00b@host",
        "sip:a%7fb@host", "sip:a@host:70000", "sip:a@host:0", "sip:a@[::1", "sip:a@[zz]",
        "sip:a@-host", "sip:a@ho_st", "sip:a@" + "h" * 300, "http://user@host", "sip:a\0@host",
        "tel:+4930123456\n", "sip:a\ud800@host",
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused(given: str) -> None:
    assert list(problems(target=given)) == ["target"]


@given(st.text(max_size=310) | st.from_regex(r"(sip:|tel:)?[ -~\r\n]{0,30}(@[ -~\r\n]{1,20})?"))
def test_no_target_separates_anything(text: str) -> None:
    try:
        uri = dialling.target_uri(text)
    except ValueError:
        return
    assert not SEPARATING.search(uri)
    assert uri.isascii()
    assert re.match(r"(tel|sips?):", uri)
    assert len(uri) <= dialling.TARGET_CHARS
    assert dialling.target_uri(uri) == uri


@pytest.mark.parametrize(
    ("given", "kept"),
    [("", ""), ("+49 30 123", "+4930123"), ("anna.b", "anna.b"), ("a%40b", "a%40b")],
)
def test_a_caller_is_the_user_part_of_an_address(given: str, kept: str) -> None:
    assert checked(wish(caller=given), NOW).caller == kept


@pytest.mark.parametrize("given", ["a b", "a@b", "a\r\nb", "a<b", "a" * 129, "a;b", "ä", "a%0ab"])
def test_what_is_no_user_part_is_refused(given: str) -> None:
    assert list(problems(caller=given)) == ["caller"]


@pytest.mark.parametrize(
    ("given", "kept"), [("", ""), ("SBC.Example", "sbc.example"), ("192.0.2.1", "192.0.2.1"),
                        ("2001:db8::1", "2001:db8::1"), ("[2001:db8::1]", "[2001:db8::1]")]
)  # fmt: skip
def test_a_host_is_a_name_or_an_address(given: str, kept: str) -> None:
    assert checked(wish(caller_host=given), NOW).caller_host == kept


@pytest.mark.parametrize("given", ["a b", "a:5060", "[::1", "::1]", "a\n", "a..b", "a" * 254])
def test_what_is_no_host_is_refused(given: str) -> None:
    assert list(problems(caller_host=given)) == ["callerHost"]


@pytest.mark.parametrize("given", ["", "Anna O'Brien", "Müller & Söhne", "株式会社"])
def test_a_display_name_is_any_line_of_text(given: str) -> None:
    assert checked(wish(caller_display_name=f" {given} "), NOW).caller_display_name == given


@pytest.mark.parametrize(
    "given", ['a"b', "a<b", "a\\b", "a\nb", "a\0b", "\u202eb", "\u2028", "\ud800", "a" * 201]
)
def test_a_display_name_does_not_leave_its_place(given: str) -> None:
    assert list(problems(caller_display_name=f"x{given}")) == ["callerDisplayName"]


@given(st.text(max_size=50))
def test_no_text_of_a_header_separates_anything(text: str) -> None:
    for read in (dialling.caller_user, dialling.host_name):
        try:
            assert not SEPARATING.search(read(text))
        except ValueError:
            continue
    try:
        name = dialling.display_name(text)
    except ValueError:
        return
    assert not re.search(r'[\r\n\0"<>\\]', name)


@pytest.mark.parametrize("seconds", [5, 300, 20.0])
def test_it_may_ring_for_whole_seconds(seconds: float) -> None:
    kept = checked(wish(answer_timeout_s=seconds), NOW).answer_timeout_s
    assert (kept, type(kept)) == (seconds, int)


@pytest.mark.parametrize("seconds", [4, 301, 20.5, float("nan"), float("inf"), -1])
def test_it_may_not_ring_for_other_times(seconds: float) -> None:
    assert list(problems(answer_timeout_s=seconds)) == ["answerTimeoutSec"]


def test_parameters_have_a_bound_since_thousands_of_calls_may_wait() -> None:
    room = dialling.PARAMETERS_BYTES - len('{"a":""}')
    checked(wish(parameters={"a": "x" * room}), NOW)
    assert list(problems(parameters={"a": "x" * (room + 1)})) == ["parameters"]


def test_parameters_that_cannot_be_kept_are_refused() -> None:
    assert list(problems(parameters={"a": "\ud800"})) == ["parameters"]


def test_metadata_is_kept_unchanged() -> None:
    value = {"a": [1, 2.5, None, True, "ä"], "b": {"c": -(2**63) + 1}}
    assert checked(wish(metadata=value), NOW).metadata == value
    assert checked(wish(), NOW).metadata is None


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "value",
    [
        {"a": "\0"}, {"\0": 1}, {"a": "\ud800"}, {"a": 2**63}, {"a": float("nan")},
        {"a": [float("inf")]}, {"a": "x" * 16_384}, nested(17),
    ],
)  # fmt: skip
def test_metadata_that_cannot_be_kept_is_refused(value: dict[str, Any]) -> None:
    assert list(problems(metadata=value)) == ["metadata"]


def test_metadata_may_have_as_many_levels_and_bytes_as_it_says() -> None:
    value = {"a": "x" * (dialling.METADATA_BYTES - len('{"a":""}'))}
    assert checked(wish(metadata=value), NOW).metadata == value
    assert checked(wish(metadata=nested(dialling.METADATA_DEPTH)), NOW).metadata


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_metadata_that_is_kept_comes_back_from_json(value: dict[str, Any]) -> None:
    try:
        kept = dialling.checked_metadata(value)
    except ValueError:
        return
    assert msgspec.json.decode(msgspec.json.encode(kept)) == value


def test_a_call_is_placed_at_once_and_within_an_hour_unless_it_says_otherwise() -> None:
    found = checked(wish(), NOW)
    assert (found.not_before, found.not_after) == (NOW, NOW + timedelta(hours=1))
    past = checked(wish(not_before=NOW - timedelta(days=1)), NOW)
    assert past.not_before == NOW


def test_a_call_may_be_scheduled_in_any_time_zone() -> None:
    begin = datetime(2026, 11, 22, 9, tzinfo=timezone(timedelta(hours=1)))
    found = checked(wish(not_before=begin, not_after=begin + timedelta(minutes=5)), NOW)
    assert found.not_before == begin
    assert found.not_before.tzinfo is UTC
    assert found.not_after - found.not_before == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"not_before": datetime(2026, 11, 22)}, "notBefore"),  # noqa: DTZ001 - what is refused
        ({"not_before": NOW + timedelta(days=32)}, "notBefore"),
        ({"not_after": datetime(2026, 11, 22)}, "notAfter"),  # noqa: DTZ001 - what is refused
        ({"not_after": NOW}, "notAfter"),
        ({"not_after": NOW + timedelta(days=32)}, "notAfter"),
        ({"machine_detection": "maybe"}, "machineDetection"),
    ],
)
def test_other_wrong_fields_are_named(fields: dict[str, Any], wrong: str) -> None:
    assert list(problems(**fields)) == [wrong]


def test_every_wrong_field_is_told_at_once() -> None:
    found = problems(
        target="nobody",
        caller="a b",
        caller_host="a b",
        caller_display_name="\n\0x",
        answer_timeout_s=1,
        machine_detection="maybe",
        metadata={"a": "\0"},
        not_before=NOW + timedelta(days=99),
        not_after=NOW - timedelta(days=99),
    )
    assert set(found) == {
        *("target", "caller", "callerHost", "callerDisplayName", "answerTimeoutSec"),
        *("machineDetection", "metadata", "notBefore", "notAfter"),
    }
