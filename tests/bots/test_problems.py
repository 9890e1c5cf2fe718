"""What is wrong with a value is said in plain words that name the right ones."""

from typing import Annotated, Any, ClassVar, Literal, Self

import pytest
from pydantic import AfterValidator, Field, ValidationError, model_validator

from bots.core.params.declare import Param, ParamSet, Part
from bots.core.params.problems import by_wire_name

pytestmark = pytest.mark.pure


def _even(value: int) -> int:
    if value % 2:
        raise ValueError("must be even")
    return value


class Leg(Part):
    name: str = Field(min_length=1)
    length: float = Field(default=0, ge=0, le=10)


class Table(ParamSet):
    SECTION: ClassVar[str] = "Table"
    wait: Annotated[int, Param(help="x", unit="ms")] = Field(0, ge=0, le=600, alias="wait")
    least: Annotated[float, Param(help="x")] = Field(1, ge=0.5, alias="least")
    most: Annotated[int, Param(help="x", unit="dB")] = Field(0, le=30, alias="most")
    share: Annotated[float, Param(help="x")] = Field(0, ge=0, le=1, alias="share")
    count: Annotated[int, Param(help="x")] = Field(0, alias="count")
    even: Annotated[int, AfterValidator(_even), Param(help="x")] = Field(0, alias="even")
    flag: Annotated[bool, Param(help="x")] = Field(default=False, alias="flag")
    kind: Annotated[Literal["a", "b"], Param(help="x")] = Field("a", alias="kind")
    text: Annotated[str, Param(help="x")] = Field("x", alias="text", min_length=1, max_length=3)
    words: Annotated[tuple[str, ...], Param(help="x")] = Field((), alias="words", max_length=2)
    map: Annotated[dict[str, str] | None, Param(help="x")] = Field(None, alias="map")
    leg: Annotated[Leg, Param(help="x")] = Field(Leg(name="x"), alias="leg")
    code: Annotated[str, Param(help="x")] = Field("x", alias="code", pattern="^x$")

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.wait and self.count:
            raise ValueError("wait and count exclude each other")
        return self


def problems(values: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(ValidationError) as refused:
        Table.model_validate(values)
    return by_wire_name(Table, refused.value)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("wait", -1, "must be between 0 and 600 ms"),
        ("wait", 601, "must be between 0 and 600 ms"),
        ("wait", 0.5, "must be a whole number between 0 and 600 ms"),
        ("wait", "soon", "must be a whole number between 0 and 600 ms"),
        ("wait", None, "must be a whole number between 0 and 600 ms"),
        ("least", 0, "must be at least 0.5"),
        ("least", "x", "must be a number"),
        ("least", [], "must be a number"),
        ("most", 31, "must be at most 30 dB"),
        ("share", "half", "must be a number between 0 and 1"),
        ("count", {}, "must be a whole number"),
        ("count", "9" * 5000, "must be a whole number"),
        ("even", 3, "must be even"),
        ("flag", "perhaps", "must be true or false"),
        ("flag", None, "must be true or false"),
        ("kind", "c", "must be 'a' or 'b'"),
        ("text", 5, "must be text"),
        ("text", "", "must not be empty"),
        ("text", "long", "must have at most 3 characters"),
        ("words", "one", "must be a list"),
        ("words", ["a", 3], "1: must be text"),
        ("words", ["a", "b", "c"], "must have at most 2 entries"),
        ("map", [], "must be an object"),
        ("map", {"a": 1}, "a: must be text"),
        ("leg", "x", "must be an object"),
        (
            "leg",
            {"name": "", "length": 11},
            "name: must not be empty; length: must be at most 10.0",
        ),
        ("leg", {"length": "x", "form": 1}, None),
    ],
)
def test_a_wrong_value_is_answered_by_what_would_be_right(
    name: str, value: Any, problem: str | None
) -> None:
    several = "name: is missing; length: must be a number; form: is not known here"
    assert problems({name: value}) == {name: problem or several}


def test_a_rule_between_parameters_stands_under_the_section() -> None:
    assert problems({"wait": 1, "count": 1}) == {"Table": "wait and count exclude each other"}


def test_what_has_no_words_of_ours_is_told_in_those_of_the_library() -> None:
    assert problems({"code": "y"}) == {"code": "String should match pattern '^x$'"}


def test_every_wrong_parameter_is_told() -> None:
    found = problems({"wait": -1, "flag": 7, "unknown": 1})
    assert sorted(found) == ["flag", "unknown", "wait"]
