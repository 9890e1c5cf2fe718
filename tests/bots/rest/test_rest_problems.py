"""What each error is to a client."""

import json
from typing import Annotated, Any, Literal

import pydantic
import pytest
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404
from ninja.errors import HttpError, ValidationError
from pydantic import BaseModel, Field, TypeAdapter

from bots.core.errors import Denied, Fault, ParameterError, ServiceError
from bots.rest.problems import CONTENT_TYPE, ERRORS_SHOWN, Problem, problem_of, wire_name
from bots.services import StaleRevision

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ParameterError({"a": "is wrong"}), 422),
        (StaleRevision("demo", 1, 2), 412),
        (LookupError("there is no such thing"), 404),
        (Http404(), 404),
        (PermissionDenied(), 403),
        (Denied("bots:write"), 403),
        (BadRequest(), 400),
        (HttpError(400, "Cannot parse request body"), 400),
        (Problem(409), 409),
    ],
)
def test_errors_that_a_client_causes_have_a_status(error: Exception, status: int) -> None:
    problem = problem_of(error)
    assert problem is not None
    assert problem.status == status


@pytest.mark.parametrize(
    "error", [ValueError(), KeyError("a"), IndexError(), ServiceError("tts:x", Fault.SERVER)]
)
def test_faults_of_the_gateway_are_no_problem_of_the_client(error: Exception) -> None:
    assert problem_of(error) is None


def test_a_problem_that_a_parser_raised_is_found_behind_ninjas_own() -> None:
    try:
        raise HttpError(400, "Cannot parse request body") from Problem(413)
    except HttpError as error:
        problem = problem_of(error)
    assert problem is not None
    assert problem.status == 413


def test_the_answer_has_what_the_rfc_and_what_dialers_read() -> None:
    answer = Problem(
        422, "Fields are wrong", "a: is wrong", code="wrong_fields", errors={"a": "is wrong"}
    ).response()
    assert answer["Content-Type"] == CONTENT_TYPE
    assert answer["Cache-Control"] == "no-store"
    assert json.loads(answer.content) == {
        "type": "about:blank",
        "title": "Fields are wrong",
        "status": 422,
        "detail": "a: is wrong",
        "error": "wrong_fields",
        "message": "a: is wrong",
        "errors": [{"field": "a", "message": "is wrong"}],
    }


class _Red(BaseModel):
    do: Literal["red"]


class _Blue(BaseModel):
    do: Literal["blue"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"do": "green"}, {"do": "must be one of 'red', 'blue'"}),
        ({}, {"do": "is missing"}),
    ],
)
def test_a_body_of_several_forms_names_what_tells_them_apart(
    given: dict[str, str], found: dict[str, str]
) -> None:
    kinds: TypeAdapter[Any] = TypeAdapter(Annotated[_Red | _Blue, Field(discriminator="do")])
    with pytest.raises(pydantic.ValidationError) as caught:
        kinds.validate_python(given)
    errors = [{**each, "loc": ("body", "body", *each["loc"])} for each in caught.value.errors()]
    problem = problem_of(ValidationError(errors))
    assert problem is not None
    assert problem.errors == found


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (("body", "body", "params", "x"), "params.x"),
        (("body", "body"), "body"),
        (("query", "limit"), "limit"),
        (("query", "filters", "has", 0), "has"),
        (("path", "number"), "number"),
    ],
)
def test_a_wrong_field_is_named_without_the_argument_that_holds_it(
    place: tuple[str | int, ...], field: str
) -> None:
    problem = problem_of(ValidationError([{"loc": place, "type": "missing", "msg": ""}]))
    assert problem is not None
    assert problem.errors == {field: "is missing"}


def test_headers_go_along_and_words_come_from_the_status() -> None:
    answer = Problem(429, headers={"Retry-After": "3"}).response()
    assert answer["Retry-After"] == "3"
    body = json.loads(answer.content)
    assert (body["title"], body["error"]) == ("Too many requests", "too_many_requests")
    assert "errors" not in body


def test_thousands_of_wrong_fields_make_no_huge_answer() -> None:
    problem = problem_of(ParameterError({f"f{n}": "is wrong" * 100 for n in range(5_000)}))
    assert problem is not None
    assert len(problem.body()["errors"]) == ERRORS_SHOWN
    assert len(problem.body()["detail"]) <= 1_000


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("display_name", "displayName"),
        ("userNoInputTimeoutMS", "userNoInputTimeoutMS"),
        ("child_bot.access_mode", "child_bot.accessMode"),
        ("a.userNoInputTimeoutMS", "a.userNoInputTimeoutMS"),
    ],
)
def test_fields_are_told_by_their_names_on_the_wire(name: str, wire: str) -> None:
    assert wire_name(name) == wire
