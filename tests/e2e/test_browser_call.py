"""A person calls the demo bot from the browser: Chromium with a WAV file as its microphone."""

import asyncio
import json
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bots.core import registry
from bots.workers.pool import close_pools
from calls.testcall.plan import Utterance, Words
from calls.testcall.speech import voiced
from tests import servers
from tests.e2e.installation import Gateway

pytestmark = [pytest.mark.e2e, pytest.mark.peer, pytest.mark.speech]

PATIENCE_MS = 30_000
RATE_HZ = 16_000
BEFORE_S, AFTER_S = 6, 60


async def _spoken(text: str) -> bytes:
    registry.discover(["bots.speech"])
    (said,) = await voiced([Words(text)], "en-US")
    await close_pools()
    assert isinstance(said, Utterance)
    return said.pcm


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody who listens for a while, says what they want, and listens again."""
    path = tmp_path_factory.mktemp("microphone") / "caller.wav"
    said = asyncio.run(_spoken("I want to pay my bill"))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(bytes(2 * RATE_HZ * BEFORE_S) + said + bytes(2 * RATE_HZ * AFTER_S))
    return path


@pytest.fixture(scope="module")
def chromium(microphone: Path) -> Iterator[Browser]:
    try:
        path = servers.program("chromium")
    except servers.MissingProgram as problem:
        pytest.skip(str(problem))
    arguments = [
        "--no-sandbox",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={microphone}%noloop",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, gateway: Gateway) -> Iterator[Page]:
    """A signed-in page; nothing it does is complained about by the browser."""
    context = chromium.new_context(permissions=["microphone"])
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(f"{gateway.url}/login/?next=/test/")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(gateway.admin_password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Test call")).to_be_visible()
    yield page
    context.close()
    assert complaints == []


KEEP_SOCKETS = """() => {
  const Real = WebSocket;
  window.sockets = [];
  window.WebSocket = class extends Real {
    constructor(...all) {
      super(...all);
      if (this.url.includes("/ws/call/")) sockets.push(this);
    }
  };
}"""


def record_of(gateway: Gateway, call: str) -> dict[str, object]:
    """The stored record of a call, once it is over."""
    fields = "'state', 'channel', 'mode', 'is_test', 'caller', 'ended_by', 'frames_in'"
    return dict(
        json.loads(
            gateway.query(
                "import json, time; from calls.models import Call\n"
                f"calls = Call.objects.filter(pk='{call}')\n"
                "while calls.get().state != 'ended': time.sleep(0.1)\n"
                f"print(json.dumps(calls.values({fields}).get()))"
            )
        )
    )


def test_a_person_talks_to_the_demo_bot(page: Page, gateway: Gateway) -> None:
    page.get_by_role("link", name="Call demo").click()
    page.get_by_text("Numbers", exact=True).click()
    page.get_by_label("Calling from").fill("+15550142")
    page.get_by_role("button", name="Call", exact=True).click()
    phone = page.locator("#test")
    expect(phone).to_have_attribute("data-phase", "talking")
    # The caller speaks while the bot does: the greeting is cut off.
    expect(page.locator("#talk .entry.caller")).to_contain_text("i want to pay my bill")
    expect(page.locator("#talk .entry.bot .unheard")).to_be_visible()
    expect(page.locator("#talk .entry.bot").last).to_contain_text("forty two dollars")
    played = int(phone.get_attribute("data-played") or 0)
    page.wait_for_function(
        "played => Number(document.getElementById('test').dataset.played) > played + 3", arg=played
    )
    page.get_by_role("button", name="1", exact=True).click()
    expect(page.locator("#talk .entry.caller kbd")).to_have_text("1")
    expect(page.locator("#happenings")).to_contain_text("Turn 1: answered after")
    page.get_by_role("button", name="Hang up").click()
    expect(page.locator("#result")).to_contain_text("hung up")
    call = phone.get_attribute("data-call") or ""
    expect(page.get_by_role("link", name="Open the call's record")).to_have_attribute(
        "href", f"/calls/{call}/"
    )
    record = record_of(gateway, call)
    assert int(str(record.pop("frames_in"))) > 100
    assert record == {
        "state": "ended",
        "channel": "browser",
        "mode": "voice",
        "is_test": True,
        "caller": "+15550142",
        "ended_by": "caller",
    }


def test_a_chat_goes_through_the_same_pipeline_without_a_microphone(
    page: Page, gateway: Gateway
) -> None:
    page.goto(f"{gateway.url}/test/demo/?tab=chat")
    page.get_by_role("button", name="Start the chat").click()
    page.get_by_label("What the caller says").fill("I want to pay my bill")
    page.get_by_role("button", name="Say it").click()
    expect(page.locator("#talk .entry.bot").last).to_contain_text("forty two dollars")
    page.get_by_role("button", name="End the chat").click()
    expect(page.locator("#result")).to_contain_text("hung up")
    record = record_of(gateway, page.locator("#test").get_attribute("data-call") or "")
    assert (record["mode"], record["is_test"]) == ("text", True)


def test_a_call_goes_on_when_the_network_was_away(page: Page, gateway: Gateway) -> None:
    page.goto(f"{gateway.url}/test/demo/?tab=chat")
    page.evaluate(KEEP_SOCKETS)
    page.get_by_role("button", name="Start the chat").click()
    expect(page.locator("#talk .entry.bot").last).to_contain_text("What can I do for you")
    page.evaluate("sockets[0].close(3000)")
    expect(page.locator("#happenings")).to_contain_text("The connection is back")
    page.get_by_label("What the caller says").fill("I want to pay my bill")
    page.get_by_role("button", name="Say it").click()
    expect(page.locator("#talk .entry.bot").last).to_contain_text("forty two dollars")
    assert page.evaluate("sockets.length") == 2


def test_who_hangs_up_before_the_line_is_there_places_no_call(page: Page, gateway: Gateway) -> None:
    page.goto(f"{gateway.url}/test/demo/?tab=chat")
    page.evaluate(KEEP_SOCKETS)
    page.evaluate("() => ['place', 'hang-up'].forEach(id => document.getElementById(id).click())")
    expect(page.locator("#result")).to_contain_text("You hung up")
    page.wait_for_function("sockets[0].readyState === WebSocket.CLOSED")


def test_a_microphone_that_is_not_used_is_let_go(page: Page, gateway: Gateway) -> None:
    page.goto(f"{gateway.url}/test/demo/")
    page.evaluate(
        """() => {
          const media = navigator.mediaDevices;
          const real = media.getUserMedia.bind(media);
          media.getUserMedia = async (wanted) => (window.taken = await real(wanted));
          AudioContext.prototype.resume = async () => { throw new Error("no sound here"); };
        }"""
    )
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("no sound here")
    assert page.evaluate("taken.getTracks().map(track => track.readyState)") == ["ended"]


def test_a_refused_microphone_is_explained(chromium: Browser, page: Page, gateway: Gateway) -> None:
    page.context.clear_permissions()
    page.goto(f"{gateway.url}/test/demo/")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = async () => {"
        " throw new DOMException('no', 'NotAllowedError'); }; }"
    )
    page.get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Allow it for this page")
    expect(page.get_by_role("button", name="Call", exact=True)).to_be_enabled()
