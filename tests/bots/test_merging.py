"""Two changes of one state."""

from typing import Any

import pytest

from bots.core.params.merging import ABSENT, merged, same, three_way

pytestmark = pytest.mark.pure

BASE = {"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}


def choices(theirs: dict[str, Any], mine: dict[str, Any], **chosen: str) -> dict[str, str]:
    return {each.name: each.choice for each in three_way(BASE, theirs, mine, chosen)}


def test_who_alone_changed_a_value_has_it() -> None:
    theirs = {**BASE, "a": 2, "f": 2}
    mine = {**BASE, "b": 2, "g": 2}
    assert choices(theirs, mine) == {"a": "theirs", "f": "theirs", "b": "mine", "g": "mine"}
    assert merged(theirs, three_way(BASE, theirs, mine)) == {**BASE, "a": 2, "b": 2, "f": 2, "g": 2}


def test_the_same_change_twice_is_no_question() -> None:
    changed = {**BASE, "a": 2}
    del changed["b"]
    assert three_way(BASE, changed, dict(changed)) == []


def test_where_both_changed_somebody_must_choose() -> None:
    theirs, mine = {**BASE, "a": 2}, {**BASE, "a": 3}
    (one,) = three_way(BASE, theirs, mine)
    assert (one.conflict, one.choice, one.base, one.theirs, one.mine) == (True, "", 1, 2, 3)
    assert merged(theirs, [one]) == theirs
    assert merged(theirs, three_way(BASE, theirs, mine, {"a": "mine"})) == mine
    assert merged(theirs, three_way(BASE, theirs, mine, {"a": "theirs"})) == theirs
    assert choices(theirs, mine, a="neither") == {"a": ""}


def test_a_value_that_one_removed_and_one_changed() -> None:
    theirs = {name: value for name, value in BASE.items() if name != "a"}
    mine = {**BASE, "a": 3}
    (one,) = three_way(BASE, theirs, mine)
    assert (one.conflict, one.theirs) == (True, ABSENT)
    assert merged(theirs, three_way(BASE, theirs, mine, {"a": "mine"})) == mine
    other = three_way(BASE, mine, theirs, {"a": "mine"})
    assert merged(mine, other) == theirs
    assert repr(ABSENT) == "ABSENT"


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, 1, True),
        (1, True, False),
        (True, True, True),
        (0, False, False),
        ([1, {"a": 1}], [1, {"a": 1}], True),
        ([1], [True], False),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"b": 1}, False),
        ([1], [1, 2], False),
        (1, 1.0, True),
        (ABSENT, None, False),
        (ABSENT, ABSENT, True),
    ],
)
def test_values_are_compared_as_json(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal
