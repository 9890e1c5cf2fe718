"""Hooks of calls with a voice agent: what it reports, how it is directed, functions it calls."""

import json
from typing import Any

import pytest

from bots.core.activities import event
from bots.models import Delivery
from calls.database import db
from calls.hooks import (
    FunctionCallRequest,
    FunctionCallResponse,
    InboundActivity,
    Latency,
    Refused,
    Session,
    function,
    on,
)
from calls.hooks.happenings import EventName
from calls.models import CallEvent
from tests.calls.channels.test_agent_calls import (
    ASKING,
    SPOKEN,
    TOOLS,
    TURN,
    answering,
    ended,
    line,
    prompt,
    quick,
)
from tests.calls.hooks.notebook import Notebook

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("loaded")]

__all__ = ["line"]  # the fixture


@pytest.fixture
def book() -> Notebook:
    return Notebook()


async def test_what_an_agent_does_is_told_by_the_names_of_the_bridge(
    line: Any, records: Any, book: Notebook
) -> None:
    names: tuple[EventName, ...] = (
        *("session_start", "agent_connected", "user_started_speaking", "agent_thinking"),
        *("agent_audio_done", "prompt_updated", "session_end"),
    )
    for name in names:

        @on(name)
        async def told(_session: Session, _event: Any, name: str = name) -> None:
            book.write(name)

    @on("conversation_text")
    async def said(session: Session, event: Any) -> None:
        book.write((event.role, event.content))
        if event.role == "user":
            await session.update_prompt("Be brief.")

    @on("latency")
    async def took(_session: Session, event: Latency) -> None:
        book.write(sorted(event.took_ms))

    async with answering(quick()) as agent:
        side = await line()
        assert await prompt(side) == "Good day."
        await side.speak(SPOKEN)
        assert await prompt(side) == "The answer."
        await book.until(*names[:-1], ("user", "my question"), ("assistant", "Good day."))
        assert (await agent.sessions[0].message("UpdatePrompt"))["prompt"] == "Be brief."
        await ended(side, records)
        await book.until("session_end", ("assistant", "The answer."))
        assert [each for each in book.lines if isinstance(each, list)] != []
        assert (book.lines[0], book.lines[-1]) == ("session_start", "session_end")
        assert agent.violations == []


async def test_a_function_is_answered_by_code_of_the_operators(
    line: Any, records: Any, book: Notebook
) -> None:
    @function("order")
    async def order(session: Session, no: str) -> str:
        return f"order {no} of {session.caller}."

    @on("function_call_response")
    async def answered(_session: Session, event: FunctionCallResponse) -> None:
        book.write((event.name, event.content))

    async with answering(quick(turns=(ASKING,)), **TOOLS) as agent:
        side = await line()
        await prompt(side)
        await side.speak(SPOKEN)
        assert await prompt(side) == "It is order 7 of +15550100."
        await ended(side, records)
        assert agent.violations == []


async def test_a_function_may_be_answered_by_a_handler_as_with_the_bridge(
    line: Any, records: Any, book: Notebook
) -> None:
    @on("function_call_request")
    async def respond(session: Session, event: FunctionCallRequest) -> None:
        for call in event.functions:
            book.write((call.name, call.arguments, call.client_side))
            await session.respond_to_function_call(call.id, call.name, "on its way.")
            try:
                await session.respond_to_function_call(call.id, call.name, "again")
            except Refused as refused:
                book.write(str(refused))

    async with answering(quick(turns=(ASKING,)), **TOOLS) as agent:
        side = await line()
        await prompt(side)
        await side.speak(SPOKEN)
        assert await prompt(side) == "It is on its way."
        await book.until(("order", {"no": "7"}, True))
        await ended(side, records)
        sent = [each["type"] for each in agent.sessions[0].received]
        assert sent.count("FunctionCallResponse") == 1
        assert agent.violations == []


async def test_an_agent_is_told_what_the_caller_pressed_and_what_to_say(
    line: Any, records: Any, lines: Any, book: Notebook
) -> None:
    """The bridge's example with keys: an account number is collected and handed to the agent."""
    digits: dict[str, str] = {}

    @on("activity")
    async def collect(session: Session, event: InboundActivity) -> None:
        if event.activity.get("name") != "DTMF":
            return
        pressed = digits.get(session.session_id, "") + str(event.activity["value"])
        digits[session.session_id] = pressed
        if pressed.endswith("#"):
            await session.send_user_message(f"My account number is {pressed[:-1]}.")
            book.write("told")

    keys = {"deepgramDtmfMessage": "", "bargeInOnDTMF": True}
    async with answering(quick(turns=(TURN,)), **keys) as agent:
        side = await line()
        await prompt(side)
        for key in "42#":
            await side.act(event("DTMF", value=key))
        told = await agent.sessions[0].message("InjectUserMessage")
        assert told["content"] == "My account number is 42."
        await book.until("told")
        await ended(side, records)
        assert agent.violations == []


async def test_webhooks_are_told_the_reports_of_the_agent_in_the_stream_of_the_call(
    line: Any, records: Any
) -> None:
    @function("order")
    async def order(_session: Session, no: str) -> str:
        return "on its way."

    told = {"callEventsUrl": "https://crm.example/hook"}
    events = ["call.started", "call.line", "call.agent", "call.ended"]
    script = quick(turns=(ASKING,))
    async with answering(script, callEvents=events, **told, **TOOLS):
        side = await line()
        await prompt(side)
        await side.speak(SPOKEN)
        await prompt(side)
        record = await ended(side, records)
    bodies = [json.loads(body) for body in await db(_bodies, f"call:{record.pk}")]
    kinds = [body["type"] for body in bodies]
    assert (kinds[0], kinds[-1]) == ("call.started", "call.ended")
    assert all(body["data"]["conversationId"] == "c-1" for body in bodies)
    reports = {
        body["data"]["report"]: body["data"] for body in bodies if body["type"] == "call.agent"
    }
    assert reports["connected"]["detail"]["request_id"]
    assert reports["function_call"]["detail"]["arguments"] == {"no": "7"}
    assert reports["latency"]["complete"]
    stored = await db(_stored, "agent-function-call")
    assert stored["arguments"] == "…"


def _bodies(stream: str) -> list[str]:
    return list(
        Delivery.objects.filter(stream=stream).order_by("seq").values_list("body", flat=True)
    )


def _stored(name: str) -> dict[str, Any]:
    detail: dict[str, Any] = CallEvent.objects.get(name=name).detail
    return detail
