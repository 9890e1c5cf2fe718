"""The dialogue that rehearses what bots do wrong, and the guide to it."""

import json
import re
from pathlib import Path
from typing import Protocol

import pytest

from bots.core.activities import Activity, event, message
from bots.core.ports import BotConversation
from bots.protocols.dialogue import Deed, Dialogue, DialogueRun, Fail, Leave, Pause

pytestmark = pytest.mark.pure

FILE = Path(__file__).parents[2] / "docs" / "examples" / "rehearsal.json"
CALL = BotConversation(conversation_id="c1", bot="rehearsal", language="en-US")


class Page(Protocol):
    text: str


@pytest.fixture(scope="module")
def dialogue() -> Dialogue:
    return Dialogue.parse(json.loads(FILE.read_text(encoding="utf-8")))


def answer(dialogue: Dialogue, said: str) -> list[Deed]:
    run = DialogueRun(dialogue, CALL)
    run.receive(event("start"))
    return run.receive(message(said))


def names(deeds: list[Deed]) -> list[str | None]:
    return [deed.name or deed.kind for deed in deeds if isinstance(deed, Activity)]


def test_the_guide_tells_everything_that_can_be_said(
    dialogue: Dialogue, page_named: dict[str, Page]
) -> None:
    guide = page_named["docs/how-to/rehearse-failures.md"].text
    table = re.findall(r"^\| ([a-z, ]+) \| .* \|$", guide.partition("## Speech")[0], re.MULTILINE)
    told = [phrase for row in table for phrase in row.split(", ")]
    assert sorted(told) == sorted([*dialogue.phrases(), "say"])


def test_no_state_is_out_of_reach(dialogue: Dialogue) -> None:
    assert dialogue.unreachable() == ()


def test_the_bot_does_what_it_is_asked_to_do_wrong(dialogue: Dialogue) -> None:
    assert [deed for deed in answer(dialogue, "be slow") if isinstance(deed, Pause)]
    assert answer(dialogue, "say nothing") == []
    assert isinstance(answer(dialogue, "stop working")[-1], Fail)
    assert answer(dialogue, "walk away") == [Leave()]
    assert names(answer(dialogue, "play music")) == ["playUrl"]
    assert names(answer(dialogue, "hang up")) == ["message", "hangup"]
    assert names(answer(dialogue, "my number")) == ["config", "message"]


def test_a_bot_that_is_to_be_silent_stays_silent(dialogue: Dialogue) -> None:
    run = DialogueRun(dialogue, CALL)
    run.receive(event("start"))
    assert names(run.receive(message("be silent"))) == ["message"]
    assert run.receive(message("hang up")) == []


def test_a_failed_transfer_leads_back(dialogue: Dialogue) -> None:
    run = DialogueRun(dialogue, CALL)
    run.receive(event("start"))
    assert names(run.receive(message("connect me"))) == ["message", "transfer"]
    failed = {"status": "failed", "reasonCode": "busy"}
    first, *_ = run.receive(event("transferStatus", value=failed))
    assert first == message("Nobody is at the desk.")
