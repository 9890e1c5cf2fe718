"""YAML as far as the gateway reads it (bots.core.yaml_text)."""

from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from bots.core import yaml_text
from bots.core.yaml_text import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_KEYS,
    MalformedText,
    read,
    write,
)

pytestmark = pytest.mark.pure

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
AWKWARD = st.text("ab \n\r\t\x85\u2028:#-'\"|>?0.e1", max_size=12)
NAMES = TEXT | AWKWARD
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


def refused(text: str) -> tuple[str, int, str]:
    with pytest.raises(MalformedText) as problem:
        read(text)
    found = problem.value.problem
    return found.path, found.line, found.text


@given(JSON)
@example({"a": "1e5", "b": "0o17", "c": "~", "\n": None, "": "\n", "d": "x\n\n"})
@example(
    {"no": "no", "date": "2026-01-01", "number": "+15550100", "time": "12:30", "e": "\u2028\n"}
)
def test_what_was_written_is_read_back(value: Any) -> None:
    got = read(write(value)).value
    assert got == value
    assert repr(got) == repr(value)


@given(JSON)
def test_other_readers_understand_what_was_written(value: Any) -> None:
    assert yaml.safe_load(write(value)) == value


def test_only_what_json_knows_is_more_than_text() -> None:
    text = (
        "{a: no, b: 2026-01-01, c: 012, d: .inf, e: 1e999, f: 0x1F, g: True, h: ~, i: 1_000,"
        " j: -1.5e3, k: '5', l: +7, m: .5, <<: {n: 1}, o: }"
    )
    assert read(text).value == {
        "a": "no",
        "b": "2026-01-01",
        "c": 12,
        "d": ".inf",
        "e": "1e999",
        "f": "0x1F",
        "g": True,
        "h": None,
        "i": "1_000",
        "j": -1500.0,
        "k": "5",
        "l": 7,
        "m": 0.5,
        "<<": {"n": 1},
        "o": None,
    }


def test_a_number_of_too_many_digits_is_text() -> None:
    assert read("9" * 1001).value == "9" * 1001
    assert read("9" * 1000).value == int("9" * 1000)


def test_text_of_several_lines_is_a_block() -> None:
    assert write({"a": "x\n\n y\n", "b": "one"}) == "a: |\n  x\n\n   y\nb: one\n"


def test_long_text_stays_in_one_line() -> None:
    assert write("word " * 500).count("\n") == 1


def test_every_part_has_a_line() -> None:
    content = read("a:\n  b:\n  - 1\n  - c: 2\n")
    assert content.line(("a",)) == 1
    assert content.line(("a", "b", "1", "c")) == 4
    assert content.line(("a", "b", "7", "x")) == 2
    assert content.line(("z",)) == 1
    assert yaml_text.Content(None, {}).line(("z",)) == 0


@pytest.mark.parametrize(
    ("text", "path", "line", "says"),
    [
        ("a: &x 1\nb: *x", "a", 1, "anchors"),
        ("a: *x", "a", 1, "anchors"),
        ("a: !!str 1", "a", 1, "tags"),
        ("a: !!python/object/apply:os.system [ls]", "a", 1, "tags"),
        ("b: 1\na: !!binary x", "a", 2, "tags"),
        ("a: 1\nb: 1\na: 2", "a", 3, "twice"),
        ("a:\n  b: 1\n  'b': 2", "a.b", 3, "twice"),
        ("", "", 0, "empty"),
        ("# only a comment\n", "", 0, "empty"),
        ("a: 1\n---\nb: 1", "", 2, "second document"),
        ("a: [", "", 2, "is not YAML"),
        ("a: b: c", "", 1, "is not YAML"),
        ("a: \x01", "", 0, "control characters"),
        ("a: \ud800", "", 0, "Unicode"),
        ('a: "\\0"', "a", 1, "cannot be stored"),
        ('"\\0": a', "", 1, "cannot be stored"),
        ("? [a]\n: b", "", 1, "name must be text"),
        ("a: @b", "", 1, "is not YAML"),
    ],
)
def test_what_is_not_read_is_refused_with_its_place(
    text: str, path: str, line: int, says: str
) -> None:
    found = refused(text)
    assert found[:2] == (path, line)
    assert says in found[2]


def test_half_a_character_cannot_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower parser lets it through."""
    monkeypatch.setattr(yaml_text, "_PARSER", yaml.SafeLoader)
    assert "cannot be stored" in refused('a: "\\ud800"')[2]


def test_too_deep_is_refused_before_it_is_built() -> None:
    assert read("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)
    assert "nested deeper" in refused("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1))[2]
    assert "nested deeper" in refused("[" * 100_000)[2]
    assert "nested deeper" in refused("- " * 100_000)[2]


def test_too_many_names_are_refused() -> None:
    line = "a{}: 1\n"
    assert read("".join(line.format(n) for n in range(MAX_KEYS)))
    assert (
        "more than 10000 names" in refused("".join(line.format(n) for n in range(MAX_KEYS + 1)))[2]
    )


def test_too_many_entries_of_lists_are_refused() -> None:
    assert read(f"a: [{'b,' * MAX_ITEMS}]")
    assert "more than 20000 entries" in refused(f"a: [{'b,' * MAX_ITEMS}b]")[2]
    assert "more than 20000 entries" in refused(f"[{'[b],' * (MAX_ITEMS // 2)}b]")[2]


def test_too_large_is_refused() -> None:
    assert read("a: " + "x" * (MAX_BYTES - 3))
    assert "1024 KiB" in refused("a: " + "x" * (MAX_BYTES - 2))[2]
    assert "1024 KiB" in refused("ü" * (MAX_BYTES // 2 + 1))[2]


def test_the_error_says_where() -> None:
    with pytest.raises(MalformedText, match="line 1: a: anchors"):
        read("a: *b")
