"""Which sources a list of patterns means."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alarms.core.patterns import listed

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        ("azure-1", "provider:azure-1"),
        ("provider:azure-1", "provider:azure-1"),
        ("azure-*", "provider:azure-1"),
        ("provider:*", "provider:azure-1"),
        ("*", "provider:azure-1"),
        ("*", "database"),
        ("database", "database"),
        ("*zu*-*", "provider:azure-1"),
        ("host:1*", "process:host:17"),
    ],
)
def test_a_pattern_fits_the_whole_source_or_the_name_in_it(pattern: str, source: str) -> None:
    assert listed([pattern], source)


@pytest.mark.parametrize(
    "pattern", ["azure", "zure-1", "Azure-1", "azure-?", "azure-[0-9]", "bot:*", "azure-1*1", ""]
)
def test_another_pattern_does_not(pattern: str) -> None:
    assert not listed([pattern], "provider:azure-1")


def test_no_patterns_fit_everything_and_one_of_several_is_enough() -> None:
    assert listed([], "database")
    assert listed(["bot:*", "database"], "database")
    assert not listed(["bot:*", "worker"], "database")


@example("a*a*", "ab")
@example("*ab*b", "ab")
@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_star_is_any_text(pattern: str, text: str) -> None:
    regex = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert listed([pattern], text) == bool(re.fullmatch(regex, text))


def test_very_many_stars_take_no_time() -> None:
    assert not listed(["a*" * 50_000 + "b"], "a" * 200)
