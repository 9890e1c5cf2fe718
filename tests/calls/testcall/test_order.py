"""The options of the command line become a run of calls."""

import wave
from pathlib import Path
from typing import Any

import pytest

from bots.core.errors import ParameterError
from bots.protocols.ac_bot_api import MediaFormat
from calls.testcall.order import MAX_CALLS, bot_url, option_problems, read_order
from calls.testcall.plan import Digits, Text, Utterance
from tests.fakes.ac_bot import tone


def options(**given: Any) -> dict[str, Any]:
    return {
        "bot": "demo",
        "turns": [],
        "interrupt": False,
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
        ({"turns": [("--dtmf", "1a")]}, "--dtmf"),
        ({"turns": [("--dtmf", "")]}, "--dtmf"),
        ({"turns": [("--say", "  ")]}, "--say"),
        ({"turns": [("--wav", "x.wav")], "text": True}, "--wav"),
        ({"interrupt": True, "text": True}, "--interrupt"),
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


async def test_every_wrong_option_is_told_at_once() -> None:
    with pytest.raises(ParameterError) as caught:
        await read_order(options(calls=0, timeout=0.0), host="h", port=1)
    assert set(caught.value.problems) == {"--calls", "--timeout"}


async def test_turns_keep_the_order_of_the_command_line(tmp_path: Path) -> None:
    recorded = tmp_path / "hello.wav"
    with wave.open(str(recorded), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(tone(100))
    turns = [("--dtmf", "1"), ("--wav", str(recorded)), ("--dtmf", "#")]
    order = await read_order(
        options(turns=turns, format="raw/mulaw", cut=2.0), host="127.0.0.1", port=8000
    )
    first, second, third = order.plan.turns
    assert (first, third) == (Digits("1"), Digits("#"))
    assert isinstance(second, Utterance)
    assert second.label == "hello.wav"
    assert order.plan.media_formats == (MediaFormat.RAW_MULAW,)
    assert order.plan.cut_after == 2.0
    assert order.url == "ws://127.0.0.1:8000/voice/audiocodes/demo"


async def test_in_a_text_session_the_words_are_sent() -> None:
    order = await read_order(
        options(turns=[("--say", "hello")], text=True), host="127.0.0.1", port=8000
    )
    assert order.plan.turns == (Text("hello"),)
    assert order.plan.text_session
    assert len(order.plan.media_formats) > 1
