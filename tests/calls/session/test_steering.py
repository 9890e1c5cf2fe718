"""Stepping into live calls from a page: who may, what is recorded, and what the page is told."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import override_settings

from bots.core.auditing import Action
from bots.models import AuditEvent
from bots.selectors import call_configuration
from calls import consumers
from calls.core import errands
from calls.core.ports import CallStart
from calls.database import db
from calls.models import Call, CallEvent
from calls.session.call import CallSession
from calls.session.host import SessionHost
from tests.calls.conftest import MakeCall
from tests.calls.page import Page, page_of
from tests.calls.session.calling import Leg
from tests.plugins import tone
from tests.worlds import World, with_role

pytestmark = pytest.mark.django_db(transaction=True)

OpenCall = Callable[..., Any]


@pytest.fixture
async def talk(make_bot: Any, host: SessionHost) -> OpenCall:
    """Begins a call and waits until the bot's greeting was heard."""
    await make_bot({"start": ["Hello."], "my bill": ["17 euro."]})
    configuration = await db(call_configuration, "table")

    async def begin() -> CallSession:
        leg = Leg(audio=True)
        start = CallStart(conversation_id=uuid.uuid4().hex, channel="test")
        session = leg.session = host.open(configuration, leg, start)
        async with asyncio.timeout(10):
            await leg.until(("stop", "whole"))
            while not await db(Call.objects.filter(pk=session.call_id).exists):  # noqa: ASYNC110 - a thread writes it
                await asyncio.sleep(0)
        return session

    return begin


async def outcomes(page: Page, command: str) -> list[tuple[str, str]]:
    """Everything that becomes of a command."""
    told: list[tuple[str, str]] = []
    while not told or told[-1][0] == "accepted":
        frame = await page.frame(lambda frame: frame["t"] == "cmd" and frame["id"] == command)
        told.append((frame["status"], frame["detail"]))
    return told


async def attempt(
    user: User, call_id: object, steer: dict[str, Any], reason: str = ""
) -> list[tuple[str, str]]:
    async with page_of(user) as page:
        await page.frame("snapshot")
        await page.send(t="cmd", id="c1", call=str(call_id), reason=reason, steer=steer)
        return await outcomes(page, "c1")


async def test_a_line_that_a_supervisor_has_said_is_heard_and_everybody_sees_who_did_it(
    world: World, talk: OpenCall
) -> None:
    session = await talk()
    say = {"do": "say", "text": "One moment."}
    async with page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        await page.send(t="sub", call=str(session.call_id))
        await page.frame("following")
        await page.send(t="cmd", id="c1", call=str(session.call_id), steer=say)
        await page.frame("event")
        line = await page.frame(lambda f: f["t"] == "line" and f["side"] == "operator")
        done = await page.frame("cmd")
    assert line["text"] == "One moment."
    assert done == {"t": "cmd", "id": "c1", "status": "done", "detail": "The caller heard it"}
    audited = await db(AuditEvent.objects.get, action=Action.CALL_CONTROLLED)
    assert (audited.actor, audited.address) == ("supervisor", "192.0.2.7")
    assert (audited.kind, audited.target) == ("call", str(session.call_id))
    assert audited.after == {"do": "say", "text": "One moment.", "interrupt": False}


async def test_an_end_needs_a_reason_and_ends_the_call(
    world: World, talk: OpenCall, host: SessionHost
) -> None:
    session = await talk()
    supervisor, hang_up = world.people["supervisor"], {"do": "hangup"}
    sent = {"do": "activities", "activities": [{"type": "event", "name": "hangup"}]}
    for act in (hang_up, {"do": "transfer", "target": "tel:+4930"}, sent):
        ((status, detail),) = await attempt(supervisor, session.call_id, act, "  ")
        assert (status, "reason" in detail) == ("failed", True)
    assert not await db(AuditEvent.objects.filter(kind="call").exists)
    told = await attempt(supervisor, session.call_id, hang_up, "abuse")
    assert told == [("accepted", ""), ("done", "The call has ended")]
    assert (await db(AuditEvent.objects.get, kind="call")).message == "abuse"
    await host.drain(0)
    happened = await db(list, CallEvent.objects.filter(source="operator").values("name", "detail"))
    assert {"name": "hangup", "detail": {"by": "supervisor"}} in happened


async def test_activities_are_carried_out_and_audited_without_their_words(
    world: World, talk: OpenCall
) -> None:
    session = await talk()
    sent = [{"type": "message", "text": "Goodbye."}, {"type": "event", "name": "hangup"}]
    steer = {"do": "activities", "activities": sent}
    told = await attempt(world.people["supervisor"], session.call_id, steer, "as agreed")
    assert told == [("accepted", ""), ("done", "It was done")]
    assert session.leg.told[-3:-1] == [("stop", "whole"), ("hang up", "bot-disconnected")]
    audited = await db(AuditEvent.objects.get, action=Action.CALL_CONTROLLED)
    assert audited.after == {"do": "activities", "activities": ["message", "hangup"]}


async def test_muting_shows_in_the_table_of_calls(world: World, talk: OpenCall) -> None:
    session = await talk()
    async with page_of(world.people["supervisor"]) as page:
        await page.frame("snapshot")
        mute = {"do": "mute", "on": True}
        await page.send(t="cmd", id="c1", call=str(session.call_id), steer=mute)
        row = await page.frame(lambda f: f["t"] == "call" and "muted" in f["f"].get("flags", {}))
    assert row["f"]["muted"] is True
    assert row["f"]["flags"] == {"muted": True, "operator": "supervisor"}


async def test_only_whose_role_permits_it_steps_in(world: World, talk: OpenCall) -> None:
    session = await talk()
    mute = {"do": "mute", "on": True}
    for role in ("viewer", "operator"):
        told = await attempt(world.people[role], session.call_id, mute)
        assert told == [("failed", "Your role does not permit stepping into calls")]
    confined = await db(with_role, "supervisor", name="confined", bots=())
    told = await attempt(confined, session.call_id, mute)
    assert told == [("failed", "There is no such call")]
    assert not await db(AuditEvent.objects.filter(kind="call").exists)
    assert [status for status, _ in await attempt(world.admin, session.call_id, mute)] == [
        "accepted",
        "done",
    ]


async def test_a_role_counts_as_it_is_at_the_moment_of_the_command(
    world: World, talk: OpenCall
) -> None:
    session = await talk()
    supervisor = world.people["supervisor"]
    async with page_of(supervisor) as page:
        await page.frame("snapshot")
        await db(supervisor.groups.clear)
        mute = {"do": "mute", "on": True}
        await page.send(t="cmd", id="c1", call=str(session.call_id), steer=mute)
        assert (await outcomes(page, "c1"))[0][0] == "failed"


async def test_calls_that_are_over_or_unknown_cannot_be_steered(
    world: World, make_call: MakeCall
) -> None:
    over = await db(make_call)
    mute = {"do": "mute", "on": True}
    supervisor = world.people["supervisor"]
    assert await attempt(supervisor, over.pk, mute) == [("failed", "The call has ended")]
    assert await attempt(supervisor, uuid.uuid4(), mute) == [("failed", "There is no such call")]


async def test_what_says_nothing_is_refused_before_anybody_is_asked(
    world: World, make_call: MakeCall
) -> None:
    call = await db(make_call, ended=False)
    told = await attempt(world.people["supervisor"], call.pk, {"do": "say", "text": " "})
    assert told == [("failed", "The text is empty")]
    assert not await db(AuditEvent.objects.filter(kind="call").exists)


async def test_a_call_whose_process_does_not_answer_is_a_failure(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "TICK_SECONDS", 0.02)
    monkeypatch.setattr(errands, "ANSWER_SECONDS", 0.05)
    call = await db(make_call, ended=False)
    told = await attempt(world.people["supervisor"], call.pk, {"do": "mute", "on": True})
    assert told == [("failed", errands.NO_ANSWER)]


async def test_too_many_commands_at_a_time_are_refused(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errands, "UNDER_WAY", 0)
    call = await db(make_call, ended=False)
    told = await attempt(world.people["supervisor"], call.pk, {"do": "mute", "on": True})
    assert told == [("failed", errands.TOO_MANY)]


async def test_without_a_channel_layer_a_command_fails_at_once(
    world: World, make_call: MakeCall
) -> None:
    call = await db(make_call, ended=False)
    nowhere = f"unix://{settings.VAR_DIR}/no-such-{uuid.uuid4().hex[:8]}.sock"
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    layers = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [nowhere]}}}
    with override_settings(CHANNEL_LAYERS=layers):
        told = await attempt(world.people["supervisor"], call.pk, {"do": "mute", "on": True})
    assert told == [("failed", consumers.AWAY)]


async def test_levels_come_to_those_who_ask_and_may(
    world: World, talk: OpenCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("calls.session.taps.SECOND_S", 0.05)
    session = await talk()
    call_id = str(session.call_id)
    async with page_of(world.people["viewer"]) as viewer:
        await viewer.frame("snapshot")
        await viewer.send(t="meter", call=call_id)
        await viewer.send(t="sub", call=call_id)
        await viewer.frame("refused")
        assert not session.taps.on
        async with page_of(world.people["supervisor"]) as page:
            await page.frame("snapshot")
            await page.send(t="meter", call=call_id)
            while not session.taps.on:  # noqa: ASYNC110 - nothing tells it
                await asyncio.sleep(0)

            async def speak() -> None:
                while True:
                    session.hear(tone(20))
                    await asyncio.sleep(0.02)

            caller = asyncio.create_task(speak())
            level = await page.frame(lambda frame: max(frame.get("u", [0])) > 50)
            caller.cancel()
            assert (level["id"], len(level["u"]), level["b"]) == (call_id, 5, [0] * 5)
            assert "seq" not in level
            await page.send(t="meter", call=call_id)
            await page.frame("level")
        await viewer.send(t="snapshot")
        told = await viewer.frame(lambda frame: frame["t"] in ("level", "snapshot"))
        assert told["t"] == "snapshot"
