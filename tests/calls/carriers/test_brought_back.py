"""Outbound calls through VoiceAI Connect: it calls back, and is told apart from other callers."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from bots.core.activities import message
from bots.models import Bot
from bots.protocols.ac_bot_api import Accepted
from calls.channels import matching, report
from calls.channels.expected import DIALOUT_KEY
from calls.core import life
from calls.database import db
from calls.models import Call, Dialout
from tests.calls.carriers.conftest import Called, Exchange
from tests.calls.channels.conftest import VoiceSide
from tests.fakes.voiceai_connect import Order, Script

pytestmark = pytest.mark.db


async def converse(conversation_id: str, order: Order) -> None:
    """Somebody answers, asks for the bill, and the bot hangs up."""
    call = Called(conversation_id, order)
    await call.connect()
    await call.answer()
    assert await call.side.says() == "Hi."
    await call.side.act(message("my bill"))
    await call.side.told("hangup")
    await call.end("bot-disconnected")


async def call_of(row: Dialout) -> Call:
    return await db(lambda: Call.objects.get(dialout=row))


@pytest.mark.parametrize("calls", ["before", "after"])
async def test_a_call_is_placed_brought_back_and_completed(
    exchange: Exchange, calls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The reply that tells the id may come only after the whole call.
    monkeypatch.setattr(matching, "PATIENCE_S", 0.0)
    exchange.vaic.script = Script(calls=calls)
    exchange.vaic.voice = converse
    row = await exchange.order(metadata={"case": 7})
    await exchange.place(row)
    row = await exchange.now(row)
    assert (row.state, row.reason_code) == ("completed", "bot-disconnected")
    assert row.answered_at is not None
    assert row.carrier == "vaic"
    call = await call_of(row)
    assert (call.direction, call.channel, call.is_test) == ("outbound", "audiocodes", False)
    assert (call.caller, call.callee) == ("+15550123", "+15550199")


async def test_the_reply_may_come_while_the_session_waits_for_it(exchange: Exchange) -> None:
    """The socket comes first; the order's reply, which names it, a moment later."""
    replied = asyncio.Event()

    async def voice(conversation_id: str, order: Order) -> None:
        call = Called(conversation_id, order)
        connecting = asyncio.ensure_future(call.connect())
        replied.set()
        await connecting
        assert exchange.host.dialouts
        await call.end("busy", "Busy here")

    exchange.vaic.voice = voice
    row = await exchange.order()
    await exchange.place(row)
    row = await exchange.now(row)
    assert (row.state, row.reason_code, row.reason) == ("failed", "busy", "Busy here")


async def test_the_bot_gets_what_was_ordered_whatever_the_carrier_tells(
    exchange: Exchange,
) -> None:
    heard: list[Any] = []

    async def voice(conversation_id: str, order: Order) -> None:
        assert set(order["metadata"]) == {"case", DIALOUT_KEY}
        call = Called(conversation_id, order)
        await call.connect()
        await call.answer(dialoutMetadata={"case": "another"})
        await call.side.says()
        session = exchange.host.find("seller", conversation_id)
        assert session is not None
        heard.extend(session._plugins.connector.sessions[0].heard)  # type: ignore[attr-defined]
        await call.end("client-disconnected")

    exchange.vaic.voice = voice
    row = await exchange.order(metadata={"case": 7})
    await exchange.place(row)
    await exchange.now(row)
    start = next(activity for activity in heard if activity.name == "start")
    assert start.parameters["outboundTarget"] == "tel:+15550199"
    assert start.parameters["dialoutMetadata"] == {"case": 7}


@pytest.mark.parametrize("overtakes", [True, False])
async def test_a_failure_is_reported_before_or_after_the_reply(
    exchange: Exchange, *, overtakes: bool
) -> None:
    exchange.vaic.script = Script(fails="declined", overtakes=overtakes)
    row = await exchange.order()
    await exchange.place(row)
    row = await exchange.now(row)
    assert exchange.vaic.posted == [("failed", 200)]
    assert (row.state, row.reason_code, row.reason) == ("failed", "declined", "It says so")


async def test_a_carrier_that_is_busy_leaves_the_dialout_in_the_queue(exchange: Exchange) -> None:
    exchange.vaic.script = Script(status=503, calls="never")
    row = await exchange.order()
    await exchange.place(row)
    row = await exchange.now(row)
    assert row.state == "queued"


async def test_inbound_calls_of_a_bot_that_dials_out_are_inbound(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an order waits for its reply, a caller is accepted, and ``start`` tells who it is."""
    monkeypatch.setattr(matching, "PATIENCE_S", 0.0)
    met = asyncio.Event()

    async def voice(conversation_id: str, order: Order) -> None:
        caller = VoiceSide("seller", conversation_id="somebody-else")
        await caller.connect()
        await caller.initiate(audio=False)
        await caller.until(Accepted)
        assert exchange.host.calls == 0
        await caller.start()
        assert await caller.says() == "Hi."
        assert not exchange.host.dialouts
        await caller.send(caller.client.end("client-disconnected", ""))
        await caller.closed()
        met.set()

    exchange.vaic.script = Script(calls="before")
    exchange.vaic.voice = voice
    row = await exchange.order()
    await exchange.place(row)
    await met.wait()
    await exchange.now(row)
    (call,) = await db(lambda: list(Call.objects.all()))
    assert (call.direction, call.caller) == ("inbound", "+15550100")


async def test_a_caller_accepted_before_the_bot_that_cannot_join_is_let_go_at_once(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matching, "PATIENCE_S", 0.0)
    monkeypatch.setattr(life, "HANG_UP_TIMEOUT_S", 600.0)
    seller = Bot.objects.filter(name="seller")
    await db(lambda: seller.update(params={"tableAnswers": {"!join": []}}))
    codes: list[int] = []

    async def voice(conversation_id: str, order: Order) -> None:
        caller = VoiceSide("seller", conversation_id="somebody-else")
        await caller.connect()
        await caller.initiate(audio=False)
        await caller.until(Accepted)
        await caller.start()
        await caller.told("hangup")
        await caller.send(caller.client.end("bot-disconnected", ""))
        codes.append(await caller.closed())

    exchange.vaic.script = Script(calls="before")
    exchange.vaic.voice = voice
    row = await exchange.order()
    await exchange.place(row)
    await exchange.now(row)
    assert codes == [1000]
    (call,) = await db(lambda: list(Call.objects.all()))
    assert (call.state, call.ended_by) == ("ended", "gateway")


async def test_a_caller_does_not_become_a_dialout_of_another_bot_or_one_that_is_over(
    exchange: Exchange,
) -> None:
    row = await exchange.order()
    exchange.vaic.script = Script(fails="busy")
    await exchange.place(row)
    await exchange.vaic.settle()
    call = Called("c-9", {"metadata": {DIALOUT_KEY: str(row.pk)}})
    await call.connect()
    await call.answer()
    assert await call.side.says() == "Hi."
    assert not exchange.host.dialouts
    await call.end("client-disconnected")


async def test_a_report_needs_the_token_of_its_order(exchange: Exchange) -> None:
    exchange.vaic.script = Script(calls="never")
    row = await exchange.order()
    await exchange.place(row)
    (order,) = exchange.vaic.orders
    body = {"conversationId": "c-1", "status": "failed", "reasonCode": "busy"}
    wrong = [
        f"http://gateway/voice/audiocodes/dialouts/{row.pk}/wrong",
        f"http://gateway/voice/audiocodes/dialouts/{uuid4()}/{order['notifyUrl'].rpartition('/')[2]}",
    ]
    post = exchange.vaic.post
    assert post is not None
    for url in wrong:
        assert await post(url, body) == 404
    for _ in range(2):
        assert await post(order["notifyUrl"], body) == 200
    row = await exchange.now(row)
    assert (row.state, row.reason_code) == ("failed", "busy")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"status": 7}', 400),
        (b"\xff\xfe", 400),
        (b"[" * 60_000, 400),
        (b'{"status": "' + b"x" * report.MAX_BODY_BYTES + b'"}', 413),
        (b'{"status": "answered"}', 200),
        (b'{"status": "completed", "reasonCode": "client-disconnected"}', 200),
        (b'{"status": "sleeping", "other": {"a": 1}}', 200),
        (b'{"status": "failed", "reason": "\\ud800"}', 400),
        (b'{"status": "failed", "reasonCode": "odd", "reason": "a\\u0000b"}', 200),
        (b'{"status": "failed", "conversationId": "a\\u0000b"}', 200),
    ],
)
async def test_a_hostile_report_breaks_nothing(
    exchange: Exchange, body: bytes, status: int
) -> None:
    exchange.vaic.script = Script(calls="never")
    row = await exchange.order()
    await exchange.place(row)
    path = exchange.vaic.orders[0]["notifyUrl"].partition("/voice/")[2]

    def send() -> int:
        sent = Client().post(f"/voice/{path}", body, content_type="application/json")
        return sent.status_code

    assert await db(send) == status
    row = await exchange.now(row)
    assert row.state in ("dialing", "failed")
    assert row.reason_code in ("", "error")


async def test_a_machine_that_the_carrier_detected_ends_an_answered_call(
    exchange: Exchange,
) -> None:
    async def voice(conversation_id: str, order: Order) -> None:
        call = Called(conversation_id, order)
        await call.connect()
        await call.answer()
        await call.side.says()
        await exchange.vaic.report(
            order, conversation_id, "completed", reasonCode="machine-detected"
        )
        await call.end("machine-detected")

    exchange.vaic.voice = voice
    row = await exchange.order(machine_detection="disconnect")
    await exchange.place(row)
    row = await exchange.now(row)
    assert (row.state, row.reason_code) == ("completed", "machine-detected")
