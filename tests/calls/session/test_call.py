"""The driver of a call when something in it breaks, ends early or comes late."""

import asyncio

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bots.core.activities import event, message
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotConversation
from bots.core.registry import NoParams
from bots.net import Outbound
from calls.core.events import (
    CallerHungUp,
    CallerSaid,
    CallStarted,
    LegLost,
    ServiceFailed,
    TransferDone,
)
from calls.core.prompts import MAX_WAITING
from calls.core.steering import HangUp, Outcome, Say
from calls.session.metadata import MAX_POSTS
from tests.calls.media.leaping import leap
from tests.calls.session.calling import Leg, Line, timers
from tests.fakes.web import serving
from tests.plugins import TableBot, TableParams, TableSession, ToneTts

LONG = "A long story that goes on and on"


def test_a_broken_connector_ends_the_call_in_order_and_once() -> None:
    async def scenario() -> Line:
        table = {"start": [LONG, "And another."], "DTMF": ["!crash"]}
        line = Line(Leg(audio=True), table=table, tts=ToneTts(NoParams(), NoParams()))
        await line.talk()
        await line.leg.until(("start", LONG))
        await asyncio.sleep(0.3)  # of the story; the clock leaps
        assert isinstance(line.bot, TableBot)
        await line.bot.sessions[0].send(event("DTMF"))
        await line.task
        assert line.bot.sessions[0].closed is not None
        assert timers() == []
        return line

    line = leap(scenario())
    (end,) = line.ends
    assert (end.ended_by, end.cause) == ("gateway", "internal")
    assert line.leg.told[-3:] == [("stop", "cut"), ("hang up", "error"), "close"]
    ((side, heard),) = line.lines
    assert side == "bot"
    assert LONG.startswith(heard)


def test_a_broken_leg_ends_the_call_once_and_leaves_nothing_behind() -> None:
    async def scenario() -> Line:
        line = Line(Leg(breaks="send"), table={"start": ["Hello.", "How are you?"]})
        await line.talk()
        await line.task
        line.session.take(CallerSaid(text="too late", final=True))
        assert timers() == []
        return line

    line = leap(scenario())
    (end,) = line.ends
    assert (end.ended_by, end.cause) == ("gateway", "internal")
    assert line.leg.told.count("close") == 1


@pytest.mark.parametrize("breaks", ["hang up", "close"])
def test_a_leg_that_breaks_at_the_end_leaves_no_call_behind(breaks: str) -> None:
    async def scenario() -> None:
        line = Line(Leg(breaks=breaks), table={"start": [{"name": "hangup"}]})
        await line.talk()
        await asyncio.wait([line.task])
        assert timers() == []

    leap(scenario())


def test_a_call_that_ends_before_its_task_began_has_a_record() -> None:
    async def scenario() -> Line:
        line = Line(Leg())
        line.session.take(CallerHungUp(reason_code="client-disconnected", reason=""))
        await line.task
        return line

    line = leap(scenario())
    assert [end.reason_code for end in line.ends] == ["client-disconnected"]


class SlowBot(TableBot):
    """Joins when the test lets it; says whether it was still wanted."""

    def __init__(self) -> None:
        super().__init__(TableParams(tableAnswers={"start": ["Hello."]}), NoParams())
        self.asked = asyncio.Event()
        self.cancelled = False

    async def open(self, conversation: BotConversation) -> TableSession:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError


def test_a_caller_who_leaves_while_the_bot_joins_ends_the_joining() -> None:
    async def scenario() -> tuple[Line, SlowBot]:
        bot = SlowBot()
        line = Line(Leg(), bot=bot)
        await bot.asked.wait()
        line.session.detach(line.leg)
        await line.task
        return line, bot

    line, bot = leap(scenario())
    assert bot.cancelled
    assert [end.cause for end in line.ends] == ["connection-lost"]
    assert "accept" not in line.leg.told


def test_a_bot_that_never_joins_refuses_the_call() -> None:
    async def scenario() -> Line:
        line = Line(Leg(), bot=SlowBot(), botNoInputGiveUpTimeoutMS=0)
        await line.task
        return line

    line = leap(scenario())
    assert [end.reason for end in line.ends] == ["The bot failed: it could not be joined in time"]
    assert line.leg.told == [("hang up", "error"), "close"]


def test_what_a_bot_says_after_the_end_is_not_heard() -> None:
    async def scenario() -> Line:
        line = Line(Leg(), table={"start": ["Hello."], "late": ["Nobody hears this."]})
        await line.talk()
        await line.leg.until(("send", "Hello."))
        assert isinstance(line.bot, TableBot)
        await line.bot.sessions[0].send(message("late"))
        line.session.take(LegLost())
        await line.task
        return line

    line = leap(scenario())
    assert line.lines == [("bot", "Hello.")]
    assert line.leg.told[-1] == "close"


def test_a_call_that_is_cancelled_tells_its_bot_and_has_a_record() -> None:
    async def scenario() -> Line:
        line = Line(Leg(), table={"start": ["Hello."]})
        await line.talk()
        await line.leg.until(("send", "Hello."))
        line.task.cancel()
        await asyncio.wait([line.task])
        assert line.task.cancelled()
        assert isinstance(line.bot, TableBot)
        assert line.bot.sessions[0].closed is not None
        assert timers() == []
        return line

    line = leap(scenario())
    assert [end.ended_by for end in line.ends] == ["gateway"]


def test_a_hang_up_that_found_no_connection_is_told_to_the_next() -> None:
    async def scenario() -> Line:
        line = Line(Leg(), table={"start": ["Hello."], "bye": ["Goodbye.", {"name": "hangup"}]})
        await line.talk()
        await line.leg.until(("send", "Hello."))
        line.session.detach(line.leg)
        assert isinstance(line.bot, TableBot)
        await line.bot.sessions[0].send(message("bye"))
        for _ in range(10):
            await asyncio.sleep(0)
        line.leg = resumed(line)
        await line.task
        return line

    line = leap(scenario())
    assert line.leg.told == [("send", "Goodbye."), ("hang up", "bot-disconnected"), "close"]
    assert [end.reason_code for end in line.ends] == ["bot-disconnected"]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_transfer_outlives_the_connection(lost: str) -> None:
    asked = {"transferTarget": "tel:+15550111", "transferNotifications": True}
    table = {"agent": [{"name": "transfer", "activityParams": asked}]}

    async def scenario() -> Line:
        line = Line(Leg(), table={"start": ["Hello."], **table})
        await line.talk()
        await line.leg.until(("send", "Hello."))
        if lost == "before":
            line.session.detach(line.leg)
        line.session.take(CallerSaid(text="agent", final=True))
        for _ in range(10):
            await asyncio.sleep(0)
        line.session.detach(line.leg)
        line.leg = resumed(line)
        line.session.take(TransferDone(succeeded=True))
        await line.task
        return line

    line = leap(scenario())
    assert line.leg.told == ([("send", "transfer")] if lost == "before" else []) + ["close"]
    assert [end.reason_code for end in line.ends] == ["transferred"]


def test_the_prompt_for_a_failure_outlives_the_connection() -> None:
    async def scenario() -> Line:
        sorry = {"general": [{"type": "message", "text": LONG}]}
        line = Line(Leg(audio=True), tts=ToneTts(NoParams(), NoParams()), failoverActivities=sorry)
        await line.talk()
        line.session.take(ServiceFailed(service="stt", fault=Fault.SERVER))
        await line.leg.until(("start", LONG))
        await asyncio.sleep(0.3)  # of the prompt; the clock leaps
        line.session.detach(line.leg)
        line.leg = resumed(line)
        await line.task
        return line

    line = leap(scenario())
    assert line.leg.told == [("start", LONG), ("stop", "whole"), ("hang up", "error"), "close"]
    assert [end.cause for end in line.ends] == ["stt:server"]


def resumed(line: Line) -> Leg:
    """A new connection that has taken the call over."""
    again = Leg(audio=line.leg.capabilities.audio)
    again.session = line.session
    assert line.session.resumable
    line.session.attach(again)
    return again


def test_a_call_that_closes_is_not_taken_over_from_a_living_connection() -> None:
    async def scenario() -> Line:
        line = Line(Leg(polite=False), table={"start": [{"name": "hangup"}]})
        await line.talk()
        await line.leg.until(("hang up", "bot-disconnected"))
        assert not line.session.resumable
        await line.task
        return line

    assert [end.reason_code for end in leap(scenario()).ends] == ["bot-disconnected"]


def test_the_first_description_of_the_call_counts() -> None:
    async def scenario() -> Line:
        line = Line(Leg())
        for number in range(1000):
            line.session.describe(caller=f"caller {number}", callee="")
        line.session.take(LegLost())
        await line.task
        return line

    assert leap(scenario()).callers == ["caller 0"]


def test_every_log_line_of_a_call_names_it_wherever_it_was_caused() -> None:
    async def scenario() -> Line:
        line = Line(Leg(), table={"start": ["!fail"]})
        await line.leg.until("accept")
        line.session.take(CallStarted(event("start")))
        await line.task
        return line

    with capture_logs() as logs:
        line = leap(scenario())
    events = [entry["event"] for entry in logs if entry.get("call") == str(line.session.call_id)]
    assert events == ["call.accepted", "service.failed", "call.ended"]


def test_a_bot_that_fails_to_close_does_not_matter() -> None:
    class Clinging(TableBot):
        async def open(self, conversation: BotConversation) -> TableSession:
            session = await super().open(conversation)

            async def fail(reason_code: str, reason: str) -> None:
                raise ServiceError("bot", Fault.SERVER, "it does not let go")

            session.close = fail  # type: ignore[method-assign]  # a bot of another make
            return session

    async def scenario() -> Line:
        line = Line(Leg(), bot=Clinging(TableParams(), NoParams()))
        await line.talk()
        line.session.take(LegLost())
        await line.task
        return line

    assert len(leap(scenario()).ends) == 1


def test_a_bot_that_never_stops_talking_ends_the_call() -> None:
    async def scenario() -> Line:
        table = {"start": [LONG] * (MAX_WAITING + 100)}
        line = Line(Leg(audio=True), table=table, tts=ToneTts(NoParams(), NoParams()))
        await line.talk()
        await line.task
        return line

    (end,) = leap(scenario()).ends
    flood = "The bot failed: it says more than anybody can hear"
    assert (end.ended_by, end.reason) == ("gateway", flood)


@pytest.mark.wire
async def test_metadata_for_a_slow_server_takes_a_bounded_number_of_requests(
    loopback: Outbound,
) -> None:
    too_many = 3
    sent = [{"name": "sendMetaData", "activityParams": {"n": 1}}] * (MAX_POSTS + too_many)
    async with serving() as server:
        go = asyncio.Event()

        async def slow(_: web.Request) -> web.Response:
            await go.wait()
            return web.Response()

        url = server.on("/crm", slow)
        table = {"start": [*sent, "All sent."], "again": [sent[0], "Sent again."]}
        line = Line(Leg(), table=table, sendMetaDataUrl=url)
        await line.talk()
        await line.leg.until(("send", "All sent."))
        refused = [text for _, text in line.lines if "too many requests" in text]
        go.set()
        await asyncio.gather(*line.session._posts._tasks)
        line.session.take(CallerSaid(text="again", final=True))
        await line.leg.until(("send", "Sent again."))
        await asyncio.gather(*line.session._posts._tasks)
        line.session.take(LegLost())
        await line.task

    assert len(refused) == too_many
    assert len(server.asked) == MAX_POSTS + 1


@pytest.mark.wire
async def test_metadata_that_is_sent_with_a_hang_up_arrives(loopback: Outbound) -> None:
    arrived: list[object] = []
    async with serving() as server:
        over = asyncio.Event()

        async def slow(request: web.Request) -> web.Response:
            await over.wait()
            arrived.append(await request.json())
            return web.Response()

        url = server.on("/crm", slow)
        ticket = {"name": "sendMetaData", "activityParams": {"ticket": 7}}
        table = {"start": [ticket, {"name": "hangup"}]}
        line = Line(Leg(), table=table, sendMetaDataUrl=url)
        await line.talk()
        await line.leg.until("close")
        over.set()
        await line.task

    assert arrived == [{"ticket": 7}]


def test_a_supervisor_is_told_what_came_of_every_step() -> None:
    async def scenario() -> Line:
        tts = ToneTts(NoParams(), NoParams())
        line = Line(Leg(audio=True), table={"start": ["Hello."]}, tts=tts)
        await line.talk()
        await line.leg.until(("stop", "whole"))
        spoken: list[Outcome] = []
        line.session.steer(Say(text="One moment."), "anna", spoken.append)
        await line.leg.until(("start", "One moment."), ("stop", "whole"))
        await asyncio.sleep(1)  # what was sent is heard; the clock leaps
        ended: list[Outcome] = []
        line.session.steer(HangUp(), "anna", ended.append)
        await line.task
        assert [told.status for told in spoken] == ["accepted", "done"]
        assert [told.status for told in ended] == ["accepted", "done"]
        return line

    line = leap(scenario())
    assert line.lines == [
        ("bot", "Hello."),
        ("operator", "One moment."),
        ("system", "anna ended the call"),
    ]
    assert [(end.ended_by, end.reason) for end in line.ends] == [("operator", "Ended by anna")]


def test_a_supervisor_is_told_when_the_call_breaks() -> None:
    async def scenario() -> list[Outcome]:
        tts = ToneTts(NoParams(), NoParams())
        line = Line(Leg(audio=True), table={"start": ["Hello."]}, tts=tts)
        await line.talk()
        told: list[Outcome] = []
        line.session.steer(Say(text="One moment."), "anna", told.append)
        line.session._abort()
        await line.task
        return told

    assert [told.status for told in leap(scenario())] == ["accepted", "failed"]
