"""Voice agents of Deepgram, script bots, and frameworks that only have a connector."""

import msgspec
import pytest

from bots.conformance import Grade, Report
from tests import plugins  # noqa: F401 - registers the table bot
from tests.bots.conformance.examining import detail, examined, facts, grades, subject
from tests.fakes import deepgram_agent as deepgram

pytestmark = pytest.mark.wire


async def agent(script: deepgram.Script, *only: str, key: str = deepgram.KEY) -> Report:
    refuses = script.has("refuse settings")
    async with deepgram.serving(script) as fake:
        params = {"deepgramUrl": fake.url, "deepgramGreeting": "Good morning."}
        report = await examined(
            subject("deepgram-agent", params, {"deepgramKey": key}, bargeIn=True), *only
        )
        assert refuses or fake.violations == []
    return report


QUICK_AGENT = deepgram.Script(greeting_ms=100, silence_ms=60, turns=(deepgram.Turn(reply_ms=100),))


@pytest.mark.usefixtures("loopback")
async def test_a_voice_agent_that_does_all_right_has_nothing_but_good_grades() -> None:
    report = await agent(QUICK_AGENT)
    assert grades(report, Grade.OK) == {"tls": Grade.SKIPPED, "answer": Grade.SKIPPED}
    assert {"greeting", "spoken-question", "play-stream", "barge-in"} <= grades(report).keys()
    assert "handshake" not in grades(report)
    assert facts(report, "health")["request"]
    assert deepgram.KEY not in str(report.stored())


@pytest.mark.usefixtures("loopback")
async def test_a_wrong_key_ends_the_run() -> None:
    report = await agent(QUICK_AGENT, "token", "join", key="some-other-key")
    assert grades(report) == {"token": Grade.FAILED, "join": Grade.SKIPPED}


@pytest.mark.usefixtures("loopback")
async def test_refused_settings_are_told_in_the_words_of_deepgram() -> None:
    script = msgspec.structs.replace(QUICK_AGENT, faults=frozenset({"refuse settings"}))
    report = await agent(script, "health", "join")
    assert grades(report) == {"health": Grade.FAILED, "join": Grade.FAILED}
    assert "Deepgram refused the settings" in detail(report, "health")


async def test_a_script_bot_is_tried_without_a_network() -> None:
    dialogue = {
        "states": {
            "start": {"say": "Hello.", "answers": [{"phrases": ["hello"], "goto": "start"}]},
            "attic": {"say": "Nobody comes here.", "hangup": True},
        }
    }
    report = await examined(subject("script", {"scriptDialogue": dialogue}))
    assert grades(report)["dialogue"] is Grade.WARNING
    assert detail(report, "dialogue") == "no caller can come to: attic"
    assert not {"address", "dns", "token"} & grades(report).keys()


async def test_any_framework_has_a_conversation() -> None:
    values = {"tableAnswers": {"start": ["Welcome"], "Hello, I have a question.": ["Yes?"]}}
    report = await examined(subject("table", values))
    assert report.grade is Grade.OK
    assert {"join", "greeting", "answer", "leave"} <= grades(report).keys()


async def test_a_check_that_says_nothing_of_this_kind_of_bot_is_skipped_when_asked_for() -> None:
    report = await examined(subject("script"), "tls", "dialogue")
    assert grades(report) == {"tls": Grade.SKIPPED, "dialogue": Grade.OK}
    assert detail(report, "tls") == "this kind of bot has nothing of the sort"
