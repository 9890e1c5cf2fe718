"""Peers that mean harm or are broken, and a gateway whose parts are away when they call."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import Error, InterfaceError, OperationalError
from django.db.backends.signals import connection_created

from bots.core.activities import event, message
from bots.protocols.ac_bot_api import Accepted
from calls.channels import voice_consumer
from calls.channels.voice_activities import MAX_DIGITS
from tests.calls.channels.conftest import VoiceSide

pytestmark = pytest.mark.db

GREETING: dict[str, list[Any]] = {"start": ["Welcome."], "still here": ["Yes."]}
HUGE = 10**400
"""A number that JSON can carry and no float can hold."""


async def talking(side: VoiceSide) -> None:
    await side.until(Accepted)
    await side.start()
    assert await side.says() == "Welcome."


@pytest.mark.parametrize("confidence", [HUGE, "nan", "-inf", "1e999", 17, -1, [], {}, None, "high"])
async def test_a_confidence_that_is_none_is_left_out(
    make_bot: Any, call: Any, confidence: Any
) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    await talking(side)
    said = {"type": "message", "text": "still here", "parameters": {"confidence": confidence}}
    await side.send(json.dumps({"type": "activities", "activities": [said]}))
    assert await side.says() == "Yes."


async def test_a_million_digits_are_cut(make_bot: Any, call: Any, records: Any, lines: Any) -> None:
    await make_bot({"start": ["Welcome."], "DTMF": ["Thank you."]}, sendDTMF=True)
    side = await call(audio=False)
    await talking(side)
    await side.act(event("dtmf", value="1" * 1_000_000))
    assert await side.says() == "Thank you."
    await side.send(side.client.end("client-disconnected", ""))
    await side.closed()
    (record,) = await records()
    assert (await lines(record))[1] == ("caller", "1" * MAX_DIGITS, "")


async def test_a_digit_that_is_a_number_is_a_digit(make_bot: Any, call: Any) -> None:
    await make_bot({"start": ["Welcome."], "DTMF": ["Thank you."]}, sendDTMF=True)
    side = await call(audio=False)
    await talking(side)
    await side.act(event("DTMF", value=0))
    assert await side.says() == "Thank you."


async def test_a_call_that_describes_itself_for_ever_is_described_once(
    make_bot: Any, call: Any, records: Any
) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    await talking(side)
    for number in range(100):
        await side.act(event("start", parameters={"caller": f"+{number}" * 10_000}))
    await side.act(message("still here"))
    assert await side.says() == "Yes."
    await side.send(side.client.end("client-disconnected", ""))
    await side.closed()
    (record,) = await records()
    assert record.caller == "+15550100"


async def test_a_reason_of_nothing_printable_completes_the_record(
    make_bot: Any, call: Any, records: Any
) -> None:
    await make_bot(GREETING)
    side = await call(audio=False)
    await talking(side)
    await side.send(side.client.end("\x00", "\x00\u202e"))
    await side.closed()
    (record,) = await records()
    assert (record.state, record.reason_code) == ("ended", "error")


async def test_a_peer_that_asks_for_nothing_is_dropped_whatever_it_says(
    make_bot: Any, host: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_consumer, "FIRST_FRAME_TIMEOUT_S", 0.05)
    await make_bot({})
    side = VoiceSide("table")
    await side.connect()
    await side.send('{"type":"nonsense"}')
    assert await side.closed() == 1008


@pytest.fixture(params=[OperationalError, InterfaceError])
def database_away(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every new connection to the database fails."""
    failure: type[Error] = request.param

    def fail(**_signal: Any) -> None:
        raise failure("the server closed the connection")

    connection_created.connect(fail)
    yield
    connection_created.disconnect(fail)


async def test_without_the_database_a_call_is_refused_as_unavailable(
    transactional_db: None, host: Any, database_away: None
) -> None:
    answer = await VoiceSide("table").connect()
    assert (answer["type"], answer["status"]) == ("websocket.http.response.start", 503)
