"""Pages and their cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.rest.answers import cursor, page, place
from bots.rest.problems import Problem

pytestmark = pytest.mark.pure


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.integers(0, 2**63 - 1),
)
def test_a_cursor_comes_back_as_what_it_was_made_of(name: str, key: int) -> None:
    assert place(cursor(name, key), str, int) == [name, key]


def test_without_a_cursor_a_list_begins_at_its_beginning() -> None:
    assert place("", str) is None


@given(st.text(max_size=60).filter(lambda text: text not in {cursor(""), ""}))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        place(text, str)
    assert caught.value.errors.keys() == {"after"}


@pytest.mark.parametrize(
    "after",
    [cursor(1), cursor("a", "b"), cursor(True), cursor("a\0"), cursor("\ud800"), "eyJhIjogMX0"],
)
def test_a_cursor_of_another_list_is_refused(after: str) -> None:
    with pytest.raises(Problem):
        place(after, str)


@pytest.mark.parametrize("number", [-1, 2**63, 10**200])
def test_a_cursor_with_a_number_that_no_column_holds_is_refused(number: int) -> None:
    with pytest.raises(Problem) as caught:
        place(cursor(number), int)
    assert caught.value.body()["detail"].startswith("after: is no cursor")


def test_a_page_knows_whether_another_follows() -> None:
    assert page(range(3), 2) == ([0, 1], True)
    assert page(range(2), 2) == ([0, 1], False)
