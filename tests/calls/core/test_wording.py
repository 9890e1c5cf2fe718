"""Texts as every database takes them."""

import pytest

from calls.core.wording import clean

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "kept"),
    [("Hello.", "Hello."), ("a\x00b", "ab"), ("half \ud800", "half ?"), ("\x00abc", "ab")],
)
def test_what_no_database_takes_is_left_out(text: str, kept: str) -> None:
    assert clean(text, 2 if kept == "ab" else 20) == kept


def test_a_text_is_cut_at_its_limit() -> None:
    assert clean("1" * 1_000_000, 7) == "1111111"
