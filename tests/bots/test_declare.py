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


@pytest.mark.parametrize(
    ("field", "annotation", "section", "complaint"),
    [
        (Field(0, alias="x"), GOOD, "", "Broken must name its SECTION"),
        (Field(0, alias="x"), int, "Broken", r"Broken\.value carries no Param"),
        (Field(alias="x"), GOOD, "Broken", r"Broken\.value has no default"),
        (Field(0), GOOD, "Broken", r"Broken\.value has no wire name"),
        (Field(0, ge=1, alias="x"), GOOD, "Broken", "Broken has a wrong default"),
    ],
)
def test_a_slip_in_a_declaration_stops_start_up(
    field: Any, annotation: Any, section: str, complaint: str
) -> None:
    _define(Field(0, alias="x"), GOOD)
    with pytest.raises(TypeError, match=complaint):
        _define(field, annotation, section)
