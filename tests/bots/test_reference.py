"""The parameter page: what it says, and that the committed one is current."""

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from django.core.management import CommandError, call_command
from pydantic import Field, SecretStr

from bots.core import registry
from bots.core.params.declare import BOT_SETTABLE, DIALER_SETTABLE, Later, Param, ParamSet
from bots.core.params.reference import render
from bots.management.commands import docs


class Inner(ParamSet):
    """Something inside.

    In more words.
    """

    SECTION: ClassVar[str] = "Inner (of all)"


class Shapes(ParamSet):
    """Values of every shape."""

    SECTION: ClassVar[str] = "Shapes"
    count: Annotated[int, Param(help="A | B.", unit="ms", needs="patience")] = Field(
        5, ge=0, le=9, alias="count"
    )
    ratio: Annotated[float, Param(help="Ratio.", levels=BOT_SETTABLE, live=True)] = Field(
        0.5, alias="ratio"
    )
    names: Annotated[tuple[str, ...], Param(help="Names.", levels=BOT_SETTABLE)] = Field(
        (), alias="names"
    )
    kind: Annotated[Literal["a", "b"], Param(help="Kind.", source="RFC 1")] = Field(
        "a", alias="kind"
    )
    kinds: Annotated[tuple[Literal["a", "b"], ...], Param(help="Kinds.", needs=Later.SIP)] = Field(
        (), alias="kinds"
    )
    only: Annotated[Literal["x"], Param(help="Only.", live=True)] = Field("x", alias="only")
    maybe: Annotated[int | None, Param(help="Maybe.", levels=DIALER_SETTABLE)] = Field(
        None, alias="maybe"
    )
    key: Annotated[SecretStr, Param(help="Key.", secret=True)] = Field(SecretStr(""), alias="key")
    inner: Annotated[Inner, Param(help="Inner.")] = Field(Inner(), alias="inner")
    inners: Annotated[tuple[Inner, ...], Param(help="Inners.")] = Field((), alias="inners")
    free: Annotated[Any, Param(help="Free.")] = Field(None, alias="free")
    table: Annotated[dict[str, str], Param(help="Table.")] = Field(
        {"a long key": "a long value", "another": "and another one still"}, alias="table"
    )
    words: Annotated[str, Param(help="Words.")] = Field("w" * 70, alias="words")


@pytest.mark.pure
def test_each_parameter_is_one_row_with_type_range_and_who_may_set_it() -> None:
    page = render([("Of somebody.", Shapes)])
    section = page[page.index("\n## Shapes") + 1 : page.index("\n## What is not")]
    rows = section.splitlines()
    assert rows[2:5] == ["Values of every shape.", "", "Of somebody."]
    assert rows[8:] == [
        "| `count` | integer, 0 to 9 ms | `5` | administrator "
        "| A \\| B. Needs patience. | gateway |",
        "| `ratio` | number | `0.5` | administrator, bot; live | Ratio. | gateway |",
        "| `names` | list of strings | `[]` | administrator, bot | Names. | gateway |",
        '| `kind` | one of `a`, `b` | `"a"` | administrator | Kind. | RFC 1 |',
        "| `kinds` | list of `a`, `b` | `[]` | administrator "
        "| Kinds. *Not acting yet:* needs a SIP voice channel. | gateway |",
        '| `only` | string | `"x"` | administrator; live | Only. | gateway |',
        "| `maybe` | integer or null | `null` | administrator, dialer | Maybe. | gateway |",
        '| `key` | secret | `""` | administrator | Key. | gateway |',
        "| `inner` | object | `{}` | administrator | Inner. | gateway |",
        "| `inners` | list of objects | `[]` | administrator | Inners. | gateway |",
        "| `free` | anything | `null` | administrator | Free. | gateway |",
        "| `table` | object | `{…}` | administrator | Table. | gateway |",
        f'| `words` | string | `"{"w" * 59}…` | administrator | Words. | gateway |',
    ]


@pytest.mark.pure
def test_a_section_of_every_bot_names_no_owner() -> None:
    page = render([("", Inner)])
    assert "## Inner (of all)\n\nSomething inside.\n\nIn more words.\n\n| parameter" in page


@pytest.mark.pure
def test_a_section_that_a_plugin_shares_with_every_bot_appears_once() -> None:
    assert render([("", Inner), ("Of somebody.", Inner)]) == render([("", Inner)])


@pytest.mark.pure
def test_the_page_begins_with_its_sections_and_ends_with_what_is_no_parameter() -> None:
    page = render([("", Inner), ("", Shapes)])
    assert "\n[Inner (of all)](#inner-of-all) ·\n[Shapes](#shapes)\n" in page
    tail = page[page.index("## What is not a parameter") :]
    assert "| `sttProvider` | the field stt_provider of the bot: its recogniser |\n" in tail


def test_the_committed_page_is_current() -> None:
    assert docs.PAGE.read_text(encoding="utf-8") == docs.parameters_page()
    assert docs.ROLES_PAGE.read_text(encoding="utf-8") == docs.roles_page()
    assert docs.CONFORMANCE_PAGE.read_text(encoding="utf-8") == docs.conformance_page()
    call_command("docs", "--check")


def test_an_outdated_page_fails_the_check_and_is_written_anew(
    tmp_path: Path, plugins: None, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "reference" / "parameters.md"
    with pytest.raises(CommandError, match=r"parameters\.md is outdated: run manage.py docs"):
        call_command("docs", "--check", output=page)
    call_command("docs", output=page)
    assert page.read_text(encoding="utf-8") == docs.parameters_page()
    names = ("roles.md", "conformance.md", "alarms.md")
    written = [page, *(page.with_name(name) for name in names)]
    assert capsys.readouterr().out == "".join(f"wrote {each}\n" for each in written)
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
