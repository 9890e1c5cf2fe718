"""``manage.py configuration``."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bots.models import AuditEvent, Bot, BotRevision
from bots.services import bot_create, provider_create

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]

NEW = """\
version: 1
providers:
  ear:
    kind: stt
    plugin: ear
    credentials: [earKey]
bots:
  door:
    provider: echo
    access_mode: token
    params:
      language: de-DE
    secrets: [echoPin]
"""


@pytest.fixture(autouse=True)
def _echo(plugins: None, db: None) -> None:
    provider_create(name="echo", kind="bot", plugin="echo")


def configuration(*words: Any, typed: str = "") -> str:
    output = StringIO()
    call_command("configuration", *words, stdout=output, stdin=StringIO(typed))
    return output.getvalue()


def test_what_is_exported_can_be_imported(tmp_path: Path) -> None:
    bot_create(name="door", author="ann", is_base=True)
    file = tmp_path / "gateway.yaml"
    file.write_text(configuration("export"), encoding="utf-8")
    said = configuration("import", str(file))
    assert said == "0 created, 0 changed, 2 the same, 0 not named in the file\n"
    assert "echo" not in configuration("export", "--bot", "door")
    with pytest.raises(CommandError, match="no bot named 'nobody'"):
        configuration("export", "--bot", "nobody")


def test_a_dry_run_tells_everything_and_stores_nothing() -> None:
    said = configuration("import", "-", "--dry-run", typed=NEW)
    assert said.splitlines() == [
        "create provider ear",
        "  kind: unset -> stt",
        "  plugin: unset -> ear",
        "  earKey is a secret: set it by hand",
        "create bot door",
        "  access_mode: unset -> token",
        "  enabled: unset -> on",
        "  is_base: unset -> off",
        "  provider: unset -> echo",
        "  language: unset -> de-DE",
        "  echoPin is a secret: set it by hand",
        "  mint a token: until then the bot takes no calls",
        "2 would be created, 0 would be changed, 0 the same, 1 not named in the file",
    ]
    assert not Bot.objects.exists()


def test_an_import_is_told_and_signed() -> None:
    configuration("import", "-", "--message", "From git", typed=NEW)
    revision = BotRevision.objects.get()
    assert revision.message == "From git"
    assert revision.author.endswith("command line)") or revision.author == "command line"
    event = AuditEvent.objects.get(action="configuration.imported")
    assert event.actor == revision.author
    said = configuration("import", "-", typed=NEW.replace("language: de-DE", "voiceName: Anna"))
    assert "  language: de-DE -> unset\n" in said


def test_problems_are_told_line_by_line(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^line 10: bots\.door\.base: there is no bot named x$"):
        configuration("import", "-", typed=NEW.replace("access_mode: token", "base: x"))
    with pytest.raises(CommandError, match=r"^line 1: version: must be 1$"):
        configuration("import", "-", typed="version: 2")
    with pytest.raises(CommandError, match=r"^is empty$"):
        configuration("import", "-")
    with pytest.raises(CommandError, match="cannot read"):
        configuration("import", str(tmp_path / "nothing.yaml"))
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"\xff")
    with pytest.raises(CommandError, match="cannot read"):
        configuration("import", str(file))


def test_a_machine_may_have_no_name_for_its_user(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 987_654)
    configuration("import", "-", typed=NEW)
    assert BotRevision.objects.get().author == "command line"
