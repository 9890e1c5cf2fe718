"""Declarations: what a section must say, and what is derived from it."""

from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, ValidationError

from bots.core.params.declare import (
    ADMINISTRATOR,
    BOT_SETTABLE,
    Level,
    Param,
    ParamSet,
    Part,
    declared,
)

pytestmark = pytest.mark.pure


class Sample(ParamSet):
    SECTION: ClassVar[str] = "Sample"
    wait_ms: Annotated[int, Param(help="Wait.", unit="ms", levels=BOT_SETTABLE)] = Field(
        0, ge=0, le=600, alias="sampleWaitMS"
    )
    names: Annotated[tuple[str, ...], Param(help="Names.")] = Field((), alias="sampleNames")
    table: Annotated[dict[str, int], Param(help="Table.", live=True)] = Field(
        {}, alias="sampleTable"
    )


def test_parameters_are_listed_in_the_order_of_their_declaration() -> None:
    found = list(declared(Sample))
    assert [p.wire_name for p in found] == ["sampleWaitMS", "sampleNames", "sampleTable"]
    assert [p.attribute for p in found] == ["wait_ms", "names", "table"]
    assert {p.section for p in found} == {Sample}


def test_inherited_parameters_come_last() -> None:
    class Heir(Sample):
        SECTION: ClassVar[str] = "Heir"
        own: Annotated[str, Param(help="Own.")] = Field("", alias="heirOwn")

    class Same(Sample):
        SECTION: ClassVar[str] = "Same"

    names = [p.wire_name for p in declared(Sample)]
    assert [p.wire_name for p in declared(Heir)] == ["heirOwn", *names]
    assert [p.wire_name for p in declared(Same)] == names


def test_a_declaration_says_who_may_set_the_parameter() -> None:
    wait, names, table = (p.param for p in declared(Sample))
    assert (wait.levels, wait.unit, wait.live) == (BOT_SETTABLE, "ms", False)
    assert (names.levels, table.live) == (ADMINISTRATOR, True)


def test_the_bot_may_set_at_run_time_what_an_administrator_may_set_at_rest() -> None:
    assert BOT_SETTABLE > ADMINISTRATOR
    at_run_time = BOT_SETTABLE - ADMINISTRATOR
    assert at_run_time == {Level.DIALOUT, Level.SESSION, Level.ACTIVITY}
    assert Level.DEFAULT not in BOT_SETTABLE


def test_levels_are_ordered_from_weak_to_strong() -> None:
    assert list(Level) == sorted(Level)
    assert Level.DEFAULT < Level.PROVIDER < Level.BASE_BOT < Level.BOT < Level.DIALOUT
    assert Level.DIALOUT < Level.SESSION < Level.ACTIVITY


class Letter(ParamSet):
    SECTION: ClassVar[str] = "Letter"
    text: Annotated[str, Param(help="Text.", placeholders=True)] = Field(
        "", alias="letterText", max_length=20
    )
    plain: Annotated[str, Param(help="Text.")] = Field("", alias="letterPlain")


def test_a_template_that_does_not_compile_is_refused_by_its_wire_name() -> None:
    right = {"letterText": "Dear ${name}", "letterPlain": "${"}
    assert Letter.model_validate(right).text == "Dear ${name}"
    with pytest.raises(ValidationError) as refused:
        Letter.model_validate({"letterText": "Dear ${"})
    (problem,) = refused.value.errors()
    assert problem["loc"] == ("letterText",)
    assert "SyntaxError" in problem["msg"]


def test_a_template_is_limited_like_any_text() -> None:
    with pytest.raises(ValidationError):
        Letter.model_validate({"letterText": "x" * 21})
    with pytest.raises(ValidationError):
        Letter.model_validate({"letterText": 5})


def test_an_object_inside_a_value_is_frozen_camel_case_and_knows_its_fields() -> None:
    class Seat(Part):
        row_number: int = 1

    assert Seat.model_validate({"rowNumber": 3}).row_number == 3
    assert Seat().model_dump(by_alias=True) == {"rowNumber": 1}
    with pytest.raises(ValidationError):
        Seat.model_validate({"row": 3})
    with pytest.raises(ValidationError):
        Seat().row_number = 7  # type: ignore[misc]  # it is frozen


def test_values_are_given_by_wire_name_only_and_never_changed() -> None:
    assert Sample.model_validate({"sampleWaitMS": 5}).wait_ms == 5
    with pytest.raises(ValidationError):
        Sample.model_validate({"wait_ms": 5})
    with pytest.raises(ValidationError):
        Sample().wait_ms = 7  # type: ignore[misc]  # the section is frozen


def _define(field: Any, annotation: Any, section: str = "Broken") -> None:
    body = {"__annotations__": {"value": annotation}, "value": field, "SECTION": section}
    body["__annotations__"]["SECTION"] = ClassVar[str]
    type("Broken", (ParamSet,), {**body, "__module__": __name__})


GOOD = Annotated[int, Param(help="x")]
OPEN_SECRET = Annotated[int, Param(help="Help.", secret=True)]


@pytest.mark.parametrize(
    ("field", "annotation", "section", "complaint"),
    [
        (Field(0, alias="x"), GOOD, "", "Broken must name its SECTION"),
        (Field(0, alias="x"), int, "Broken", r"Broken\.value carries no Param"),
        (Field(alias="x"), GOOD, "Broken", r"Broken\.value has no default"),
        (Field(0), GOOD, "Broken", r"Broken\.value has no wire name"),
        (Field(0, ge=1, alias="x"), GOOD, "Broken", "Broken has a wrong default"),
        (Field(0, alias="x"), OPEN_SECRET, "Broken", r"Broken\.value: a secret is a SecretStr"),
    ],
)
def test_a_slip_in_a_declaration_stops_start_up(
    field: Any, annotation: Any, section: str, complaint: str
) -> None:
    _define(Field(0, alias="x"), GOOD)
    with pytest.raises(TypeError, match=complaint):
        _define(field, annotation, section)


def test_a_plug_in_may_have_a_default_for_anything_and_a_supervisor_sets_what_is_live() -> None:
    wait, _names, table = (p.param for p in declared(Sample))
    assert wait.settable_at(Level.DEFAULT)
    assert [each.settable_at(Level.SUPERVISOR) for each in (wait, table)] == [False, True]
