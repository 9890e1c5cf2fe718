"""Which messages direct the bot of a live call, and who is offered them."""

from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, Field

from bots.core import registry
from bots.models import Bot, Provider
from calls.directing import messages_of
from tests.calls.conftest import MakeCall
from tests.worlds import World, browser

pytestmark = pytest.mark.db


@pytest.fixture
def agent(db: None) -> Bot:
    """A bot that inherits its framework."""
    deepgram = Provider.objects.create(name="deepgram", kind="bot", plugin="deepgram-agent")
    base = Bot.objects.create(name="agents", is_base=True, provider=deepgram)
    return Bot.objects.create(name="table-agent", base=base)


def field(name: str, kind: str, **rest: Any) -> dict[str, Any]:
    return {"name": name, "kind": kind, "required": True, "choices": [], "most": None, **rest}


def test_the_fields_are_those_that_the_plug_in_declares(agent: Bot, make_call: MakeCall) -> None:
    found = {each.type: each for each in messages_of(make_call(bot_name="table-agent"))}
    assert list(found) == list(registry.plugin("bot", "deepgram-agent").controls)
    inject = found["InjectAgentMessage"]
    assert inject.help.startswith("Have the agent say message: ")
    choices = ["default", "queue", "interrupt"]
    assert msgspec.to_builtins(inject.fields) == [
        field("message", "text", most=10_000),
        field("behavior", "choice", required=False, choices=choices),
    ]
    assert msgspec.to_builtins(found["UpdateThink"].fields) == [field("think", "json")]
    assert msgspec.to_builtins(found["FunctionCallResponse"].fields)[0] == field(
        "id", "line", most=200
    )
    assert found["ForceEndTurn"].fields == []


def test_a_field_may_be_declared_in_other_ways(
    agent: Bot, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Turn(BaseModel):
        title: str = Field(alias="Title")
        degrees: int = 90

    plugin = registry.plugin("bot", "deepgram-agent")
    turning = msgspec.structs.replace(plugin, controls={"Turn": Turn})
    monkeypatch.setitem(registry._plugins, ("bot", "deepgram-agent"), turning)
    (turn,) = messages_of(make_call(bot_name="table-agent"))
    assert (turn.help, msgspec.to_builtins(turn.fields)) == (
        "",
        [field("Title", "text"), field("degrees", "json", required=False)],
    )


def test_a_bot_that_cannot_be_directed_has_no_messages(db: None, make_call: MakeCall) -> None:
    script = Provider.objects.create(name="script", kind="bot", plugin="script")
    Bot.objects.create(name="demo", provider=script)
    lost = Bot.objects.create(name="lost", is_base=True)
    other = Bot.objects.create(name="other", is_base=True, base=lost)
    Bot.objects.create(name="circle", base=other)
    Bot.objects.filter(pk=lost.pk).update(base=other)
    for name in ("demo", "circle", "lost", "gone"):
        assert messages_of(make_call(bot_name=name)) == []


def test_directing_is_offered_while_the_call_goes_on_and_disabled_without_the_role(
    world: World, agent: Bot, make_call: MakeCall
) -> None:
    def shown(person: str, **call: Any) -> str:
        made = make_call(bot_name="table-agent", bot=agent, **call)
        response = browser(world.people[person]).get(f"/calls/{made.pk}/?tab=events")
        return " ".join(response.content.decode().split())

    assert 'data-opens="act-agent" >' in shown("supervisor", ended=False)
    assert 'id="agent-messages"' in shown("supervisor", ended=False)
    needs = 'data-opens="act-agent" disabled title="Needs the role Supervisor or Administrator"'
    assert needs in shown("viewer", ended=False)
    assert 'id="agent-messages"' not in shown("viewer", ended=False)
    assert "act-agent" not in shown("supervisor")
