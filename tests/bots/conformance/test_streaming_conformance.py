"""Bots in streaming mode, with text and with a voice, good and bad."""

import asyncio
from typing import Any

import msgspec
import pytest

from bots.conformance import Grade, Report
from bots.connectors.ac_api import link, streaming
from tests.bots.conformance.examining import detail, examined, facts, grades, subject
from tests.fakes import ac_wire
from tests.fakes.ac_bot import Fault, Script, serve

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]

TOKEN = "a-secret-token"
PATH = "/voice/audiocodes/demo"
VOICE = {"directSTT": True, "directTTS": True}
SCRIPT = Script(greeting_ms=100, answer_ms=100, silence_ms=60, chunk_ms=20)


async def checked(base: str, *only: str, voice: bool = True, **values: Any) -> Report:
    params = {"botURL": base + PATH, "acBotApiType": "streaming", **(VOICE if voice else {})}
    asked = subject("ac-api", params, {"token": TOKEN}, **values)
    return await examined(asked, *only)


async def faulty(*faults: Fault, only: tuple[str, ...] = (), **values: Any) -> Report:
    script = msgspec.structs.replace(SCRIPT, faults=frozenset(faults))
    async with serve(script, token=TOKEN) as (base, _):
        return await checked(base, *only, **values)


async def test_a_bot_with_a_voice_that_does_all_right_has_nothing_but_good_grades() -> None:
    report = await faulty(bargeIn=True)
    assert grades(report, Grade.OK) == {
        "tls": Grade.SKIPPED,
        "oauth": Grade.SKIPPED,
        "health": Grade.INFORMATION,
        "answer": Grade.SKIPPED,
    }
    assert facts(report, "play-stream")["format"] == "mulaw 8000 Hz"
    assert TOKEN not in str(report.stored())


async def test_a_text_bot_is_asked_by_text_and_hears_nothing() -> None:
    report = await faulty(voice=False)
    assert report.grade is Grade.OK
    assert grades(report)["answer"] is Grade.OK
    assert not {"caller-audio", "play-stream", "barge-in"} & grades(report).keys()


async def test_a_bot_that_speaks_only_is_not_spoken_to() -> None:
    async with serve(SCRIPT, token=TOKEN) as (base, _):
        params = {"botURL": base + PATH, "acBotApiType": "streaming", "directTTS": True}
        report = await examined(subject("ac-api", params, {"token": TOKEN}))
    found = grades(report)
    assert (found["answer"], found["play-stream"]) == (Grade.OK, Grade.OK)
    assert (found["caller-audio"], found["barge-in"]) == (Grade.SKIPPED, Grade.SKIPPED)


async def test_who_is_not_to_interrupt_does_not() -> None:
    report = await faulty(only=("barge-in", "spoken-question"))
    assert grades(report) == {"spoken-question": Grade.OK, "barge-in": Grade.SKIPPED}
    assert detail(report, "barge-in").startswith("bargeIn is off")


@pytest.mark.parametrize(
    ("fault", "check", "grade", "words"),
    [
        ("refuse", "handshake", Grade.FAILED, "refused the session: no capacity"),
        ("refuse", "join", Grade.FAILED, "refused the session: no capacity"),
        ("accept another format", "handshake", Grade.WARNING, "wav/lpcm16_24, which was not"),
        ("accept without format", "handshake", Grade.FAILED, "without a known mediaFormat"),
        ("break the protocol", "slips", Grade.WARNING, "streamId"),
        ("overlap", "slips", Grade.WARNING, "while another play stream is open"),
        ("empty prompt", "play-stream", Grade.FAILED, "no audio"),
        ("hear nothing", "caller-audio", Grade.WARNING, "nothing of what it hears"),
        ("answer nothing", "spoken-question", Grade.WARNING, "no answer within"),
        ("do not greet", "greeting", Grade.INFORMATION, "said nothing"),
        ("error in mid-call", "errors", Grade.FAILED, "out of order"),
        ("forget the conversation", "resume", Grade.INFORMATION, "conversation not found"),
    ],
)
async def test_each_fault_gets_its_grade(
    fault: Fault, check: str, grade: Grade, words: str
) -> None:
    report = await faulty(fault, only=(check,))
    assert (grades(report), words in detail(report, check)) == ({check: grade}, True)


@pytest.mark.parametrize("fault", ["unknown message", "unpaced", "name no format"])
async def test_what_is_to_be_tolerated_is_no_fault(fault: Fault) -> None:
    report = await faulty(fault, only=("slips", "play-stream", "errors"))
    assert report.grade is Grade.OK


async def test_a_user_stream_that_is_never_opened_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streaming, "OPEN_STREAM_S", 0.1)
    report = await faulty("never open the user stream", only=("errors", "dtmf"))
    assert grades(report) == {"errors": Grade.FAILED, "dtmf": Grade.SKIPPED}
    assert "userStream.start" in detail(report, "errors")


async def test_a_wrong_token_that_is_let_in_is_a_warning_and_leaves_no_session() -> None:
    async with serve(SCRIPT) as (base, bots):
        report = await checked(base, "wrong-token")
        assert bots == []
    assert grades(report) == {"wrong-token": Grade.WARNING}


async def test_a_bot_that_refuses_everybody_says_nothing_of_tokens() -> None:
    async with ac_wire.serving() as bot:
        bot.refuse_with = 503
        params = {"botURL": bot.url, "acBotApiType": "streaming"}
        report = await examined(subject("ac-api", params), "wrong-token")
    assert grades(report) == {"wrong-token": Grade.SKIPPED}


async def test_a_session_that_is_lost_is_taken_up_on_a_new_connection() -> None:
    async with ac_wire.serving() as bot:
        params = {"botURL": bot.url, "acBotApiType": "streaming"}
        run = asyncio.ensure_future(examined(subject("ac-api", params), "handshake", "resume"))
        first = await bot.socket()
        asked = await first.accept(None)
        await first.closed.wait()
        second = await bot.socket()
        again = await second.accept(None)
        ended = await second.read("session.end")
        report = await run
    assert grades(report) == {"handshake": Grade.OK, "resume": Grade.OK}
    assert (asked["type"], again["type"]) == ("session.initiate", "session.resume")
    assert asked["conversationId"] == again["conversationId"] == ended["conversationId"]
    assert first.code == 1006


async def test_a_bot_that_closes_on_a_resume_does_not_know_how() -> None:
    async with ac_wire.serving() as bot:
        params = {"botURL": bot.url, "acBotApiType": "streaming"}
        run = asyncio.ensure_future(examined(subject("ac-api", params), "resume"))
        await (await bot.socket()).accept(None)
        second = await bot.socket()
        await second.ws.send_str("no JSON")
        await second.ws.send_bytes(b"binary")
        await second.close()
        report = await run
    assert grades(report) == {"resume": Grade.INFORMATION}
    shown = [line.content for line in report.lines("resume") if line.way == "from bot"]
    assert shown == ['{"unreadable":"no JSON"}', '{"unreadable":"a binary frame of 6 bytes"}']


async def test_the_check_leaves_no_session_behind() -> None:
    async with serve(SCRIPT, token=TOKEN) as (base, bots):
        report = await checked(base, "leave")
        assert grades(report) == {"leave": Grade.OK}
        assert [bot.ended is not None for bot in bots] == [True]


async def test_a_bot_that_answers_when_nobody_listens_any_more_is_not_kept_waiting() -> None:
    async with ac_wire.serving() as bot:
        params = {"botURL": bot.url, "acBotApiType": "streaming", "directSTT": True}
        run = asyncio.ensure_future(examined(subject("ac-api", params), "spoken-question"))
        socket = await bot.socket()
        await socket.accept()
        await socket.read("userStream.start")
        await socket.send("userStream.started")
        await socket.read("userStream.stop")
        await socket.send("userStream.stopped")
        await socket.act({"type": "message", "text": "I heard you."})
        await socket.read("session.end")
        await socket.close()
        report = await run
    assert grades(report) == {"spoken-question": Grade.OK}


async def test_a_connection_that_is_lost_meanwhile_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "RESUME_PAUSES_S", (0.0,))
    async with ac_wire.serving() as bot:
        params = {"botURL": bot.url, "acBotApiType": "streaming"}
        run = asyncio.ensure_future(examined(subject("ac-api", params), "errors"))
        first = await bot.socket()
        await first.accept(None)
        await first.read("activities")
        first.cut()
        second = await bot.socket()
        await second.accept(None)
        await second.read("session.end")
        await second.close()
        report = await run
    assert grades(report) == {"errors": Grade.WARNING}
    assert "lost" in detail(report, "errors")
