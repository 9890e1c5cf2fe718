"""If-Match and If-None-Match."""

import pytest
from django.test import RequestFactory

from bots.rest.preconditions import expected_revision, tag_of, tag_of_content, unchanged
from bots.rest.problems import Problem

pytestmark = pytest.mark.pure


def sent(**headers: str) -> RequestFactory:
    return RequestFactory(headers={name.replace("_", "-"): text for name, text in headers.items()})


@pytest.mark.parametrize("given", ['"3"', '"2", "3"', '"2","3"', "*", ' "3" '])
def test_a_change_of_the_revision_that_is_there_goes_on(given: str) -> None:
    assert expected_revision(sent(If_Match=given).put("/"), 3) == 3


@pytest.mark.parametrize("given", ['"2"', 'W/"3"', '"33"', '""', '"2", "33"'])
def test_a_change_of_another_revision_fails_and_tells_which_is_there(given: str) -> None:
    with pytest.raises(Problem) as caught:
        expected_revision(sent(If_Match=given).put("/"), 3)
    assert caught.value.status == 412
    assert caught.value.headers == {"ETag": tag_of(3)}


@pytest.mark.parametrize("given", ["3", '"3', "", 'w/"3"', '"3", 4', '"3"4"'])
def test_a_tag_without_its_quotation_marks_is_not_called_stale(given: str) -> None:
    with pytest.raises(Problem) as caught:
        expected_revision(sent(If_Match=given).put("/"), 3)
    assert (caught.value.status, caught.value.code) == (400, "malformed_header")
    assert "quotation marks" in caught.value.detail


def test_a_change_that_names_no_revision_is_asked_for_one() -> None:
    with pytest.raises(Problem) as caught:
        expected_revision(sent().put("/"), 3)
    assert caught.value.status == 428


@pytest.mark.parametrize("given", ['"3"', 'W/"3"', '"1", "3"', "*"])
def test_who_has_it_already_is_told_so(given: str) -> None:
    answer = unchanged(sent(If_None_Match=given).get("/"), tag_of(3))
    assert answer is not None
    assert (answer.status_code, answer["ETag"], answer.content) == (304, '"3"', b"")
    assert not answer.has_header("Content-Type")


@pytest.mark.parametrize("headers", [{}, {"If_None_Match": '"2"'}, {"If_None_Match": "3"}])
def test_everybody_else_gets_it(headers: dict[str, str]) -> None:
    assert unchanged(sent(**headers).get("/"), tag_of(3)) is None


def test_the_tag_of_content_follows_what_it_says() -> None:
    assert tag_of_content({"a": 1, "b": 2}) == tag_of_content({"b": 2, "a": 1})
    assert tag_of_content({"a": 1}) != tag_of_content({"a": 2})
