"""JSON bodies: what is read, and what is refused before anybody looks at it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.rest.bodies import MAX_BYTES, MAX_DEPTH, MAX_KEYS, parsed, storable
from bots.rest.problems import Problem

pytestmark = pytest.mark.pure

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc"), inner, max_size=4),
    max_leaves=10,
)


def refused(body: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        parsed(body)
    return caught.value


@given(values)
def test_whatever_json_is_within_the_bounds_is_read_as_it_is(value: Any) -> None:
    assert parsed(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("20.0", 20), ("-0.0", 0), ("1e3", 1000), ("1.5", 1.5), ("1e300", 1e300), ("[2.0]", [2])],
)
def test_an_integral_number_is_an_integer_however_it_is_written(text: str, value: Any) -> None:
    found = parsed(text.encode())
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"1" * 5_000,
        b'{"a":1,"a":2}',
        b'"\\u0000"',
        b'{"\\ud800":1}',
        b'["\\udfff"]',
        b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
        b"[" * 200_000,
        json.dumps({str(n): 1 for n in range(MAX_KEYS + 1)}).encode(),
        json.dumps([{"a": 1}] * (MAX_KEYS + 1)).encode(),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_nobody_could_keep_is_malformed(body: bytes) -> None:
    problem = refused(body)
    assert problem.status == 400
    assert len(problem.detail) < 200


def test_the_bounds_themselves_are_allowed() -> None:
    parsed(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    parsed(json.dumps({str(n): 1 for n in range(MAX_KEYS)}).encode())
    assert refused(b" " * (MAX_BYTES + 1)).status == 413


def test_half_a_surrogate_pair_and_nul_cannot_be_kept() -> None:
    assert storable("Grüße 😀")
    assert not storable("a\0b")
    assert not storable("\ud83d")
