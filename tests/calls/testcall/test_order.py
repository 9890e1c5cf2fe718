"""The options of the command line become a run of calls."""

import wave
from pathlib import Path
from typing import Any

import pytest

from bots.core.errors import ParameterError
from bots.protocols.ac_bot_api import MediaFormat
from calls.testcall.order import MAX_CALLS, bot_url, option_problems, read_order
from calls.testcall.plan import (
    KEY_GAP,
    Digits,
    Expect,
    ExpectEnd,
    HangUp,
    Manner,
    Silence,
    Text,
    Utterance,
    Words,
)
from tests.fakes.ac_bot import tone


def options(**given: Any) -> dict[str, Any]:
    return {
        "bot": "demo",
        "steps": [],
        "text": False,
        "caller": "+15550100",
        "callee": "+15550199",
        "language": "en-US",
        "url": None,
        "token": "",
        "format": None,
        "cut": None,
        "calls": 1,
        "timeout": 120.0,
        "record": None,
        "listen": False,
        "patience": 10.0,
        "transfer": "answered",
        "json": False,
    } | given


@pytest.mark.parametrize(
    ("url", "host", "expected"),
    [
        (None, "127.0.0.1", "ws://127.0.0.1:8000/voice/audiocodes/demo"),
        (None, "0.0.0.0", "ws://127.0.0.1:8000/voice/audiocodes/demo"),
        (None, "::", "ws://[::1]:8000/voice/audiocodes/demo"),
        ("wss://gw.example.com", "x", "wss://gw.example.com/voice/audiocodes/demo"),
        ("wss://gw.example.com/?a=1", "x", "wss://gw.example.com/voice/audiocodes/demo?a=1"),
        ("ws://gw.example.com/bots/7?a=1", "x", "ws://gw.example.com/bots/7?a=1"),
    ],
)
def test_the_bot_is_called_here_or_where_the_url_says(
    url: str | None, host: str, expected: str
) -> None:
    assert bot_url(url, "demo", host=host, port=8000) == expected


def test_a_bot_name_cannot_leave_its_place_in_the_url() -> None:
    assert bot_url("ws://h", "../x?y", host="", port=1).endswith("/audiocodes/..%2Fx%3Fy")


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"steps": [("--press", "1a")]}, "--press"),
        ({"steps": [("--press", "")]}, "--press"),
        ({"steps": [("--press", "@1")]}, "--press"),
        ({"steps": [("--press", "1@")]}, "--press"),
        ({"steps": [("--press", "1@0")]}, "--press"),
        ({"steps": [("--press", "1@fast")]}, "--press"),
        ({"steps": [("--press", "1@nan")]}, "--press"),
        ({"steps": [("--press", "1@61")]}, "--press"),
        ({"steps": [("--say", "  ")]}, "--say"),
        ({"steps": [("--silent", "0")]}, "--silent"),
        ({"steps": [("--silent", "long")]}, "--silent"),
        ({"steps": [("--silent", "601")]}, "--silent"),
        ({"steps": [("--expect", "...")]}, "--expect"),
        ({"steps": [("--expect-end", " ")]}, "--expect-end"),
        ({"steps": [("--hang-up", ""), ("--say", "hello")]}, "--hang-up"),
        ({"steps": [("--expect-end", "error"), ("--expect", "hello")]}, "--expect-end"),
        ({"steps": [("--wav", "x.wav")], "text": True}, "--wav"),
        ({"steps": [("--interrupt", "")], "text": True}, "--interrupt"),
        ({"steps": [("--talk-over", "")], "text": True}, "--talk-over"),
        ({"listen": True, "text": True}, "--listen"),
        ({"patience": 0.0}, "--patience"),
        ({"format": "raw/mulaw", "text": True}, "--format"),
        ({"record": Path("x.wav"), "text": True}, "--record"),
        ({"calls": 0}, "--calls"),
        ({"calls": MAX_CALLS + 1}, "--calls"),
        ({"timeout": 0.0}, "--timeout"),
        ({"timeout": 4000.0}, "--timeout"),
        ({"cut": -1.0}, "--cut"),
        ({"url": "https://gw.example.com"}, "--url"),
    ],
)
def test_wrong_options_are_named(given: dict[str, Any], wrong: str) -> None:
    assert list(option_problems(options(**given))) == [wrong]


def test_every_wrong_option_is_told_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        read_order(options(calls=0, timeout=0.0), host="h", port=1)
    assert set(caught.value.problems) == {"--calls", "--timeout"}


def test_steps_keep_the_order_of_the_command_line(tmp_path: Path) -> None:
    recorded = tmp_path / "hello.wav"
    with wave.open(str(recorded), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(tone(100))
    steps = [
        ("--press", "1"),
        ("--wav", str(recorded)),
        ("--silent", "1.5"),
        ("--interrupt", ""),
        ("--press", "#0@1.5"),
        ("--talk-over", ""),
        ("--say", "hello"),
        ("--expect", "you said"),
        ("--expect-end", "error"),
    ]
    given = options(
        steps=steps, format="raw/mulaw", cut=2.0, listen=True, transfer="busy", patience=3.0
    )
    order = read_order(given, host="127.0.0.1", port=8000)
    first, second, *others = order.plan.steps
    assert first == Digits("1", KEY_GAP)
    assert others == [
        Silence(1.5),
        Manner.INTERRUPT,
        Digits("#0", 1.5),
        Manner.TALK_OVER,
        Words("hello"),
        Expect("you said"),
        ExpectEnd("error"),
    ]
    assert (order.listen, order.plan.transfer, order.plan.patience) == (True, "busy", 3.0)
    assert isinstance(second, Utterance)
    assert second.label == "hello.wav"
    assert order.plan.media_formats == (MediaFormat.RAW_MULAW,)
    assert order.plan.cut_after == 2.0
    assert order.url == "ws://127.0.0.1:8000/voice/audiocodes/demo"


def test_in_a_text_session_the_words_are_sent() -> None:
    steps = [("--say", "hello"), ("--hang-up", "")]
    order = read_order(options(steps=steps, text=True), host="127.0.0.1", port=8000)
    assert order.plan.steps == (Text("hello"), HangUp())
    assert order.plan.text_session
    assert len(order.plan.media_formats) > 1
