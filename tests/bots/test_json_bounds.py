"""How much JSON is too much."""

import pytest

from bots.core.json_bounds import MAX_LEVELS, MAX_PARTS, has_too_many_parts, is_too_deep

pytestmark = pytest.mark.pure


def nested(levels: int) -> object:
    value: object = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("unit", ["[],", "{},", "0,", '"",', '{"a":1},'])
def test_a_text_of_very_many_parts_is_refused(unit: str) -> None:
    text = "[" + unit * MAX_PARTS + "0]"
    assert has_too_many_parts(text)
    assert has_too_many_parts(text.encode())


def test_length_alone_is_nothing_bad() -> None:
    text = '{"audioChunk":"' + "A" * 4_000_000 + '"}'
    assert not has_too_many_parts(text)
    assert not has_too_many_parts(text.encode())
    assert not has_too_many_parts("[" + "0," * (MAX_PARTS - 2) + "0]")
    assert not has_too_many_parts("," * 50_000)


def test_levels_are_counted_in_objects_and_lists() -> None:
    assert not is_too_deep("plain")
    assert not is_too_deep(nested(MAX_LEVELS))
    assert is_too_deep(nested(MAX_LEVELS + 2))
    assert is_too_deep({"a": [1, 2, {}], "b": nested(MAX_LEVELS + 2)})
    assert is_too_deep(nested(900))
