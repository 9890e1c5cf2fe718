"""A dialogue in plain words."""

from typing import Any

import pytest

from bots.protocols.dialogue import Dialogue, explain

pytestmark = pytest.mark.pure

SHORT: dict[str, Any] = {
    "states": {"start": {"say": "Bye.", "leave": True}},
    "noInput": {"repeat": True},
}
LONG: dict[str, Any] = {
    "join": {"delayMs": 1500},
    "start": "menu",
    "states": {
        "menu": {
            "say": "What can I do for you?",
            "do": [
                {"event": "playUrl", "activityParams": {"playUrlUrl": "https://a.example/b.wav"}},
                {"text": "x" * 70, "delayMs": 250},
                {"say": "So?"},
            ],
            "answers": [
                {"phrases": ["yes", "sure"], "digits": "1", "goto": "desk"},
                {"digits": "42#", "delayMs": 3000, "fail": True},
                {"phrases": ["pardon"], "repeat": True},
                {"phrases": ["wait"], "silent": "once"},
                {"phrases": ["hush"], "silent": "forever"},
            ],
            "events": [{"event": "noUserInput", "value": 2, "say": "Hm."}],
            "noInput": {"say": "Hello?", "retries": 1, "then": {"hangup": True}},
            "noMatch": {"retries": 3, "then": {"goto": "desk"}},
        },
        "desk": {
            "sessionParams": {"bargeIn": False},
            "transfer": {"target": "tel:1", "notifications": True},
        },
        "door": {"transfer": {"target": "tel:2"}},
        "quiet": {"silent": "once"},
    },
    "events": [{"event": "transferStatus", "goto": "door"}],
    "answers": [{"phrases": ["quiet"], "goto": "quiet"}],
}


def test_a_short_dialogue_is_told_in_few_lines() -> None:
    assert explain(Dialogue.parse(SHORT)) == [
        'settings of the call: {"userNoInputSendEvent": true}',
        "the call starts in start",
        "",
        'start: says "Bye.", leaves without a word',
        "",
        "in every state:",
        "  silence: repeats what was said last",
        "  anything else: repeats what was said last",
    ]


def test_everything_that_can_happen_has_a_line() -> None:
    url = '{"playUrlUrl": "https://a.example/b.wav"}'
    assert explain(Dialogue.parse(LONG)) == [
        "after 1.5 s it joins the call",
        'settings of the call: {"sendDTMF": true, "userNoInputSendEvent": true}',
        "the call starts in menu",
        "",
        f'menu: says "What can I do for you?", sends playUrl {url}, '
        f'after 0.25 s says "{"x" * 60}...", says "So?"',
        '  "yes", "sure", key 1: goes on in desk',
        "  keys 42#: after 3 s fails (server)",
        '  "pardon": repeats what was said last',
        '  "wait": does not answer',
        '  "hush": never says anything again',
        '  event noUserInput 2: says "Hm."',
        '  silence: says "Hello?", once; then hangs up',
        "  anything else: repeats what was said last, 3 times; then goes on in desk",
        "",
        'desk: sets {"bargeIn": false}, transfers to tel:1 and waits for what becomes of it',
        "",
        "door: transfers to tel:2",
        "",
        "quiet: does not answer",
        "",
        "in every state:",
        '  "quiet": goes on in quiet',
        "  event transferStatus: goes on in door",
        "  silence: repeats what was said last",
        "  anything else: repeats what was said last",
    ]


def test_a_bot_that_cannot_be_joined_is_told_first() -> None:
    states = {"start": {"say": "Bye.", "hangup": True}}
    assert explain(Dialogue.parse({"join": {"fail": "timeout"}, "states": states}))[0] == (
        "it cannot be joined (timeout)"
    )
