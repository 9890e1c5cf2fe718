"""How handlers are told: in order, bounded, each within its time, whatever another does."""

import asyncio
import threading
import time
from asyncio import CancelledError
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from calls.core import steering
from calls.core.steering import Outcome
from calls.hooks import (
    ConversationText,
    Error,
    FunctionCallRequest,
    Session,
    SessionEnd,
    SessionStart,
)
from calls.hooks.delivery import MAX_WAITING, Delivery
from calls.hooks.registration import Registered
from calls.hooks.session import CallFacts, Refused
from calls.hooks.thread import HookThread

AT = datetime(2026, 1, 5, tzinfo=UTC)
FACTS = CallFacts(
    call_id=UUID(int=1),
    conversation_id="c-1",
    bot="table",
    caller="+15550100",
    callee="+15550199",
    channel="audiocodes",
    direction="inbound",
    media_format="raw/lpcm16",
    is_test=False,
    sip_headers={},
    controls=frozenset({"UpdatePrompt"}),
)
START = SessionStart(at=AT)
END = SessionEnd(at=AT, reason="hangup", duration_ms=0, reason_code="", text="")


def line(text: str) -> ConversationText:
    return ConversationText(at=AT, role="user", content=text)


@pytest.fixture
def thread() -> Iterator[HookThread]:
    thread = HookThread()
    thread.start()
    yield thread
    thread.stop()


class Call:
    """A call with handlers; acts are answered by ``outcomes``."""

    def __init__(self, thread: HookThread, deadline_s: float = 5) -> None:
        self.registered = Registered()
        self.acts: list[tuple[Any, str]] = []
        self.outcomes = [Outcome(status="accepted"), Outcome(status="done")]
        self.session = Session(FACTS, self._steer, asyncio.get_running_loop())
        self.delivery = Delivery(self.session, self.registered, thread, deadline_s)

    def on(self, name: Any, handler: Any) -> None:
        self.registered.handlers.setdefault(name, []).append(handler)

    def _steer(self, act: Any, by: str, report: Any) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.acts.append((act, by))
        for outcome in self.outcomes:
            report(outcome)


async def done(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 10)


async def test_everything_is_told_in_order_and_outside_the_thread_of_the_calls(
    thread: HookThread,
) -> None:
    call, seen, over = Call(thread), [], threading.Event()

    async def slow(session: Session, event: ConversationText) -> None:
        assert threading.current_thread().name == "hooks"
        await asyncio.sleep(0)
        seen.append(event.content)

    async def last(session: Session, event: SessionEnd) -> None:
        seen.append(f"over, {session.is_active}, {len(session.get_transcript())}")
        over.set()

    call.on("conversation_text", slow)
    call.on("session_end", last)
    for number in range(50):
        call.delivery.put("conversation_text", line(str(number)))
    call.delivery.put("session_end", END)
    await done(over)
    assert seen == [*map(str, range(50)), "over, False, 50"]


async def test_a_handler_that_blocks_holds_up_no_call_and_loses_nothing_vital(
    thread: HookThread,
) -> None:
    call, release, seen, over = Call(thread), threading.Event(), [], threading.Event()

    async def blocks(session: Session, event: SessionStart) -> None:
        release.wait(10)

    async def hears(session: Session, event: ConversationText) -> None:
        seen.append(event.content)

    async def last(session: Session, event: SessionEnd) -> None:
        over.set()

    call.on("session_start", blocks)
    call.on("conversation_text", hears)
    call.on("session_end", last)
    call.delivery.put("session_start", START)
    began = time.perf_counter()
    for number in range(MAX_WAITING + 100):
        call.delivery.put("conversation_text", line(str(number)))
    call.delivery.put("session_end", END)
    assert time.perf_counter() - began < 5  # the handler blocks for ten
    assert call.delivery.dropped >= 100
    release.set()
    await done(over)
    assert seen[-1] == str(MAX_WAITING + 99)
    assert len(seen) + call.delivery.dropped == MAX_WAITING + 100


async def test_what_is_not_vital_makes_way_for_what_is(thread: HookThread) -> None:
    call, release, over = Call(thread), threading.Event(), threading.Event()

    async def blocks(session: Session, event: SessionStart) -> None:
        release.wait(10)

    async def last(session: Session, event: SessionEnd) -> None:
        over.set()

    call.on("session_start", blocks)
    call.on("session_end", last)
    for _ in range(MAX_WAITING + 10):
        call.delivery.put("session_start", START)
    call.delivery.put("conversation_text", line("one too many"))
    call.delivery.put("session_end", END)
    release.set()
    await done(over)
    assert [each.content for each in call.session.get_transcript()] == []


@pytest.mark.parametrize("broken", ["raises", "hangs"])
async def test_a_broken_handler_is_told_of_as_an_error_and_stops_no_other(
    thread: HookThread, broken: str
) -> None:
    call, errors, over = Call(thread, deadline_s=0.1), [], threading.Event()

    async def breaks(session: Session, event: SessionStart) -> None:
        if broken == "hangs":
            await asyncio.Event().wait()
        raise KeyError("account")

    async def fine(session: Session, event: SessionStart) -> None:
        over.set()

    async def told(session: Session, event: Error) -> None:
        errors.append(event)
        raise RuntimeError("also broken, and nobody is told of that")

    call.on("session_start", breaks)
    call.on("session_start", fine)
    call.on("error", told)
    call.delivery.put("session_start", START)
    await done(over)
    (error,) = errors
    assert (error.code, error.recoverable) == ("handler_error", True)
    expected = "not done within 0.1 s" if broken == "hangs" else "KeyError: 'account'"
    assert error.description.endswith(expected)


async def test_acts_are_done_where_the_calls_are_in_the_name_of_the_module(
    thread: HookThread,
) -> None:
    call, over = Call(thread), threading.Event()
    problems: list[str] = []

    async def acts(session: Session, event: SessionStart) -> None:
        await session.send_dtmf("12#")
        await session.update_prompt("Be brief.")
        for attempt in (
            session.update_speak({}),
            session.send_activity({"type": 5}),
            session.transfer(""),
        ):
            try:
                await attempt
            except Refused as refused:
                problems.append(str(refused))
        over.set()

    call.on("session_start", acts)
    call.delivery.put("session_start", START)
    await done(over)
    (dtmf, by), (prompt, _), *_others = call.acts
    assert by == f"hook {__name__}"
    assert dtmf.activities[0].activity_params == {"dtmfDigits": "12#"}
    assert prompt == steering.ControlAgent(message={"type": "UpdatePrompt", "prompt": "Be brief."})
    assert problems[0] == "the bot table does not take UpdateSpeak"
    assert problems[1].startswith("not an activity: ")


async def test_what_the_call_refuses_is_an_error_with_its_reason(thread: HookThread) -> None:
    call, over = Call(thread), threading.Event()
    call.outcomes = [Outcome(status="failed", detail="The call is ending")]
    problems: list[str] = []

    async def acts(session: Session, event: SessionEnd | SessionStart) -> None:
        try:
            await session.end_session("enough")
        except RuntimeError as error:
            problems.append(str(error))
        if isinstance(event, SessionEnd):
            over.set()

    call.on("session_start", acts)
    call.on("session_end", acts)
    call.delivery.put("session_start", START)
    call.delivery.put("session_end", END)
    await done(over)
    assert problems == ["The call is ending", "the session has ended"]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, CancelledError])
async def test_whatever_a_handler_raises_the_next_one_is_told(
    thread: HookThread, kind: type[BaseException]
) -> None:
    call, seen, over = Call(thread), [], threading.Event()

    async def leaves(session: Session, event: SessionStart) -> None:
        raise kind

    async def hears(session: Session, event: Error) -> None:
        seen.append(event.description)

    async def last(session: Session, event: SessionEnd) -> None:
        over.set()

    call.on("session_start", leaves)
    call.on("error", hears)
    call.on("session_end", last)
    call.delivery.put("session_start", START)
    call.delivery.put("session_end", END)
    await done(over)
    assert seen[0].endswith(f"leaves: {kind.__name__}: ")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_task_that_a_handler_began_and_that_exits_ends_no_thread(
    thread: HookThread, caplog: pytest.LogCaptureFixture
) -> None:
    call, over = Call(thread), threading.Event()
    tasks = []

    async def exits() -> None:
        raise SystemExit

    async def begins(session: Session, event: SessionStart) -> None:
        tasks.append(asyncio.create_task(exits()))
        await asyncio.sleep(0)

    async def last(session: Session, event: SessionEnd) -> None:
        with pytest.raises(SystemExit):
            tasks[0].result()
        over.set()

    call.on("session_start", begins)
    call.on("session_end", last)
    call.delivery.put("session_start", START)
    call.delivery.put("session_end", END)
    await done(over)


async def test_an_error_that_cannot_be_shown_is_named(thread: HookThread) -> None:
    call, seen, over = Call(thread), [], threading.Event()

    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    async def fails(session: Session, event: ConversationText) -> None:
        raise Odd if event.content == "odd" else ValueError("\ud800\x00" + "x" * 9999)

    async def hears(session: Session, event: Error) -> None:
        seen.append(event.description.partition("fails: ")[2])

    async def last(session: Session, event: SessionEnd) -> None:
        over.set()

    call.on("conversation_text", fails)
    call.on("error", hears)
    call.on("session_end", last)
    call.delivery.put("conversation_text", line("odd"))
    call.delivery.put("conversation_text", line("long"))
    call.delivery.put("session_end", END)
    await done(over)
    assert seen[0] == "Odd: it cannot be shown"
    assert seen[1].startswith("ValueError: ?xxx")
    assert len(seen[1]) == 500


async def test_calls_of_functions_that_nobody_takes_in_are_bounded_too(thread: HookThread) -> None:
    call, release, over = Call(thread), threading.Event(), threading.Event()
    seen: list[FunctionCallRequest] = []

    async def blocks(session: Session, event: SessionStart) -> None:
        release.wait(10)

    async def asked(session: Session, event: FunctionCallRequest) -> None:
        seen.append(event)

    async def last(session: Session, event: SessionEnd) -> None:
        over.set()

    call.on("session_start", blocks)
    call.on("function_call_request", asked)
    call.on("session_end", last)
    call.delivery.put("session_start", START)
    for _ in range(3 * MAX_WAITING):
        call.delivery.put("function_call_request", FunctionCallRequest(at=AT, functions=()))
    call.delivery.put("session_end", END)
    release.set()
    await done(over)
    assert MAX_WAITING - 1 <= len(seen) <= MAX_WAITING
