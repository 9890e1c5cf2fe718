"""Directing the voice agent of a live call by the API."""

from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from pydantic import TypeAdapter

from bots.core import registry
from bots.models import AuditEvent
from calls.api import agents
from calls.database import db
from calls.models import Call
from gateway_project.api import api as whole_api
from tests.calls.api.conftest import MakeApi, wrong
from tests.calls.channels.conftest import call, host, lines, make_bot, records  # noqa: F401
from tests.calls.channels.test_agent_calls import answering, line, prompt, quick  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


def path_of(record: Call) -> str:
    return f"/calls/{record.pk}/agent"


@pytest.fixture
async def placed(line: Any) -> Any:  # noqa: F811 - a fixture
    """``await placed()`` answers the voice side and the record of a call that has begun."""

    async def place() -> Any:
        side = await line()
        await prompt(side)
        return side, await db(Call.objects.get)

    return place


async def test_an_agent_is_directed_and_confirms_it(placed: Any, make_api: MakeApi) -> None:
    api = await db(make_api, "calls:control")
    async with answering(quick()) as agent:
        _, record = await placed()
        message = {"type": "UpdatePrompt", "prompt": "Be brief.", "reason": "a test"}
        answer = await db(api.post, f"{path_of(record)}?wait=10", message)
        assert (answer.status_code, answer.json()["status"]) == (200, "done")
        told = await agent.sessions[0].message("UpdatePrompt")
        assert told["prompt"] == "Be brief."
        audited = await db(AuditEvent.objects.filter(kind="call").latest, "at")
        assert audited.after == {"do": "agent", "type": "UpdatePrompt"}
        assert audited.message == "a test"
    await sync_to_async(connections.close_all)()


async def test_what_the_form_of_a_message_does_not_allow_is_named(
    placed: Any, make_api: MakeApi
) -> None:
    api = await db(make_api, "calls:control")
    async with answering(quick()) as agent:
        _, record = await placed()
        for message, field in (
            ({"type": "UpdatePrompt"}, "prompt"),
            ({"type": "UpdatePrompt", "prompt": ""}, "prompt"),
            ({"type": "UpdatePrompt", "prompt": "x", "promt": "y"}, "promt"),
            ({"type": "InjectAgentMessage", "message": "x", "behavior": "shout"}, "behavior"),
        ):
            answer = await db(api.post, path_of(record), message)
            assert answer.status_code == 422, answer.content
            assert any(name.endswith(field) for name in wrong(answer)), wrong(answer)
        assert (await db(api.post, path_of(record), {"type": "Dance"})).status_code == 422
        assert len(agent.sessions[0].received) == 1  # the settings
    await sync_to_async(connections.close_all)()


@pytest.mark.parametrize("declared", [(), ("UpdatePrompt",)])
def test_the_api_stands_without_the_plug_ins_that_declare_messages(
    declared: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = registry.plugin("bot", "deepgram-agent")
    few = {name: plugin.controls[name] for name in declared}
    left = {("bot", "only"): msgspec.structs.replace(plugin, controls=few)}
    monkeypatch.setattr(registry, "_plugins", left)
    form = TypeAdapter(agents._forms())
    assert form.validate_python({"type": "UpdatePrompt", "prompt": "Be brief."}).reason == ""
    with pytest.raises(ValueError, match="type"):
        form.validate_python({"prompt": "Be brief."})


def test_every_message_that_a_plug_in_declares_is_in_the_document() -> None:
    declared = {name for plugin in registry.plugins("bot") for name in plugin.controls}
    schema: Any = whole_api.get_openapi_schema()
    body = schema["paths"]["/api/v1/calls/{call_id}/agent"]["post"]["requestBody"]
    found = body["content"]["application/json"]["schema"]["discriminator"]["mapping"]
    assert set(found) == declared
    assert "UpdatePrompt" in declared
