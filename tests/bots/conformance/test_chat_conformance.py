"""Bots in chat mode: each thing that one does wrong gets its grade."""

from typing import Any

import msgspec
import pytest

from bots.conformance import Grade, Report, examine
from bots.connectors.ac_api import chat, requests
from tests.bots.conformance.examining import QUICK, detail, examined, facts, grades, subject
from tests.fakes.ac_chat_bot import TOKEN, ChatBot, Script, chat_bot
from tests.fakes.oauth_server import CLIENT, SECRET, oauth_server

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback", "at_once")]

QUESTION = "Hello, I have a question."
ANSWERS: dict[str, list[Any]] = {"start": ["Welcome."], "Hello": ["Hi."], QUESTION: ["Ask it."]}


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts are as short as can be."""
    monkeypatch.setattr(requests, "PAUSE_S", 0.0)
    monkeypatch.setattr(chat, "PAUSE_S", 0.0)


async def checked(bot: ChatBot, *only: str, token: str = TOKEN, **values: Any) -> Report:
    asked = subject("ac-api", {"botURL": bot.url}, {"token": token}, **values)
    return await examined(asked, *only)


async def test_a_bot_that_does_all_right_has_nothing_but_good_grades() -> None:
    async with chat_bot(Script(answers=ANSWERS, websocket=True)) as bot:
        report = await checked(bot)
    assert report.grade is Grade.OK
    assert grades(report, Grade.OK) == {"tls": Grade.SKIPPED, "oauth": Grade.SKIPPED}
    assert not {"resume", "barge-in", "dialogue"} & grades(report).keys()
    assert facts(report, "handshake")["expiresSeconds"] == "60"


async def test_the_script_tells_the_bot_what_a_call_would_and_leaves_it_once() -> None:
    async with chat_bot(Script(answers=ANSWERS)) as bot:
        await checked(bot, "answer", "dtmf", "no-input", "unknown-event")
        said = [each.body["activities"][0] for each in bot.steps("activities")]
    assert [each.get("text") or each["name"] for each in said] == [
        "start",
        QUESTION,
        "DTMF",
        "noUserInput",
        "conformanceProbe",
    ]
    assert (said[2]["value"], said[3]["value"]) == ("1", 1)
    assert len({each["id"] for each in said}) == 5
    assert len(bot.steps("disconnect")) == 1


async def test_the_trace_holds_what_went_both_ways_and_no_token() -> None:
    async with chat_bot(Script(answers={**ANSWERS, QUESTION: [f"Is it {TOKEN}?"]})) as bot:
        report = await checked(bot)
    handshake = [
        (line.way, msgspec.json.decode(line.content)) for line in report.lines("handshake")
    ]
    assert [way for way, _ in handshake] == ["to bot", "from bot"]
    assert handshake[1][1]["body"]["expiresSeconds"] == 60
    assert any("Is it" in line.content for line in report.lines("answer"))
    assert TOKEN not in str(report.stored())


async def test_a_bot_without_a_token_is_open_to_strangers() -> None:
    async with chat_bot(Script(answers=ANSWERS, tokens=None)) as bot:
        report = await checked(bot, token="")
        assert len(bot.conversations) == 0
    assert grades(report)["token"] is Grade.INFORMATION
    assert grades(report)["wrong-token"] is Grade.WARNING


async def test_a_bot_that_refuses_the_gateway_is_not_tried_further() -> None:
    async with chat_bot() as bot:
        report = await checked(bot, token="some-other-token")
        assert {each.step for each in bot.requests} == {"health"}
    assert grades(report)["token"] is Grade.FAILED
    assert grades(report)["join"] is Grade.SKIPPED
    assert detail(report, "join") == "the bot does not let the gateway in"


async def test_a_bot_that_says_nothing_of_its_health_is_none_the_worse() -> None:
    async with chat_bot(Script(answers=ANSWERS)) as bot:
        bot.always["health"] = 405
        report = await checked(bot)
    assert grades(report)["health"] is Grade.INFORMATION
    assert report.grade is Grade.OK


@pytest.mark.parametrize(
    ("script", "check", "grade", "words"),
    [
        (Script(knows_again=False), "repeated", Grade.WARNING, "answered again with 1"),
        (Script(expires="soon"), "handshake", Grade.WARNING, "expiresSeconds is no number"),
        (Script(created={"refreshURL": "r"}), "handshake", Grade.FAILED, "no activitiesURL"),
        (
            Script(created={"activitiesURL": "a", "expiresSeconds": 60}),
            "disconnect",
            Grade.WARNING,
            "does not learn of the end",
        ),
    ],
)
async def test_slips_of_the_protocol_are_graded(
    script: Script, check: str, grade: Grade, words: str
) -> None:
    async with chat_bot(msgspec.structs.replace(script, answers=ANSWERS)) as bot:
        report = await checked(bot, check)
    assert (grades(report), words in detail(report, check)) == ({check: grade}, True)


@pytest.mark.parametrize(
    ("step", "fault", "check", "grade"),
    [
        ("refresh", 404, "refresh", Grade.FAILED),
        ("disconnect", 500, "disconnect", Grade.FAILED),
        ("websocket", 403, "proactive", Grade.FAILED),
        ("create", 503, "handshake", Grade.FAILED),
        ("create", "page", "handshake", Grade.FAILED),
        ("activities", "page", "slips", Grade.WARNING),
        ("activities", 500, "errors", Grade.FAILED),
    ],
)
async def test_faults_are_found_where_they_are(
    step: Any, fault: Any, check: str, grade: Grade
) -> None:
    async with chat_bot(Script(answers=ANSWERS, websocket=True)) as bot:
        bot.always[step] = fault
        report = await checked(bot)
    assert grades(report)[check] is grade
    assert report.grade is grade


async def test_a_failure_in_mid_conversation_is_named_at_its_step_and_ends_it() -> None:
    async with chat_bot(Script(answers=ANSWERS)) as bot:
        bot.fails["activities"].extend([200, 500, 500, 500])
        report = await checked(bot, "greeting", "answer", "dtmf", "errors", "leave")
    assert grades(report) == {
        "errors": Grade.FAILED,
        "greeting": Grade.INFORMATION,
        "answer": Grade.FAILED,
        "dtmf": Grade.SKIPPED,
        "leave": Grade.OK,
    }
    assert "HTTP status 500" in detail(report, "answer")
    assert facts(report, "errors") == {"fault": "server"}


async def test_a_bot_that_hangs_up_has_done_nothing_wrong() -> None:
    hangup = {"type": "event", "name": "hangup"}
    async with chat_bot(Script(answers={**ANSWERS, QUESTION: ["Bye.", hangup]})) as bot:
        report = await checked(bot, "answer", "dtmf", "errors")
    assert grades(report) == {
        "errors": Grade.OK,
        "answer": Grade.OK,
        "dtmf": Grade.INFORMATION,
    }
    assert detail(report, "dtmf") == "the bot had ended its part with hangup"


async def test_what_the_bot_says_is_looked_at() -> None:
    config = {"type": "event", "name": "config", "sessionParams": {"userNoInputTimeout": 5}}
    said = ["<speak>Fish & chips</speak>", "", config]
    async with chat_bot(Script(answers={**ANSWERS, QUESTION: said})) as bot:
        report = await checked(bot, "markup", "settings")
    assert grades(report) == {"markup": Grade.WARNING, "settings": Grade.WARNING}
    assert detail(report, "markup").endswith("(and 1 more)")
    assert "did you mean userNoInputTimeoutMS" in detail(report, "settings")
    sent, note = report.lines("settings")
    assert (sent.way, "userNoInputTimeout" in sent.content, note.way) == ("from bot", True, "note")


async def test_a_silent_bot_is_waited_for_and_then_named() -> None:
    async with chat_bot() as bot:
        report = await checked(bot, "greeting", "answer", "patience", "repeated")
    assert grades(report) == {
        "greeting": Grade.INFORMATION,
        "answer": Grade.WARNING,
        "patience": Grade.SKIPPED,
        "repeated": Grade.SKIPPED,
    }


@pytest.mark.parametrize(
    ("name", "grade"),
    [
        ("botNoInputTimeoutMS", Grade.WARNING),
        ("botNoInputGiveUpTimeoutMS", Grade.FAILED),
    ],
)
async def test_an_answer_slower_than_the_timers_is_graded(name: str, grade: Grade) -> None:
    values: dict[str, Any] = {name: 1}
    async with chat_bot(Script(answers=ANSWERS)) as bot:
        report = await checked(bot, "patience", **values)
    assert grades(report) == {"patience": grade}
    assert facts(report, "patience")[name] == "1"


async def test_tokens_of_an_oauth_server_are_fetched_and_used() -> None:
    async with oauth_server() as server, chat_bot(Script(tokens=("token-1",))) as bot:
        asked = subject(
            "ac-api",
            {"botURL": bot.url, "oauthTokenUrl": server.url},
            {"oauthClientId": CLIENT, "oauthClientSecret": SECRET},
        )
        report = await examined(asked, "oauth", "token")
        server.fails.append(401)
        wrong = msgspec.structs.replace(
            asked,
            credentials=asked.plugin.credentials.model_validate(
                {"oauthClientId": CLIENT, "oauthClientSecret": "wrong"}
            ),
        )
        refused = await examined(wrong, "oauth")
    assert grades(report) == {"oauth": Grade.OK, "token": Grade.OK}
    assert grades(refused) == {"oauth": Grade.FAILED}


async def test_the_run_ends_at_its_deadline_and_tells_what_it_was_at() -> None:
    async with chat_bot() as bot:
        bot.always["create"] = "silent"
        asked = subject("ac-api", {"botURL": bot.url}, {"token": TOKEN})
        report = await examine(asked, only=("handshake", "join"), timing=QUICK, deadline_s=0.2)
    assert grades(report) == {"handshake": Grade.FAILED, "join": Grade.SKIPPED}
    assert "not done within 0.2 s" in detail(report, "handshake")
