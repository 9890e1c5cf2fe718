"""Cells of CSV files: no text becomes a formula, numbers stay numbers, everything comes back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.spreadsheet import cell, content

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\n=x",
        "  =x",
        "\u00a0=x",
        "\u3000=x",
        "＝1+1",  # noqa: RUF001
        "＋1",  # noqa: RUF001
        "－1",  # noqa: RUF001
        "＠x",  # noqa: RUF001
        "+0049",
        "+12345678901234567",
        "+49 151",
        "-1.5.2",
        "-1-1",
        "'=x",
        "'quoted",
    ],
)
def test_what_could_be_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert cell(text) == "'" + text


@pytest.mark.parametrize(
    "text", ["+4915112345", "-12", "1.5", "-0.25", "plain", "a=b", "", " ", "é"]
)
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert cell(text) == text


def test_other_values_are_shown_as_text_and_nothing_as_nothing() -> None:
    assert [cell(None), cell(12), cell(-1.5), cell(True)] == ["", "12", "-1.5", "True"]


@given(st.text(alphabet=" '=+-@\t\r\n\u3000＝1a.", max_size=6))  # noqa: RUF001
def test_what_was_put_into_a_cell_comes_out_of_it(text: str) -> None:
    assert content(cell(text)) == text


def test_an_apostrophe_of_another_hand_stays() -> None:
    assert content("'plain") == "'plain"
