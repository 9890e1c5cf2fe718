"""The page about every type of alarm."""

import pytest

from alarms.core.catalogue import CATALOGUE
from alarms.core.reference import render

pytestmark = pytest.mark.pure


def test_every_type_has_its_section_with_everything_that_is_declared() -> None:
    page = render()
    for kind in CATALOGUE.values():
        section = page.partition(f"\n## {kind.name}\n")[2].partition("\n## ")[0]
        row = f"| {kind.number} | [{kind.name}](#{kind.name.lower()}) | {kind.severity.word} |"
        assert row in page
        for text in (kind.title, kind.effect, kind.text, kind.cause, *kind.steps):
            assert text in section


def test_thresholds_and_delays_are_told_in_words() -> None:
    page = render()
    counts = "3 times within 60 s, or in a row within 900 s"
    assert f"| major | provider | {counts} | after 10 s without, or when nobody" in page
    assert "| major | worker | when it has held for 15 s | when it is over |" in page
    assert "- Counts: at once\n" in page
