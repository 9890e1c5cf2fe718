"""What differs between two states of values (bots.core.differences)."""

from typing import Any

import pytest
from msgspec import UNSET
from pydantic import SecretStr

from bots.core.differences import MAX_LINES, Changes, brief, differences, full, same
from bots.core.params.resolve import MASK

pytestmark = pytest.mark.pure


def shown(
    before: dict[str, Any], after: dict[str, Any]
) -> list[tuple[str, str | None, str | None]]:
    return [(each.name, each.before, each.after) for each in differences(before, after)]


def test_what_is_set_changed_and_removed_is_told_by_name() -> None:
    before = {"same": 1, "b": "old", "gone": True}
    after = {"same": 1, "b": "new", "a": [1]}
    assert shown(before, after) == [
        ("a", None, "[1]"),
        ("b", "old", "new"),
        ("gone", "on", None),
    ]
    assert [each.old is UNSET for each in differences(before, after)] == [True, False, False]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, True, False),
        (0, False, False),
        (1, 1, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        (None, False, False),
        (SecretStr("a"), SecretStr("a"), True),
        (SecretStr("a"), SecretStr("b"), False),
        (SecretStr("a"), "a", False),
        (UNSET, UNSET, True),
        (UNSET, None, False),
    ],
)
def test_values_are_the_same_when_json_says_so(one: object, other: object, equal: bool) -> None:
    assert same(one, other) is equal
    assert same(other, one) is equal


def test_a_secret_is_only_ever_its_mask() -> None:
    (found,) = differences({"pin": SecretStr("canary-1")}, {"pin": SecretStr("canary-2")})
    assert (found.before, found.after, found.secret, found.lines) == (MASK, MASK, True, ())
    (found,) = differences({}, {"pin": SecretStr("canary-" * 20)})
    assert (found.before, found.after, found.secret, found.lines) == (None, MASK, True, ())
    assert "canary" not in repr(found)
    assert brief(SecretStr("")) == "empty"
    assert full(SecretStr("canary")) == MASK


def test_long_values_are_compared_line_by_line() -> None:
    numbers = list(range(20))
    (found,) = differences({"list": numbers}, {"list": [*numbers[:5], 50, *numbers[6:15]]})
    states = [(line.state, line.text.strip()) for line in found.lines]
    assert states == [
        ("same", "3,"),
        ("same", "4,"),
        ("gone", "5,"),
        ("added", "50,"),
        ("same", "6,"),
        ("same", "7,"),
        ("gap", "…"),
        ("same", "12,"),
        ("same", "13,"),
        ("gone", "14,"),
        ("gone", "15,"),
        ("gone", "16,"),
        ("gone", "17,"),
        ("gone", "18,"),
        ("gone", "19"),
        ("added", "14"),
        ("same", "]"),
    ]


def test_long_texts_are_compared_as_they_are() -> None:
    text = "First line of a prompt\nSecond line of it\nThird line of the same prompt"
    (found,) = differences({"p": text}, {"p": text.replace("Second", "Other")})
    assert [(line.state, line.text) for line in found.lines if line.state != "same"] == [
        ("gone", "Second line of it"),
        ("added", "Other line of it"),
    ]
    (found,) = differences({}, {"p": text})
    assert [line.state for line in found.lines] == ["added"] * 3
    (found,) = differences({"p": text}, {})
    assert [line.state for line in found.lines] == ["gone"] * 3


def test_short_values_and_endless_ones_are_not() -> None:
    (found,) = differences({"a": "x" * 59}, {"a": "y"})
    assert found.lines == ()
    (found,) = differences({"a": "x" * 60}, {"a": "y"})
    assert len(found.lines) == 2
    (found,) = differences({"a": "x\n" * MAX_LINES}, {"a": "y"})
    assert found.lines == ()


def test_changes_are_something_or_nothing() -> None:
    assert not Changes()
    assert Changes(parameters=differences({}, {"a": 1}))
    assert Changes(settings=differences({}, {"a": 1}))


def test_the_whole_of_a_value_takes_as_many_lines_as_it_needs() -> None:
    assert full("a\nb") == "a\nb"
    assert full({"b": 1, "a": ["ü"]}) == '{\n  "a": [\n    "ü"\n  ],\n  "b": 1\n}'
