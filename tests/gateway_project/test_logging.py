"""Logs: one line each, nothing secret in it, through structlog and the standard library alike."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from django.core.exceptions import PermissionDenied

from bots.core.redaction import MASK
from gateway_project.logging import configuration
from tests.logged import Written, written

pytestmark = pytest.mark.pure

CANARY = "canary-7Kq2-of-sixteen-and-more"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Whoever makes a configuration sets up structlog, and so for all tests after it."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def stream() -> Iterator[Written]:
    with written() as stream:
        yield stream


@pytest.fixture
def console() -> Iterator[Written]:
    with written("console") as stream:
        yield stream


def test_both_ways_of_logging_give_one_json_object_a_line(stream: Written) -> None:
    with structlog.contextvars.bound_contextvars(call="c1"):
        structlog.get_logger("calls").info("call.started", bot="demo", token=CANARY)
        logging.getLogger("library").warning("connecting to %s", f"redis://:{CANARY}@host")
    lines = stream.lines()
    assert [line["message"] for line in lines] == [
        "call.started",
        f"connecting to redis://:{MASK}@host",
    ]
    assert [line["log.level"] for line in lines] == ["info", "warning"]
    assert [line["log"]["logger"] for line in lines] == ["calls", "library"]
    assert all(line["gateway"]["call"]["id"] == "c1" for line in lines)
    assert all(line["@timestamp"].endswith("Z") for line in lines)


def test_a_traceback_holds_no_secret_and_no_local_variables(stream: Written) -> None:
    local_secret = CANARY
    try:
        raise RuntimeError(f"GET https://x/?api_key={local_secret}")
    except RuntimeError:
        structlog.get_logger("calls").exception("call.broke")
        logging.getLogger("library").exception("broke")
    lines = stream.getvalue()
    assert lines.count("Traceback") == 2
    assert len(lines.splitlines()) == 2
    assert CANARY not in lines


def test_a_caller_cannot_forge_a_log_line(stream: Written) -> None:
    structlog.get_logger("calls").info("call.started", channel='x\n{"event": "forged"}')
    assert len(stream.getvalue().splitlines()) == 1


def test_lines_below_the_level_are_not_written(stream: Written) -> None:
    structlog.get_logger("calls").debug("frame.sent")
    logging.getLogger("twisted").info("Starting factory")
    assert stream.getvalue() == ""


def test_debug_level_also_shows_the_libraries() -> None:
    debug, info = (
        configuration(style="json", level=level, pii=False)["loggers"]
        for level in ("debug", "info")
    )
    assert "twisted" in info
    assert "twisted" not in debug
    # These would tell what clients sent and what is asked of the database.
    assert all(each["level"] == "INFO" for each in debug.values())
    assert {"django.db.backends", "oauth2_provider"} <= debug.keys()


@pytest.mark.parametrize(
    "character", ["\x1b", "\x08", "\r", "\n", "\x9b", "\x85", "\u2028", "\u202e"]
)
def test_a_caller_cannot_steer_the_terminal(console: Written, character: str) -> None:
    structlog.get_logger("calls").info("http.served", path=f"/{character}[2Jx")
    logging.getLogger("library").info("served /%s[2Jx", character)
    for line in (lines := console.getvalue().removesuffix("\n").split("\n")):
        assert "[2Jx" in line
        assert character not in line
    assert len(lines) == 2


def test_a_traceback_on_the_console_has_lines(console: Written) -> None:
    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        structlog.get_logger("calls").exception("call.crashed", path="/calls")
    assert len(console.getvalue().splitlines()) > 3
    assert "RuntimeError: a bug" in console.getvalue().splitlines()[-1]


def test_the_console_style_is_text_without_secrets(console: Written) -> None:
    structlog.get_logger("calls").info("call.started", bot="demo", token=CANARY)
    line = console.getvalue()
    assert "call.started" in line
    assert "bot=demo" in line
    assert CANARY not in line


def test_the_console_leaves_out_what_only_machines_read(console: Written) -> None:
    structlog.get_logger("calls").info("http.served", user_agent="Mozilla/5.0", path="/")
    assert "Mozilla" not in console.getvalue()


def test_a_refused_page_is_one_line(console: Written) -> None:
    try:
        raise PermissionDenied("calls.control")
    except PermissionDenied:
        logging.getLogger("django.request").warning("Forbidden: %s", "/people/", exc_info=True)
    assert len(console.getvalue().splitlines()) == 1
    assert "/people/" in console.getvalue()
