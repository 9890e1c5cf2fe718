"""Text sessions over the voice WebSocket: the voice side recognises and speaks itself."""

import asyncio
import json
import random
from typing import Any

import pytest
from structlog.testing import capture_logs

from bots.core.activities import event, message
from bots.protocols.ac_bot_api import Accepted, Errored, Validated
from bots.services.bots import bot_create, mint_voice_token
from calls.channels import voice_consumer
from calls.database import db
from tests.calls.channels.conftest import VoiceSide

pytestmark = pytest.mark.db

GREETING = {"start": ["Welcome."], "my bill": ["Forty dollars.", {"name": "hangup"}]}


async def test_a_conversation_is_carried_and_recorded(
    make_bot: Any, call: Any, records: Any, lines: Any
) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    assert (await side.until(Accepted)).media_format is None
    await side.start()
    assert await side.says() == "Welcome."
    await side.act(message("my bill", parameters={"confidence": "0.8"}))
    assert await side.says() == "Forty dollars."
    hang_up = await side.told("hangup")
    assert hang_up.id
    assert hang_up.timestamp
    await side.send(side.client.end("bot-disconnected", "Bot Side"))
    assert await side.closed() == 1000

    (record,) = await records()
    assert record.state == "ended"
    assert (record.ended_by, record.reason_code) == ("bot", "bot-disconnected")
    assert (record.mode, record.channel, record.turns) == ("text", "audiocodes", 1)
    assert (record.caller, record.callee) == ("+15550100", "+15550199")
    assert record.bot_revision == 1
    assert record.ended_at >= record.started_at
    assert await lines(record) == [
        ("bot", "Welcome.", ""),
        ("caller", "my bill", ""),
        ("bot", "Forty dollars.", ""),
    ]


async def test_the_connection_is_validated(make_bot: Any, host: Any) -> None:
    await make_bot({})
    side = VoiceSide("table")
    await side.connect()
    await side.send(side.client.validate())
    assert (await side.until(Validated)).success
    await side.drop()


@pytest.mark.parametrize("bot", ["nobody", "stem"])
async def test_an_unknown_or_base_bot_is_answered_404_before_the_upgrade(
    make_bot: Any, host: Any, bot: str
) -> None:
    await db(bot_create, name="stem", author="test", is_base=True)
    answer = await VoiceSide(bot).connect()
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 404)


async def test_a_token_is_asked_for_and_compared(make_bot: Any, host: Any) -> None:
    token = await db(mint_voice_token, await make_bot({}))
    for wrong in (None, "vgw_wrong"):
        answer = await VoiceSide("table", token=wrong).connect()
        assert answer["status"] == 401
        assert (b"www-authenticate", b"Bearer") in answer["headers"]
    side = VoiceSide("table", token=token)
    assert (await side.connect())["type"] == "websocket.accept"
    await side.drop()


async def test_a_cut_socket_is_resumed_on_a_new_one(
    make_bot: Any, call: Any, records: Any, lines: Any
) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    await side.says()
    await side.drop()

    again = VoiceSide("table")
    await again.connect()
    await again.send(again.client.resume())
    assert (await again.until(Accepted)).media_format is None
    await again.act(message("my bill"))
    assert await again.says() == "Forty dollars."
    await again.told("hangup")
    await again.send(again.client.end("bot-disconnected", ""))
    assert await again.closed() == 1000
    (record,) = await records()
    said = [side for side, *_ in await lines(record)]
    assert said == ["bot", "system", "caller", "bot"]
    assert record.ended_by == "bot"


async def test_a_hang_up_that_found_no_socket_is_told_to_the_next(make_bot: Any, call: Any) -> None:
    await make_bot({"start": ["Hi."], "DTMF": [{"name": "hangup"}]}, sendDTMF=True)
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    await side.says()
    await side.act(event("DTMF", value="1"))
    await side.drop()
    again = VoiceSide("table")
    await again.connect()
    await again.send(again.client.resume())
    answer = await again.until(Accepted, Errored)
    if isinstance(answer, Accepted):  # the bot had not answered yet when the socket went away
        await again.told("hangup")


async def test_an_unknown_conversation_cannot_be_resumed(make_bot: Any, host: Any) -> None:
    await make_bot({})
    side = VoiceSide("table", conversation_id="never-was")
    await side.connect()
    await side.send(side.client.resume())
    assert (await side.until(Errored)).reason == "conversation not found"
    assert await side.closed() == 1000


async def test_a_call_whose_socket_does_not_come_back_is_closed(
    make_bot: Any, call: Any, records: Any
) -> None:
    await make_bot(GREETING, resumeGracePeriodMS=0)
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    await side.says()
    await side.drop()
    (record,) = await records()
    assert record.cause in ("connection-lost", "shutdown")


async def test_a_second_call_with_the_same_id_is_refused(make_bot: Any, call: Any) -> None:
    await make_bot(GREETING)
    first = await call(audio=False)
    await first.until(Accepted)
    second = await call(audio=False)
    assert "id" in (await second.until(Errored)).reason
    assert await second.closed() == 1000
    await first.start()
    assert await first.says() == "Welcome."


async def test_no_more_calls_are_taken_than_configured(
    make_bot: Any, call: Any, settings: Any
) -> None:
    settings.MAX_CALLS = 1
    await make_bot(GREETING)
    await (await call(audio=False)).until(Accepted)
    refused = await call(audio=False, conversation_id="c-2")
    assert "capacity" in (await refused.until(Errored)).reason
    assert await refused.closed() == 1000


async def test_a_drain_ends_calls_in_order_and_refuses_new_ones(
    make_bot: Any, call: Any, host: Any, records: Any
) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    await side.says()
    host.paused = True
    refused = await call(audio=False, conversation_id="c-2")
    assert "takes no more calls" in (await refused.until(Errored)).reason

    async def voice_side() -> None:
        await side.told("hangup")
        await side.send(side.client.end("bot-disconnected", ""))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(voice_side())
        (record,) = await records()
    assert (record.ended_by, record.cause) == ("gateway", "shutdown")


async def test_a_call_that_is_cut_by_a_stop_at_once_is_told_from_a_bug(
    make_bot: Any, call: Any, records: Any
) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    await side.until(Accepted)
    for task in asyncio.all_tasks():
        if task.get_name().startswith("call "):
            task.cancel()
    await side.told("hangup")
    assert await side.closed() == 1000
    (record,) = await records()
    assert (record.ended_by, record.cause) == ("gateway", "shutdown")


async def test_a_bot_that_cannot_be_joined_refuses_the_call(
    make_bot: Any, call: Any, records: Any
) -> None:
    await make_bot({"!join": []})
    side = await call(audio=False)
    assert (await side.until(Errored)).reason == "The bot failed: the table says so"
    assert await side.closed() == 1000
    (record,) = await records()
    assert (record.ended_by, record.reason_code) == ("gateway", "error")


async def test_a_bot_that_fails_ends_the_call_with_the_reason(
    make_bot: Any, call: Any, records: Any
) -> None:
    await make_bot({"start": ["!fail"]})
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    assert (await side.told("hangup")).parameter(
        "hangupReason"
    ) == "The bot failed: the table says so"
    await side.send(side.client.end("bot-disconnected", ""))
    assert await side.closed() == 1000
    (record,) = await records()
    assert record.reason == "The bot failed: the table says so"


async def test_a_bug_ends_its_own_call_only(make_bot: Any, call: Any, records: Any) -> None:
    await make_bot({"start": ["Hi."], "boom": ["!crash"], "still here": ["Yes."]})
    unlucky = await call(audio=False)
    lucky = await call(audio=False, conversation_id="c-2")
    for side in (unlucky, lucky):
        await side.until(Accepted)
        await side.start()
        await side.says()
    await unlucky.act(message("boom"))
    await unlucky.told("hangup")
    await unlucky.send(unlucky.client.end("bot-disconnected", "Bot Side"))
    assert await unlucky.closed() == 1000
    await lucky.act(message("still here"))
    assert await lucky.says() == "Yes."
    await lucky.send(lucky.client.end("client-disconnected", "Client Side"))
    await lucky.closed()
    crashed, well = await records()
    assert (crashed.ended_by, crashed.cause) == ("gateway", "internal")
    assert (well.ended_by, well.reason_code) == ("caller", "client-disconnected")


async def test_a_refused_transfer_is_recorded(make_bot: Any, call: Any, records: Any) -> None:
    target = {"name": "transfer", "activityParams": {"transferTarget": "tel:+15550100"}}
    await make_bot({"start": ["Hi."], "operator": [target]})
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    await side.says()
    await side.act(message("operator"))
    assert (await side.told("transfer")).parameter("transferTarget") == "tel:+15550100"
    status = {"status": "failed", "reasonCode": "busy"}
    await side.act(event("transferStatus", value=status))
    await side.told("hangup")
    await side.send(side.client.end("bot-disconnected", ""))
    assert await side.closed() == 1000
    (record,) = await records()
    assert (record.cause, record.reason) == ("transfer", "The transfer failed: busy")


GARBAGE: list[str | bytes] = [
    "",
    "hello",
    "{",
    "[]",
    "null",
    '{"type":7}',
    '{"type":"nonsense"}',
    '{"conversationId":"c-1"}',
    '{"type":"userStream.chunk"}',
    '{"type":"userStream.chunk","audioChunk":"!!!"}',
    '{"type":"userStream.chunk","audioChunk":"AAAA"}',
    '{"type":"session.initiate","conversationId":"c-9"}',
    '{"type":"connection.validate"}',
    '{"type":"activities"}',
    '{"type":"activities","activities":{}}',
    '{"type":"activities","activities":[7]}',
    '{"type":"activities","activities":[{"type":"event"}]}',
    b"\x00\x01\x02",
    "{" * 2000,
]


async def test_bad_input_is_ignored_with_one_log_line(make_bot: Any, call: Any) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    await side.until(Accepted)
    other = await call(audio=False, conversation_id="c-2")
    await other.until(Accepted)
    with capture_logs() as logs:
        for frame in GARBAGE:
            await side.send(frame)
        await side.start()
        assert await side.says() == "Welcome."
    assert len([line for line in logs if line["event"] == "voice.frame_ignored"]) == 1
    await other.start()
    assert await other.says() == "Welcome."


async def test_ten_thousand_random_frames_disturb_nobody(make_bot: Any, call: Any) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    await side.until(Accepted)
    other = await call(audio=False, conversation_id="c-2")
    await other.until(Accepted)
    dice = random.Random(20261121)
    # NB not session.resume: of another conversation it ends this one (test_bridge_expectations).
    types = ["userStream.start", "userStream.chunk", "activities", "session.initiate", "x"]
    for _ in range(10_000):
        noise: Any = dice.choice([None, 1, "a", "AAA=", [], {}, [[]], {"type": "event"}])
        fields = ("audioChunk", "activities", "participant", "conversationId")
        frame = {"type": dice.choice(types), dice.choice(fields): noise}
        text = json.dumps(frame)
        await side.send(text[: dice.randrange(1, len(text) + 1)])
    await side.start()
    assert await side.says() == "Welcome."
    await other.start()
    assert await other.says() == "Welcome."


async def test_a_peer_that_says_nothing_is_dropped(
    make_bot: Any, host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_consumer, "FIRST_FRAME_TIMEOUT_S", 0.05)
    await make_bot({})
    side = VoiceSide("table")
    await side.connect()
    assert await side.closed() == 1008
