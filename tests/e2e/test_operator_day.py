"""What an operator does on a day, in a real browser: bots that inherit, a provider, a number."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests import servers
from tests.e2e.installation import Gateway

pytestmark = [pytest.mark.e2e, pytest.mark.peer]

PATIENCE_MS = 30_000
TIMEOUT = "userNoInputTimeoutMS"


class Desk:
    """The operator's browser."""

    def __init__(self, page: Page, gateway: Gateway) -> None:
        self.page = page
        self._url = gateway.url

    def open(self, path: str) -> None:
        self.page.goto(self._url + path)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def override(self, parameter: str, value: str) -> None:
        """Set ``parameter`` in the form of a bot, where it is inherited."""
        self.page.get_by_label("Find a parameter").fill(parameter)
        row = self.page.locator(f'[data-name="{parameter}"]')
        row.get_by_role("button", name="Override").click()
        row.locator(f'[name="p.{parameter}"]').fill(value)

    def create(self, name: str, *, base: str, kind: str = "", **parameters: str) -> None:
        self.open(f"/bots/-/new/?kind={kind}&base={base}")
        self.page.get_by_label("Name", exact=True).fill(name)
        for parameter, value in parameters.items():
            self.override(parameter, value)
        self.page.get_by_role("button", name=re.compile("^Create")).click()
        expect(self.page).to_have_url(f"{self._url}/bots/{name}/")


@pytest.fixture
def desk(gateway: Gateway) -> Iterator[Desk]:
    """A signed-in browser; nothing it does is complained about."""
    try:
        path = servers.program("chromium")
    except servers.MissingProgram as problem:
        pytest.skip(str(problem))
    complaints: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.goto(f"{gateway.url}/login/")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(gateway.admin_password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        yield Desk(page, gateway)
        chromium.close()
    assert complaints == []


def test_bots_that_inherit_are_made_changed_and_restored(desk: Desk) -> None:
    desk.create("retail", base="demo-base", kind="base", **{TIMEOUT: "7000"})
    desk.create("retail-de", base="retail")
    desk.create("retail-at", base="retail", **{TIMEOUT: "9000"})

    desk.open("/bots/retail/")
    desk.page.get_by_label("Find a parameter").fill(TIMEOUT)
    desk.page.locator(f'[name="p.{TIMEOUT}"]').fill("5000")
    desk.press("Review and save")
    review = desk.page.locator("#answer")
    expect(review).to_contain_text("2 bots inherit from retail")
    expect(review).to_contain_text("1 bot changes, 1 overrides it and stays as it is there.")
    desk.page.get_by_label("What is this change for").fill("Callers wait less")
    desk.press("Save")
    expect(desk.page.get_by_text("retail is stored as revision 2")).to_be_visible()
    desk.open("/bots/retail-de/effective/")
    row = desk.page.locator("tr, .row-of, li").filter(has_text=TIMEOUT).first
    expect(row).to_contain_text("5000")
    expect(row).to_contain_text("retail")

    desk.open("/bots/retail/revisions/")
    expect(desk.page.get_by_text("Callers wait less")).to_be_visible()
    desk.open("/bots/retail/revisions/1/restore/")
    desk.press("Restore")
    expect(desk.page).to_have_url(re.compile("/bots/retail/revisions/$"))
    desk.open("/bots/retail-de/effective/")
    expect(desk.page.locator("tr, .row-of, li").filter(has_text=TIMEOUT).first).to_contain_text(
        "7000"
    )


def test_a_provider_with_a_wrong_key_says_so_when_it_is_tested(desk: Desk) -> None:
    desk.open("/providers/new/?kind=tts&plugin=rehearsal")
    desk.page.get_by_label("Name", exact=True).fill("wrong-key")
    desk.press("Create provider")
    desk.page.get_by_role("link", name="Set or replace").click()
    desk.page.get_by_label("Type the secret").check()
    desk.page.get_by_label("Secret", exact=True).fill("not the key")
    desk.press("Store credentials")
    desk.press("Test now")

    expect(desk.page.get_by_text("does not accept the credentials").first).to_be_visible()


def test_a_number_is_routed_and_the_tester_explains_which_rule_matches(desk: Desk) -> None:
    desk.open("/routes/new/")
    desk.page.get_by_label("Called number").fill("+15550100*")
    desk.page.get_by_label("Bot", exact=True).select_option("demo")
    desk.press("Create route")
    desk.open("/routes/?called=%2B155501007")

    expect(desk.page.get_by_text("matches").first).to_be_visible()
