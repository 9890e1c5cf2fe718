"""The offline recogniser confirms what the bot said."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import pytest_asyncio

from bots.core.errors import ServiceError
from bots.workers.pool import close_pools
from calls.testcall.caller import Caller
from calls.testcall.ear import confirm
from calls.testcall.flow import Met
from calls.testcall.ledger import PromptHeard
from calls.testcall.plan import CallPlan, Utterance, Words
from calls.testcall.speech import voiced

pytestmark = [pytest.mark.speech, pytest.mark.asyncio(loop_scope="module")]

BILL = "Your bill is forty two dollars. Shall I pay it now?"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def workers() -> AsyncIterator[None]:
    """The processes end with the tests of this file: to start one takes longer than a test."""
    yield
    await close_pools()


async def call(said: str, told: str, expected: str, *, over: bool = True) -> Caller:
    """A call that is over: the bot said ``said``, the prompt's text was ``told``."""
    plan = CallPlan(conversation_id=UUID(int=1), epoch=datetime.now(UTC), bot="b")
    caller = Caller(plan, 0.0)
    (spoken,) = await voiced([Words(said)], "en-US")
    assert isinstance(spoken, Utterance)
    caller.conversation.began_at = 2.0
    caller.conversation.heard += bytes(16000) + spoken.pcm + bytes(6400)
    ended_at = 2.5 + spoken.frames * 0.02
    heard = PromptHeard(text=told, began_at=2.5, ended_at=ended_at if over else None)
    caller.ledger.heard.append(heard)
    caller.ledger.met.append(Met(text=expected, first=0, last=0, told=bool(told)))
    return caller


@pytest.mark.parametrize(
    ("told", "expected"),
    [(BILL, "forty two dollars"), (f"<speak>{BILL}</speak>", "pay it now"), (BILL, BILL)],
)
async def test_what_was_said_is_confirmed(told: str, expected: str) -> None:
    caller = await call(BILL, told, expected)
    await confirm(caller, "en-US")
    assert caller.ledger.faults == []


async def test_a_prompt_without_a_text_is_compared_with_what_was_expected() -> None:
    caller = await call("Opening hours.", "", "opening hours", over=False)
    await confirm(caller, "en-US")
    assert caller.ledger.faults == []


async def test_audio_that_says_something_else_is_a_fault() -> None:
    caller = await call("The weather in Chicago is awful this week.", BILL, "forty two dollars")
    await confirm(caller, "en-US")
    assert caller.ledger.faults == ['the bot was to say "forty two dollars", but "" is to be heard']


async def test_a_language_that_the_recogniser_does_not_know_is_said_so() -> None:
    caller = await call(BILL, BILL, "dollars")
    with pytest.raises(ServiceError, match="English only"):
        await confirm(caller, "de-DE")
