"""What of a call is written down, and in which shape."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from calls.core import commands
from calls.core.ports import CallStart
from calls.live import LiveFeed
from calls.records import CallClosed, CallDescribed, CallOpened, Fact, LineHeard, RecordWriter
from calls.session.reporter import MAX_ADDRESS_CHARS, MAX_LINE_CHARS, MAX_REASON_CHARS, Reporter

HOSTILE = "\x00\ud800" + "1" * 1_000_000


class Desk:
    """A reporter that began at 100 s of the engine's clock."""

    def __init__(self) -> None:
        self._records = RecordWriter()
        self.reporter = Reporter(self._records, LiveFeed(), call_id=uuid4(), started=100.0)

    def open(self, **start: Any) -> None:
        self.reporter.opened(
            CallStart(**{"conversation_id": "c-1", "channel": "test", **start}),
            mode="voice",
            owner="web-1",
            bot_id=1,
            bot="demo",
            revision=3,
        )

    def close(self, **finish: Any) -> None:
        values: dict[str, Any] = {
            "at": 101.5,
            "ended_by": "caller",
            "reason_code": "client-disconnected",
            "reason": "",
            "turns": 2,
        }
        self.reporter.closed(commands.Finish(**values | finish), frames_in=9, frames_dropped=1)

    @property
    def last(self) -> Fact:
        return self._records._queue[-1]


@pytest.fixture
async def desk() -> Desk:
    assert asyncio.get_running_loop()
    return Desk()


def said(text: str, at: float = 100.25, full_text: str = "") -> commands.RecordLine:
    return commands.RecordLine(at=at, side="bot", kind="speech", text=text, full_text=full_text)


async def test_lines_are_numbered_from_one_and_timed_from_the_start(desk: Desk) -> None:
    numbered = []
    for at in (99.0, 100.0, 101.234):
        desk.reporter.line(said("Hello.", at), turns=0)
        assert isinstance(desk.last, LineHeard)
        numbered.append((desk.last.seq, desk.last.offset_ms))
    assert numbered == [(1, 0), (2, 0), (3, 1234)]


async def test_a_call_ends_as_long_after_its_start_as_its_own_clock_says(desk: Desk) -> None:
    desk.open()
    opened = desk.last
    desk.close()
    closed = desk.last
    assert isinstance(opened, CallOpened)
    assert isinstance(closed, CallClosed)
    assert (closed.ended_at - opened.started_at).total_seconds() == 1.5
    assert (closed.turns, closed.frames_in, closed.frames_dropped) == (2, 9, 1)
    desk.close(at=0.0)
    assert isinstance(desk.last, CallClosed)
    assert desk.last.ended_at == opened.started_at


async def test_whatever_a_peer_writes_fits_the_columns(desk: Desk) -> None:
    desk.open(caller=HOSTILE, callee=HOSTILE, conversation_id=HOSTILE)
    opened = desk.last
    assert isinstance(opened, CallOpened)
    texts = [opened.caller, opened.callee, opened.conversation_id]
    desk.reporter.described(caller=HOSTILE, callee=HOSTILE)
    assert isinstance(desk.last, CallDescribed)
    texts += [desk.last.caller, desk.last.callee]
    assert {len(text) for text in texts} == {MAX_ADDRESS_CHARS}
    desk.reporter.line(said(HOSTILE, full_text=HOSTILE), turns=0)
    assert isinstance(desk.last, LineHeard)
    texts += [desk.last.text, desk.last.full_text]
    assert len(desk.last.text) == len(desk.last.full_text) == MAX_LINE_CHARS
    desk.close(reason=HOSTILE, reason_code=HOSTILE)
    assert isinstance(desk.last, CallClosed)
    texts += [desk.last.reason, desk.last.reason_code]
    assert (len(desk.last.reason), len(desk.last.reason_code)) == (MAX_REASON_CHARS, 40)
    for text in texts:
        assert "\x00" not in text
        text.encode()


async def test_an_end_has_a_reason_code_whatever_the_peer_says(desk: Desk) -> None:
    desk.close(reason_code="\x00")
    assert isinstance(desk.last, CallClosed)
    assert desk.last.reason_code == "error"
