"""The page of log lines knows every line that the code writes."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from gateway_project import logpage
from gateway_project.management.commands import logs

pytestmark = pytest.mark.pure

CODE = """
log.info("call.started", bot=bot)
self._log.exception("call.broke", **{"pii.text": text, "turn": 1})
(line.debug if quiet else line.info)("http.served", status=200)
log.bind(path=path).error("call.started", exc_info=error, **more)
log.info(name)
log.info("a text without a name")
math.log("x.y")
catalogue.info("no.line")
"""


def test_events_are_found_with_levels_places_and_keys(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    (tmp_path / "calls" / "host.py").write_text(CODE)
    assert sorted(logpage.written(tmp_path)) == [
        ("call.broke", "exception", "calls.host", ("pii.text", "turn")),
        ("call.started", "info", "calls.host", ("bot",)),
        ("http.served", "debug", "calls.host", ("status",)),
        ("http.served", "info", "calls.host", ("status",)),
    ]
    page = logpage.page(tmp_path)
    assert "| `call.broke` | error, with traceback | `calls.host` | `pii.text`, `turn` |" in page
    assert "| `http.served` | debug, info | `calls.host` | `status` |" in page


def test_the_page_names_the_lines_that_operators_look_for(repository: Path) -> None:
    events = {each.event for each in logpage.written(repository)}
    assert {"call.started", "call.ended", "service.failed", "http.served", "child.died"} <= events


def test_an_outdated_page_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(logs, "PAGE", tmp_path / "logs.md")
    with pytest.raises(CommandError, match=r"run manage\.py logs"):
        call_command("logs", "--check")
    call_command("logs")
    call_command("logs", "--check")
