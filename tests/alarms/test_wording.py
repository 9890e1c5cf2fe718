"""The texts of alarms are made from templates that reach nothing but source and detail."""

import pytest

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import MAX_TEXT_CHARS
from alarms.core.wording import filled, problem_of

pytestmark = pytest.mark.pure


def test_a_template_names_the_source_and_the_detail() -> None:
    text = filled("Bot {source} fails: {detail}", source="provider:azure-1", detail="timeout")
    assert text == "Bot azure-1 fails: timeout"
    assert filled("{source}", source="database", detail="") == "database"


def test_without_a_detail_nothing_hangs_over() -> None:
    assert filled("Bot {source} fails: {detail}", source="bot:a", detail="") == "Bot a fails"
    assert filled("{detail} of {source}", source="bot:a", detail="") == "of a"


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    assert filled("{detail} {source}", source="a", detail="{source}") == "{source} a"
    assert (
        filled("{source.__class__} {0} {}", source="a", detail="b") == "{source.__class__} {0} {}"
    )


def test_a_text_is_one_line_and_bounded() -> None:
    assert filled("a\r\n{detail}", source="x", detail="b\n\nc") == "a b c"
    assert len(filled("{detail}", source="x", detail="y" * 10_000)) == MAX_TEXT_CHARS


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("", ""),
        ("All of {source}: {detail}, {detail}", ""),
        ("{who}", "knows {source} and {detail}, not {who}"),
        ("{}", "knows {source} and {detail}, not {}"),
        ("{source", "brace"),
        ("source}", "brace"),
        ("{{source}}", "brace"),
        ("a\nb", "one line"),
        ("a\0b", "one line"),
        ("a\ud800b", "one line"),
        ("x" * 501, "more than 500"),
    ],
)
def test_a_template_that_is_wrong_is_told_why(template: str, problem: str) -> None:
    found = problem_of(template)
    assert problem in found
    assert bool(found) == bool(problem)


def test_every_template_of_the_catalogue_is_right() -> None:
    for kind in CATALOGUE.values():
        assert problem_of(kind.text) == "", kind.name
