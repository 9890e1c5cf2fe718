"""The supervisor's pages in a real browser: what needs somebody, and stepping into a real call."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.feed import ScriptedFeed
from tests.e2e.installation import Gateway
from tests.e2e.test_console import PATIENCE_MS, Visit, call_the_demo, chromium

TIMES = "\N{MULTIPLICATION SIGN}"

pytestmark = [pytest.mark.e2e, pytest.mark.peer]

__all__ = ["chromium"]  # the fixture


@pytest.fixture
def visit(chromium: Browser, gateway: Gateway) -> Iterator[Visit]:
    visit = Visit(chromium, gateway, 1440, "light")
    visit.sign_in()
    yield visit
    visit.page.close()
    assert visit.complaints == []


def ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()


def call(name: str, minutes: int, **fields: Any) -> dict[str, Any]:
    usual = {"bot": "demo", "caller": f"+49{minutes}", "state": "bot speaking", "turns": 1}
    return {"id": name, "started_at": ago(60 * minutes), "state_at": ago(1), **usual, **fields}


def shown(page: Page) -> list[str]:
    rows: list[str] = page.locator("#live-rows tr:not([hidden])").evaluate_all(
        "all => all.map(row => row.dataset.call)"
    )
    return rows


def test_what_needs_somebody_is_a_pure_question(visit: Visit) -> None:
    """The page's own module: every reason in its order, with its words."""
    found = visit.page.evaluate(Path(__file__).with_name("need.js").read_text())
    assert found == [
        [
            ["silent", "silent 9 s"],
            ["waits for the bot", "silent 7 s"],
            ["no-input", f"no input 3{TIMES}"],
            ["not-understood", f"not understood 2{TIMES}"],
            ["fault", "stt:timeout"],
            ["transfer", "transfer failed: busy"],
            ["barge-in", f"interrupted 3{TIMES}"],
            ["slow", "reply after 2.5 s"],
            ["fine", ""],
            ["older", ""],
        ],
        [True, True, False, True, False, True, False, True, False, False],
        500,
    ]


def test_rows_stay_where_they_are_under_the_pointer_and_the_filter_is_in_the_address(
    visit: Visit,
) -> None:
    page = visit.page
    hostile = "<img src=x onerror=alert(1)>"
    feed = ScriptedFeed(page, [call("a", 3, last_line=hostile, last_side="caller"), call("b", 2)])
    page.goto(visit.gateway.url + "/live/")
    expect(page.locator("#live-rows tr")).to_have_count(2)
    assert shown(page) == ["b", "a"]
    expect(page.locator("#live-rows")).to_contain_text(hostile)
    page.locator("#live-rows tr").first.hover()
    feed.tell("call", op="upsert", id="a", f={"flags": {"fault": "tts:timeout"}})
    feed.tell("call", op="upsert", id="c", f=call("c", 1))
    bar = page.get_by_role("button", name="1 new call, order changed")
    expect(bar).to_be_visible()
    assert shown(page) == ["b", "a"]
    bar.click()
    expect(page.locator("#live-rows tr")).to_have_count(3)
    assert shown(page) == ["a", "c", "b"]
    page.get_by_label("Needs attention").check()
    expect(page).to_have_url(visit.gateway.url + "/live/?need=1")
    assert shown(page) == ["a"]
    page.reload()
    expect(page.get_by_label("Needs attention")).to_be_checked()
    expect(page.locator("#live-summary")).to_have_text("2 in progress")
    expect(page.locator("#no-match")).to_be_visible()


def test_a_supervisor_steps_into_a_call_and_sees_what_came_of_it(
    visit: Visit, gateway: Gateway
) -> None:
    page = visit.page
    page.goto(gateway.url + "/live/")
    caller = call_the_demo(gateway, "--say", "I want to pay my bill")
    try:
        page.locator("#live-rows tr:not(.gone) a.row-link").first.click(timeout=PATIENCE_MS)
        expect(page.locator("#state")).to_have_attribute("data-state", "bot speaking")
        page.get_by_role("button", name="Listen", exact=True).click()
        expect(page.locator("#hearing")).to_contain_text("You hear this call")
        expect(page.locator("#hearing meter")).not_to_have_attribute("value", "0")
        page.get_by_role("button", name="Say to caller").click()
        dialog = page.get_by_role("dialog", name="Say to the caller")
        dialog.get_by_label("Text").fill("This is Anna.")
        dialog.get_by_label("Interrupt what is being spoken").check()
        dialog.get_by_role("button", name="Say it").click()
        outcome = page.locator("#outcomes li", has_text="Say “This is Anna.”")
        expect(outcome).to_have_attribute("data-status", "done", timeout=PATIENCE_MS)
        line = page.locator("#talk .entry.operator", has_text="This is Anna.")
        expect(line.locator(".human")).to_be_visible()
        page.get_by_role("button", name="Hang up").click()
        dialog = page.get_by_role("dialog", name="End the call?")
        dialog.get_by_role("button", name="Hang up").click()
        assert dialog.is_visible()  # not without a reason
        dialog.get_by_label("Reason").fill("Test")
        dialog.get_by_role("button", name="Hang up").click()
        call_page = page.locator("#call")
        expect(call_page).to_have_attribute("data-state", "ended", timeout=PATIENCE_MS)
        # What was done is still told beside the record.
        done = page.locator("#outcomes li", has_text="Hang up")
        expect(done).to_have_attribute("data-status", "done")
        expect(page.get_by_text("Ended by admin")).to_be_visible()
    finally:
        caller.kill()
        caller.communicate()


LIVE_AGENT = """
from django.utils.timezone import now
from bots.models import Bot, Provider
from calls.models import Call
agent = Provider.objects.create(name="an-agent", kind="bot", plugin="deepgram-agent")
bot = Bot.objects.create(name="table-agent", provider=agent)
print(Call.objects.create(
    bot=bot, bot_name=bot.name, bot_revision=1, channel="audiocodes", mode="voice",
    owner="nobody", started_at=now(), conversation_id="c-9",
).pk)
"""


def test_a_supervisor_directs_a_voice_agent_by_the_messages_of_its_plug_in(
    visit: Visit, gateway: Gateway
) -> None:
    call_id = gateway.query(LIVE_AGENT).strip()
    page = visit.page
    feed = ScriptedFeed(page, [{**call("x", 1), "id": call_id, "bot": "table-agent"}])
    page.goto(f"{gateway.url}/calls/{call_id}/")
    page.get_by_role("button", name="Direct agent").click()
    dialog = page.get_by_role("dialog", name="Direct the agent")
    message = dialog.get_by_label("Message", exact=True)
    expect(dialog.get_by_label("behavior")).to_have_value("default")
    message.select_option("UpdateSpeak")
    dialog.get_by_label("speak, as JSON").fill("{no")
    dialog.get_by_role("button", name="Send it").click()
    expect(dialog.get_by_role("alert")).to_contain_text("speak is no JSON")
    speak = {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}}
    dialog.get_by_label("speak, as JSON").fill(json.dumps(speak))
    dialog.get_by_label("Reason (optional)").fill("The caller asked for it")
    dialog.get_by_role("button", name="Send it").click()
    expect(dialog).to_be_hidden()
    (sent,) = feed.of("cmd")
    assert sent["reason"] == "The caller asked for it"
    assert sent["steer"] == {"do": "agent", "message": {"type": "UpdateSpeak", "speak": speak}}
    outcome = page.locator("#outcomes li", has_text="Direct the agent: UpdateSpeak")
    expect(outcome).to_have_attribute("data-status", "sent")
    feed.tell_plainly("cmd", id=sent["id"], status="done", detail="Deepgram has confirmed it")
    expect(outcome).to_contain_text("Deepgram has confirmed it")
    page.get_by_role("button", name="Direct agent").click()
    expect(message).to_have_value("InjectAgentMessage")  # the form is as at the beginning
    dialog.get_by_label("message", exact=True).fill("Your parcel is here.")
    dialog.get_by_role("button", name="Send it").click()
    said = {"type": "InjectAgentMessage", "message": "Your parcel is here.", "behavior": "default"}
    assert feed.of("cmd")[1]["steer"]["message"] == said
