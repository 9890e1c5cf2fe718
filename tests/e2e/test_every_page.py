"""Every page of the console in a real browser: accessible, at home on a phone, and unimpressed.

Each page is opened once with rows full of attacks, and looked at in both themes and on a narrow
screen.
"""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests import servers
from tests.e2e import hostile
from tests.e2e.installation import Gateway

pytestmark = [pytest.mark.e2e, pytest.mark.peer]

RULES = {
    "light": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]},
    "dark": {"type": "rule", "values": ["color-contrast"]},
}
"""What is looked at in each theme: they differ in colours only."""
DRAWN_LATER = "/api/docs"
"""The page that scripts draw after it has loaded."""
PAGES = (
    "/",
    "/?range=7d",
    "/live/",
    "/calls/",
    "/calls/?test=all&q=script",
    f"/calls/{hostile.CALL}/",
    f"/calls/{hostile.CALL}/?tab=events",
    f"/calls/{hostile.CALL}/?tab=parameters",
    f"/calls/{hostile.CALL}/?tab=record",
    f"/calls/{hostile.CALL}/?tab=json",
    f"/calls/{hostile.CALL}/?tab=audit",
    "/calls/exports/",
    "/dialouts/",
    "/dialouts/new",
    f"/dialouts/{hostile.DIALOUT}/",
    "/test/",
    "/test/demo/",
    "/bots/",
    "/bots/-/new/",
    "/bots/-/import/",
    "/bots/hostile/",
    "/bots/hostile/json/",
    "/bots/hostile/effective/",
    "/bots/demo/revisions/",
    "/bots/demo/revisions/1/",
    "/bots/hostile/compare/?with=demo",
    "/bots/demo/conformance/",
    "/bots/hostile/conformance/",
    "/providers/",
    "/providers/new/",
    "/providers/hostile/",
    "/routes/",
    "/routes/new/",
    "/people/",
    "/people/add/",
    "/people/roles/",
    "/people/1/",
    "/clients/",
    "/clients/new/",
    f"/clients/{hostile.CLIENT}/",
    f"/clients/{hostile.CLIENT}/settings/",
    f"/clients/{hostile.CLIENT}/tokens/",
    f"/clients/{hostile.CLIENT}/bots/",
    "/deliveries/",
    "/deliveries/destinations/",
    f"/deliveries/{hostile.DELIVERY}/",
    "/system/",
    "/system/drain/",
    "/alarms/",
    "/alarms/?severity=critical&q=nothing",
    f"/alarms/{hostile.ALARM}/",
    "/alarms/history/",
    "/alarms/types/",
    "/alarms/types/secretUnreadable/",
    "/alarms/rules/",
    "/alarms/rules/secretUnreadable/",
    "/alarms/destinations/",
    "/alarms/destinations/hostile/",
    f"/alarms/destinations/hostile/{hostile.NOTICE}/",
    "/alarms/destinations/receiver/",
    "/alarms/destinations/receiver/edit/",
    "/alarms/destinations/new/",
    "/alarms/destinations/new/?notifier=snmp-v3",
    "/audit/",
    "/profile/",
    "/api/docs",
    "/search/?q=hostile",
    "/no-such-page/",
)


@pytest.fixture(scope="module")
def console(gateway: Gateway) -> Iterator[Page]:
    """A signed-in page of a gateway whose rows are hostile; whatever pops up fails the test."""
    try:
        path = servers.program("chromium")
    except servers.MissingProgram as problem:
        pytest.skip(str(problem))
    gateway.query("from tests.e2e.hostile import plant; plant()")
    with sync_playwright() as playwright:
        chromium: Browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
        page.goto(f"{gateway.url}/login/")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(gateway.admin_password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        yield page
        chromium.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_narrow_and_unimpressed(
    path: str, console: Page, gateway: Gateway
) -> None:
    complaints: list[str] = []

    def hear(message: object) -> None:
        if getattr(message, "type", "") in ("error", "warning"):
            complaints.append(getattr(message, "text", ""))

    console.on("console", hear)
    console.on("pageerror", lambda error: complaints.append(str(error)))
    console.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    console.set_viewport_size({"width": 1440, "height": 900})
    answer = console.goto(gateway.url + path)
    if path == DRAWN_LATER:
        console.wait_for_load_state("networkidle")
    assert answer is not None
    assert answer.status == (404 if "no-such" in path else 200)
    for theme, rules in RULES.items():
        console.evaluate(f"document.documentElement.dataset.bsTheme = {theme!r}")
        results = Axe().run(console, options={"runOnly": rules, "resultTypes": ["violations"]})
        assert results.violations_count == 0, f"{theme}: {results.generate_report()}"
    console.set_viewport_size({"width": 390, "height": 844})
    assert console.evaluate("document.documentElement.scrollWidth") <= 390, "wider than a phone"
    assert console.evaluate("window.pwned") is None
    elsewhere = re.findall(r'(?:src|href|action)="(https?://[^"]+)"', console.content())
    assert [url for url in elsewhere if not url.startswith(gateway.url)] == []
    expected = [text for text in complaints if "404" not in text or "no-such" not in path]
    assert expected == []


def test_what_was_said_is_shown_as_it_was_said(console: Page, gateway: Gateway) -> None:
    console.goto(f"{gateway.url}/calls/{hostile.CALL}/")

    shown = console.locator("#talk [data-f=text]").all_text_contents()

    assert shown == list(hostile.TEXTS)
