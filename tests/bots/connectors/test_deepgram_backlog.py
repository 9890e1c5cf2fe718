"""An agent that takes nothing more, without closing the connection."""

import asyncio

import pytest

from bots.connectors.deepgram_agent import session as session_module
from bots.core.ports import AgentReport
from tests.bots.connectors.deepgram_talk import talking
from tests.fakes.deepgram_agent import serving

pytestmark = [pytest.mark.wire, pytest.mark.usefixtures("loopback")]


async def test_an_agent_that_takes_no_data_is_left_for_a_new_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "SEND_S", 0.1)
    async with serving() as agent, talking(agent) as talk:
        first = await agent.session()
        first.stop_reading()

        async def speak() -> None:
            while True:
                talk.session.hear(b"\x7f" * 8000)
                await asyncio.sleep(0)

        speaking = asyncio.create_task(speak())
        error = await talk.until(AgentReport, lambda report: report.name == "error")
        speaking.cancel()
        assert error.detail == {"code": "send", "description": "Deepgram takes no data"}
        await talk.report("reconnected")
