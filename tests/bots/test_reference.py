"""The parameter page: what it says, and that the committed one is current."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from django.core.management import CommandError, call_command
from pydantic import Field

from bots.core import registry
from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet
from bots.core.params.reference import render
from bots.management.commands import docs


class Inner(ParamSet):
    SECTION: ClassVar[str] = "Inner"


class Shapes(ParamSet):
    SECTION: ClassVar[str] = "Shapes"
    count: Annotated[int, Param(help="A | B.", unit="ms", needs="patience")] = Field(
        5, ge=0, le=9, alias="count"
    )
    ratio: Annotated[float, Param(help="Ratio.", levels=BOT_SETTABLE)] = Field(0.5, alias="ratio")
    names: Annotated[tuple[str, ...], Param(help="Names.")] = Field((), alias="names")
    kind: Annotated[Literal["a", "b"], Param(help="Kind.")] = Field("a", alias="kind")
    only: Annotated[Literal["x"], Param(help="Only.")] = Field("x", alias="only")
    maybe: Annotated[int | None, Param(help="Maybe.")] = Field(None, alias="maybe")
    inner: Annotated[Inner, Param(help="Inner.")] = Field(Inner(), alias="inner")
    table: Annotated[dict[str, str], Param(help="Table.")] = Field(
        {"a long key": "a long value", "another": "and another one still"}, alias="table"
    )


@pytest.mark.pure
def test_each_parameter_is_one_row_with_type_range_and_who_may_set_it() -> None:
    page = render([("Of somebody.", Shapes)])
    rows = page[page.index("## Shapes") :].splitlines()
    assert rows[2] == "Of somebody."
    assert rows[6:] == [
        "| `count` | integer, 0 to 9 ms | `5` | administrator | A \\| B. Needs patience. |",
        "| `ratio` | number | `0.5` | administrator, bot | Ratio. |",
        "| `names` | list of strings | `[]` | administrator | Names. |",
        '| `kind` | one of `a`, `b` | `"a"` | administrator | Kind. |',
        '| `only` | string | `"x"` | administrator | Only. |',
        "| `maybe` | integer or null | `null` | administrator | Maybe. |",
        "| `inner` | object | `{}` | administrator | Inner. |",
        "| `table` | object | `{…}` | administrator | Table. |",
    ]


@pytest.mark.pure
def test_a_section_of_every_bot_names_no_owner() -> None:
    assert "## Inner\n\n| parameter" in render([("", Inner)])


def test_the_committed_page_is_current() -> None:
    assert docs.PAGE.read_text(encoding="utf-8") == docs.parameters_page()
    call_command("docs", "--check")


def test_an_outdated_page_fails_the_check_and_is_written_anew(
    tmp_path: Path, plugins: None, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "reference" / "parameters.md"
    with pytest.raises(CommandError, match=r"parameters\.md is outdated: run manage.py docs"):
        call_command("docs", "--check", output=page)
    call_command("docs", output=page)
    assert page.read_text(encoding="utf-8") == docs.parameters_page()
    assert capsys.readouterr().out == f"wrote {page}\n"
    call_command("docs", "--check", output=page)
    call_command("docs", output=page)
    assert capsys.readouterr().out == ""


@pytest.mark.usefixtures("plugins")
def test_plugins_that_are_no_part_of_the_gateway_are_not_on_the_page() -> None:
    page = docs.parameters_page()
    assert "`language`" in page
    assert "echoGreeting" not in page


@pytest.mark.usefixtures("plugins")
def test_no_page_is_made_while_a_plugin_of_ours_is_broken() -> None:
    registry.broken |= {"bots.speech.acme": "ImportError: no", "outside.plugin": "ImportError: no"}
    with pytest.raises(CommandError, match=r"could not be loaded: bots\.speech\.acme$"):
        docs.parameters_page()
