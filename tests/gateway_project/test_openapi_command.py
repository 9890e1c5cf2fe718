"""``manage.py openapi`` and the reference page."""

import pytest
from django.core.management import CommandError, call_command

from gateway_project.management.commands import openapi

pytestmark = pytest.mark.pure


def test_the_list_of_operations_in_the_reference_is_current() -> None:
    call_command("openapi", "--check")


def test_an_outdated_list_is_told_and_written_again(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path_factory.mktemp("docs") / "rest-api.md"
    page.write_text(f"# Before\n\n{openapi.BEGIN}old\n{openapi.END}\n\nAfter\n")
    monkeypatch.setattr(openapi, "PAGE", page)
    with pytest.raises(CommandError, match="outdated"):
        call_command("openapi", "--check")
    call_command("openapi")
    text = page.read_text()
    assert text.startswith("# Before\n")
    assert text.endswith("\n\nAfter\n")
    assert "| `PATCH /api/v1/bots/{name}` | Change a bot | `bots:write` |" in text
    call_command("openapi", "--check")
