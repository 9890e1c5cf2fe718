"""Whole calls that an operator's code follows and acts in."""

import threading
from typing import Any

import pytest

from bots.core.activities import event, message
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotConversation
from bots.functions import Function
from bots.protocols.ac_bot_api import Accepted
from calls.hooks import ConversationText, InboundActivity, Session, SessionEnd, function, on
from calls.hooks.registration import Registered
from calls.session.host import SessionHost
from tests.calls.hooks.notebook import Notebook

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("loaded")]

ANSWERS = {"start": ["Welcome."], "my bill": ["Forty dollars."]}


async def test_a_call_is_followed_from_its_beginning_to_its_end(
    make_bot: Any, call: Any, records: Any
) -> None:
    book = Notebook()

    @on("session_start")
    async def began(session: Session, _event: Any) -> None:
        book.write(("began", session.bot, session.conversation_id, session.caller))

    @on("conversation_text")
    async def said(_session: Session, event: ConversationText) -> None:
        book.write((event.role, event.content))

    @on("activity")
    async def told(_session: Session, event: InboundActivity) -> None:
        book.write((event.activity["name"], event.activity.get("value")))

    @on("session_end")
    async def over(session: Session, event: SessionEnd) -> None:
        heard = [line.content for line in session.get_transcript()]
        book.write((event.reason, event.reason_code, heard))

    await make_bot(ANSWERS, sendDTMF=True)
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    await side.says()
    await side.act(message("my bill"))
    await side.says()
    await side.act(event("DTMF", value="42#"))
    await book.until(("DTMF", "42#"))
    await side.send(side.client.end("client-disconnected", "Client Side"))
    await side.closed()
    said_in_all = ["Welcome.", "my bill", "Forty dollars."]
    await book.until(("hangup", "client-disconnected", said_in_all))
    assert book.lines == [
        ("began", "table", "c-1", "+15550100"),
        ("start", None),
        ("assistant", "Welcome."),
        ("user", "my bill"),
        ("assistant", "Forty dollars."),
        ("DTMF", "42#"),
        ("hangup", "client-disconnected", said_in_all),
    ]


async def test_a_hook_acts_in_the_call_in_its_own_name(
    make_bot: Any, call: Any, records: Any, lines: Any
) -> None:
    @on("conversation_text")
    async def listen(session: Session, event: ConversationText) -> None:
        if event.role == "user":
            await session.send_agent_message("One moment, please.")
            await session.transfer("tel:+15550123", handover_reason="asked for a human")

    await make_bot({"start": ["Welcome."]})
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    await side.says()
    await side.act(message("a human"))
    assert await side.says() == "One moment, please."
    transfer = await side.told("transfer")
    assert transfer.activity_params == {
        "transferTarget": "tel:+15550123",
        "handoverReason": "asked for a human",
    }
    await side.send(side.client.end("transferred", ""))
    await side.closed()
    (record,) = await records()
    assert f"hook {__name__} sent transfer" in [text for _, text, _ in await lines(record)]
    assert record.reason_code == "transferred"


async def test_a_hook_that_blocks_its_thread_does_not_hold_up_the_call(
    make_bot: Any, call: Any, records: Any
) -> None:
    release = threading.Event()

    @on("session_start")
    async def blocks(_session: Session, _event: Any) -> None:
        release.wait(30)

    await make_bot(ANSWERS)
    side = await call(audio=False)
    await side.until(Accepted)
    await side.start()
    assert await side.says() == "Welcome."
    await side.act(message("my bill"))
    assert await side.says() == "Forty dollars."
    assert not release.is_set()
    release.set()


async def test_functions_are_answered_with_the_session_of_the_call(
    make_bot: Any, call: Any, host: SessionHost, loaded: Registered
) -> None:
    @function("get_order_status")
    async def status(session: Session, order_id: str) -> dict[str, str]:
        return {"order": order_id, "caller": session.caller}

    @function("broken")
    async def broken(_session: Session) -> str:
        raise LookupError("no such account")

    await make_bot(ANSWERS)
    side = await call(audio=False)
    await side.until(Accepted)
    (session,) = host._calls.values()
    conversation = BotConversation(
        conversation_id="c-1", call_id=str(session.call_id), bot="table", language="en-US"
    )

    async def asked(name: str, **arguments: Any) -> str | None:
        return await host._hooks.answer(
            Function(id="f-1", name=name, arguments=arguments), conversation
        )

    assert await asked("get_order_status", order_id="7") == '{"order":"7","caller":"+15550100"}'
    assert await asked("unknown") is None
    with pytest.raises(ServiceError, match="LookupError: no such account") as failed:
        await asked("broken")
    assert failed.value.fault is Fault.SERVER
    with pytest.raises(ServiceError, match="TypeError"):
        await asked("get_order_status", number="7")


async def test_without_hooks_there_is_no_thread(
    make_bot: Any, call: Any, loaded: Registered
) -> None:
    await make_bot(ANSWERS)
    side = await call(audio=False)
    await side.until(Accepted)
    assert not loaded
    assert "hooks" not in {thread.name for thread in threading.enumerate()}
