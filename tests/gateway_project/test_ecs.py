"""Log lines in the Elastic Common Schema: every one can be indexed, whatever it says."""

import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway_project import ecs
from tests.index_mapping import mapped, problems
from tests.logged import Written, written

pytestmark = pytest.mark.pure


@pytest.fixture
def stream() -> Iterator[Written]:
    with written() as stream:
        yield stream


def line_of(**keys: Any) -> dict[str, Any]:
    """What becomes of a line with ``keys``."""
    made = {"timestamp": "2026-11-21T22:51:00.123456Z", "level": "info", "logger": "calls.x"}
    fields = ecs.Fields(version="1.2", installation="lab")
    event = fields(None, "info", {"event": "call.tried", **made, **keys})
    line: dict[str, Any] = json.loads(ecs.Renderer(ensure_ascii=False)(None, "info", event))
    assert problems(line) == []
    return line


def test_a_line_says_who_speaks_and_what_happened(stream: Written) -> None:
    structlog.get_logger("calls.session.host").warning("call.tried", bot="demo", call="c-1")
    [line] = stream.lines()
    assert problems(line) == []
    assert line["message"] == line["event"]["action"] == "call.tried"
    assert (line["log.level"], line["log"]["logger"]) == ("warning", "calls.session.host")
    assert line["event"]["dataset"] == "gateway.calls"
    assert line["gateway"] == {"bot": {"name": "demo"}, "call": {"id": "c-1"}}
    assert line["service"]["name"] == "voice-ai-gateway"
    assert (line["service"]["version"], line["service"]["environment"]) == ("1.2", "lab")
    assert line["process"]["thread"]["name"] == "MainThread"
    assert line["ecs.version"] == ecs.SCHEMA_VERSION
    assert line["@timestamp"] < "2100"


def test_a_served_request_is_told_as_the_schema_wants() -> None:
    line = line_of(
        event="http.served",
        logger="gateway_project.server",
        method="GET",
        path="/calls/",
        status=404,
        ms=12.5,
        client="10.0.0.1:51234",
        request_id="r-1",
        user_agent="curl/8",
    )
    assert line["http"] == {
        "request": {"id": "r-1", "method": "GET"},
        "response": {"status_code": 404},
    }
    assert line["url"] == {"path": "/calls/"}
    assert line["client"] == {"ip": "10.0.0.1", "port": 51234}
    assert line["user_agent"] == {"original": "curl/8"}
    assert line["event"] == {
        "action": "http.served",
        "dataset": "gateway.access",
        "duration": 12_500_000,
        "outcome": "failure",
    }
    assert line_of(status=200)["event"]["outcome"] == "success"
    assert line_of(seconds=1.5)["event"]["duration"] == 1_500_000_000


@pytest.mark.parametrize(
    ("client", "told"),
    [
        ("[fe80::1]:443", {"ip": "fe80::1", "port": 443}),
        ("fe80::1", {"ip": "fe80::1"}),
        ("10.0.0.1", {"ip": "10.0.0.1"}),
        ("10.0.0.1:0", {"ip": "10.0.0.1"}),
        ("somebody", None),
        ("", None),
    ],
)
def test_an_address_of_a_client_is_an_address(client: str, told: Any) -> None:
    line = line_of(client=client)
    assert line.get("client") == told
    assert ("gateway" in line) is (told is None)
    assert line_of(address=client).get("client") == told


def test_an_exception_has_type_text_and_frames_without_locals(stream: Written) -> None:
    secret = "canary-7Kq2"
    try:
        raise ValueError("no such bot")
    except ValueError as error:
        structlog.get_logger("calls").exception("call.crashed")
        structlog.get_logger("calls").error("call.crashed", exc_info=error)
        logging.getLogger("library").exception("crashed")
    del secret
    for line in stream.lines():
        assert problems(line) == []
        assert (line["error"]["type"], line["error"]["message"]) == ("ValueError", "no such bot")
        assert line["error"]["stack_trace"].endswith("ValueError: no such bot")
        assert line["event"]["outcome"] == "failure"
    assert "canary" not in stream.getvalue().replace('secret = "canary-7Kq2"', "")
    logging.getLogger("library").error("no exception", exc_info=True)  # noqa: LOG014 - as some do
    assert "error" not in stream.lines()[-1]


def test_what_a_failure_is_called_is_a_type_or_a_text() -> None:
    assert line_of(error="TimeoutError")["error"] == {"type": "TimeoutError"}
    assert line_of(error="it took too long")["error"] == {"message": "it took too long"}
    failed = line_of(error="OSError", detail="gone", problem="x", fault="server", service="tts:a")
    assert failed["error"] == {"type": "OSError", "message": "gone", "code": "server"}
    assert failed["gateway"] == {"service": "tts:a", "detail": {"problem": "x"}}
    assert line_of(error=7)["gateway"]["detail"] == {"error": 7}


@pytest.mark.parametrize(
    ("logger", "dataset"),
    [
        ("bots.vault", "gateway.bots"),
        ("alarms.desk", "gateway.alarms"),
        ("gateway_project.server", "gateway.core"),
        ("celery.worker", "gateway.libraries"),
        ("", "gateway.libraries"),
    ],
)
def test_a_line_belongs_to_the_part_it_comes_from(logger: str, dataset: str) -> None:
    assert line_of(logger=logger)["event"]["dataset"] == dataset


def test_a_text_of_a_library_is_no_action() -> None:
    assert "action" not in line_of(event="Starting factory")["event"]
    assert line_of(event=404)["message"] == "404"


def test_what_does_not_fit_its_field_stands_in_the_details() -> None:
    odd = {"status": "ringing", "ms": "slow", "bot": None, "config_revision": True, "call": 1.5}
    line = line_of(**odd, seconds=-1, port=5060, path=["a"])
    assert line["gateway"] == {
        "detail": {
            "status": "ringing",
            "ms": "slow",
            "config_revision": True,
            "call": "1.5",
            "seconds": -1,
            "port": 5060,
            "path": ["a"],
        }
    }
    assert line_of(call=uuid4().int)["gateway"]["call"]["id"].isdecimal()


def test_what_is_deep_in_the_details_is_text() -> None:
    line = line_of(problems={"a.b": "x", "a": {"b": [1]}}, nothing=float("nan"), **{"x.y\0z": "v"})
    assert line["gateway"]["detail"] == {
        "problems": '{"a.b": "x", "a": {"b": [1]}}',
        "nothing": "NaN",
        "x_y_z": "v",
    }


def test_caller_data_has_a_place_of_its_own() -> None:
    line = line_of(**{"pii.caller": "+4930123456", "pii.of.them": ["a"]})
    assert line["gateway"]["pii"] == {"caller": "+4930123456", "of_them": ["a"]}


@pytest.mark.parametrize("key", ["", " ", "\t"])
def test_a_field_without_a_name_has_one(key: str) -> None:
    assert line_of(**{key: "x"})["gateway"]["detail"] == {"_": "x"}


def test_half_a_character_breaks_no_line() -> None:
    line = line_of(event="\ud800", bot="\udfff", names=["\ud800x"])
    assert line["message"] == "\ufffd"
    assert "\ud800" not in json.dumps(line, ensure_ascii=False)


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
keys = st.sampled_from([*ecs.FIELDS, "error", "problem", "detail", "client", "address", "pii.x"])


@given(st.dictionaries(keys | st.text(max_size=8), values, max_size=6))
def test_every_line_can_be_indexed(line: dict[str, Any]) -> None:
    line_of(**{"event": "call.tried"} | {k: v for k, v in line.items() if k != "timestamp"})


def test_the_index_knows_every_field_and_no_other() -> None:
    known = mapped()
    ours = {field for field, _ in ecs.FIELDS.values()} | {
        "client.ip",
        "client.port",
        "error.message",
        "error.type",
        "event.action",
        "event.dataset",
        "event.outcome",
        "ecs.version",
        "gateway.detail",
        "gateway.pii",
        *ecs.Fields(version="", installation="")._always,
    }
    of_the_pipeline = {"@version", "tags"} | {name for name in known if "data_stream" in name}
    assert known.keys() == ours | of_the_pipeline


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["manage.py", "web"], "web"),
        (["/srv/manage.py", "gateway"], "gateway"),
        (["manage.py"], "python"),
        (["/x/celery/__main__.py", "-A", "gateway_project", "worker", "--pool", "x"], "worker"),
        (["/x/celery/__main__.py", "-A", "gateway_project", "beat"], "beat"),
        (["/x/bin/pytest", "-q"], "pytest"),
    ],
)
def test_a_process_has_the_name_of_its_role(argv: list[str], name: str) -> None:
    assert ecs.process_name(argv) == name
