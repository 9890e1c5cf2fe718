"""A call's line to its bot: order, stamps, and bots that do not take or do not answer."""

import asyncio
from typing import Any

import pytest

from bots.core.activities import Activity, event, message
from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    BotConversation,
)
from bots.core.registry import NoParams
from calls.core.events import (
    BotAcknowledged,
    BotJoined,
    BotLeft,
    BotSpoke,
    Event,
    ServiceFailed,
)
from calls.session import bot as bot_module
from calls.session.bot import (
    AT_ONCE,
    JOIN_TIMEOUT_S,
    MAX_UNDELIVERED,
    PER_SECOND,
    SEND_TIMEOUT_S,
    SHARE,
    stamped,
)
from tests.calls.media.leaping import leap
from tests.calls.session.calling import line_of
from tests.plugins import TableBot, TableParams, TableSession


def table_bot(table: dict[str, list[Any]]) -> TableBot:
    return TableBot(TableParams.model_validate({"tableAnswers": table}), NoParams())


class SlowTime:
    """A clock that goes on by ``step_s`` each time one looks."""

    def __init__(self, step_s: float) -> None:
        self._now = 0.0
        self._step_s = step_s

    def perf_counter(self) -> float:
        self._now += self._step_s
        return self._now


class DeafSession(TableSession):
    """Takes nothing."""

    async def send(self, activity: Activity) -> None:
        await asyncio.Event().wait()


class DeafBot(TableBot):
    """Joins and takes nothing; with ``!never`` it does not even join."""

    async def open(self, conversation: BotConversation) -> TableSession:
        if "!never" in self.table:
            await asyncio.Event().wait()
        return DeafSession(self.table)


def test_activities_reach_the_bot_in_order_and_stamped() -> None:
    async def scenario() -> None:
        bot, reports = table_bot({"bye": ["Goodbye.", "!leave"]}), list[Event]()
        line = line_of(bot, reports.append)
        for text in ("one", "two", "bye"):
            line.send(message(text))
        await line.run()
        (session,) = bot.sessions
        assert [activity.text for activity in session.heard] == ["one", "two", "bye"]
        assert all(activity.id and activity.timestamp for activity in session.heard)
        said = [report for report in reports if report != BotAcknowledged()]
        assert said == [BotJoined(), BotSpoke(message("Goodbye.")), BotLeft()]
        assert reports.count(BotAcknowledged()) == 3
        await line.close("transferred", "done")
        assert session.closed == ("transferred", "done")

    leap(scenario())


@pytest.mark.parametrize(("table", "fault"), [({"!join": []}, Fault.CONNECTIVITY)])
def test_a_bot_that_cannot_be_joined_is_reported(table: dict[str, list[Any]], fault: Fault) -> None:
    async def scenario() -> None:
        reports: list[Event] = []
        line = line_of(table_bot(table), reports.append)
        await line.run()
        (failed,) = reports
        assert isinstance(failed, ServiceFailed)
        assert failed.fault is fault
        await line.close("error", "")

    leap(scenario())


@pytest.mark.parametrize(
    ("table", "patience_s"), [({"!never": []}, JOIN_TIMEOUT_S), ({}, SEND_TIMEOUT_S)]
)
def test_a_bot_that_does_not_answer_has_failed_after_a_time(
    table: dict[str, list[Any]], patience_s: float
) -> None:
    async def scenario() -> None:
        reports: list[Event] = []
        bot = DeafBot(TableParams.model_validate({"tableAnswers": table}), NoParams())
        line = line_of(bot, reports.append)
        line.send(event("start"))
        began = asyncio.get_running_loop().time()
        await line.run()
        assert asyncio.get_running_loop().time() - began == pytest.approx(patience_s, abs=0.01)
        failed = reports[-1]
        assert isinstance(failed, ServiceFailed)
        assert failed.fault is Fault.TIMEOUT

    leap(scenario())


def test_a_bot_that_takes_too_little_has_failed() -> None:
    async def scenario() -> None:
        reports: list[Event] = []
        line = line_of(table_bot({}), reports.append)
        for _ in range(MAX_UNDELIVERED):
            line.send(message("more"))
        assert reports == []
        line.send(message("too much"))
        assert [type(report) for report in reports] == [ServiceFailed]

    leap(scenario())


def test_a_bot_that_says_too_much_at_once_is_heard_more_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bot_module, "time", SlowTime(0.0))

    async def scenario() -> None:
        said = 2 * AT_ONCE
        clock = asyncio.get_running_loop().time
        heard_at: list[float] = []

        def report(happened: Event) -> None:
            if isinstance(happened, BotSpoke):
                heard_at.append(clock())

        line = line_of(table_bot({"go": ["again"] * said + ["!leave"]}), report)
        line.send(message("go"))
        await line.run()

        assert len(heard_at) == said
        assert heard_at[AT_ONCE - 1] - heard_at[0] < 0.1
        assert heard_at[-1] - heard_at[AT_ONCE - 1] == pytest.approx(AT_ONCE / PER_SECOND, rel=0.1)

    leap(scenario())


@pytest.mark.parametrize("took_s", [0.0, 2 * AT_ONCE / PER_SECOND])
def test_a_bot_gets_a_share_of_the_time_and_others_their_turn(
    monkeypatch: pytest.MonkeyPatch, took_s: float
) -> None:
    async def scenario() -> None:
        monkeypatch.setattr(bot_module, "time", SlowTime(took_s))
        loop = asyncio.get_running_loop()
        order: list[str] = []
        at: list[float] = []

        def report(happened: Event) -> None:
            if isinstance(happened, BotSpoke):
                order.append("bot")
                at.append(loop.time())
                loop.call_soon(order.append, "others")

        line = line_of(table_bot({"go": ["again", "again", "!leave"]}), report)
        line.send(message("go"))
        await line.run()

        assert order == ["bot", "others"] * 2
        wait_s = max(0.0, took_s / SHARE - AT_ONCE / PER_SECOND)
        assert at[1] - at[0] == pytest.approx(wait_s, rel=0.01, abs=0.01)

    leap(scenario())


def test_what_waits_for_the_bot_at_the_end_still_reaches_it() -> None:
    async def scenario() -> None:
        bot, joined = table_bot({}), asyncio.Event()
        line = line_of(bot, lambda _: joined.set())
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(line.run())
            await joined.wait()
            task.cancel()
        line.send(event("conversationEnd"))
        await line.close("error", "")
        (session,) = bot.sessions
        assert [activity.name for activity in session.heard] == ["conversationEnd"]
        assert session.closed == ("error", "")

    leap(scenario())


def test_a_stamp_that_is_there_stays() -> None:
    own = message("Hello.", id="7", timestamp="2026-11-21T12:00:00Z")
    assert stamped(own) is own
    assert stamped(message("Hello.", id="7")).id == "7"


@pytest.mark.parametrize("fault", [TimeoutError, ServiceError("bot", Fault.SERVER, ""), None])
def test_a_session_is_closed_whatever_becomes_of_what_is_left_to_tell(fault: Any) -> None:
    class Stubborn(TableSession):
        async def send(self, activity: Activity) -> None:
            if fault is not None:
                raise fault
            await asyncio.Event().wait()

    class StubbornBot(TableBot):
        async def open(self, conversation: BotConversation) -> TableSession:
            opened.append(Stubborn(self.table))
            return opened[0]

    opened: list[TableSession] = []

    async def scenario() -> None:
        joined = asyncio.Event()
        line = line_of(StubbornBot(TableParams(), NoParams()), lambda event: joined.set())
        running = asyncio.create_task(line.run())
        await joined.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        line.send(event("hangup"))
        await line.close("error", "over")
        assert opened[0].closed == ("error", "over")

    leap(scenario())
