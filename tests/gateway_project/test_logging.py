"""Logs: one line each, nothing secret in it, through structlog and the standard library alike."""

import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from django.core.exceptions import PermissionDenied

from gateway_project.logging import MASK, Redactor, configuration

pytestmark = pytest.mark.pure

CANARY = "canary-7Kq2-of-sixteen-and-more"


def redact(event: dict[str, Any], *, pii: bool = False) -> dict[str, Any]:
    return dict(Redactor(pii=pii)(None, "info", event))


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Authorization",
        "api_key",
        "apiKey",
        "X-Api-Key",
        "client_secret",
        "clientSecret",
        "access_token",
        "tokens",
        "Set-Cookie",
        "acmeKey",
        "sessionid",
        "http.sig",
    ],
)
def test_the_value_of_a_key_that_names_a_secret_is_masked(key: str) -> None:
    assert redact({key: CANARY}) == {key: f"{MASK}more"}
    assert redact({"outer": [{"inner": {key: CANARY}}]}) == {
        "outer": [{"inner": {key: f"{MASK}more"}}]
    }


@pytest.mark.parametrize("key", ["tokenised_words", "secretary", "keyboard", "bot", "monkey"])
def test_other_keys_keep_their_values(key: str) -> None:
    assert redact({key: "plain"}) == {key: "plain"}


def test_a_short_secret_shows_no_character() -> None:
    assert redact({"password": "1234", "token": b"12345678901234567890"}) == {
        "password": MASK,
        "token": MASK,
    }


def test_an_absent_secret_is_seen_to_be_absent() -> None:
    assert redact({"password": "", "token": None, "secret": False}) == {
        "password": "",
        "token": None,
        "secret": False,
    }


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {MASK}"),
        ("basic dXNlcjpwYXNz", f"basic {MASK}"),
        ("token vgw_abcDEF-123 refused", f"token vgw_{MASK} refused"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", MASK),
        ("postgres://gateway:s3cret@db:5432/x", f"postgres://gateway:{MASK}@db:5432/x"),
        ("redis://:s3cret@host/0", f"redis://:{MASK}@host/0"),
        ("GET /hook?access_token=abc&page=2", f"GET /hook?access_token={MASK}&page=2"),
        ("https://x/?sig=abc", f"https://x/?sig={MASK}"),
        ("nothing to hide: http://host:80/path", "nothing to hide: http://host:80/path"),
    ],
)
def test_text_that_looks_like_a_secret_is_masked_wherever_it_stands(text: str, clean: str) -> None:
    assert redact({"event": text, "nested": {"list": [text]}}) == {
        "event": clean,
        "nested": {"list": [clean]},
    }


def test_objects_are_searched_through_their_text() -> None:
    class Request:
        def __repr__(self) -> str:
            return f"<Request Bearer {CANARY}>"

    assert redact({"request": Request()}) == {"request": f"<Request Bearer {MASK}>"}


def test_numbers_stay_numbers_and_sets_become_lists() -> None:
    assert redact({"ms": 1.5, "calls": 2, "ok": True, "names": {"a"}}) == {
        "ms": 1.5,
        "calls": 2,
        "ok": True,
        "names": ["a"],
    }


def test_a_structure_without_end_is_cut() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert "…" in json.dumps(redact({"value": endless}), ensure_ascii=False)


def test_caller_data_is_dropped_at_any_depth_unless_wanted() -> None:
    event: dict[str, Any] = {"pii.caller": "+4930123456", "call": {"pii.text": "hello", "turn": 1}}
    assert redact(event) == {"call": {"turn": 1}}
    assert redact(event, pii=True) == event


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What the JSON configuration writes; structlog and root logger are put back afterwards."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    config = configuration(style="json", level="info", pii=False)
    config["handlers"]["stderr"]["stream"] = written
    logging.config.dictConfig(config)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


def test_both_ways_of_logging_give_one_json_object_a_line(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(call="c1"):
        structlog.get_logger("calls").info("call.started", bot="demo", token=CANARY)
        logging.getLogger("library").warning("connecting to %s", f"redis://:{CANARY}@host")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == [
        "call.started",
        f"connecting to redis://:{MASK}@host",
    ]
    assert [line["level"] for line in lines] == ["info", "warning"]
    assert [line["logger"] for line in lines] == ["calls", "library"]
    assert all(line["call"] == "c1" and line["timestamp"].endswith("Z") for line in lines)


def test_a_traceback_holds_no_secret_and_no_local_variables(stream: io.StringIO) -> None:
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


def test_a_caller_cannot_forge_a_log_line(stream: io.StringIO) -> None:
    structlog.get_logger("calls").info("call.started", channel='x\n{"event": "forged"}')
    assert len(stream.getvalue().splitlines()) == 1


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    structlog.get_logger("calls").debug("frame.sent")
    logging.getLogger("twisted").info("Starting factory")
    assert stream.getvalue() == ""


def test_debug_level_also_shows_the_libraries() -> None:
    assert configuration(style="json", level="debug", pii=False)["loggers"] == {}
    assert configuration(style="json", level="info", pii=False)["loggers"]["twisted"]


def to_console(stream: io.StringIO) -> None:
    config = configuration(style="console", level="info", pii=False)
    config["handlers"]["stderr"]["stream"] = stream
    logging.config.dictConfig(config)


@pytest.mark.parametrize(
    "character", ["\x1b", "\x08", "\r", "\n", "\x9b", "\x85", "\u2028", "\u202e"]
)
def test_a_caller_cannot_steer_the_terminal(stream: io.StringIO, character: str) -> None:
    to_console(stream)
    structlog.get_logger("calls").info("http.served", path=f"/{character}[2Jx")
    logging.getLogger("library").info("served /%s[2Jx", character)
    for line in (lines := stream.getvalue().removesuffix("\n").split("\n")):
        assert "[2Jx" in line
        assert character not in line
    assert len(lines) == 2


def test_a_traceback_on_the_console_has_lines(stream: io.StringIO) -> None:
    to_console(stream)
    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        structlog.get_logger("calls").exception("call.crashed", path="/calls")
    assert len(stream.getvalue().splitlines()) > 3
    assert "RuntimeError: a bug" in stream.getvalue().splitlines()[-1]


def test_the_console_style_is_text_without_secrets(stream: io.StringIO) -> None:
    to_console(stream)
    structlog.get_logger("calls").info("call.started", bot="demo", token=CANARY)
    line = stream.getvalue()
    assert "call.started" in line
    assert "bot=demo" in line
    assert CANARY not in line


def test_a_refused_page_is_one_line(stream: io.StringIO) -> None:
    to_console(stream)
    try:
        raise PermissionDenied("calls.control")
    except PermissionDenied:
        logging.getLogger("django.request").warning("Forbidden: %s", "/people/", exc_info=True)
    assert len(stream.getvalue().splitlines()) == 1
    assert "/people/" in stream.getvalue()
