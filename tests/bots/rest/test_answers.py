"""Pages and their cursors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.rest.answers import cursor, page, place
from bots.rest.problems import Problem

pytestmark = pytest.mark.pure


@given(st.text(st.characters(exclude_categories=("Cs",))), st.integers())
def test_a_cursor_comes_back_as_what_it_was_made_of(name: str, key: int) -> None:
    assert place(cursor(name, key), str, int) == [name, key]


def test_without_a_cursor_a_list_begins_at_its_beginning() -> None:
    assert place("", str) is None


@given(st.text(max_size=60).filter(lambda text: text not in {cursor(""), ""}))
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        place(text, str)
    assert caught.value.errors.keys() == {"after"}


@pytest.mark.parametrize("after", [cursor(1), cursor("a", "b"), cursor(True), "eyJhIjogMX0"])
def test_a_cursor_of_another_list_is_refused(after: str) -> None:
    with pytest.raises(Problem):
        place(after, str)


def test_a_page_knows_whether_another_follows() -> None:
    assert page(range(3), 2) == ([0, 1], True)
    assert page(range(2), 2) == ([0, 1], False)
