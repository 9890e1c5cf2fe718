"""What a browser and the gateway say to each other, without either."""

import json
from typing import Any

import msgspec
import pytest

from calls.channels import browser_messages as wire

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"t":"call"}', wire.Call()),
        (
            '{"t":"call","audio":false,"caller":"+1","callee":"+2"}',
            wire.Call(audio=False, caller="+1", callee="+2"),
        ),
        ('{"t":"resume","token":"x","since":3}', wire.Resume(token="x", since=3)),
        ('{"t":"say","text":"hello"}', wire.Say(text="hello")),
        ('{"t":"dtmf","digits":"12*#"}', wire.Press(digits="12*#")),
        ('{"t":"played","utterance":4,"ms":120.5}', wire.Played(utterance=4, ms=120.5)),
        ('{"t":"transferred","outcome":"busy"}', wire.TransferOutcome(outcome="busy")),
        ('{"t":"hangup"}', wire.HangUp()),
        ('{"t":"ping","at":1.5}', wire.Ping(at=1.5)),
    ],
)
def test_what_a_browser_says_is_understood(text: str, message: Any) -> None:
    assert wire.read(text) == message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"t":"accepted"}',
        '{"t":"say","text":""}',
        json.dumps({"t": "say", "text": "x" * (wire.MAX_SAID_CHARS + 1)}),
        '{"t":"dtmf","digits":""}',
        '{"t":"dtmf","digits":"1a"}',
        '{"t":"dtmf","digits":"1\\n"}',
        json.dumps({"t": "call", "caller": "1" * 65}),
        '{"t":"played","utterance":1,"ms":-1}',
        '{"t":"transferred","outcome":"maybe"}',
        json.dumps({"t": "resume", "token": "x" * 1025}),
    ],
)
def test_what_no_page_of_ours_says_is_refused(text: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        wire.read(text)


def test_a_message_to_the_browser_names_its_kind() -> None:
    assert json.loads(wire.write(wire.Stop(utterance=7, flush=True))) == {
        "t": "stop",
        "utterance": 7,
        "flush": True,
    }


def test_audio_to_the_browser_stands_behind_the_number_of_its_utterance() -> None:
    assert wire.addressed(258, b"\x01\x02") == b"\x02\x01\x00\x00\x01\x02"
